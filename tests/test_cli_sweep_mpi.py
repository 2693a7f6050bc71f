"""sweep under a real launcher: Open MPI starts three processes that share one folder."""
# timeout: 300

import contextlib
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
        data = write_data(self.folder / "d.jsonl", 30)
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

    def processes_of(self, launcher):
        children = subprocess.run(["ps", "-o", "pid=", "--ppid", str(launcher.pid)], capture_output=True, text=True)
        return [int(pid) for pid in children.stdout.split()]

    def kill_one_in_the_middle(self, out):
        """Whether cells were left when it was killed: a fast machine may be done before."""
        launcher = subprocess.Popen(self.mpirun(out), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                    stderr=subprocess.DEVNULL, start_new_session=True)
        victims = []
        while not victims and launcher.poll() is None:
            victims = self.processes_of(launcher)
        while not list((out / "cells").glob("*.json")) and launcher.poll() is None:
            time.sleep(0.002)
        if victims and launcher.poll() is None:
            with contextlib.suppress(ProcessLookupError):  # it may just have ended
                os.kill(victims[0], signal.SIGKILL)
        launcher.wait(timeout=60)  # mpirun ends the others when one dies
        return len(list((out / "cells").glob("*.json"))) < 30

    def test_a_killed_process_is_made_good(self):
        folders = (self.folder / f"killed{attempt}" for attempt in range(10))
        out = next((folder for folder in folders if self.kill_one_in_the_middle(folder)), None)
        self.assertIsNotNone(out, "ten sweeps were done before one of their processes could be killed")
        self.run_mpi(out, processes=2)
        self.assertEqual((out / "results.csv").read_bytes(), (self.alone / "results.csv").read_bytes())


if __name__ == "__main__":
    main()
