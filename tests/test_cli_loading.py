"""How models are loaded: int8, adapters, several devices; what info --check and --accuracy say."""

import array
import json

from cli_support import SOURCE, CliTest, main, write_data, write_model, write_safetensors

GOLDENS = SOURCE / "tests" / "goldens"
MODEL = GOLDENS / "models" / "llama_gqa"
ADAPTER = GOLDENS / "loading" / "lora_rs"


class Loading(CliTest):
    def ids(self, *options):
        return self.ok("generate", "--model", MODEL, "--ids", "1,2,3,4,5,6,7,8", "--max-new-tokens", 12,
                       *options).json["ids"]

    def test_info_says_what_every_dtype_takes(self):
        info = self.ok("info", "--model", MODEL).json
        sizes = info["weights_bytes"]
        self.assertEqual(sizes["float32"], 4 * info["parameters"])
        self.assertEqual(sizes["bfloat16"], 2 * info["parameters"])
        self.assertLess(sizes["int8"], sizes["bfloat16"])
        self.assertNotIn("parity", info)

    def test_check(self):
        info = self.ok("info", "--model", MODEL, "--check", "--dtype", "int8").json
        self.assertTrue(info["parity"]["good"])
        self.assertGreater(info["parity"]["tokens"], 0)
        self.assertEqual(info["loaded"], {"dtype": "int8", "device": "cpu"})

    def test_accuracy(self):
        same = self.ok("info", "--model", MODEL, "--accuracy", "--dtype", "float32").json["accuracy"]
        self.assertEqual(same["largest_difference"], 0)
        self.assertEqual(same["same_most_likely"], 1)
        narrow = self.ok("info", "--model", MODEL, "--accuracy", "--dtype", "int8").json["accuracy"]
        self.assertEqual((narrow["dtype"], narrow["against"]), ("int8", "float32"))
        self.assertGreater(narrow["largest_difference"], 1e-3)
        self.assertGreater(narrow["kl_divergence"], 0)

    def test_layers_on_several_devices(self):
        whole = self.ids("--device", "cpu")
        self.assertEqual(self.ids("--device", "cpu", "--device-memory", "0.0001,0.0001,0.001"), whole)
        loaded = self.ok("info", "--model", MODEL, "--check", "--device", "cpu", "--device-memory",
                         "0.0001,0.0001,0.001").json["loaded"]
        self.assertIn("cpu:1", loaded["device"])
        self.refused(4, "generate", "--model", MODEL, "--ids", "1", "--device", "cpu", "--device-memory", "0.00001",
                     says="cpu:0")
        self.refused(2, "info", "--device-memory", "-1")

    def test_adapter(self):
        self.assertNotEqual(self.ids("--adapter", ADAPTER), self.ids())
        self.refused(3, "info", "--model", MODEL, "--adapter", self.folder, says="adapter_config.json")

    def test_results_know_the_adapter(self):
        model, data = write_model(self.folder / "m"), write_data(self.folder / "d.jsonl", 4)
        adapter = self.folder / "a"
        adapter.mkdir()
        config = json.loads((ADAPTER / "adapter_config.json").read_text())
        config["target_modules"] = ["q_proj"]
        (adapter / "adapter_config.json").write_text(json.dumps(config))
        name = "base_model.model.model.layers.0.self_attn.q_proj."
        write_safetensors(adapter / "adapter_model.safetensors",
                          {name + "lora_A.weight": ((2, 32), array.array("f", [0.1] * 64)),
                           name + "lora_B.weight": ((32, 2), array.array("f", [0.1] * 64))})
        passports = []
        for options in ((), ("--adapter", adapter)):
            out = self.folder / f"heads{len(options)}.json"
            self.ok("score", "--model", model, "--data", data, "--part", "all", "--max-new-tokens", 3, "--out", out,
                    *options)
            passports.append(json.loads(out.read_text())["passport"])
        self.assertNotEqual(passports[0]["weights_sha256"], passports[1]["weights_sha256"])
        self.assertEqual(passports[1]["model"], "m + a")


if __name__ == "__main__":
    main()
