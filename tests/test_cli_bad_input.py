"""Bad input gives a message that names what is wrong, and exit code 3 (2 for usage): never a crash."""
# timeout: 600

import json
import struct

from cli_support import CliTest, cli, main, tiny_config, tiny_tensors, write_data, write_model, write_safetensors


class BadModel(CliTest):
    def setUp(self):
        super().setUp()
        self.model = write_model(self.folder / "m")

    def edit_config(self, **changes):
        config = tiny_config(**changes)
        (self.model / "config.json").write_text(json.dumps({k: v for k, v in config.items() if v != "absent"}))

    def is_refused(self, *words):
        for command in (("info",), ("generate", "--prompt", "a", "--max-new-tokens", "1")):
            self.refused(3, *command, "--model", self.model, says=words)

    def test_no_such_folder(self):
        self.refused(3, "generate", "--model", self.folder / "none", "--prompt", "a", says="none")

    def test_file_instead_of_folder(self):
        self.refused(3, "info", "--model", self.model / "config.json", says="config.json")

    def test_gguf_is_said_to_be_missing(self):
        (self.folder / "x.gguf").write_bytes(b"GGUF")
        self.refused(3, "info", "--model", self.folder / "x.gguf", says="GGUF")

    def test_missing_files(self):
        for name in ("config.json", "model.safetensors", "tokenizer.json"):
            with self.subTest(name):
                moved = (self.model / name).rename(self.folder / "aside")
                self.refused(3, "generate", "--model", self.model, "--prompt", "a", says=name)
                if name != "tokenizer.json":
                    self.refused(3, "info", "--model", self.model, says=name)
                moved.rename(self.model / name)

    def test_truncated_weights(self):
        data = (self.model / "model.safetensors").read_bytes()
        for length in (0, 4, 8, 100, len(data) // 2, len(data) - 1):
            with self.subTest(length):
                (self.model / "model.safetensors").write_bytes(data[:length])
                self.is_refused("model.safetensors")

    def test_header_longer_than_the_file(self):
        (self.model / "model.safetensors").write_bytes(struct.pack("<Q", 1 << 62) + b"{}")
        self.is_refused("model.safetensors")

    def test_wrong_shape(self):
        tensors = tiny_tensors(tiny_config())
        name = "model.layers.1.self_attn.k_proj.weight"
        shape, values = tensors[name]
        tensors[name] = ((shape[0] // 2, shape[1] * 2), values)
        write_safetensors(self.model / "model.safetensors", tensors)
        self.is_refused(name)

    def test_missing_and_superfluous_tensors(self):
        tensors = tiny_tensors(tiny_config())
        gone = tensors.pop("model.layers.0.mlp.up_proj.weight")
        write_safetensors(self.model / "model.safetensors", tensors)
        self.is_refused("model.layers.0.mlp.up_proj.weight")
        tensors["model.layers.0.mlp.up_proj.weight"] = gone
        tensors["model.layers.0.surprise"] = gone
        write_safetensors(self.model / "model.safetensors", tensors)
        self.is_refused("surprise")

    def test_unknown_model_type(self):
        self.edit_config(model_type="transmogrifier")
        self.is_refused("transmogrifier")

    def test_unknown_rope(self):
        self.edit_config(rope_scaling={"rope_type": "spiral", "factor": 2.0})
        self.is_refused("spiral")

    def test_absurd_values(self):
        for field, value in (("num_hidden_layers", 0), ("num_hidden_layers", -1), ("num_hidden_layers", 1e9),
                             ("num_attention_heads", 0), ("num_attention_heads", "four"), ("num_key_value_heads", 3),
                             ("head_dim", 7), ("head_dim", 1 << 40), ("hidden_size", 1 << 62), ("vocab_size", 0),
                             ("vocab_size", -5), ("max_position_embeddings", 0), ("rms_norm_eps", "small"),
                             ("rms_norm_eps", -1.0), ("rope_theta", 0), ("intermediate_size", None),
                             ("num_hidden_layers", "absent"), ("hidden_act", "surprise")):
            with self.subTest(field=field, value=value):
                self.edit_config(**{field: value})
                self.is_refused()

    def test_malformed_json(self):
        for name in ("config.json", "tokenizer.json"):
            good = (self.model / name).read_text()
            for text in ("", "{", "[]", "null", "{\"a\":", good[:-2], good.replace(":", "=", 1), "\x00\xff", "7" * 5000):
                with self.subTest(name=name, text=text[:10]):
                    (self.model / name).write_text(text)
                    self.is_refused(name)
            (self.model / name).write_text(good)

    def test_deeply_nested_json(self):
        for name in ("config.json", "tokenizer.json"):
            good = (self.model / name).read_text()
            for text in ("[" * 200000, "{\"a\":" * 200000, "[" * 100000 + "]" * 100000):
                (self.model / name).write_text(text)
                self.is_refused(name)
            (self.model / name).write_text(good)

    def test_unknown_tokenizer_part(self):
        tokenizer = json.loads((self.model / "tokenizer.json").read_text())
        tokenizer["model"]["type"] = "Telepathy"
        (self.model / "tokenizer.json").write_text(json.dumps(tokenizer))
        self.is_refused("Telepathy")

    def test_not_utf8(self):
        (self.model / "config.json").write_bytes(b'{"model_type": "\xff\xfe"}')
        self.is_refused("config.json")


class BadPrompt(CliTest):
    def setUp(self):
        super().setUp()
        self.model = write_model(self.folder / "m", max_position_embeddings=64)

    def test_empty(self):
        empty = self.folder / "empty"
        empty.write_bytes(b"")
        for source in (("--prompt", ""), ("--prompt=",), ("--prompt-file", empty), ("--ids", "")):
            self.refused(3, "generate", "--model", self.model, *source, says="empty")
            self.refused(3, "attention", "--model", self.model, *source, "--rows=:", "--out", self.folder / "x",
                         says="empty")

    def test_beyond_the_context(self):
        for command in (("generate",), ("attention", "--rows=-1:", "--out", self.folder / "x")):
            self.refused(3, *command, "--model", self.model, "--prompt", "a" * 100, says="64")

    def test_up_to_the_context(self):
        result = self.ok("generate", "--model", self.model, "--prompt", "a" * 60, "--max-new-tokens", 50).json
        self.assertLessEqual(len(result["prompt_ids"]) + len(result["ids"]), 65)

    def test_ids(self):
        for ids in ("1,x", "1,,2", "1,2,", "1;2", "99999999999"):
            self.refused(2, "generate", "--model", self.model, "--ids", ids)
        for ids in ("258", "-1", "0,300"):
            self.refused(3, "generate", "--model", self.model, f"--ids={ids}", says="vocabulary")

    def test_not_utf8(self):
        file = self.folder / "p"
        file.write_bytes(b"abc\xff\xfe")
        self.refused(3, "generate", "--model", self.model, "--prompt-file", file)

    def test_unreadable_file(self):
        self.refused(3, "generate", "--model", self.model, "--prompt-file", self.folder)
        self.refused(3, "generate", "--model", self.model, "--prompt-file", self.folder / "none", says="none")

    def test_out_folder_is_missing(self):
        self.refused(3, "generate", "--model", self.model, "--prompt", "a", "--max-new-tokens", 1,
                     "--out", self.folder / "no" / "x.json")


class BadData(CliTest):
    def setUp(self):
        super().setUp()
        self.model = write_model(self.folder / "m")

    def commands(self, data):
        out = self.folder / "out"
        return (("score", "--model", self.model, "--data", data, "--out", out),
                ("evaluate", "--model", self.model, "--data", data, "--out", out),
                ("train-directions", "--model", self.model, "--data", data, "--out", out))

    def test_missing(self):
        for command in self.commands(self.folder / "none.jsonl"):
            self.refused(3, *command, says="none.jsonl")
            self.assertFalse((self.folder / "out").exists())

    def test_malformed_lines(self):
        data = self.folder / "d.jsonl"
        good = write_data(self.folder / "good.jsonl", 1).read_text()
        for bad in ("", "\n\n", "{", "[]", "{}", '{"question": 7, "answers": [], "ctxs": []}', "[" * 100000,
                    '{"question": "q", "answers": "a", "ctxs": []}', '{"question": "q", "answers": [], "ctxs": [7]}'):
            data.write_text(good * 2 + bad if bad.strip() else bad)
            for command in self.commands(data):
                self.refused(3, *command, says="d.jsonl" if not bad.strip() else "3")

    def test_damaged_gzip(self):
        data = self.folder / "d.jsonl.gz"
        data.write_bytes(b"\x1f\x8b\x08\x00broken")
        for command in self.commands(data):
            self.refused(3, *command, says="d.jsonl.gz")

    def test_nothing_to_score(self):
        data = write_data(self.folder / "d.jsonl", 2)
        lines = [json.loads(line) for line in data.read_text().splitlines()]
        for line in lines:
            for document in line["ctxs"]:
                document["isgold"] = False
        data.write_text("\n".join(map(json.dumps, lines)))
        self.refused(3, "score", "--model", self.model, "--data", data, "--out", self.folder / "out", says="gold")
        small = write_model(self.folder / "s", max_position_embeddings=64)
        self.refused(3, "score", "--model", small, "--data", write_data(self.folder / "e.jsonl", 2), "--out",
                     self.folder / "out", says="context")


class BadInterventions(CliTest):
    def setUp(self):
        super().setUp()
        self.model = write_model(self.folder / "m")
        self.file = self.folder / "i.json"

    def refused_with(self, value, code=None):
        self.file.write_text(value if isinstance(value, str) else json.dumps(value))
        result = cli("generate", "--model", self.model, "--prompt", "Some text here", "--max-new-tokens", 2,
                     "--intervene", self.file)
        self.assertIn(result.code, (2, 3) if code is None else (code,), f"{value}: {result.err}")
        self.assertTrue(result.err.strip())

    def test_refusals(self):
        split = {"method": "split-softmax", "tau": 0.1, "heads": [[0, 0]], "span": [[0, 4]]}
        self.file.write_text(json.dumps(split))
        self.ok("generate", "--model", self.model, "--prompt", "Some text here", "--max-new-tokens", 2, "--intervene",
                self.file)
        for change in ({"method": "hypnosis"}, {"tau": 2}, {"tau": "a"}, {"tau": -0.1}, {"heads": [[9, 0]]},
                       {"heads": [[0, 99]]}, {"heads": [[0]]}, {"heads": "all"}, {"span": [[3, 1]]},
                       {"span": [[900, 901]]}, {"span": "silver"}, {"rows": "some"}, {"rows": -3}, {"heads": []},
                       {"span": "gold"}, {"surprise": 1}, {"head_set": "none.json", "heads": []}):
            with self.subTest(change):
                self.refused_with({**split, **change})
        for text in ("", "{", "7", "[[[", "[" * 100000, '[{"method":"focus","alpha":0.3,"heads":[[0,0]]}]',
                     '{"method":"focus","alpha":0.3,"directions":"none.safetensors","heads":[[0,0]]}'):
            with self.subTest(text[:40]):
                self.refused_with(text)
        self.refused(3, "generate", "--model", self.model, "--prompt", "a", "--intervene", self.folder / "none.json",
                     says="none.json")

    def test_directions_of_another_model(self):
        other = write_model(self.folder / "o", head_dim=16)
        data = write_data(self.folder / "d.jsonl", 3)
        out = self.folder / "d.safetensors"
        self.ok("train-directions", "--model", other, "--data", data, "--epochs", 1, "--max-new-tokens", 3, "--out", out)
        self.refused_with({"method": "focus", "alpha": 0.3, "directions": str(out), "heads": [[0, 0]]}, 3)


if __name__ == "__main__":
    main()
