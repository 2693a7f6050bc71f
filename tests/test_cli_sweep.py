"""sweep: the grid on the embedded model and on small ones, shared by processes, refused."""
# timeout: 600

import csv
import json
import subprocess

from cli_support import DEMO, PROGRAM, SOURCE, CliTest, interrupted, main, write_data, write_model

GOLDEN = SOURCE / "tests" / "goldens" / "score"
COLUMNS = ["method", "tau", "alpha", "top_k", "heads", "seed", "prompt", "gold_position", "n", "em", "em_low",
           "em_high", "relevant_mass", "sink_mass"]


def rows_of(folder):
    with open(folder / "results.csv", encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        assert reader.fieldnames == COLUMNS, reader.fieldnames
        return list(reader)


def lines_of(folder, name):
    return [json.loads(line) for line in (folder / "cells" / f"{name}.jsonl").read_text().splitlines()]


class SweepTest(CliTest):
    """Sweeps over made-up data on a tiny random model: what is right about them does not depend on the model."""

    def setUp(self):
        super().setUp()
        self.data = write_data(self.folder / "d.jsonl", 6)
        self.heads = self.folder / "heads.json"
        self.heads.write_text("[[1,3],[0,2],[0,0],[1,1],[0,1],[0,3],[1,0],[1,2]]")
        self.out = self.folder / "out"

    def arguments(self, *more):
        limit = () if "--max-new-tokens" in more else ("--max-new-tokens", 6)
        return ("sweep", "--model", GOLDEN, "--data", self.data, "--heads", self.heads, *limit, "--out", self.out, *more)


class Grid(SweepTest):
    def assert_same(self, mine, other, name):
        """Equal but for rounding: cells decode side by side, an evaluation alone."""
        self.assertEqual(set(mine), set(other), name)
        for key, value in other.items():
            if isinstance(value, float):
                self.assertAlmostEqual(mine[key], value, delta=1e-5 * abs(value) + 1e-9, msg=(name, key))
            else:
                self.assertEqual(mine[key], value, (name, key))

    def test_every_cell_equals_an_evaluation(self):
        """The oracle is `evaluate` with the same intervention, cell by cell."""
        result = self.ok(*self.arguments("--tau", "0.1,0.5", "--top-k", "1,3", "--random-heads", 2, "--baselines",
                                         "--seed", 4)).json
        self.assertTrue(result["complete"])
        rows = rows_of(self.out)
        self.assertEqual(len(rows), 3 + 2 * 2 * 3)
        self.assertEqual(result["cells"], {"total": 15, "done": 15, "skipped": 0, "elsewhere": 0})
        for row in rows:
            name = [row["method"], f"tau{row['tau']}" if row["tau"] else "", f"k{row['top_k']}" if row["top_k"] else "",
                    "random" if row["heads"] == "random" else "", f"s{row['seed']}" if row["seed"] else "",
                    row["prompt"]]
            name = "-".join(part for part in name if part)
            heads = json.loads((self.out / "cells" / f"{name}.json").read_text())["heads"]
            more = ["--prompt", row["prompt"], "--heads", self.heads, "--top-k", 5]
            if row["method"] == "split-softmax":
                file = self.folder / "i.json"
                file.write_text(json.dumps({"method": "split-softmax", "tau": float(row["tau"]), "heads": heads}))
                more += ["--intervene", file]
                ranking = json.loads(self.heads.read_text())
                k = int(row["top_k"])
                if row["heads"] == "contextual":
                    self.assertEqual(heads, ranking[:k])
                else:
                    self.assertEqual(len(heads), k)
                    self.assertFalse([head for head in heads if head in ranking[:k]])
            else:
                more[-1] = 20  # the default of models that are not the embedded one
            lines = self.folder / "run.jsonl"
            expected = self.ok("evaluate", "--model", GOLDEN, "--data", self.data, "--max-new-tokens", 6, "--out", lines,
                               *more).json
            mine = (self.out / "cells" / f"{name}.jsonl").read_text().splitlines()
            others = lines.read_text().splitlines()
            self.assertEqual(len(mine), len(others), name)
            for one, other in zip(mine, others):
                self.assert_same(json.loads(one), json.loads(other), name)
            for key in ("n", "em", "em_low", "em_high", "relevant_mass", "sink_mass"):
                self.assertEqual(row[key], "" if expected[key] is None else row[key])
                if expected[key] is not None:
                    self.assert_same({key: float(row[key])}, {key: float(expected[key])}, name)

    def test_focus_and_its_controls(self):
        directions = self.folder / "directions.safetensors"
        self.ok("train-directions", "--model", GOLDEN, "--data", self.data, "--part", "all", "--epochs", 1,
                "--max-new-tokens", 4, "--learning-rate", 0.5, "--out", directions)
        self.ok(*self.arguments("--alpha=-3,0,3", "--directions", directions, "--top-k", 3, "--random-heads", 1,
                                "--random-directions", 2, "--part", "all", "--baselines"))
        rows = rows_of(self.out)
        self.assertEqual([row["method"] for row in rows], ["none"] * 3 + ["focus"] * 6 + ["random-directions"] * 6)
        self.assertEqual({row["alpha"] for row in rows[3:]}, {"-3", "0", "3"})
        self.assertEqual({row["seed"] for row in rows[9:]}, {"0", "1"})
        texts = {}
        for cell in (self.out / "cells").glob("*.jsonl"):
            texts[cell.stem] = [line["relevant_mass"] for line in map(json.loads, cell.read_text().splitlines())]
        self.assertNotEqual(texts["focus-alpha3-k3-all"], texts["focus-alpha-3-k3-all"])
        self.assertNotEqual(texts["focus-alpha3-k3-all"], texts["random-directions-alpha3-k3-s0-all"])
        self.assertNotEqual(texts["random-directions-alpha3-k3-s1-all"], texts["random-directions-alpha3-k3-s0-all"])
        self.assertEqual(texts["focus-alpha0-k3-all"], texts["random-directions-alpha0-k3-s0-all"])

    def test_gold_positions(self):
        self.ok(*self.arguments("--tau", "0.2", "--top-k", 2, "--gold-positions", "0,3", "--baselines"))
        rows = rows_of(self.out)
        self.assertEqual([row["gold_position"] for row in rows], ["0", "3"] * 4)
        for position in (0, 3):
            self.assertEqual({line["gold_position"] for line in lines_of(self.out, f"none-all-g{position}")}, {position})
        self.refused(3, *self.arguments("--baselines", "--gold-positions", 4), says=("--gold-positions", "4 documents"))

    def test_held_out_questions(self):
        data = write_data(self.folder / "more.jsonl", 40)
        self.ok("score", "--model", GOLDEN, "--data", data, "--max-new-tokens", 2, "--no-gold-only", "--out", self.heads)
        scored = json.loads(self.heads.read_text())["samples"]
        self.data = data
        result = self.ok(*self.arguments("--baselines")).json
        self.assertEqual(result["part"], "test")
        self.assertEqual({row["n"] for row in rows_of(self.out)}, {str(40 - scored)})

    def test_cost(self):
        """Layers that no cell touches are run once, cells that change nothing not at all."""
        self.heads.write_text("[[1,3],[1,1],[0,2],[0,0],[0,1],[0,3],[1,0],[1,2]]")
        cost = self.ok(*self.arguments("--tau", "0.1,0.5,1", "--top-k", "1,2,3", "--baselines")).json["cost"]
        rows = cost["layer_rows"]  # of two layers, the second needs only keys and values below the last row
        everything = sum(len(self.ok("tokenize", "--model", GOLDEN, "--text", prompt).json["ids"]) - 1
                         for prompt in self.prompts())
        others = rows["separate"] - 10 * everything
        self.assertGreater(others, 0)  # gold only and all but gold
        self.assertEqual(rows["run"], (1 + 2) * everything + others)  # unedited, and k = 3 at two strengths
        self.assertEqual(rows["bound"], rows["run"])
        self.assertGreater(cost["times_faster"], 1)
        self.assertGreaterEqual(cost["times_faster_bound"], cost["times_faster"] * 0.999)
        again = self.ok(*self.arguments("--tau", "0.1,0.5,1", "--top-k", "1,2,3", "--baselines")).json
        self.assertNotIn("cost", again)
        same = [(self.out / "cells" / f"{name}.jsonl").read_text() for name in
                ("split-softmax-tau1-k1-all", "split-softmax-tau1-k3-all")]
        responses = [[json.loads(line)["response"] for line in text.splitlines()] for text in same]
        self.assertEqual(responses[0], [line["response"] for line in lines_of(self.out, "none-all")])
        self.assertEqual(responses[0], responses[1])

    def prompts(self):
        for line in self.data.read_text().splitlines():
            sample = json.loads(line)
            documents = "\n".join(f"Document [{i}](Title: {ctx['title']}) {ctx['text']}"
                                  for i, ctx in enumerate(sample["ctxs"], 1))
            yield ("Write a high-quality answer for the given question using only the provided search results (some of "
                   f"which might be irrelevant).\n\n{documents}\n\nQuestion: {sample['question']}\nAnswer:")

    def test_clipping(self):
        result = self.ok(*self.arguments("--tau", 0.3, "--top-k", "8,20,100", "--random-heads", 5)).json
        self.assertEqual([row["top_k"] for row in rows_of(self.out)], ["8"])
        self.assertIn("clipped", " ".join(result["notes"]))
        self.assertIn("random heads", " ".join(result["notes"]))


class Again(SweepTest):
    def test_only_missing_cells_run(self):
        self.ok(*self.arguments("--tau", 0.1, "--top-k", 1))
        first = self.ok(*self.arguments("--tau", "0.1,0.4", "--top-k", "1,2", "--baselines")).json
        self.assertEqual(first["cells"], {"total": 7, "done": 6, "skipped": 1, "elsewhere": 0})
        table = (self.out / "results.csv").read_bytes()
        again = self.ok(*self.arguments("--tau", "0.1,0.4", "--top-k", "1,2", "--baselines")).json
        self.assertEqual(again["cells"], {"total": 7, "done": 0, "skipped": 7, "elsewhere": 0})
        self.assertEqual((self.out / "results.csv").read_bytes(), table)
        self.assertEqual(again["best"], first["best"])
        (self.out / "cells" / "none-all.json").unlink()
        self.assertEqual(self.ok(*self.arguments("--baselines")).json["cells"]["done"], 1)
        self.assertEqual((self.out / "results.csv").read_bytes(), table)

    def test_other_settings_are_refused_by_name(self):
        self.ok(*self.arguments("--baselines"))
        table = (self.out / "results.csv").read_bytes()
        self.refused(3, *self.arguments("--baselines", "--samples", 3), says=("n is 6 there, 3 now", "samples_sha256"))
        self.refused(3, *self.arguments("--baselines", "--max-new-tokens", 7), says="max_new_tokens is 6 there, 7 now")
        self.refused(3, *self.arguments("--baselines", "--dtype", "bfloat16"), says="dtype")
        self.heads.write_text("[[0,0]]")
        self.refused(3, *self.arguments("--baselines"), says="heads_sha256")
        self.assertEqual((self.out / "results.csv").read_bytes(), table)

    def test_interrupted(self):
        self.data = write_data(self.folder / "many.jsonl", 400)
        arguments = self.arguments("--tau", "0.1,0.2,0.3", "--top-k", "1,2", "--threads", 1)
        stopped = interrupted(*arguments, after=1.0)
        self.assertEqual(stopped.code, 130, stopped.err)
        self.assertFalse(stopped.json["complete"])
        started = [cell for cell in (self.out / "cells").glob("*.jsonl") if not cell.with_suffix(".json").exists()]
        self.assertEqual(len(started), 6)  # they run together; with the samples that were finished
        for cell in started:
            self.assertTrue(0 < len(cell.read_text().splitlines()) < 400)
        self.ok(*arguments)
        whole = self.folder / "whole"
        self.out, part = whole, self.out
        self.ok(*self.arguments("--tau", "0.1,0.2,0.3", "--top-k", "1,2", "--threads", 1))
        self.assertEqual((part / "results.csv").read_bytes(), (whole / "results.csv").read_bytes())


class Wrong(SweepTest):
    def test_usage(self):
        self.refused(2, *self.arguments(), says="nothing to run")
        self.refused(2, *self.arguments("--tau", 0.1), says="--top-k")
        self.refused(2, *self.arguments("--tau", 2, "--top-k", 1), says="--tau 2")
        self.refused(2, *self.arguments("--tau", "x", "--top-k", 1), says="--tau")
        self.refused(2, *self.arguments("--alpha", 0.1, "--top-k", 1), says="--directions")
        self.refused(2, *self.arguments("--baselines", "--rank", 1), says="--ranks")
        self.refused(2, *self.arguments("--baselines", "--rank", 2, "--ranks", 2), says="rank 2 of 2")
        self.refused(2, *self.arguments("--baselines", "--intervene", self.heads), says="--intervene")
        self.refused(2, *self.arguments("--baselines"), env={"RANK": "1"}, says="WORLD_SIZE")
        self.assertFalse(self.out.exists())

    def test_input(self):
        heads = self.heads
        heads.write_text("[[7,0]]")
        self.refused(3, *self.arguments("--baselines"), says=("heads.json", "2 layers"))
        self.heads = self.folder / "none.json"
        self.refused(3, *self.arguments("--baselines"), says="none.json")
        self.heads = heads
        heads.write_text("[[0,0]]")
        self.out = self.folder / "d.jsonl"
        self.refused(3, *self.arguments("--baselines"), says="d.jsonl")


class Processes(SweepTest):
    def grid(self):
        return self.arguments("--tau", "0.1,0.4", "--top-k", "1,2", "--random-heads", 2, "--baselines")

    def test_each_rank_takes_its_share_and_what_is_left(self):
        self.ok(*self.grid())
        expected = (self.out / "results.csv").read_bytes()
        self.out = self.folder / "shared"
        command = [str(PROGRAM), *map(str, self.grid()), "--threads", "1", "--ranks", "3", "--rank"]
        processes = [subprocess.Popen([*command, str(rank)], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
                     for rank in range(3)]
        summaries = []
        for process in processes:
            out, err = process.communicate(timeout=120)
            self.assertEqual(process.returncode, 0, err)
            summaries.append(json.loads(out))
        self.assertEqual((self.out / "results.csv").read_bytes(), expected)
        self.assertEqual(sum(summary["cells"]["done"] for summary in summaries), 15)

    def test_one_process_of_several_leaves_nothing_undone(self):
        result = self.ok(*self.grid(), env={"SLURM_PROCID": "1", "SLURM_NTASKS": "4"})
        self.assertIn("process 1 of 4 (Slurm)", result.err)
        self.assertEqual(result.json["cells"]["done"], 15)
        self.assertTrue(result.json["complete"])


class Figures(SweepTest):
    def test_every_format_with_provenance_and_numbers(self):
        self.ok(*self.arguments("--tau", "0.1,0.5", "--top-k", "1,3", "--random-heads", 2, "--baselines"))
        figures = self.folder / "figures"
        result = self.ok("figures", "--from", self.out, "--out", figures).json
        names = ["em-against-tau", "em-grid-tau", "mass-right-wrong"]
        self.assertEqual([figure["name"] for figure in result["figures"]], names)
        files = [f"{name}.{ending}" for name in names for ending in ("pdf", "png", "svg", "csv")]
        self.assertEqual({path.name for path in figures.iterdir()}, {*files, "captions.md", "made_by.json"})
        self.assertTrue((figures / "em-against-tau.pdf").read_bytes().startswith(b"%PDF"))
        self.assertTrue((figures / "em-against-tau.png").read_bytes().startswith(b"\x89PNG"))
        svg = (figures / "em-against-tau.svg").read_text()
        for text in ("τ = 0.1", "Control: random heads", "gold only", "score", "d.jsonl", "n = 6", "heads.json",
                     "max_new_tokens: 6", "McNemar"):
            self.assertIn(text, svg)
        with open(figures / "em-against-tau.csv", encoding="utf-8", newline="") as file:
            points = [row for row in csv.DictReader(file) if row["curve"] == "τ = 0.1" and row["control"] == "0"]
        table = [row for row in rows_of(self.out) if row["tau"] == "0.1" and row["heads"] == "contextual"]
        self.assertEqual([(row["x"], row["y"]) for row in points], [(row["top_k"], row["em"]) for row in table])

    def test_paired_tests_lie_beside_the_table(self):
        self.ok(*self.arguments("--tau", "0.1", "--top-k", "3", "--random-heads", 2, "--baselines"))
        with open(self.out / "paired.csv", encoding="utf-8", newline="") as file:
            rows = {(row["heads"], row["seed"], row["prompt"], row["against"]): row for row in csv.DictReader(file)}
        right = {name: {line["index"]: line["em"] for line in lines_of(self.out, name)}
                 for name in ("none-all", "split-softmax-tau0.1-k3-all")}
        baseline, split = right.values()
        row = rows["contextual", "", "all", "baseline"]
        self.assertEqual(int(row["only_cell"]), sum(split[i] > baseline[i] for i in split))
        self.assertEqual(int(row["only_other"]), sum(split[i] < baseline[i] for i in split))
        self.assertEqual(rows["contextual", "", "all", "random-heads"]["draws"], "2")

    def test_positions(self):
        self.ok(*self.arguments("--gold-positions", "0,3", "--baselines"))
        self.ok("figures", "--from", self.out, "--out", self.folder / "figures")
        self.assertTrue((self.folder / "figures" / "em-against-position.svg").exists())

    def test_a_folder_of_several_results(self):
        study = self.folder / "study"
        study.mkdir()
        (study / "heads.json").write_text(self.heads.read_text())
        (study / "study.json").write_text("{}")
        self.out = study / "sweep"
        self.ok(*self.arguments("--tau", "0.1", "--top-k", "3", "--baselines"))
        self.ok("control", "--model", GOLDEN, "--data", self.data, "--heads", self.heads, "--tau", 0.1, "--top-k", 2,
                "--max-new-tokens", 4, "--out", study / "control.json")
        result = self.ok("figures", "--from", study, "--out", self.folder / "figures").json
        names = {figure["name"] for figure in result["figures"]}
        self.assertEqual(names, {"contextual-heads-map", "contextual-heads-layers", "untouched-heads-tau0.1-k2",
                                 "em-against-tau", "mass-right-wrong"})
        for figure in result["figures"]:
            self.assertEqual(len(figure["files"]), 4)
            self.assertIn("Headscope", figure["caption"])

    def test_refused(self):
        self.refused(3, "figures", "--from", self.folder / "none", "--out", self.out, says="does not exist")
        (self.folder / "other.json").write_text('{"a": 1}')
        self.refused(3, "figures", "--from", self.folder / "other.json", "--out", self.out, says="head set")
        (self.folder / "results.csv").write_text("a,b\n")
        self.refused(3, "figures", "--from", self.folder, "--out", self.out, says="'method'")
        empty = self.folder / "empty"
        empty.mkdir()
        self.refused(3, "figures", "--from", empty, "--out", self.out, says="nothing to draw")


class Control(SweepTest):
    def arguments(self, *more):
        return ("control", "--model", GOLDEN, "--data", self.data, "--heads", self.heads, "--max-new-tokens", 4,
                "--out", self.folder / "control.json", *more)

    def test_numbers_follow_from_the_samples(self):
        result = self.ok(*self.arguments("--tau", 0.1, "--top-k", 2, "--random-heads", 3)).json
        self.assertEqual(result["n"], 6)
        (setting,) = result["settings"]
        self.assertEqual(setting["contextual"], [[1, 3], [0, 2]])
        lines = [json.loads(line) for line in
                 (self.folder / "control.json.samples.jsonl").read_text().splitlines()]
        heads = [[layer, head] for layer in range(2) for head in range(4)]
        sizes = []
        for line in lines:
            draws = []
            for draw, arm in zip(setting["random"], line["arms"][1:]):
                touched = setting["contextual"] + draw["heads"]
                moves = [abs(line["arms"][0][i] - line["baseline"][i]) for i, head in enumerate(heads)
                         if head not in touched]
                draws.append(sum(moves) / len(moves))
            sizes.append(sum(draws) / len(draws))
        self.assertAlmostEqual(setting["untouched"]["contextual"]["magnitude"]["value"], sum(sizes) / len(sizes), 12)
        again = self.ok(*self.arguments("--tau", 0.1, "--top-k", 2, "--random-heads", 3))
        self.assertIn("the same control lies in", again.err)
        self.assertEqual(again.json, result)

    def test_refused(self):
        self.refused(2, *self.arguments("--top-k", 2), says="--tau")
        self.refused(2, *self.arguments("--tau", 0.1, "--top-k", 7), says="--top-k 7")
        self.refused(2, *self.arguments("--alpha", 0.1, "--top-k", 2), says="--directions")


class EmbeddedModel(CliTest):
    def setUp(self):
        super().setUp()
        if not (DEMO / "config.json").exists():
            self.skipTest("assets/demo is not there")
        self.data = self.folder / "data.jsonl"
        self.ok("demo-data", "--documents", 20, "--samples", 24, "--distractors", "similar", "--seed", 5, "--out",
                self.data)

    def arguments(self, out, *more):
        return ("sweep", "--data", self.data, "--heads", DEMO / "heads.json", "--max-new-tokens", 12, "--threads", 1,
                "--out", out, *more)

    def test_the_phenomenon(self):
        """Contextual heads repair what distraction takes, random heads do not."""
        result = self.ok(*self.arguments(self.folder / "out", "--tau", 0.1, "--top-k", 5, "--random-heads", 2,
                                         "--baselines")).json
        everything, gold, without = (row["em"] for row in result["baselines"])
        self.assertGreater(result["best"]["em"], everything + 0.1)
        self.assertGreaterEqual(gold, 0.85)
        self.assertLess(without, 0.1)
        rows = rows_of(self.folder / "out")
        for row in rows:
            if row["heads"] == "random":
                self.assertLess(float(row["em"]), result["best"]["em"] - 0.1)
        responses = lines_of(self.folder / "out", "split-softmax-tau0.1-k5-all")
        self.assertEqual(sum(line["em"] for line in responses) / len(responses), result["best"]["em"])


if __name__ == "__main__":
    main()
