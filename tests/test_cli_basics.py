"""version, info, tokenize, generate, attention, demo-data: keys, formats, exit codes."""

import json
import math
import re
import shlex

from cli_support import CliTest, interrupted, main, read_safetensors, shared, write_model

PROMPT = "The quick brown fox jumps over the lazy dog."


class Usage(CliTest):
    def test_no_command(self):
        self.refused(2)

    def test_unknown_command(self):
        self.refused(2, "frobnicate", says="frobnicate")

    def test_unknown_option(self):
        self.refused(2, "info", "--frobnicate")

    def test_missing_prompt(self):
        self.refused(2, "generate", "--model", write_model(self.folder / "m"))

    def test_two_prompts(self):
        self.refused(2, "generate", "--prompt", "a", "--ids", "1,2")

    def test_bad_device(self):
        self.refused(2, "info", "--device", "abacus")

    def test_help(self):
        result = self.ok("--help")
        for command in ("version", "selftest", "info", "tokenize", "generate", "attention", "score", "compare",
                        "train-directions", "train-demo", "demo-data", "evaluate"):
            self.assertIn(command, result.out)
        self.assertNotIn("Subcommands:", result.out, "a command has no purpose in app/cli/help.cpp")

    def test_every_command_has_an_example_of_its_own_options(self):
        commands = re.findall(r"^  ([a-z][a-z-]+)  ", self.ok("--help").out.split("Words:")[0], re.MULTILINE)
        self.assertGreater(len(commands), 25)
        for command in commands:
            text = self.ok(command, "--help").out
            options, example = text.split("Example:")
            example = shlex.split(example.splitlines()[1])
            self.assertEqual(example[:2], ["headscope-cli", command])
            for option in (word.split("=")[0] for word in example if word.startswith("--")):
                self.assertRegex(options, rf"(?m)^  (-., )?{option}\b", command)


class Version(CliTest):
    def test_keys(self):
        result = self.ok("version").json
        self.assertEqual(result["name"], "headscope")
        self.assertRegex(result["version"], r"^\d+\.\d+\.\d+")
        self.assertRegex(result["libtorch"], r"^\d+\.\d+")
        self.assertIsInstance(result["cuda"], bool)


class Info(CliTest):
    def test_keys_and_values(self):
        result = self.ok("info", "--model", write_model(self.folder / "m")).json
        expected = {"model_type": "llama", "layers": 2, "heads": 4, "kv_heads": 2, "head_dim": 8, "hidden_size": 32,
                    "vocab_size": 258, "context_length": 2048, "dtype": "float32", "supported": True, "notes": []}
        for key, value in expected.items():
            self.assertEqual(result[key], value, key)
        layer = 2 * 32 + 2 * 32 * 32 + 2 * 16 * 32 + 3 * 48 * 32
        self.assertEqual(result["parameters"], 2 * 258 * 32 + 32 + 2 * layer)

    def test_tied_weights_count_once(self):
        result = self.ok("info", "--model", write_model(self.folder / "m", tie_word_embeddings=True)).json
        layer = 2 * 32 + 2 * 32 * 32 + 2 * 16 * 32 + 3 * 48 * 32
        self.assertEqual(result["parameters"], 258 * 32 + 32 + 2 * layer)

    def test_out_is_a_file(self):
        out = self.folder / "info.json"
        result = self.ok("info", "--model", write_model(self.folder / "m"), "--out", out)
        self.assertEqual(result.out, "")
        self.assertEqual(json.loads(out.read_text())["model_type"], "llama")

    def test_unsupported_type_says_so_twice(self):
        result = self.refused(3, "info", "--model", write_model(self.folder / "m", model_type="mamba"), says="mamba")
        self.assertFalse(result.json["supported"])
        self.assertEqual(result.json["model_type"], "mamba")


