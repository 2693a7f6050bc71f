#!/usr/bin/env python3
# timeout: 300
"""--split, several --gold and tune: prompts of other formats give what the same documents give by hand."""

import json

import cli_support
from cli_support import CliTest, main

cli_support.COMMANDS += ("positions", "tune")


class Split(CliTest):
    def sample(self):
        data = self.folder / "demo.jsonl"
        self.ok("demo-data", "--documents", 5, "--samples", 1, "--split", "test", "--seed", 4, "--out", data)
        return json.loads(data.read_text().splitlines()[0])

    def prompt(self, sample, name="prompt.txt", documents=None, mark="[{}] (Title: {}) {}"):
        """The documents as numbered citations instead of 'Document [1](Title: '."""
        documents = list(enumerate(sample["ctxs"], 1)) if documents is None else documents
        path = self.folder / name
        text = "\n".join(mark.format(i, c["title"], c["text"]) for i, c in documents)
        path.write_text(f"Use these search results.\n\n{text}\n\nQuestion: {sample['question']}\nAnswer:")
        return path

    def test_formats_patterns_and_files(self):
        sample = self.sample()
        path, answer = self.prompt(sample), " " + sample["answers"][0]
        found = self.ok("causal", "--prompt-file", path, "--answer", answer, "--no-heads").json
        self.assertEqual([d["number"] for d in found["documents"]], [1, 2, 3, 4, 5])
        named = self.ok("causal", "--prompt-file", path, "--answer", answer, "--no-heads", "--split", r"^\[\d\] ").json
        self.assertEqual([d["drop"] for d in named["documents"]], [d["drop"] for d in found["documents"]])
        text = path.read_text()
        first, second = (text.index(f"[{n}] (Title") for n in (1, 2))
        end = text.index("\n", second)
        by_hand = self.folder / "hand.json"
        by_hand.write_text(json.dumps({"method": "hand", "documents": [
            {"line": [first, second - 1], "text": [first + 4, second - 1], "number": 1},
            {"line": [second, end], "text": [second + 4, end], "number": 2}]}))
        hand = self.ok("causal", "--prompt-file", path, "--answer", answer, "--no-heads", "--split", f"@{by_hand}").json
        self.assertEqual([d["drop"] for d in hand["documents"]], [d["drop"] for d in found["documents"]][:2])
        self.assertEqual(hand["passport"]["options"]["split"]["method"], "hand")
        both = self.ok("causal", "--prompt-file", path, "--answer", answer, "--no-heads", "--gold", "2,4").json
        self.assertEqual([d["gold"] for d in both["documents"]], [False, True, False, True, False])
        for code, split, says in ((3, "(", "not valid"), (3, "none", "no documents"), (3, "@missing.json", "missing.json"),
                                  (3, "langchain", "no documents")):
            self.refused(code, "causal", "--prompt-file", path, "--split", split, says=says)
        self.refused(3, "causal", "--prompt-file", path, "--gold", 9, says="--gold 9")

    def test_removal_is_the_prompt_without_it(self):
        sample = self.sample()
        path, answer = self.prompt(sample), " " + sample["answers"][0]
        removed = self.ok("causal", "--prompt-file", path, "--answer", answer, "--no-heads", "--mask", "remove").json
        base = removed["answer"]["log_probability"]
        for i in (0, 2, 4):
            rest = [(n, c) for n, c in enumerate(sample["ctxs"], 1) if n != i + 1]
            without = self.prompt(sample, "without.txt", rest)
            split = ("--split", r"^\[\d\] ")
            there = self.ok("causal", "--prompt-file", without, "--answer", answer, "--no-heads", *split).json["answer"]
            self.assertAlmostEqual(removed["documents"][i]["drop"], base - there["log_probability"], places=4)

    def test_tune(self):
        sample = self.sample()
        path, answer = self.prompt(sample), " " + sample["answers"][0]
        gold = 1 + [c["isgold"] for c in sample["ctxs"]].index(True)
        out = self.folder / "out"
        rows = self.ok("positions", "--prompt-file", path, "--document", gold, "--positions", gold - 1, "--reference", answer,
                       "--max-new-tokens", 4, "--out", out).json["rows"]
        found = self.ok("tune", "--prompt-file", path, "--answer", answer, "--gold", gold, "--alpha", "0.5,1", "--tau", "0.1",
                        "--top-ks", "1,5").json
        self.assertEqual([(r["alpha"], r["tau"], r["top_k"]) for r in found["rows"]],
                         [(0, 1, 0), (0.5, 1, 1), (1, 1, 1), (0, 0.1, 1), (0.5, 1, 5), (1, 1, 5), (0, 0.1, 5)])
        self.assertAlmostEqual(found["rows"][0]["log_probability"], rows[0]["log_probability"], places=4)
        self.assertEqual(found["best"]["log_probability"], max(r["log_probability"] for r in found["rows"]))
        intervene = self.folder / "split.json"
        heads = found["passport"]["options"]["heads"]
        intervene.write_text(json.dumps({"method": "split-softmax", "tau": 0.1, "heads": heads, "span": "gold"}))
        edited = self.ok("causal", "--prompt-file", path, "--gold", gold, "--answer", answer, "--no-heads",
                         "--intervene", intervene).json["answer"]["log_probability"]
        self.assertAlmostEqual(found["rows"][6]["log_probability"], edited, places=4)
        alone = self.ok("tune", "--prompt-file", path, "--alpha", "0.5", "--top-ks", "5").json
        self.assertTrue(alone["measured"].startswith("share of the relevant document"))
        self.assertTrue(alone["likely"])
        shares = [r["relevant_share"] for r in alone["rows"]]
        self.assertEqual(alone["best"]["relevant_share"], max(shares))
        self.refused(2, "tune", "--prompt-file", path, "--tau", "0.1", says="marked as relevant")
        self.refused(2, "tune", "--prompt-file", path, "--data", self.folder / "demo.jsonl")


if __name__ == "__main__":
    main()
