"""bench: its figures follow from what the processes measured, peers are checked for doing the same work. Shape and
arithmetic only, on a tiny model: no figure here says anything about speed."""
# timeout: 300

import json
import math
import os
import shutil
import signal
import statistics
import subprocess
import sys
import time
import unittest

import schemas
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
# Answers like a run over the same prompt: our attention, with an edit, and our tokens.
HOOKS = '''
import json, pathlib, sys
task = json.load(open(sys.argv[1]))
target = pathlib.Path(task["attention_file"])
data = bytearray(target.with_name("attention-headscope.safetensors").read_bytes())
EDIT
target.write_bytes(data)
count = len(task["cells"])
print(json.dumps({"seconds": [50.0] * count, "tokens": TOKENS, "peak_bytes": 10**9}))
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
        self.assertEqual(schemas.problems("bench", result.json), [])
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

    def hooks_peers(self, edit="pass", tokens="[]"):
        folder = self.fake_peers()
        text = HOOKS.replace("EDIT", edit).replace("TOKENS", tokens)
        (folder / "hf_hooks.py").write_text(text)
        (folder / "tl_hooks.py").write_text("raise SystemExit('not installed')\n")
        return folder

    def test_slider_ratios_follow_from_the_times(self):
        part = self.bench("--suite", "peers", "--parts", "response_rows,grid", "--peers", self.hooks_peers())
        rows, grid = part["response_rows"], part["grid"]
        self.check_ratio(rows["ratios"]["time_below_hooks"], rows["hooks"]["seconds"], rows["headscope"]["seconds"])
        self.check_ratio(rows["ratios"]["time_over_sdpa"], rows["headscope"]["seconds"], rows["sdpa"]["seconds"])
        self.assertEqual([rows["runs"], grid["runs"]], [1, 9])
        self.assertEqual(grid["hooks"]["seconds"]["all"], [450.0], "all cells count")
        self.assertEqual(rows["transformer_lens"]["skipped"], "tl_hooks.py: not installed")
        self.assertIsNone(rows["ratios"]["time_below_transformer_lens"])

    def test_slider_peers_are_checked_for_the_same_work(self):
        agreement = self.bench("--suite", "peers", "--parts", "middle_layer", "--peers",
                               self.hooks_peers())["middle_layer"]["agreement"]["hooks"]
        self.assertEqual([agreement["largest_difference"], agreement["same_tokens"]], [0, False], "other tokens")
        self.assertFalse(agreement["same"])
        shutil.rmtree(self.folder / "peers")
        agreement = self.bench("--suite", "peers", "--parts", "middle_layer", "--peers",
                               self.hooks_peers("data[-1] = 0x40; data[-2] = 0"))["middle_layer"]["agreement"]["hooks"]
        self.assertGreater(agreement["largest_difference"], 1)

    def test_sliders_of_transformers_and_transformer_lens_do_the_same_work(self):
        python = python_with_torch()
        if python is None:
            self.skipTest("no Python with torch and transformers (HEADSCOPE_PYTHON)")
        report = self.ok("bench", "--quick", "--suite", "peers", "--threads", 1, "--repetitions", 1, "--peers", PEERS,
                         env={"HEADSCOPE_PYTHON": python}, timeout=280).json
        for part in ("response_rows", "middle_layer", "first_layer", "grid"):
            for peer, agreement in report[part]["agreement"].items():
                if "skipped" in agreement:
                    self.assertEqual(peer, "transformer_lens")
                    print("SKIPPED:", report[part][peer]["skipped"])
                    continue
                self.assertTrue(agreement["same"], (part, peer, agreement))
                self.assertGreater(agreement["weights"], 1000)
        self.assertLess(report["samples"]["agreement"]["largest_difference"], 1e-4)

    def test_growth_exponents_follow_from_the_points(self):
        report = self.bench("--suite", "growth", "--parts", "tokens,samples")
        self.assertEqual([curve["name"] for curve in report["tokens"]["curves"]], ["nothing", "spans", "rows", "map"])
        for part in ("tokens", "samples"):
            for curve in report[part]["curves"]:
                self.assertEqual(len(curve["x"]), len(curve["seconds"]))
                logs = [(math.log(x), math.log(y)) for x, y in zip(curve["x"], curve["seconds"])]
                slope = statistics.linear_regression(*zip(*logs)).slope
                self.assertAlmostEqual(curve["time_exponent"], slope, places=6)
        self.assertEqual(report["samples"]["curves"][0]["x"], [1, 2, 4])

    def test_cells_that_share_a_prompt_do_the_same_with_less(self):
        report = self.bench("--suite", "sweep", "--no-peers")
        for part, layer in (("first_layer", 0), ("middle_layer", 1), ("last_layer", 1)):
            grid = report[part]
            self.assertEqual([grid["first_touched_layer"], grid["cells"]], [layer, 9])
            self.assertTrue(grid["agreement"]["same_tokens"])
            self.assertLess(grid["agreement"]["largest_difference"], 1e-5)
            self.check_ratio(grid["ratios"]["alone_over_together"], grid["alone"]["seconds"], grid["together"]["seconds"])
            rows = 95  # of the prompt but its last; the last layer makes keys and values alone
            self.assertEqual(grid["alone"]["layer_rows"], [rows] * 9)
            self.assertEqual(grid["together"]["layer_rows"], [rows * (1 - layer)] * 9)
            self.assertEqual(grid["ratios"]["bound"]["value"], 10 if layer else 1)

    def test_frames_of_the_window(self):
        if not (PROGRAM.parent / "headscope").exists():
            self.skipTest("this build has no window")
        report = self.ok("bench", "--suite", "ui", "--quick", "--repetitions", 2, "--no-peers", env={"DISPLAY": "", "WAYLAND_DISPLAY": ""}).json
        self.assertEqual(report["suite"], "ui")
        frames = report["frames"]
        for size in ("long", "short"):
            self.assertEqual(frames[size]["heads"], 672)
            for phase in ("still", "pan", "sliders", "overlay", "both"):
                for clock in ("wall_ms", "cpu_ms"):
                    times = frames[size][phase][clock]
                    self.assertEqual(times["frames"], 2 * 20)
                    self.assertLessEqual(times["median"], times["p99"])
                    self.assertLessEqual(times["p99"], times["largest"])
                    self.assertGreater(times["median"], 0)
        self.assertGreater(frames["long"]["tokens"], 2 * frames["short"]["tokens"])
        self.assertAlmostEqual(frames["p99_ms"]["value"], frames["long"]["both"]["wall_ms"]["p99"])
        self.assertAlmostEqual(frames["ratios"]["p99_of_frame"]["value"], frames["p99_ms"]["value"] * 60 / 1000)
        self.assertAlmostEqual(frames["ratios"]["long_over_short"]["value"],
                               frames["long"]["both"]["cpu_ms"]["median"] / frames["short"]["both"]["cpu_ms"]["median"])
        self.assertNotIn("goal", frames["p99_ms"])  # goals are about the real sizes
        self.assertIn("display", report["idle"]["skipped"])

    def test_sliders_are_measured_in_the_window_s_engine(self):
        report = self.ok("bench", "--suite", "sliders", "--quick", "--threads", 1, "--repetitions", 2, "--no-peers").json
        preview, embedded = report["preview"], report["embedded"]
        self.assertEqual([preview["heads"], preview["rows"], preview["keys"]], [8, 8, 428])  # all heads of the model
        self.assertEqual(preview["alone_ms"]["count"], 2 * 3)
        self.assertLessEqual(preview["computing_ms"]["count"], 2 * 3)  # tiny runs are over at once
        self.assertEqual(preview["moved_ms"]["count"] + preview["overtaken"], 2 * 3)
        self.assertEqual(preview["median_ms"]["value"], preview["computing_ms"]["median"])
        self.assertEqual(embedded["documents"], 20)
        self.assertEqual(embedded["exact_ms"]["count"], 2 * 3)
        self.assertEqual(len(embedded["exact_ms"]["medians"]), 2)
        self.assertEqual(embedded["preview_ms"]["count"] + embedded["exact_before_preview"], 2 * 3)
        self.assertEqual([(error["alpha"], error["tau"]) for error in embedded["errors"]],
                         [(alpha, tau) for tau in (1.0, 0.5) for alpha in (0.1, 0.3, 0.6)])
        self.assertEqual([error["alpha"] for error in preview["errors"]], [0.1, 0.3])
        near = [error for error in embedded["errors"] if error["rows"] > 0]
        self.assertTrue(near, "the embedded model's answer does not part at its first word")
        for error in near:
            self.assertLess(0, error["mean"])
            self.assertLess(error["mean"], error["largest"])
            self.assertLess(error["largest"], 1)
        drop = report["drop"]
        self.assertEqual(drop["dropped_ms"]["count"] if drop["dropped_ms"] else 0, 2 * 4 - drop["finished_before"])
        cells = report["restart"]["cells"]
        self.assertEqual([(cell["slider"], cell["first_layer"], cell["rows"]) for cell in cells],
                         [(slider, layer, rows) for rows in ("all", "response") for layer in (0, 1, 1)
                          for slider in ("alpha", "tau")])
        for cell in cells:
            self.check_ratio(cell["of_whole"], cell["seconds"], report["restart"]["whole_seconds"])
        self.assertNotIn("goal", preview["median_ms"])  # goals are about the real sizes

    def test_limits_are_those_of_the_same_run(self):
        report = self.bench("--suite", "limits", "--no-peers")
        dtypes = report["dtypes"]
        for speed in (report["speed"], dtypes["float32"], dtypes["bfloat16"]):
            prefill, decode = speed["prefill"], speed["decode"]
            limit = [a + b for a, b in zip(prefill["products_seconds"]["all"], prefill["attention_seconds"]["all"])]
            self.check_spread(prefill["over_limit"], [a / b for a, b in zip(prefill["seconds"]["all"], limit)])
            self.check_ratio(decode["over_limit"], decode["seconds_per_token"], decode["reading_seconds"])
            self.check_ratio(decode["share_of_limit"], decode["reading_seconds"], decode["seconds_per_token"])
        self.check_ratio(dtypes["ratios"]["token"], dtypes["bfloat16"]["decode"]["seconds_per_token"],
                         dtypes["float32"]["decode"]["seconds_per_token"])
        matrices = 2 * (32 * 32 * 2 + 32 * 16 * 2 + 3 * 32 * 48) + 400 * 32  # q, o; k, v; gate, up, down; output
        self.assertEqual(report["speed"]["decode"]["bytes_per_token"], 4 * matrices)
        self.assertEqual(dtypes["bfloat16"]["decode"]["bytes_per_token"], 2 * matrices)
        memory = report["memory"]["float32"]
        norms = 5 * 32
        self.assertEqual(memory["weights_bytes"], 4 * (matrices + norms))
        self.assertEqual(memory["cache_bytes"], 4 * 2 * 2 * 16 * (256 + 4))  # two layers, keys and values
        self.assertAlmostEqual(memory["over_declared"]["value"], (memory["peak_bytes"] - memory["before_bytes"]) /
                               (memory["weights_bytes"] + memory["cache_bytes"]))

    def test_what_is_not_there_is_refused(self):
        self.refused(2, "bench", "--suite", "growth", "--parts", "scores", says=("scores", "documents"))
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