class Tokenize(CliTest):
    def setUp(self):
        super().setUp()
        self.model = write_model(self.folder / "m")

    def test_offsets_are_bytes(self):
        text = "Zürich → x"
        result = self.ok("tokenize", "--model", self.model, "--text", text).json
        data = text.encode()
        self.assertEqual(result["ids"][0], 0)
        self.assertEqual(len(result["ids"]), len(data) + 1)
        self.assertEqual(len(result["offsets"]), len(result["ids"]))
        self.assertLessEqual(max(end for _, end in result["offsets"]), len(data))
        self.assertEqual(result["decoded"], "<s>" + text)

    def test_no_special(self):
        result = self.ok("tokenize", "--model", self.model, "--text", "ab", "--no-special").json
        self.assertEqual(result["offsets"], [[0, 1], [1, 2]])
        self.assertEqual(result["decoded"], "ab")

    def test_file_as_it_is(self):
        file = self.folder / "text"
        file.write_bytes(b"a\n")
        result = self.ok("tokenize", "--model", self.model, "--text-file", file, "--no-special").json
        self.assertEqual(result["decoded"], "a\n")

    def test_needs_only_the_tokenizer(self):
        (self.model / "model.safetensors").unlink()
        (self.model / "config.json").unlink()
        self.ok("tokenize", "--model", self.model, "--text", "a")

    def test_shared_goldens(self):
        ran = False
        for name in ("llama3", "mistral", "qwen2", "neox"):
            folder = shared(f"tokenizers/{name}")
            if folder is None or not (folder / "golden.json").exists():
                continue
            ran = True
            for golden in json.loads((folder / "golden.json").read_text())[:5]:
                result = self.ok("tokenize", "--model", folder, f"--text={golden['text']}").json
                self.assertEqual(result["ids"], golden["ids"], name)
                # The goldens count characters, as the reference does; we count bytes.
                place = [len(golden["text"][:i].encode()) for i in range(len(golden["text"]) + 1)]
                self.assertEqual(result["offsets"], [[place[a], place[b]] for a, b in golden["offsets"]], name)
                self.assertEqual(result["decoded"], golden["decoded"], name)
        if not ran:
            self.skipTest("no ../shared/tokenizers")


class Generate(CliTest):
    def setUp(self):
        super().setUp()
        self.model = write_model(self.folder / "m")

    def generate(self, *more):
        return self.ok("generate", "--model", self.model, "--max-new-tokens", 6, *more).json

    def test_keys(self):
        result = self.generate("--prompt", PROMPT)
        self.assertEqual(set(result), {"prompt_ids", "ids", "text", "stop"})
        self.assertEqual(len(result["prompt_ids"]), len(PROMPT) + 1)
        self.assertLessEqual(len(result["ids"]), 6)
        self.assertIn(result["stop"], ("eos", "length"))
        if result["stop"] == "length":
            self.assertEqual(len(result["ids"]), 6)

    def test_the_three_ways_to_give_a_prompt_agree(self):
        file = self.folder / "prompt.txt"
        file.write_text(PROMPT)
        first = self.generate("--prompt", PROMPT)
        self.assertEqual(first, self.generate("--prompt-file", file))
        self.assertEqual(first, self.generate("--ids", ",".join(map(str, first["prompt_ids"]))))

    def test_greedy_goes_on_where_it_stopped(self):
        first = self.generate("--prompt", PROMPT)
        ids = first["prompt_ids"] + first["ids"][:3]
        more = self.ok("generate", "--model", self.model, "--max-new-tokens", 3, "--ids", ",".join(map(str, ids))).json
        self.assertEqual(more["ids"], first["ids"][3:6])

    def test_sampling_follows_the_seed(self):
        def sample(seed):
            return self.generate("--prompt", PROMPT, "--temperature", 1.5, "--seed", seed)["ids"]
        self.assertEqual(sample(1), sample(1))
        self.assertGreater(len({tuple(sample(seed)) for seed in range(5)}), 1)

    def test_ids_need_no_tokenizer(self):
        ids = ",".join(map(str, self.generate("--prompt", PROMPT)["prompt_ids"]))
        expected = self.generate("--ids", ids)["ids"]
        (self.model / "tokenizer.json").unlink()
        result = self.generate("--ids", ids)
        self.assertEqual(result["ids"], expected)
        self.assertEqual(result["text"], "")
        self.ok("attention", "--model", self.model, "--ids", ids, "--rows=-1:", "--out", self.folder / "a")
        self.assertIn("tokenizer.json", " ".join(self.ok("info", "--model", self.model).json["notes"]))
        self.refused(3, "generate", "--model", self.model, "--prompt", "a", says="tokenizer.json")

    def test_no_new_tokens(self):
        result = self.ok("generate", "--model", self.model, "--prompt", "a", "--max-new-tokens", 0).json
        self.assertEqual(result["ids"], [])

    def test_interrupt(self):
        long = write_model(self.folder / "long", max_position_embeddings=100000, eos_token_id=None)
        result = interrupted("generate", "--model", long, "--prompt", PROMPT, "--max-new-tokens", 90000, "--threads", 1,
                             after=1)
        self.assertEqual(result.code, 130, result.err)
        self.assertEqual(result.out, "")

    def test_quiet(self):
        self.assertEqual(self.ok("generate", "--model", self.model, "--prompt", "a", "--max-new-tokens", 1,
                                 "--quiet").err, "")


