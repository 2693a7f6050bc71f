#!/usr/bin/env python3
# timeout: 300
"""suite-data, evaluate --suite and positions from outside: files, masses and log-probabilities against `attention`."""

import csv
import json
import math
import re
import unittest

import cli_support
from cli_support import CliTest, read_safetensors, write_model

cli_support.COMMANDS += ("positions",)


def lines_of(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


class Suites(CliTest):
    def attention(self, ids, rows):
        """Weights [L][H][R][T] and logits [R][V] of the embedded model."""
        out = self.folder / "attention.safetensors"
        self.ok("attention", "--ids", ",".join(map(str, ids)), f"--rows={rows[0]}:{rows[1]}", "--out", out)
        return read_safetensors(out)

    def prompt_ids(self, text):
        path = self.folder / "prompt.txt"
        path.write_text(text, encoding="utf-8")
        return self.ok("tokenize", "--text-file", path).json, path

    def mass(self, prompt, response_ids, spans):
        """Mean over heads and rows P..P+n-1 of the weights on tokens that overlap the spans."""
        ids, offsets = prompt["ids"], prompt["offsets"]
        wanted = [t for t, (a, b) in enumerate(offsets) if a < b and any(a < end and begin < b for begin, end in spans)]
        rows = (len(ids), len(ids) + len(response_ids))
        (layers, heads, n, tokens), weights = self.attention(ids + response_ids, rows)["attention"]
        total = sum(weights[(i * tokens) + t] for i in range(layers * heads * n) for t in wanted)
        return total / (layers * heads * n)

    def test_data(self):
        out = self.folder / "data.jsonl"
        said = self.ok("suite-data", "--suite", "demo", "--length", "256,512", "--samples", 2, "--out", out).json
        first = out.read_bytes()
        self.ok("suite-data", "--suite", "demo", "--length", "256,512", "--samples", 2, "--out", out)
        self.assertEqual(first, out.read_bytes())
        self.ok("suite-data", "--suite", "demo", "--length", "256,512", "--samples", 2, "--seed", 1, "--out", out)
        self.assertNotEqual(first, out.read_bytes())
        self.assertEqual([m["task"] for m in said["made"]], ["demo_qa", "demo_qa"])
        for line in lines_of(out):
            self.assertEqual(len(self.prompt_ids(line["prompt"])[0]["ids"]), line["tokens"])
            self.assertLessEqual(line["tokens"] + line["max_new_tokens"], line["length"])
            gold = "".join(line["prompt"][a:b] for a, b in line["gold"])
            self.assertIn(line["answers"][0], gold)
        self.refused(3, "suite-data", "--suite", "rag", "--length", 1024, "--out", out, says="suite of its own, 'demo'")
        self.refused(2, "suite-data", "--suite", "frob", "--length", 1024, "--out", out, says="rerank")
        self.refused(2, "suite-data", "--suite", "demo", "--length", 9000, "--out", out, says="fills at most")

    def test_evaluate(self):
        out, data = self.folder / "run" / "suite.jsonl", self.folder / "data.jsonl"
        arguments = ("evaluate", "--suite", "all", "--length", "256,4096", "--samples", 3, "--alpha", 0.3, "--rows", "input",
                     "--out", out)
        said = self.ok(*arguments).json
        self.assertIn("length 4096 left out", said["notes"][0])
        self.assertEqual([r["method"] for r in said["rows"]], ["none", "focus alpha 0.3"])
        lines = lines_of(out)
        self.assertEqual(len(lines), 6)
        for row in said["rows"]:
            own = [x for x in lines if x["method"] == row["method"]]
            self.assertEqual((row["n"], row["length"], row["model"]), (3, 256, "demo"))
            self.assertAlmostEqual(row["value"], sum(x["value"] for x in own) / 3)
            self.assertAlmostEqual(row["relevant_mass"], sum(x["relevant_mass"] for x in own) / 3)
        self.assertGreater(said["rows"][1]["relevant_mass"], said["rows"][0]["relevant_mass"])
        self.assertIn("difference", said["rows"][1])
        self.assertEqual(json.loads((out.parent / "suite.json").read_text())["rows"], said["rows"])
        with open(out.parent / "suite.csv", newline="", encoding="utf-8") as file:
            self.assertEqual([float(r["value"]) for r in csv.DictReader(file)], [r["value"] for r in said["rows"]])
        self.check_goes_on(arguments, out, lines)
        # Masses over all heads against the weights themselves.
        self.ok("suite-data", "--suite", "demo", "--length", 256, "--samples", 1, "--out", data)
        self.ok("evaluate", "--suite", "demo", "--length", 256, "--samples", 1, "--out", self.folder / "one.jsonl")
        line, sample = lines_of(self.folder / "one.jsonl")[0], lines_of(data)[0]
        prompt, path = self.prompt_ids(sample["prompt"])
        response = self.ok("generate", "--prompt-file", path, "--max-new-tokens", 20).json
        self.assertEqual(line["response"], response["text"])
        self.assertAlmostEqual(line["relevant_mass"], self.mass(prompt, response["ids"], sample["gold"]), places=5)
        self.assertAlmostEqual(line["irrelevant_mass"], self.mass(prompt, response["ids"], sample["others"]), places=5)

    def check_goes_on(self, arguments, out, lines):
        """An interrupted run keeps what it has; a run with other options begins anew."""
        summary = out.parent / (out.name + ".summary.json")
        before = json.loads(summary.read_text())
        before["complete"] = False
        summary.write_text(json.dumps(before))
        marked = [dict(x, response="kept") for x in lines[:2]]
        out.write_text("".join(json.dumps(x) + "\n" for x in marked))
        again = self.ok(*arguments)
        self.assertIn("going on after 2 answers", again.err)
        self.assertEqual(lines_of(out), marked + lines[2:])

    def test_refusals(self):
        out = self.folder / "x.jsonl"
        self.refused(2, "evaluate", "--suite", "demo", "--out", out, says="--length")
        self.refused(2, "evaluate", "--length", 256, "--out", out, says="--suite")
        self.refused(3, "evaluate", "--suite", "demo", "--length", 4096, "--out", out, says="context ends at 1024")
        self.refused(2, "evaluate", "--suite", "demo", "--length", 256, "--tasks", "rag_qa", "--out", out, says="rag_qa")
        self.refused(2, "evaluate", "--suite", "helmet", "--length", 256, "--out", out, says="kilt_nq")

    def test_random_model_and_helmet_export(self):
        model = write_model(self.folder / "model")
        out = self.folder / "suite.jsonl"
        said = self.ok("evaluate", "--model", model, "--suite", "all", "--length", 2048, "--samples", 1, "--max-new-tokens", 4,
                       "--tasks", "json_kv,niah_multivalue,icl_coarse", "--out", out).json
        self.assertEqual([r["task"] for r in said["rows"]], ["json_kv", "niah_multivalue", "icl_coarse", "average"])
        self.assertEqual([r["metric"] for r in said["rows"]],
                         ["substring_exact_match", "ruler_recall", "exact_match", "mean of tasks"])
        data = self.folder / "book.jsonl"
        data.write_text(json.dumps({"id": 7, "context": "long " * 400, "input": "", "answer": ["a summary"]}) + "\n")
        said = self.ok("evaluate", "--model", model, "--suite", "helmet", "--tasks", "infbench_sum_eng_6792", "--data", data,
                       "--length", 2000, "--samples", 1, "--max-new-tokens", 4, "--out", out).json
        self.assertEqual((said["rows"][0]["metric"], said["rows"][0]["value"]), ("needs a judge", None))
        (exported,) = (self.folder / "helmet").iterdir()
        entry = json.loads(exported.read_text())["data"][0]
        self.assertTrue(entry["output"].startswith("Summary:"))
        self.assertEqual((entry["id"], entry["answer"]), (7, ["a summary"]))
        self.assertNotIn("context", entry)

    def check_positions_go_on(self, arguments, out, whole):
        """Rows of an unfinished file are taken as they are, the others are run."""
        cut = dict(whole, complete=False, rows=[dict(whole["rows"][1], response="as before")])
        (out / "positions.json").write_text(json.dumps(cut))
        rows = self.ok(*arguments).json["rows"]
        self.assertEqual(rows[1]["response"], "as before")
        self.assertEqual([r for r in rows if r["position"] != 1], [r for r in whole["rows"] if r["position"] != 1])
        (out / "positions.json").write_text(json.dumps(cut))
        other = self.ok(*arguments[:-2], "--seed", 7, "--out", out).json["rows"]
        self.assertEqual(other, whole["rows"])

    def test_positions(self):
        data, out = self.folder / "data.jsonl", self.folder / "out"
        self.ok("suite-data", "--suite", "demo", "--length", 200, "--samples", 1, "--out", data)
        sample = lines_of(data)[0]
        prompt, path = self.prompt_ids(sample["prompt"])
        documents = [int(n) for n in re.findall(r"^Document \[(\d+)\]", sample["prompt"], re.M)]
        gold = documents[sum(m.start() < sample["gold"][0][0] for m in re.finditer(r"^Document ", sample["prompt"], re.M)) - 1]
        answer = sample["answers"][0]
        arguments = ("positions", "--prompt-file", path, "--document", gold, "--answers", answer, "--reference", " " + answer,
                     "--max-new-tokens", 20, "--top-k", 32, "--out", out)
        said = self.ok(*arguments).json
        rows = said["rows"]
        self.assertEqual([r["position"] for r in rows], list(range(len(documents))))
        (here,) = [r for r in rows if r["original"]]
        self.assertEqual(here["document"], gold)
        response = self.ok("generate", "--prompt-file", path, "--max-new-tokens", 20).json
        self.assertEqual(here["response"], response["text"])
        self.assertEqual(here["match"], int(answer.lower() in response["text"].lower()))
        self.assertAlmostEqual(here["relevant_mass"], self.mass(prompt, response["ids"], sample["gold"]), places=5)
        reference = self.ok("tokenize", "--no-special", "--text", " " + answer).json["ids"]
        end = len(prompt["ids"])
        (n, vocabulary), logits = self.attention(prompt["ids"] + reference, (end - 1, end - 1 + len(reference)))["logits"]
        expected = 0
        for i, token in enumerate(reference):
            row = logits[i * vocabulary:(i + 1) * vocabulary]
            top = max(row)
            expected += row[token] - top - math.log(sum(math.exp(x - top) for x in row))
        self.assertAlmostEqual(here["log_probability"], expected, places=4)
        for name in ("positions.json", "positions.csv", "positions.svg", "positions.png", "positions.pdf"):
            self.assertGreater((out / name).stat().st_size, 100, name)
        self.check_positions_go_on(arguments, out, said)
        every = self.ok("positions", "--prompt-file", path, "--positions", "0,1", "--max-new-tokens", 2, "--out", out).json
        self.assertEqual(len(every["rows"]), 2 * len(documents))
        self.refused(3, "positions", "--prompt-file", path, "--document", 99, "--out", out, says="no document 99")
        self.refused(2, "positions", "--prompt-file", path, "--positions", 99, "--out", out, says="positions count from 0")
        path.write_text("no documents")
        self.refused(3, "positions", "--prompt-file", path, "--out", out, says="--split")


if __name__ == "__main__":
    cli_support.main()
