"""Every kind of result: the same bytes twice, made again by repeat, and as its schema in assets/schemas says."""
# timeout: 600

import json
import pathlib
import shutil
import tempfile
from concurrent.futures import ThreadPoolExecutor

import results
import schemas
from cli_support import CliTest, cli, main

# Made again with another number of threads, numbers may differ by as much as repeat allows, 0.0001.
TOLERANCE = 1e-4
# What a second run may write otherwise: how long something took (no result depends on it).
TIMES = {"study/timing.json"}
# Pictures are compared by byte, and a rounding may move a line: they are repeated with as many threads.
SAME_THREADS = (".svg", ".png", ".pdf", ".html", "figures", "moved")
# A study takes longest, and test_cli_repeat.py makes one again.
REPEATED_ELSEWHERE = ("study",)
# Checks, whose numbers are of the moment.
OF_THE_MOMENT = ("self.json", "again.json")
# Schemas that others refer to, and those of results that other tests make: sessions, and bench.
INSIDE = {"passport", "splitting", "intervention"}
ELSEWHERE = {"bench", "session"}


def files_of(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in pathlib.Path(folder).rglob("*") if path.is_file()}


class Results(CliTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        folder = tempfile.TemporaryDirectory(prefix="headscope-results-")
        cls.addClassCleanup(folder.cleanup)
        cls.made, cls.again = pathlib.Path(folder.name) / "first", pathlib.Path(folder.name) / "again"
        for place in (cls.made, cls.again):
            place.mkdir()
        with ThreadPoolExecutor(2) as workers:
            list(workers.map(results.run_all, (cls.made, cls.again)))

    def test_the_same_bytes_twice(self):
        first, second = files_of(self.made), files_of(self.again)
        self.assertEqual(set(first), set(second))
        self.assertEqual([name for name in first if first[name] != second[name] and name not in TIMES], [])

    def repeat(self, result):
        threads = 1 if result.endswith(SAME_THREADS) else 2
        return result, cli("repeat", result, "--threads", threads, "--quiet", cwd=self.made, timeout=250)

    def test_every_result_is_made_again(self):
        names = [name for name, *_ in results.COMMANDS if name not in REPEATED_ELSEWHERE]
        with ThreadPoolExecutor(2) as workers:
            for result, done in workers.map(self.repeat, names):
                if result in OF_THE_MOMENT:
                    self.assertEqual(done.code, 3)
                    self.assertIn("cannot be repeated", done.err)
                    continue
                self.assertEqual(done.code, 0, f"{result}: {done.err} {done.out}")
                self.assertEqual(done.json["tolerance"], TOLERANCE)
                self.assertGreater(done.json["compared"], 0, result)

    def test_a_figure_is_drawn_again_from_its_caption(self):
        for name in ("documents.svg", "prompt.txt", "edit.json"):  # as the window leaves an exported figure
            shutil.copy(self.made / name, self.folder)
        again = ("repeat", "documents.svg", "--threads", 1, "--quiet")
        self.assertEqual(cli(*again, cwd=self.folder).json["differences"], [])
        (self.folder / "edit.json").write_text('{"method": "split-softmax", "tau": 0.9, "top_k": 3}')
        self.assertEqual(cli(*again, cwd=self.folder).code, 1)

    def test_what_auto_was_then_is_taken_again(self):
        results.write_inputs(self.folder)
        out = self.folder / "answer.json"
        self.ok("generate", "--prompt-file", "prompt.txt", "--dtype", "bfloat16", *results.SHORT, "--out", out, cwd=self.folder)
        answer = json.loads(out.read_text())
        answer["made_by"]["arguments"].remove("--dtype=bfloat16")
        out.write_text(json.dumps(answer))
        self.assertEqual(self.ok("repeat", out, "--threads", 1, cwd=self.folder).json["differences"], [])

    def test_files_are_looked_for_and_checked(self):
        other = self.folder / "elsewhere" / "result"
        other.mkdir(parents=True)
        shutil.copy(self.made / "tune.json", other)
        again = ("repeat", "tune.json", "--threads", 1, "--quiet")
        found = cli(*again, "--files", self.made, cwd=other)
        self.assertEqual(found.code, 0, found.err)
        self.refused(2, *again, cwd=other, says=("prompt.txt", "--files"))
        (other / "prompt.txt").write_text("Document [1](Title: A) Another one.")
        self.refused(2, *again, cwd=other, says="sha256")

    def test_a_result_cannot_make_repeat_write_or_run_anything_else(self):
        answer, elsewhere = json.loads((self.made / "answer.json").read_text()), self.folder / "elsewhere.json"
        for command, more in (("generate", f"--out={elsewhere}"), ("generate", f"-o{elsewhere}"), ("bench", f"--peers={self.made}"),
                              ("repeat", ""), ("no-such-command", "")):
            made_by = dict(answer["made_by"], command=command, arguments=[*answer["made_by"]["arguments"], more])
            (self.folder / "answer.json").write_text(json.dumps(dict(answer, made_by=made_by)))
            self.refused(3, "repeat", self.folder / "answer.json", "--files", self.made, says="cannot be repeated")
            self.assertFalse(elsewhere.exists(), more)

    def test_what_is_written_follows_its_schema(self):
        self.assertEqual(schemas.complaints(self.made), [])
        missed, tried = schemas.undetected(self.made)
        self.assertEqual(missed, [])
        kinds = {path.name.removesuffix(".schema.json") for path in schemas.FOLDER.iterdir() if path.suffix == ".json"}
        self.assertEqual(kinds - tried - INSIDE - ELSEWHERE, set())


if __name__ == "__main__":
    main()
