"""The numbers and answers that the shipped lessons state, asked of headscope-cli. assets/lessons/*.md"""
# timeout: 300

import json

from cli_support import DEMO, SOURCE, CliTest, main, read_safetensors

LESSONS = SOURCE / "assets" / "lessons"
TOP_FIVE = [(1, 1), (1, 0), (2, 1), (2, 0), (3, 1)]
OTHERS = [[0, 2], [0, 5], [1, 6], [2, 4], [3, 7]]


def split(tau, **heads):
    return {"method": "split-softmax", "tau": tau, **(heads or {"top_k": 5})}


def focus(alpha, key=False):
    return {"method": "focus", "alpha": alpha, "use_key": key, "top_k": 5}


class Lessons(CliTest):
    def sample(self, kind, documents, seed):
        path = self.folder / f"{kind}-{documents}-{seed}.jsonl"
        self.ok("demo-data", "--documents", documents, "--samples", 1, "--distractors", kind, "--split", "test",
                "--seed", seed, "--out", path)
        return path

    def with_intervention(self, arguments, intervention):
        if intervention is None:
            return arguments
        path = self.folder / "intervention.json"
        path.write_text(json.dumps(intervention))
        return [*arguments, "--intervene", path]

    def answer(self, data, intervention=None, prompt="all"):
        out = self.folder / "run.jsonl"
        out.unlink(missing_ok=True)  # another run would be gone on with
        self.ok(*self.with_intervention(["evaluate", "--data", data, "--part", "all", "--prompt", prompt, "--out", out],
                                        intervention))
        return json.loads(out.read_text().splitlines()[0])["response"].strip()

    def scores(self, data, intervention=None):
        out = self.folder / "heads.json"
        self.ok(*self.with_intervention(["score", "--data", data, "--part", "all", "--no-gold-only", "--out", out],
                                        intervention))
        return json.loads(out.read_text())

    def says(self, lesson, *texts):
        """The lesson still says what is checked here."""
        text = " ".join((LESSONS / lesson).read_text(encoding="utf-8").replace("**", "").split())
        for words in texts:
            self.assertIn(words, text, lesson)

    def prompt_with_answer(self, data, answer):
        """Token ids of the prompt and of prompt with answer."""
        sample = json.loads(data.read_text())
        documents = "\n".join(f"Document [{i}](Title: {c['title']}) {c['text']}" for i, c in enumerate(sample["ctxs"], 1))
        text = ("Write a high-quality answer for the given question using only the provided search results (some of which "
                f"might be irrelevant).\n\n{documents}\n\nQuestion: {sample['question']}\nAnswer:")
        return [self.ok("tokenize", "--text", t).json["ids"] for t in (text, f"{text} {answer}")]

    def weights(self, data, answer):
        """attention(layer, head, row, keys) over prompt and answer, and the ids of both."""
        prompt, whole = self.prompt_with_answer(data, answer)
        out = self.folder / "rows.safetensors"
        self.ok("attention", "--ids", ",".join(map(str, whole)), "--rows", "0:", "--out", out)
        (_, heads, rows, width), values = read_safetensors(out)["attention"]

        def attention(layer, head, row, keys):
            at = ((layer * heads + head) * rows + row) * width
            return sum(values[at + key] for key in keys)

        return attention, len(prompt), len(whole)

    def test_attention(self):
        data = self.sample("neutral", 4, 1)
        self.assertEqual(self.answer(data), "Rusha Fengard fears wolves.")
        self.assertAlmostEqual(self.scores(data)["relevant"][1][1], 0.32, delta=0.005)
        attention, prompt, whole = self.weights(data, "Rusha Fengard fears wolves.")
        # The gold document has 21 tokens: where they are is where the head looks.
        gold = max(range(prompt - 21), key=lambda begin: attention(1, 1, 146, range(begin, begin + 21)))
        rows = [attention(1, 1, row, range(gold, gold + 21)) for row in range(prompt, whole)]
        self.assertAlmostEqual(rows[2], 0.96, delta=0.005)
        local = [sum(attention(0, head, row, range(row - 4, row + 1)) for row in range(20, whole)) / (whole - 20)
                 for head in range(8)]
        self.assertAlmostEqual(local[1], 0.92, delta=0.005)
        self.assertTrue(min(local[:6]) > 0.9 > 0.2 > max(local[6:]), local)
        self.says("1-attention.md", "Head L1 H1 spends 0.32 of its budget", '"documents": 4, "seed": 1',
                  "0.92 of its weight lies on the last five tokens", "*fears* puts 0.96 on the gold document")

    def highest(self, scores):
        return max((value, layer, head) for layer, row in enumerate(scores) for head, value in enumerate(row))

    def test_sink(self):
        data = self.sample("neutral", 4, 1)
        attention, prompt, whole = self.weights(data, "Rusha Fengard fears wolves.")
        self.assertEqual((prompt, whole), (144, 149))
        sink = range(2)
        self.assertAlmostEqual(sum(attention(2, 7, row, sink) for row in range(2, prompt)) / (prompt - 2), 0.36, delta=0.005)
        self.assertAlmostEqual(sum(2 / (row + 1) for row in range(2, prompt)) / (prompt - 2), 0.06, delta=0.005)
        self.assertAlmostEqual(attention(1, 7, whole - 1, sink), 0.98, delta=0.005)
        scores = self.scores(data)["sink"]
        self.assertLess(scores[2][7], 0.01)
        self.assertEqual(self.highest(scores)[1:], (1, 7))
        long = self.scores(self.sample("similar", 20, 2))["sink"]
        self.assertEqual(self.highest(long)[1:], (2, 7))
        self.assertAlmostEqual(long[2][7], 0.045, delta=0.0006)
        self.says("2-sink.md", "puts 0.36 of its weight", "it would be 0.06", "full stop it is 0.98",
                  "the highest is L2 H7 with 0.045", "144 tokens")

    def test_contextual_heads(self):
        relevant = self.scores(self.sample("similar", 20, 2))["relevant"]
        ranked = sorted(((value, layer, head) for layer, row in enumerate(relevant) for head, value in enumerate(row)),
                        reverse=True)
        self.assertEqual({(layer, head) for value, layer, head in ranked if value > 0.1}, set(TOP_FIVE))
        self.assertLess(ranked[5][0], 0.08)
        self.assertAlmostEqual(relevant[2][1], 0.130, delta=0.0006)
        self.assertLess(self.scores(self.sample("similar", 20, 4))["relevant"][2][1], 0.03)
        shipped = json.loads((DEMO / "heads.json").read_text())
        self.assertEqual(shipped["samples"], 482)
        means = sorted((value for row in shipped["relevant"] for value in row), reverse=True)
        for mean, said in zip(means, (0.222, 0.212, 0.155, 0.145, 0.128, 0.115, 0.048)):
            self.assertAlmostEqual(mean, said, delta=0.0006)
            self.says("3-contextual-heads.md", f'"value": {said:.3f}')
        self.says("3-contextual-heads.md", "L2 H1 had 0.130 on the first one", "Over 482 prompts",
                  "a 95 % interval from 0.146 to 0.164")
        self.assertAlmostEqual(shipped["relevant_low"][2][1], 0.146, delta=0.0006)
        self.assertAlmostEqual(shipped["relevant_high"][2][1], 0.164, delta=0.0006)

    def test_distraction(self):
        self.assertEqual(self.answer(self.sample("neutral", 20, 4)), "Midor Fenberg plays organ.")
        data = self.sample("similar", 20, 4)
        self.assertEqual(self.answer(data), "Midor Fenberg studies algebra.")
        self.assertEqual(self.answer(data, prompt="gold"), "Midor Fenberg studies astronomy.")
        documents = json.loads(data.read_text())["ctxs"]
        named = {i: d["title"] for i, d in enumerate(documents, 1) if "studies algebra" in d["text"]}
        self.assertEqual(named, {5: "Midor Fengard", 8: "Ruvin Fenberg"})
        self.assertTrue(all("Midor" in d["title"] or "Fenberg" in d["title"] for d in documents))
        scores = self.scores(data)
        self.assertAlmostEqual(sum(scores["relevant"][l][h] for l, h in TOP_FIVE) / 5, 0.147, delta=0.0006)
        self.assertAlmostEqual(scores["relevant"][2][1], 0.021, delta=0.0006)
        self.assertAlmostEqual(scores["irrelevant_max"][2][1], 0.157, delta=0.0006)
        self.says("4-distraction.md", "the most: 0.147", "It puts 0.157 on Ruvin Fenberg and 0.021 on Midor Fenberg")

    def test_split_softmax(self):
        data, right, wrong = (self.sample("similar", 20, 13), "Milin Fengard paints rivers.",
                              "Milin Fengard paints something unknown.")
        self.assertEqual(self.answer(data), wrong)
        for tau in (0.8, 0.1):
            self.assertEqual(self.answer(data, split(tau)), right, tau)
        self.assertEqual(self.answer(data, split(0.1, heads=OTHERS)), wrong)
        self.assertEqual(self.answer(data, split(0.1, top_k=1)), wrong)
        for top_k in (2, 3, 10):
            self.assertEqual(self.answer(data, split(0.1, top_k=top_k)), right, top_k)
        self.assertAlmostEqual(self.scores(data)["relevant"][1][1], 0.24, delta=0.005)
        moved = self.scores(data, split(0.1, heads=OTHERS))["relevant"]
        self.assertGreater(min(moved[layer][head] for layer, head in OTHERS), 0.4)
        self.says("5-split-softmax.md", '"seed": 13', json.dumps(OTHERS))

    def test_focus_directions(self):
        data, right, wrong = (self.sample("similar", 20, 6), "Rusha Talberg plays organ.",
                              "Rusha Talberg plays something unknown.")
        self.assertEqual(self.answer(data), wrong)
        self.assertEqual(self.answer(data, focus(-1)), wrong)
        for alpha in (0.1, 0.3, 0.5, 1):
            self.assertEqual(self.answer(data, focus(alpha)), right, alpha)
        self.assertEqual(self.answer(data, focus(0.3, key=True)), right)
        plain, less, more, key = (self.scores(data, edit)["relevant"]
                                  for edit in (None, focus(-1), focus(0.3), focus(0.3, key=True)))
        self.assertLess(less[1][1], plain[1][1])
        self.assertGreater(more[1][1], plain[1][1])
        largest = max(abs(a - b) for row, other in zip(more, key) for a, b in zip(row, other))
        self.assertLess(largest, 1e-6)
        self.says("6-focus-directions.md", '"seed": 6', "less than a millionth", "from 0.1 to 1 the answer is right")


if __name__ == "__main__":
    main()
