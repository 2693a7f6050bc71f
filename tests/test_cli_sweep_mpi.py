"""sweep under a real launcher: Open MPI starts three processes that share one folder."""
# timeout: 300

import os
import shutil
import signal
import subprocess
import time

from cli_support import PROGRAM, CliTest, main, write_data, write_model

MPIRUN = shutil.which("mpirun")


class Mpi(CliTest):
    def setUp(self):
        super().setUp()
        if MPIRUN is None:
            self.skipTest("no mpirun (Debian: openmpi-bin)")
        model = write_model(self.folder / "m")
        data = write_data(self.folder / "d.jsonl", 12)
        heads = self.folder / "heads.json"
        heads.write_text("[[1,3],[0,2],[0,0],[1,1],[0,1],[0,3],[1,0],[1,2]]")
        self.arguments = ("sweep", "--model", model, "--data", data, "--heads", heads, "--max-new-tokens", 8, "--tau",
                          "0.1,0.2,0.4", "--top-k", "1,2,3", "--random-heads", 2, "--baselines", "--threads", 1, "--out")
        self.alone = self.folder / "alone"
        self.assertTrue(self.ok(*self.arguments, self.alone).json["complete"])

    def mpirun(self, out, processes=3):
        # Output that is not a terminal's, cores that may be fewer than processes, root in a container.
        allowed = ["--allow-run-as-root"] if os.geteuid() == 0 else []
        return [MPIRUN, *allowed, "--oversubscribe", "-n", str(processes), str(PROGRAM), *map(str, self.arguments),
                str(out)]

    def run_mpi(self, out, processes=3):
        done = subprocess.run(self.mpirun(out, processes), stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=120)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done

    def test_three_processes_leave_what_one_leaves(self):
        done = self.run_mpi(self.folder / "shared")
        for rank in range(3):
            self.assertIn(f"process {rank} of 3 (Open MPI)", done.stderr)
        self.assertEqual((self.folder / "shared" / "results.csv").read_bytes(),
                         (self.alone / "results.csv").read_bytes())

    def test_a_killed_process_is_made_good(self):
        out = self.folder / "killed"
        launcher = subprocess.Popen(self.mpirun(out), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                    stderr=subprocess.DEVNULL, start_new_session=True)
        deadline = time.monotonic() + 60
        while len(list((out / "cells").glob("*.json"))) < 3 and time.monotonic() < deadline:
            time.sleep(0.002)
        children = subprocess.run(["ps", "-o", "pid=", "--ppid", str(launcher.pid)], capture_output=True, text=True)
        victims = [int(pid) for pid in children.stdout.split()]
        for pid in victims[:1]:
            os.kill(pid, signal.SIGKILL)
        launcher.wait(timeout=60)  # mpirun ends the others when one dies
        self.assertTrue(victims)
        self.assertLess(len(list((out / "cells").glob("*.json"))), 30)
        self.run_mpi(out, processes=2)
        self.assertEqual((out / "results.csv").read_bytes(), (self.alone / "results.csv").read_bytes())


if __name__ == "__main__":
    main()
