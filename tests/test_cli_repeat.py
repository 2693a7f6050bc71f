"""repeat: results are made again from their passports; what was changed is found, what cannot be repeated is named."""
# timeout: 300

import json

from cli_support import CliTest, main


class Repeat(CliTest):
    def setUp(self):
        super().setUp()
        self.data = self.folder / "d.jsonl.gz"
        self.ok("demo-data", "--documents", 6, "--samples", 30, "--seed", 3, "--out", self.data)
        self.heads = self.folder / "heads.json"
        self.ok("score", "--data", self.data, "--samples", 6, "--max-new-tokens", 8, "--out", self.heads)

    def repeat(self, result, *more):
        return ("repeat", result, "--threads", 1, *more)

    def equal(self, *arguments):
        report = self.ok(*arguments).json
        self.assertTrue(report["equal"])
        self.assertEqual(report["differences"], [])
        self.assertGreater(report["compared"], 0)
        return report

    def test_a_head_set_and_a_changed_one(self):
        self.assertGreater(self.equal(*self.repeat(self.heads))["compared"], 8 * 32)
        heads = json.loads(self.heads.read_text())
        heads["relevant"][1][2] += 0.01
        self.heads.write_text(json.dumps(heads))
        refused = self.refused(1, *self.repeat(self.heads), says="1 values came out otherwise")
        self.assertIn("relevant[10]", refused.json["differences"][0])
        self.equal(*self.repeat(self.heads, "--tolerance", "0.02"))

    def test_a_run_with_an_intervention(self):
        change = self.folder / "i.json"
        change.write_text(json.dumps({"method": "split-softmax", "tau": 0.3, "head_set": str(self.heads), "top_k": 3}))
        run = self.folder / "run.jsonl"
        self.ok("evaluate", "--data", self.data, "--samples", 4, "--max-new-tokens", 8, "--intervene", change, "--out", run)
        self.equal(*self.repeat(run))
        lines = run.read_text().splitlines()
        line = json.loads(lines[2])
        line["response"] = "nobody"
        run.write_text("\n".join(lines[:2] + [json.dumps(line)] + lines[3:]) + "\n")
        self.assertIn("'nobody' there", self.refused(1, *self.repeat(run)).json["differences"][0])

    def test_a_sweep(self):
        sweep = self.folder / "sweep"
        self.ok("sweep", "--data", self.data, "--samples", 4, "--heads", self.heads, "--tau", "0.1,0.5", "--top-k", "1,3",
                "--random-heads", 1, "--baselines", "--gold-positions", "0,5", "--max-new-tokens", 8, "--out", sweep)
        report = self.equal(*self.repeat(sweep))
        self.assertLess(report["largest_difference"], 1e-5)
        cell = sweep / "cells" / "split-softmax-tau0.1-k3-all-g5.jsonl"
        lines = [json.loads(line) for line in cell.read_text().splitlines()]
        lines[0]["sink_mass"] += 0.5
        cell.write_text("".join(json.dumps(line) + "\n" for line in lines))
        self.assertIn("split-softmax-tau0.1-k3-all-g5: sample", self.refused(1, *self.repeat(sweep)).json["differences"][0])

    def train(self, *more):
        directions = self.folder / "directions.safetensors"
        self.ok("train-directions", "--data", self.data, "--samples", 4, "--epochs", 2, "--held-out", 0, "--max-new-tokens", 8,
                *more, "--out", directions)
        return directions

    def test_directions(self):
        # (8 heads, 4 layers, 32 numbers) each of q and k
        self.assertEqual(self.equal(*self.repeat(self.train("--seed", 2)))["compared"], 2 * 1024)
        self.equal(*self.repeat(self.train("--train-positions", "1,5")))
        directions = self.train("--keep-gold-positions")
        self.equal(*self.repeat(directions))
        data = bytearray(directions.read_bytes())
        # The last float is one of k's or q's, whichever was written last.
        data[-1] ^= 0x40
        directions.write_bytes(data)
        refused = self.refused(1, *self.repeat(directions), says="1 values came out otherwise")
        self.assertIn("[1023]: ", refused.json["differences"][0])

    def test_a_study(self):
        study = self.folder / "study"
        self.ok("reproduce", "--samples", 2, "--tau", "0.1", "--alpha=0.3", "--top-ks", 5, "--random-heads", 0,
                "--random-directions", 0, "--gold-positions", "0,9", "--epochs", 1, "--max-new-tokens", 8,
                "--suite-samples", 0, "--threads", 1, "--quiet", "--out", study)
        self.assertGreater(self.equal(*self.repeat(study))["compared"], 5000)
        (study / "made_by.json").unlink()  # older studies lack it: the steps on which later ones rest are made again
        parts = self.ok(*self.repeat(study)).json["parts"]
        self.assertEqual(set(parts), {"heads.json", "directions.safetensors", "sweep", "positions"})
        for name, part in parts.items():
            self.assertTrue(part["equal"], name)
            self.assertGreater(part["compared"], 0, name)
        heads = json.loads((study / "heads.json").read_text())
        heads["sink"][0][0] += 1
        (study / "heads.json").write_text(json.dumps(heads))
        self.refused(2, *self.repeat(study), says="heads.json")  # the sweep was made from another one

    def test_what_cannot_be_repeated_is_named(self):
        directions = self.folder / "directions.safetensors"
        directions.write_bytes(b"")
        self.refused(3, *self.repeat(directions), says="directions")
        study = self.folder / "study"
        study.mkdir()
        (study / "study.json").write_text("{}")
        self.refused(3, *self.repeat(study), says="study")
        (self.folder / "x.json").write_text("[[0,1]]")
        self.refused(3, *self.repeat(self.folder / "x.json"), says="cannot be repeated")
        self.refused(3, *self.repeat(self.folder / "none.json"), says="none.json")
        other = self.folder / "other.jsonl.gz"
        self.ok("demo-data", "--documents", 6, "--samples", 30, "--seed", 4, "--out", other)
        self.refused(3, *self.repeat(self.heads, "--data", other), says="another file")
        heads = json.loads(self.heads.read_text())
        heads["passport"]["weights_sha256"] = "0" * 64
        self.heads.write_text(json.dumps(heads))
        self.refused(3, *self.repeat(self.heads), says="weights")


if __name__ == "__main__":
    main()
