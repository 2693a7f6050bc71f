"""causal and auto-alpha: against Hugging Face, on prompts without a gold mark, and what they refuse."""
# timeout: 300

import json

from cli_support import SOURCE, CliTest, main

GOLDEN = SOURCE / "tests" / "goldens" / "score"
CAUSAL = json.loads((SOURCE / "tests" / "goldens" / "causal.json").read_text())


class Causal(CliTest):
    def heads(self):
        path = self.folder / "heads.json"
        path.write_text(json.dumps([[layer, head] for layer in range(2) for head in range(4)]))
        return path

    def check(self, mask):
        out = self.folder / f"{mask}.json"
        summary = self.ok("causal", "--model", GOLDEN, "--data", GOLDEN / "data.jsonl", "--heads", self.heads(), "--top-k", 8,
                          "--mask", mask, "--max-new-tokens", 12, "--out", out).json
        result = json.loads(out.read_text())
        self.assertEqual({**summary}, {key: result[key] for key in summary})
        self.assertEqual(result["n"], 4)
        self.assertTrue(result["complete"])
        self.assertEqual(result["passport"]["options"]["mask"], mask)
        for golden, sample in zip(CAUSAL, result["samples"]):
            base = golden["log_probability"]
            self.assertAlmostEqual(sample["answer"]["log_probability"], base, delta=2e-4)
            for document, without in zip(sample["documents"], golden[mask]):
                self.assertAlmostEqual(document["drop"], base - without, delta=4e-4)
            for head in sample["heads"]:
                layer, number = head["head"]
                self.assertAlmostEqual(head["drop"], base - golden["ablate"][layer][number], delta=4e-4)
        return result

    def test_hide(self):
        result = self.check("hide")
        self.assertEqual(result["guess"]["n"], 4)
        self.assertLessEqual(result["document_correlation"]["spearman_low"], result["document_correlation"]["spearman_high"])

    def test_remove(self):
        self.check("remove")

    def test_goes_on_where_it_was_stopped(self):
        whole = self.check("hide")
        out = self.folder / "hide.json"
        cut = dict(whole, complete=False, samples=[dict(whole["samples"][0], response="as before"), whole["samples"][2]])
        out.write_text(json.dumps(cut))
        again = self.check("hide")
        self.assertEqual(again["samples"][0]["response"], "as before")
        self.assertEqual(again["samples"][1:], whole["samples"][1:])
        self.assertEqual(again["document_correlation"], whole["document_correlation"])
        # What another setting made is not taken.
        cut["passport"] = dict(whole["passport"], seed=7)
        out.write_text(json.dumps(cut))
        self.assertEqual(self.check("hide"), whole)

    def prompt(self, gold=None):
        data = self.folder / "demo.jsonl"
        self.ok("demo-data", "--documents", 6, "--samples", 1, "--split", "test", "--seed", 4, "--out", data)
        sample = json.loads(data.read_text().splitlines()[0])
        documents = "\n".join(f"Document [{i}](Title: {c['title']}) {c['text']}" for i, c in enumerate(sample["ctxs"], 1))
        path = self.folder / "prompt.txt"
        path.write_text("Write a high-quality answer for the given question using only the provided search results "
                        f"(some of which might be irrelevant).\n\n{documents}\n\nQuestion: {sample['question']}\nAnswer:")
        return path, 1 + [c["isgold"] for c in sample["ctxs"]].index(True)

    def test_prompt_without_a_mark(self):
        path, gold = self.prompt()
        result = self.ok("causal", "--prompt-file", path).json
        self.assertEqual(len(result["documents"]), 6)
        self.assertEqual(len(result["heads"]), 5)
        self.assertFalse(any(document["gold"] for document in result["documents"]))
        self.assertIsNone(result["auc"])
        self.assertEqual(result["head_mass_of"], result["likely"]["number"])
        marked = self.ok("causal", "--prompt-file", path, "--gold", gold).json
        self.assertEqual(marked["head_mass_of"], gold)
        for a, b in zip(result["documents"], marked["documents"]):
            self.assertAlmostEqual(a["drop"], b["drop"], places=6)
        given = self.ok("causal", "--prompt-file", path, "--answer", " something", "--no-heads").json
        self.assertEqual(given["heads"], [])
        self.assertEqual(given["response"].strip(), "something")

    def test_auto_alpha(self):
        path, gold = self.prompt()
        unmarked = self.ok("auto-alpha", "--prompt-file", path).json
        self.assertEqual(unmarked["verdict"], "nothing-to-drain")  # the embedded model's heads hardly rest on the sink
        self.assertEqual(unmarked["alpha"], 0)
        self.assertIsNone(unmarked["before"]["relevant"])
        self.assertEqual(len(unmarked["scan"]), 21)
        forced = self.ok("auto-alpha", "--prompt-file", path, "--least-sink", 0, "--alpha", "0,0.5,1").json
        self.assertIn(forced["verdict"], ("in-band", "out-of-reach", "below-band"))
        marked = self.ok("auto-alpha", "--prompt-file", path, "--gold", gold, "--target", "focus").json
        self.assertEqual(marked["verdict"], "largest")
        self.assertGreaterEqual(marked["preview"]["focus"], marked["before"]["focus"])
        for share in ("sink", "relevant", "context"):
            self.assertAlmostEqual(marked["preview_error"][share], marked["preview"][share] - marked["exact"][share], places=9)
        # The point alpha = 0 of the scan is the unedited run itself.
        same = self.ok("auto-alpha", "--prompt-file", path, "--target", "sink").json
        for share in ("sink", "context"):
            self.assertAlmostEqual(same["scan"][0][share], same["exact"][share], places=5)

    def test_samples_that_cannot_be_used(self):
        data = self.folder / "d.jsonl"
        self.ok("demo-data", "--documents", 3, "--samples", 3, "--split", "test", "--seed", 5, "--out", data)
        lines = [json.loads(line) for line in data.read_text().splitlines()]
        lines[0]["ctxs"] = []
        lines[1]["ctxs"][0]["text"] = "long " * 2000
        for document in lines[2]["ctxs"]:
            document["isgold"] = False
        data.write_text("".join(json.dumps(line) + "\n" for line in lines))
        skipped = {"no documents": 1, "prompt longer than the context": 1}
        self.assertEqual(self.ok("causal", "--data", data, "--no-heads").json["skipped"], skipped)
        result = self.ok("auto-alpha", "--data", data).json
        self.assertEqual(result["skipped"], skipped)
        self.assertEqual(result["n"], 1)
        split = self.folder / "split.json"
        split.write_text('{"method":"split-softmax","tau":0.1}')
        for command in (("evaluate", "--out", self.folder / "e.jsonl"), ("causal", "--no-heads")):
            notes = self.ok(*command, "--data", data, "--intervene", split).json["notes"]
            self.assertTrue(any("2 of 3 samples have no gold document" in note for note in notes), notes)

    def test_refusals(self):
        path, _ = self.prompt()
        plain = self.folder / "plain.txt"
        plain.write_text("No documents here.")
        focus = self.folder / "focus.json"
        focus.write_text('{"method":"focus","alpha":0.3}')
        data = GOLDEN / "data.jsonl"
        for code, arguments in ((2, ("causal",)), (2, ("causal", "--prompt-file", path, "--data", data)),
                                (2, ("causal", "--prompt-file", path, "--reference")),
                                (2, ("causal", "--data", data, "--answer", "x")),
                                (2, ("causal", "--prompt-file", path, "--mask", "remove", "--intervene", focus)),
                                (2, ("causal", "--model", GOLDEN, "--data", data)),  # no head set
                                (3, ("causal", "--prompt-file", plain)),
                                (3, ("causal", "--prompt-file", self.folder / "missing.txt")),
                                (2, ("auto-alpha", "--prompt-file", path, "--band", "2,1")),
                                (2, ("auto-alpha", "--prompt-file", path, "--intervene", focus)),
                                (2, ("auto-alpha", "--model", GOLDEN, "--data", data, "--heads", self.heads()))):
            self.refused(code, *arguments)


if __name__ == "__main__":
    main()
