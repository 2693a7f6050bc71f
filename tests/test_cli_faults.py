"""Full disks, read-only folders, moved clocks, a graphics card that is not there: a message, and work intact.

HEADSCOPE_FAULTS=all tries several moments for every command; otherwise one.
"""
# timeout: 300

import os
import resource
import signal
import time
import unittest

import faults
from cli_support import CliTest, cli, main

ALL = os.environ.get("HEADSCOPE_FAULTS") == "all"
YEAR = 365 * 24 * 3600


@unittest.skipUnless(faults.FAULTY_SYSTEM.exists(), "no faulty_system.so in this build")
class FaultTest(CliTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.operations = faults.operations()

    def setUp(self):
        super().setUp()
        self.inputs = self.folder / "inputs"
        self.inputs.mkdir()
        faults.write_inputs(self.inputs)

    def whole(self, operation):
        """Results of a run without faults, and how many bytes it wrote."""
        folder, count = self.folder / f"{operation.name} whole", self.folder / "count"
        folder.mkdir()
        process = faults.run(operation.arguments(self.inputs, folder), faults.environment(folder, count_file=count))
        self.assertEqual(process.returncode, 0, process.stderr)
        _, written, looks = map(int, count.read_text().split())
        return faults.results(folder), written, looks

    def refused_by(self, operation, folder, says, **how):
        process = faults.run(operation.arguments(self.inputs, folder), **how)
        self.assertEqual(process.returncode, 3, (operation.name, process.stdout, process.stderr))
        self.assertRegex(process.stderr, says, operation.name)
        self.assertIn(str(folder), process.stderr, operation.name)
        self.assertEqual(faults.leftovers(folder), [], operation.name)
        for file in faults.visible_files(folder):
            self.assertTrue(file.read_bytes() == b"old" or faults.broken(file) == "", (operation.name, file))

    def goes_on(self, operation, folder, expected):
        process = faults.run(operation.arguments(self.inputs, folder))
        self.assertEqual(process.returncode, 0, (operation.name, process.stderr))
        self.assertEqual(faults.results(folder), expected, operation.name)
        self.assertEqual(faults.leftovers(folder), [], operation.name)


class Disk(FaultTest):
    def test_full(self):
        """What stood there stays, the message names the file, and with room again the result is the same."""
        for operation in self.operations:
            expected, written, _ = self.whole(operation)
            for room in (0, written // 3, written // 2, written - 1) if ALL else (written // 2,):
                folder = self.folder / f"{operation.name} {room}"
                folder.mkdir()
                if not operation.resumes:
                    (folder / operation.out).write_bytes(b"old")
                self.refused_by(operation, folder, "No space left|disk full", env=faults.environment(folder, disk_bytes=room))
                for file in faults.visible_files(folder):  # e.g. answers are there, their summary is not
                    whole = expected.get(str(file.relative_to(folder)))
                    self.assertTrue(operation.resumes or file.read_bytes() == b"old" or
                                    faults.content(file, folder) == whole, (operation.name, file))
                self.goes_on(operation, folder, expected)

    def test_read_only(self):
        for operation in self.operations:
            folder = self.folder / operation.name
            folder.mkdir()
            self.refused_by(operation, folder, "Read-only file system", env=faults.environment(folder, read_only=1))
            self.assertEqual(list(folder.iterdir()), [], operation.name)

    def test_a_limit_on_file_sizes_is_no_sudden_end(self):
        def limit():
            signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
            resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))

        for operation in self.operations:
            if operation.name == "train-directions":
                self.refused_by(operation, self.folder, "disk full", preexec_fn=limit)
            if operation.name == "render png":
                self.refused_by(operation, self.folder, "File too large", preexec_fn=limit)


class Clock(FaultTest):
    def test_jumps(self):
        """The wall clock goes years to and fro at every look, also over a kill: the same bytes."""
        self.assertGreater(abs(float(faults.run(["date", "+%s"], faults.environment(clock=5 * YEAR)).stdout) - time.time()),
                           4 * YEAR)
        looked = 0
        for operation in self.operations:
            if not (ALL or operation.name in ("sweep", "train-directions", "evaluate")):
                continue
            expected, _, looks = self.whole(operation)
            looked += looks
            folder = self.folder / operation.name
            folder.mkdir()
            if operation.resumes:
                killed = faults.run(operation.arguments(self.inputs, folder),
                                    faults.environment(folder, kill_at=12, clock=3 * YEAR))
                self.assertTrue(faults.was_killed(killed), operation.name)
            process = faults.run(operation.arguments(self.inputs, folder), faults.environment(folder, clock=5 * YEAR))
            self.assertEqual(process.returncode, 0, process.stderr)
            self.assertEqual(faults.results(folder), expected, operation.name)
        print(f"the wall clock was looked at {looked} times")


class GraphicsCard(CliTest):
    def test_asked_for_and_not_there(self):
        if self.ok("version").json["cuda"]:
            self.skipTest("this machine has a graphics card")
        self.refused(2, "generate", "--prompt", "x", "--device", "cuda", says="cuda")


if __name__ == "__main__":
    main()