class Attention(CliTest):
    def setUp(self):
        super().setUp()
        self.model = write_model(self.folder / "m")
        self.out = self.folder / "a.safetensors"

    def attention(self, rows, *more):
        self.ok("attention", "--model", self.model, "--prompt", PROMPT, f"--rows={rows}", "--out", self.out, *more)
        return read_safetensors(self.out)

    def test_shapes_and_sums(self):
        tensors = self.attention("-5:")
        tokens = len(PROMPT) + 1
        self.assertEqual(tensors["tokens"][0], [tokens])
        self.assertEqual(tensors["attention"][0], [2, 4, 5, tokens])
        self.assertEqual(tensors["logits"][0], [5, 258])
        weights = tensors["attention"][1]
        for row in range(2 * 4 * 5):
            values = weights[row * tokens:(row + 1) * tokens]
            self.assertAlmostEqual(math.fsum(values), 1.0, places=4)
            visible = tokens - 4 + row % 5
            self.assertTrue(all(value == 0 for value in values[visible:]))

    def test_logits_give_the_next_token(self):
        logits = self.attention("-1:")["logits"][1]
        first = self.ok("generate", "--model", self.model, "--prompt", PROMPT, "--max-new-tokens", 1).json
        self.assertEqual([max(range(258), key=logits.__getitem__)], first["ids"] or [1])

    def test_slices_as_in_python(self):
        everything = self.attention(":")
        tokens = everything["tokens"][0][0]
        for rows in ("0:3", "3:", ":-40", "-1:", "5:6"):
            begin, end, _ = slice(*(int(x) if x else None for x in rows.split(":"))).indices(tokens)
            part = self.attention(rows)
            self.assertEqual(part["attention"][0], [2, 4, end - begin, tokens], rows)
            self.assertLess(max(abs(a - b) for a, b in zip(part["logits"][1],
                                                           everything["logits"][1][begin * 258:end * 258])), 1e-4)

    def test_layers(self):
        whole, part = self.attention("-2:"), self.attention("-2:", "--layers=1:")
        self.assertEqual(part["attention"][0][0], 1)
        half = len(whole["attention"][1]) // 2
        # Layers that nobody looks at take the fused path, which rounds differently.
        self.assertLess(max(abs(a - b) for a, b in zip(whole["attention"][1][half:], part["attention"][1])), 1e-6)

    def test_wrong_slices(self):
        for rows in ("x", "1:y", "5:2", "1:2:3", "", "900:"):
            self.refused(2, "attention", "--model", self.model, "--prompt", PROMPT, f"--rows={rows}", "--out", self.out)
        self.assertFalse(self.out.exists())

    def test_too_large_is_said_before_the_work(self):
        result = self.refused(4, "attention", "--model", self.model, "--prompt", PROMPT * 20, "--rows=:", "--out",
                              self.out, "--memory-limit", 0.001, says=("MiB", "--rows", "fit"))
        self.assertFalse(self.out.exists(), result.err)


class DemoData(CliTest):
    def samples(self, *more):
        out = self.folder / "d.jsonl"
        self.ok("demo-data", "--documents", 5, "--samples", 6, "--out", out, *more)
        return [json.loads(line) for line in out.read_text().splitlines()]

    def test_format(self):
        for sample in self.samples():
            self.assertEqual(len(sample["ctxs"]), 5)
            self.assertEqual(sum(document["isgold"] for document in sample["ctxs"]), 1)
            gold = next(d for d in sample["ctxs"] if d["isgold"])
            self.assertTrue(any(answer in gold["text"] for answer in sample["answers"]))

    def test_gold_position(self):
        for sample in self.samples("--gold-position", 3):
            self.assertTrue(sample["ctxs"][3]["isgold"])
        self.refused(2, "demo-data", "--documents", 5, "--samples", 1, "--gold-position", 5, "--out", self.folder / "x")

    def test_seed(self):
        self.assertEqual(self.samples("--seed", 3), self.samples("--seed", 3))
        self.assertNotEqual(self.samples("--seed", 3), self.samples("--seed", 4))

    def test_similar_names(self):
        for sample in self.samples("--distractors", "similar"):
            first, last = next(d for d in sample["ctxs"] if d["isgold"])["title"].split()
            for document in sample["ctxs"]:
                self.assertTrue({first, last} & set(document["title"].split()))

    def test_splits_share_no_person(self):
        people = {split: {d["title"] for s in self.samples("--split", split) for d in s["ctxs"] if d["isgold"]}
                  for split in ("train", "test")}
        self.assertFalse(people["train"] & people["test"])


if __name__ == "__main__":
    main()
