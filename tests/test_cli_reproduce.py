"""reproduce: the whole study in small; killed at every step and run again, it leaves the same report."""
# timeout: 600

import html.parser
import json
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile
import time

from cli_support import PROGRAM, CliTest, cli, main, write_data, write_model

BASIC = ("--samples", 4, "--tau", "0.1", "--alpha=0.3", "--top-ks", "1,5", "--random-heads", 2, "--random-directions", 1,
         "--gold-positions", "0,9,19", "--epochs", 2, "--max-new-tokens", 8, "--threads", 1, "--quiet")
SMALL = (*BASIC, "--suite-lengths", "192,256", "--suite-samples", 2)


class Page(html.parser.HTMLParser):
    """Checks that elements nest, and collects what refers to something outside."""

    VOID = {"meta", "br", "hr", "img", "input", "link"}

    def __init__(self):
        super().__init__()
        self.open, self.problems, self.links, self.counts = [], [], [], {}

    def handle_starttag(self, tag, attributes):
        self.counts[tag] = self.counts.get(tag, 0) + 1
        self.links += [value for name, value in attributes if name in ("href", "src", "xlink:href") and value]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.counts[tag] = self.counts.get(tag, 0) + 1

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.problems.append((tag, self.getpos()))


class Reproduce(CliTest):
    @classmethod
    def setUpClass(cls):
        cls.shared = tempfile.TemporaryDirectory()
        cls.whole = pathlib.Path(cls.shared.name) / "whole"
        cls.result = cli("reproduce", *SMALL, "--out", cls.whole)

    @classmethod
    def tearDownClass(cls):
        cls.shared.cleanup()

    def setUp(self):
        super().setUp()
        self.assertEqual(self.result.code, 0, self.result.err)

    def copied(self):
        """A finished study that a test may change."""
        return pathlib.Path(shutil.copytree(self.whole, self.folder / "out"))

    def study(self, out, *more):
        return ("reproduce", *SMALL, "--out", out, *more)

    def killed_when(self, out, ready):
        """Starts the study and kills it (SIGKILL) once `ready` says so; False when it ended before."""
        process = subprocess.Popen([str(PROGRAM), *map(str, self.study(out))], stdin=subprocess.DEVNULL,
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 120
        while process.poll() is None and not ready():
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.002)
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
        return process.wait(timeout=60) == -signal.SIGKILL

    def test_killed_at_every_step_it_leaves_the_same_report(self):
        cut = self.folder / "cut"
        result = self.result.json
        self.assertEqual(result["confirmed"] + result["not_confirmed"] + result["not_testable"], len(result["claims"]))
        cells = lambda: len(list((cut / "sweep" / "cells").glob("[!.]*.json")))
        there = lambda *names: lambda: any((cut / name).exists() for name in names)
        moments = [there("study.json"), there("heads.unfinished", "heads.json"), there("heads.json"),
                   there("directions.unfinished/settings.json", "directions.safetensors"), there("directions.safetensors"),
                   there("key.json"), lambda: cells() >= 3, there("positions/cells"), there("control.json"),
                   there("causal.json"), there("suites.jsonl")]
        kills = sum(self.killed_when(cut, moment) for moment in moments)
        self.assertGreaterEqual(kills, 4)
        self.ok(*self.study(cut))
        for name in ("study.json", "heads.json", "directions.json", "key.json", "control.json", "suite.json",
                     "suites.jsonl", "verdicts.json", "report.html", "sweep/results.csv", "positions/results.csv",
                     "figures/em-against-tau.svg"):
            self.assertEqual((self.whole / name).read_bytes(), (cut / name).read_bytes(), name)
        for name in ("heads.unfinished", "directions.unfinished"):
            self.assertFalse((cut / name).exists())

    def test_long_contexts_go_on_from_the_answers_that_are_there(self):
        out = self.copied()
        suite, answers = json.loads((out / "suite.json").read_text()), (out / "suites.jsonl").read_text().splitlines()
        self.assertEqual([(row["task"], row["length"], row["method"], row["n"]) for row in suite["rows"]],
                         [("demo_qa", length, method, 2) for length in (192, 256) for method in ("none", "focus alpha 0.3")])
        # What is on record is believed, what is not is asked again.
        marked = json.dumps(dict(json.loads(answers[0]), response="as before"))
        (out / "suites.jsonl").write_text("\n".join([marked, *answers[1:3]]) + "\n")
        (out / "suite.json").write_text(json.dumps(dict(suite, complete=False, rows=[])))
        self.ok(*self.study(out))
        again = (out / "suites.jsonl").read_text().splitlines()
        self.assertEqual(json.loads(again[0])["response"], "as before")
        self.assertEqual(again[1:], answers[1:])
        self.assertTrue(json.loads((out / "suite.json").read_text())["complete"])
        # Answers of other heads or directions are not.
        passport = dict(suite["passport"], options=dict(suite["passport"]["options"], heads_sha256="other"))
        (out / "suite.json").write_text(json.dumps(dict(suite, complete=False, rows=[], passport=passport)))
        self.ok(*self.study(out))
        self.assertEqual((out / "suites.jsonl").read_text().splitlines(), answers)
        self.assertEqual(json.loads((out / "suite.json").read_text()), suite)

    def test_another_model_does_the_tasks_that_fit_and_names_the_others(self):
        model = write_model(self.folder / "model", max_position_embeddings=2300)
        data = write_data(self.folder / "data.jsonl", samples=16)
        out = self.folder / "out"
        self.ok("reproduce", "--model", model, "--data", data, "--out", out, *BASIC, "--suite-samples", 1)
        suite = json.loads((out / "suite.json").read_text())
        done = {row["task"] for row in suite["rows"]} - {"average"}
        left = {task["task"]: task["reason"] for task in suite["left_out"]}
        self.assertEqual(len(done | set(left)), 13)
        cells = {(row["task"], row["length"]) for row in suite["rows"] if row["task"] != "average"}
        self.assertEqual(len(cells) + len(suite["left_out"]), 13 * 3)
        self.assertIn("niah_single_2", done)
        self.assertTrue(left)
        for reason in left.values():
            self.assertIn("needs at least", reason)
        self.assertEqual({row["length"] for row in suite["rows"]}, {575, 1150, 2300})
        text = (out / "report.html").read_text(encoding="utf-8")
        self.assertIn("32768 tokens do not fit: the model's context ends at 2300", text)
        for task in done | set(left):
            self.assertIn(f"<td>{task}</td>", text)
        claims = {claim["id"]: claim for claim in json.loads((out / "verdicts.json").read_text())["claims"]}
        self.assertEqual(claims["C24"]["judgement"]["verdict"], "not testable here")
        self.assertIn("mean of tasks at 2300 tokens", claims["C24"]["measured"])

    def test_suites_can_be_left_out(self):
        out = self.folder / "out"
        self.ok("reproduce", *BASIC, "--suite-samples", 0, "--out", out)
        self.assertFalse((out / "suite.json").exists())
        claims = json.loads((out / "verdicts.json").read_text())["claims"]
        self.assertEqual(claims[-1]["judgement"]["reason"], "suites were left out")

    def test_what_is_finished_is_not_run_again_and_other_rules_are_refused(self):
        out = self.copied()
        times = (out / "timing.json").read_bytes()
        report = (out / "report.html").read_bytes()
        (out / "report.html").unlink()
        self.ok(*self.study(out))
        self.assertEqual((out / "timing.json").read_bytes(), times)
        self.assertEqual((out / "report.html").read_bytes(), report)
        refused = self.refused(3, *self.study(out, "--seed", 1))
        self.assertIn("settings/seed is 0 there, 1 now", refused.err)
        # Rules are part of the study: changed ones are refused too.
        study = json.loads((out / "study.json").read_text())
        study["claims"][0]["threshold"] = -1
        (out / "study.json").write_text(json.dumps(study))
        self.assertIn("claims/0/threshold is -1 there", self.refused(3, *self.study(out)).err)

    def test_a_file_of_another_study_is_not_taken(self):
        out = self.copied()
        key = json.loads((out / "key.json").read_text())
        (out / "key.json").write_text(json.dumps(dict(key, study="another")))
        self.assertIn("key.json: was not made by this study", self.refused(3, *self.study(out)).err)
        (out / "key.json").write_text("{")
        self.assertIn("key.json", self.refused(3, *self.study(out)).err)
        (out / "key.json").unlink()
        self.ok(*self.study(out))

    def test_the_report_stands_alone(self):
        out = self.whole
        text = (out / "report.html").read_text(encoding="utf-8")
        page = Page()
        page.feed(text)
        self.assertEqual(page.problems, [])
        self.assertEqual(page.open, [])
        self.assertEqual([link for link in page.links if not link.startswith("data:")], [])
        self.assertNotIn("script", page.counts)
        self.assertEqual(re.findall(r"url\(|@import", text), [])
        self.assertNotIn(str(self.folder), text)
        claims = json.loads((out / "verdicts.json").read_text())["claims"]
        for claim in claims:
            self.assertIn(f'<tr id="{claim["id"]}">', text)
        # Four samples decide nothing: no claim about samples may be called confirmed or refuted.
        self.assertEqual({c["judgement"]["verdict"] for c in claims if c["least_n"] >= 10}, {"not testable here"})
        self.assertEqual(page.counts["figure"] * 2, page.counts["svg"])

    def test_wrong_usage(self):
        self.assertIn("--intervene", self.refused(2, *self.study(self.folder / "o", "--intervene", "x.json")).err)
        missing = self.refused(3, *self.study(self.folder / "o", "--data", self.folder / "none.jsonl"))
        self.assertIn("none.jsonl", missing.err)


if __name__ == "__main__":
    main()
