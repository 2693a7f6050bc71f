"""bench: its figures follow from what the processes measured, peers are checked for doing the same work. Shape and
arithmetic only, on a tiny model: no figure here says anything about speed."""
# timeout: 300

import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import time
import unittest

from cli_support import PROGRAM, SOURCE, CliTest, main

PEERS = SOURCE / "tests" / "peers"
# Peers made of the standard library: what they answer is known, so that every ratio can be computed again.
VERSIONS = 'import json\nprint(json.dumps({"torch": "none", "transformers": "none"}))\n'
SCORES = '''
import json, pathlib, shutil, sys
task = json.load(open(sys.argv[1]))
eager = task["attention"] == "eager"
if eager:
    ours = pathlib.Path(task["scores_file"]).with_name("ours.safetensors")
    data = bytearray(ours.read_bytes())
    EDIT
    pathlib.Path(task["scores_file"]).write_bytes(data)
print(json.dumps({"seconds": 100.0 if eager else 0.001, "loaded_bytes": 10**6, "peak_bytes": 10**10}))
'''
TOKENIZER = 'import json\nprint(json.dumps({"seconds": [2.0, 4.0], "bytes": 1, "tokens": 1}))\n'


def python_with_torch():
    python = os.environ.get("HEADSCOPE_PYTHON") or "python3"
    probe = subprocess.run([python, str(PEERS / "versions.py")], capture_output=True, check=False,
                           env=dict(os.environ, PYTHONDONTWRITEBYTECODE="1"))
    return python if probe.returncode == 0 else None


