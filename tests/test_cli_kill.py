"""kill -9 at random moments: no result is lost or half written, and what is run again ends with the same bytes.

    python3 tests/test_cli_kill.py [--kills 200] [--seed N]

Half of the kills come at a random time, half in place of a random call that would change a file.
"""
# timeout: 300

import argparse
import os
import pathlib
import random
import subprocess
import sys
import tempfile
import time

import faults
from cli_support import BUILD

SAVING = BUILD / "tests" / "test_session_kill"  # kills what saves sessions, by fork


class Killer:
    """Runs one operation whole, and then again and again with a sudden end."""

    def __init__(self, operation, rng, root):
        self.operation, self.rng = operation, rng
        self.inputs, self.folder = root / "inputs", root / operation.name.replace(" ", "-")
        whole = self.folder / "whole"
        whole.mkdir(parents=True)
        count = self.folder / "count"
        begin = time.monotonic()
        self.must(faults.run(operation.arguments(self.inputs, whole), faults.environment(whole, count_file=count)))
        self.seconds = time.monotonic() - begin
        self.calls = int(count.read_text().split()[0])
        self.expected = faults.results(whole)
        self.part = self.folder / "part"
        self.begin_anew()
        self.kills, self.in_a_row = 0, 0

    def must(self, process):
        if process.returncode != 0:
            sys.exit(f"{self.operation.name}: {process.stderr}")

    def begin_anew(self):
        self.part.mkdir(exist_ok=True)
        if not self.operation.resumes:  # what stood there before is replaced or stays
            (self.part / self.operation.out).write_bytes(b"old")

    def kill_once(self):
        """False when it was through before the kill came."""
        arguments = self.operation.arguments(self.inputs, self.part)
        if self.rng.random() < 0.5:
            env = faults.environment(self.part, kill_at=self.rng.randint(1, self.calls))
            process = faults.run(arguments, env)
        else:
            process = subprocess.Popen(arguments, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                       stderr=subprocess.DEVNULL, env=faults.environment())
            try:
                process.wait(self.rng.uniform(0, self.seconds))
            except subprocess.TimeoutExpired:
                process.kill()
            process.wait()
        killed = faults.was_killed(process)
        self.kills += killed
        self.in_a_row += killed
        if not killed and process.returncode != 0:
            sys.exit(f"{self.operation.name}: {getattr(process, 'stderr', '')}")
        self.check_files()
        if not killed or self.in_a_row >= 4:
            self.finish()
        return killed

    def check_files(self):
        for file in faults.visible_files(self.part):
            if not self.operation.resumes and file.read_bytes() == b"old":
                continue
            why = faults.broken(file)
            if why:
                sys.exit(f"{self.operation.name}: {file}: {why}")
            name = str(file.relative_to(self.part))
            if not self.operation.resumes and faults.content(file, self.part) != self.expected[name]:
                sys.exit(f"{self.operation.name}: {name} is neither the old nor the new one")

    def finish(self):
        """Runs to the end what was killed: the bytes of a run that nobody killed, and nothing beside them."""
        self.must(faults.run(self.operation.arguments(self.inputs, self.part)))
        found = faults.results(self.part)
        if found != self.expected:
            wrong = [name for name in self.expected.keys() | found.keys() if self.expected.get(name) != found.get(name)]
            sys.exit(f"{self.operation.name}: after {self.in_a_row} kills these differ: {', '.join(sorted(wrong))}")
        if faults.leftovers(self.part):
            sys.exit(f"{self.operation.name}: left behind: {', '.join(faults.leftovers(self.part))}")
        for file in sorted(self.part.rglob("*"), reverse=True):
            file.unlink() if file.is_file() else file.rmdir()
        self.begin_anew()
        self.in_a_row = 0


def kill_saving(kills, seed):
    env = dict(os.environ, HEADSCOPE_KILLS=str(kills), HEADSCOPE_SEED=str(seed))
    process = subprocess.run([str(SAVING)], env=env, capture_output=True, text=True, timeout=600)
    if process.returncode != 0:
        sys.exit(process.stdout + process.stderr)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=12, help="how many processes die at least")
    parser.add_argument("--seed", type=int, default=None, help="of the moments; otherwise a new one")
    options = parser.parse_args()
    if not faults.FAULTY_SYSTEM.exists():
        print("SKIPPED: no faulty_system.so in this build")
        sys.exit(77)
    seed = options.seed if options.seed is not None else random.SystemRandom().randrange(10 ** 6)
    print(f"seed {seed}", flush=True)
    rng = random.Random(seed)
    with tempfile.TemporaryDirectory(prefix="headscope-kill-") as name:
        root = pathlib.Path(name)
        os.environ["XDG_CACHE_HOME"] = str(root / "cache")
        (root / "inputs").mkdir()
        faults.write_inputs(root / "inputs")
        killers = [Killer(operation, rng, root) for operation in faults.operations()]
        saving = max(3, options.kills // 8) if SAVING.exists() else 0
        if saving:
            kill_saving(saving, seed)
        while saving + sum(killer.kills for killer in killers) < options.kills or min(k.kills for k in killers) < 1:
            min(killers, key=lambda killer: killer.kills).kill_once()
        for killer in killers:
            killer.finish()
        for killer in killers:
            print(f"{killer.operation.name}: {killer.kills} kills, {killer.calls} calls that change files, "
                  f"{killer.seconds:.1f} s whole")
        print(f"saving sessions: {saving} kills")
        print(f"{saving + sum(killer.kills for killer in killers)} kills: nothing lost, nothing half written")


if __name__ == "__main__":
    main()
