#!/usr/bin/env python3
"""report: one page about a prompt, made of nothing but itself, and what is refused."""

import json
import re

import cli_support
from cli_support import CliTest, main

cli_support.COMMANDS += ("report", "tune")


class Report(CliTest):
    def sample(self):
        data = self.folder / "demo.jsonl"
        self.ok("demo-data", "--documents", 5, "--samples", 1, "--split", "test", "--seed", 4, "--out", data)
        return data, json.loads(data.read_text().splitlines()[0])

    def prompt(self, sample):
        path = self.folder / "prompt.txt"
        text = "\n".join(f"[{i}] (Title: {c['title']}) {c['text']}" for i, c in enumerate(sample["ctxs"], 1))
        path.write_text(f"Use these search results.\n\n{text}\n\nQuestion: {sample['question']}\nAnswer:")
        return path

    def test_page(self):
        _, sample = self.sample()
        path, page = self.prompt(sample), self.folder / "report.html"
        gold = 1 + [c["isgold"] for c in sample["ctxs"]].index(True)
        edit = self.folder / "edit.json"
        edit.write_text(json.dumps({"method": "split-softmax", "tau": 0.1, "top_k": 5}))
        tune = self.folder / "tune.json"
        self.ok("tune", "--prompt-file", path, "--gold", gold, "--tau", 0.5, "--top-ks", 1, "--out", tune)
        how = ("--prompt-file", path, "--gold", gold, "--answers", sample["answers"][0], "--answers", "nobody",
               "--intervene", edit, "--tune", tune)
        said = self.ok("report", *how, "--out", page).json
        self.assertEqual(said["documents"], 5)
        self.assertEqual([answer["name"] for answer in said["answers"]], ["Baseline", "Intervened"])
        html = page.read_text()
        for wanted in (sample["question"], *(c["title"] for c in sample["ctxs"]), said["answers"][0]["text"],
                       f"Expected: {sample['answers'][0]} | nobody", "split-softmax", "on 5 heads", "relevant",
                       "Strengths and numbers of heads", "<svg"):
            self.assertIn(wanted.replace("'", "&#39;") if wanted not in html else wanted, html)
        for unwanted in ("<script", "src=", 'href="http', str(self.folder)):
            self.assertNotIn(unwanted, html)
        again = self.folder / "again.html"
        self.ok("report", *how, "--out", again)
        self.assertEqual(again.read_bytes(), page.read_bytes())

    def test_what_is_right_is_said_only_where_it_is_known(self):
        data, sample = self.sample()
        path, page = self.prompt(sample), self.folder / "report.html"
        blank = self.ok("report", "--prompt-file", path, "--out", page).json
        self.assertEqual([answer["right"] for answer in blank["answers"]], [None])
        self.assertIn("No right answer was given", page.read_text())
        self.assertIn("likely (a guess)", page.read_text())
        text = blank["answers"][0]["text"].strip()
        self.assertTrue(text)
        right = self.ok("report", "--prompt-file", path, "--answers", text, "--out", page).json
        self.assertIs(right["answers"][0]["right"], True)
        wrong = self.ok("report", "--prompt-file", path, "--answers", "no such words", "--out", page).json
        self.assertIs(wrong["answers"][0]["right"], False)
        of_data = self.ok("report", "--data", data, "--sample", 0, "--choose", "0:1", "--out", page).json
        self.assertIsInstance(of_data["answers"][0]["right"], bool)
        self.assertTrue(re.search(r"L0 H1", page.read_text()))

    def test_refused(self):
        _, sample = self.sample()
        path, page = self.prompt(sample), self.folder / "report.html"
        self.refused(2, "report", "--ids", "1,2", "--out", page, says="as text")
        self.refused(2, "report", "--prompt-file", path, says="--out")
        self.refused(3, "report", "--prompt-file", path, "--gold", 9, "--out", page, says="--gold 9")
        other = self.folder / "list.json"
        other.write_text("[1]")
        self.refused(3, "report", "--prompt-file", path, "--tune", other, "--out", page, says=("list.json", "object"))
        self.assertFalse(page.exists())


if __name__ == "__main__":
    main()
