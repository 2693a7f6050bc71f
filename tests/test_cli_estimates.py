"""What runs will take, before they run: info --tokens, the line on stderr; and sums instead of every weight."""
# timeout: 300

import json

from cli_support import CliTest, interrupted, main, metadata, read_safetensors, write_data, write_model

PROMPT = "\n".join(["Read.", "", "Document [1](Title: A) The cat sat.", "Document [2](Title: B) The dog ran far away.",
                    "", "Question: who sat?", "Answer:"])


class Estimates(CliTest):
    def test_table_of_policies(self):
        estimates = self.ok("info", "--tokens", 800, "--max-new-tokens", 50).json["estimates"]
        self.assertEqual((estimates["prompt_tokens"], estimates["new_tokens"]), (800, 50))
        policies = {entry["policy"]: entry for entry in estimates["policies"]}
        self.assertEqual(list(policies), ["nothing", "spans", "rows", "full_map"])
        self.assertLessEqual(policies["nothing"]["bytes"], policies["spans"]["bytes"])
        # All weights of 51 rows in 4 layers of 8 heads over 850 keys lie between the two.
        weights = policies["rows"]["bytes"] - policies["spans"]["bytes"]
        self.assertAlmostEqual(weights, 4 * 4 * 8 * 51 * 850, delta=0.05 * weights)
        for entry in policies.values():
            self.assertGreater(entry["seconds"], 0)
            self.assertTrue(entry["fits"])
            self.assertTrue(entry["text"])
        self.assertEqual(estimates["advice"], "")

    def test_longer_is_more(self):
        short, long = (self.ok("info", "--tokens", n).json["estimates"]["policies"] for n in (100, 900))
        for few, many in zip(short, long):
            self.assertLess(few["bytes"], many["bytes"])

    def test_what_does_not_fit_is_said(self):
        policies = self.ok("info", "--tokens", 900, "--memory-limit", 0.0001).json["estimates"]["policies"]
        self.assertEqual([entry["fits"] for entry in policies], [False] * 4)

    def test_bad_lengths(self):
        self.refused(3, "info", "--tokens", 100000, says="1024")
        self.refused(2, "info", "--tokens", 0)
        self.assertNotIn("estimates", self.ok("info").json)

    def test_a_long_run_is_announced(self):
        data = write_data(self.folder / "d.jsonl", samples=20000, documents=4)
        result = interrupted("score", "--model", write_model(self.folder / "m"), "--data", data, "--threads", 1,
                             "--part", "all", "--out", self.folder / "h.json", after=8)
        self.assertEqual(result.code, 130, result.err)
        line = [line for line in result.err.splitlines() if line.startswith("estimate: ")]
        self.assertEqual(len(line), 1, result.err)
        self.assertRegex(line[0], r"^estimate: 20,000 samples of about \d+ tokens, [0-9.]+ [MG]iB, about \d+ "
                                  r"(s|min|h) \(span sums\)$")

    def test_a_short_run_is_not(self):
        result = self.ok("generate", "--prompt", "a", "--max-new-tokens", 1)
        self.assertNotIn("estimate", result.err)


class Spans(CliTest):
    def test_span_sums_are_sums_of_the_weights(self):
        model = write_model(self.folder / "m")
        prompt = self.folder / "prompt.txt"
        prompt.write_text(PROMPT)
        files = {}
        for capture in ("rows", "spans"):
            files[capture] = self.folder / f"{capture}.safetensors"
            self.ok("attention", "--model", model, "--prompt-file", prompt, "--rows=-3:", "--capture", capture,
                    "--out", files[capture])
        (layers, heads, rows, keys), weights = read_safetensors(files["rows"])["attention"]
        shape, sums = read_safetensors(files["spans"])["span_sums"]
        self.assertEqual(shape, [layers, heads, rows, 3])
        self.assertEqual(metadata(files["spans"])["sets"], "document 1,document 2,sink")
        self.assertNotIn("attention", read_safetensors(files["spans"]))
        # One byte is one token after <s>, so that a span of bytes is one of tokens.
        begin = [PROMPT.encode().index(b"(Title: " + title) + 1 for title in (b"A", b"B")]
        end = [PROMPT.encode().index(text) + len(text) + 1 for text in (b"sat.", b"away.")]
        ranges = [*zip(begin, end), (0, 2)]
        for place in range(layers * heads * rows):
            row = weights[place * keys:(place + 1) * keys]
            for number, (first, last) in enumerate(ranges):
                self.assertAlmostEqual(sums[place * 3 + number], sum(row[first:last]), delta=1e-5)
        self.assertEqual(json.dumps(read_safetensors(files["rows"])["logits"][0]),
                         json.dumps(read_safetensors(files["spans"])["logits"][0]))


if __name__ == "__main__":
    main()