class Bench(CliTest):
    def fake_peers(self, edit="pass", scores=SCORES):
        folder = self.folder / "peers"
        folder.mkdir()
        (folder / "versions.py").write_text(VERSIONS)
        (folder / "hf_scores.py").write_text(scores.replace("EDIT", edit))
        (folder / "hf_tokenizer.py").write_text(TOKENIZER)
        return folder

    def bench(self, *arguments):
        result = self.ok("bench", "--quick", "--threads", 1, "--repetitions", 2, *arguments,
                         env={"HEADSCOPE_PYTHON": sys.executable})
        self.assertEqual(len(result.out.splitlines()), 1)
        return result.json

    def check_spread(self, spread, values=None):
        values = spread["all"] if values is None else values
        for found, expected in zip(spread["all"], values):
            self.assertAlmostEqual(found, expected, delta=1e-9 * abs(expected))
        self.assertAlmostEqual(spread["median"], statistics.median(spread["all"]))
        self.assertEqual([spread["low"], spread["high"]], [min(spread["all"]), max(spread["all"])])

    def check_ratio(self, ratio, above, below):
        self.check_spread(ratio, [a / b for a, b in zip(above["all"], below["all"])])
        self.assertEqual(len(ratio["all"]), 2)
        self.assertTrue(ratio["what"])

    def test_ratios_are_those_of_the_measured_numbers(self):
        report = self.bench("--peers", self.fake_peers())
        self.assertEqual(report["suite"], "engine")
        self.assertEqual(report["machine"]["threads"], 1)
        scores = report["scores"]
        ours, eager, sdpa = scores["headscope"], scores["eager"], scores["sdpa"]
        self.assertEqual(eager["seconds"]["all"], [100.0, 100.0])
        self.check_ratio(scores["ratios"]["time_below_eager"], eager["seconds"], ours["seconds"])
        self.check_ratio(scores["ratios"]["time_over_sdpa"], ours["seconds"], sdpa["seconds"])
        self.check_ratio(scores["ratios"]["memory_below_eager"], eager["peak_bytes"], ours["peak_bytes"])
        for peak, loaded in zip(ours["peak_bytes"]["all"], ours["loaded_bytes"]["all"]):
            self.assertGreaterEqual(peak, loaded)
            self.assertGreater(loaded, 10e6)
        added = report["interventions"]
        for method in ("split", "focus"):
            self.check_ratio(added["ratios"][f"{method}_over_plain"], added["seconds"][method], added["seconds"]["plain"])
        tokenizer = report["tokenizers"]["all"][0]
        self.check_spread(tokenizer["peer"]["megabytes_per_second"],
                          [tokenizer["bytes"] / 1e6 / seconds for seconds in (2.0, 4.0)])
        self.check_ratio(tokenizer["speed_over_peer"], tokenizer["megabytes_per_second"],
                         tokenizer["peer"]["megabytes_per_second"])
        for part in (scores, report["long"]):
            self.assertEqual(part["rows"], 8)
            asked = part["cancellation"]
            measured = asked["seconds"]["all"] if asked["seconds"] else []  # none: each was done before
            self.assertEqual(len(measured) + asked["finished_before"], len(asked["asked_after"]))

    def test_equal_scores_agree(self):
        agreement = self.bench("--parts", "scores", "--peers", self.fake_peers())["scores"]["agreement"]
        self.assertEqual(agreement["largest_difference"], 0)
        self.assertTrue(agreement["same"])
        self.assertEqual(agreement["scores"], 2 * 4 * 8 * 21)
        self.assertGreater(agreement["largest_score"], 0)

    def test_other_scores_are_not_the_same_work(self):
        peers = self.fake_peers(edit="data[-4:] = bytes(4)")  # the last number becomes 0
        agreement = self.bench("--parts", "scores", "--peers", peers)["scores"]["agreement"]
        self.assertGreater(agreement["largest_difference"], 1e-4)
        self.assertFalse(agreement["same"])

    def test_a_failing_peer_is_left_out_and_says_why(self):
        report = self.bench("--parts", "scores", "--peers", self.fake_peers(scores="raise SystemExit('no such thing')"))
        for engine in ("eager", "sdpa"):
            self.assertIn("no such thing", report["scores"][engine]["skipped"])
        self.assertIsNone(report["scores"]["ratios"]["time_below_eager"])
        self.assertIn("skipped", report["scores"]["agreement"])

    def test_without_peers(self):
        report = self.bench("--parts", "scores,tokenizers", "--no-peers")
        self.assertIn("--no-peers", report["peers"]["skipped"])
        self.assertNotIn("long", report)
        self.assertIn("skipped", report["tokenizers"]["all"][0]["peer"])

    def test_the_checkpoint_is_kept_and_used_again(self):
        work = self.folder / "work"
        self.bench("--parts", "tokenizers", "--no-peers", "--work", work)
        weights = work / "quick-model" / "model.safetensors"
        before = weights.stat().st_mtime_ns
        self.bench("--parts", "tokenizers", "--no-peers", "--work", work)
        self.assertEqual(weights.stat().st_mtime_ns, before)
        first = weights.read_bytes()
        shutil.rmtree(work)
        self.bench("--parts", "tokenizers", "--no-peers", "--work", work)
        self.assertEqual(weights.read_bytes(), first, "same seed, same weights")

    def test_directions_without_peers(self):
        report = self.bench("--suite", "directions", "--no-peers")
        self.assertIn("--no-peers", report["peers"]["skipped"])
        self.assertIn("--no-peers", report["theirs"]["skipped"])
        self.assertIn("skipped", report["same_losses"])
        self.assertIsNone(report["ratios"]["time"])
        losses = report["ours"]["losses"]
        self.assertEqual([len(losses), len(losses[0])], [report["layers"], report["epochs"]])
        self.assertTrue(all(-1 < loss < 0 for layer in losses for loss in layer))

    def test_directions_of_the_authors_way_have_the_same_losses(self):
        python = python_with_torch()
        if python is None:
            self.skipTest("no Python with torch and transformers (HEADSCOPE_PYTHON)")
        result = self.ok("bench", "--quick", "--suite", "directions", "--threads", 1, "--repetitions", 1, "--peers", PEERS,
                         env={"HEADSCOPE_PYTHON": python}, timeout=250)
        same = result.json["same_losses"]
        self.assertTrue(same["same"], same)
        self.assertLess(same["largest_difference"], 1e-4)
        self.assertEqual(len(result.json["ratios"]["time"]["all"]), 1)

    def test_what_is_not_there_is_refused(self):
        for suite in ("sweep", "ui", "peers", "growth"):
            self.refused(2, "bench", "--suite", suite, says=("not there yet", suite))
        self.refused(2, "bench", "--suite", "frob", says="frob")
        self.refused(2, "bench", "--parts", "frob", says="frob")
        self.refused(2, "bench", "--dtype", "bfloat16", says="float32")
        self.refused(3, "bench", "--quick", "--no-peers", "--parts", "tokenizers", "--tokenizer", self.folder,
                     says="tokenizer.json")

    def test_an_interruption_ends_the_peer_too(self):
        pid_file = self.folder / "pid"
        peers = self.fake_peers(scores=f"import os, time\nopen({str(pid_file)!r}, 'w').write(str(os.getpid()))\n"
                                       "time.sleep(200)\n")
        program = subprocess.Popen([str(PROGRAM), "bench", "--quick", "--parts", "scores", "--peers", str(peers)],
                                   stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                                   env=dict(os.environ, HEADSCOPE_PYTHON=sys.executable))
        deadline = time.monotonic() + 60
        while not (pid_file.exists() and pid_file.read_text()) and time.monotonic() < deadline:
            time.sleep(0.05)
        program.send_signal(signal.SIGINT)
        _, message = program.communicate(timeout=60)
        self.assertEqual(program.returncode, 130, message)
        with self.assertRaises(ProcessLookupError):
            os.kill(int(pid_file.read_text()), 0)


@unittest.skipUnless(python_with_torch(), "no Python with torch, transformers and safetensors (HEADSCOPE_PYTHON)")
class RealPeers(CliTest):
    def test_hugging_face_computes_the_same_scores(self):
        report = self.ok("bench", "--quick", "--threads", 1, "--repetitions", 1, "--parts", "scores,tokenizers",
                         "--peers", PEERS).json
        self.assertLess(report["scores"]["agreement"]["largest_difference"], 1e-5)
        self.assertIsNotNone(report["scores"]["ratios"]["time_over_sdpa"])
        tokenizer = report["tokenizers"]["all"][0]
        self.assertEqual(tokenizer["peer"]["tokens"], tokenizer["tokens"])
        self.assertFalse((PEERS / "__pycache__").exists())


if __name__ == "__main__":
    main()
