# timeout: 180
"""Chat templates from the command line: what the model reads, spans of the prompt, what results say of it."""

import json

from cli_support import CliTest, main, read_safetensors, write_data, write_model

TEMPLATE = ("{{ bos_token }}<|user|>\n{{ messages[0]['content'] | trim }}<|end|>\n"
            "{% if add_generation_prompt %}<|assistant|>\n{% endif %}")
BEFORE, AFTER = "<|user|>\n", "<|end|>\n<|assistant|>\n"


def byte_ids(text):
    """Ids of cli_support.byte_tokenizer, with <s>."""
    return [0] + [b + 2 for b in text.encode()]


class Chat(CliTest):
    def setUp(self):
        super().setUp()
        self.model = write_model(self.folder / "m")
        (self.model / "tokenizer_config.json").write_text(json.dumps(
            {"chat_template": TEMPLATE, "bos_token": {"content": "<s>"}, "eos_token": "</s>"}))
        self.plain = write_model(self.folder / "plain")

    def prompt_ids(self, *arguments, model=None):
        return self.ok("generate", "--model", model or self.model, "--max-new-tokens", 2, *arguments).json["prompt_ids"]

    def test_the_prompt_is_the_user_message(self):
        wrapped = byte_ids(BEFORE + "Hi é" + AFTER)
        self.assertEqual(self.prompt_ids("--prompt", " Hi é\n"), wrapped)
        self.assertEqual(self.prompt_ids("--prompt", " Hi é\n", "--chat"), wrapped)
        self.assertEqual(self.prompt_ids("--prompt", " Hi é\n", "--no-chat"), byte_ids(" Hi é\n"))
        self.assertEqual(self.prompt_ids("--prompt", "Hi", model=self.plain), byte_ids("Hi"))
        self.assertEqual(self.prompt_ids("--ids", "5,6"), [5, 6])

    def test_what_cannot_be_wrapped(self):
        self.refused(2, "generate", "--model", self.plain, "--prompt", "a", "--chat", says="no chat template")
        self.refused(2, "generate", "--prompt", "a", "--chat", says="no chat template")  # the embedded model
        self.refused(2, "generate", "--model", self.model, "--ids", "1", "--chat", says="--ids")
        self.refused(2, "generate", "--model", self.model, "--prompt", "a", "--chat", "--no-chat")

    def test_a_template_that_fails(self):
        for source, says in (("{{ raise_exception('only for robots') }}", "only for robots"),
                             ("{{ messages | groupby('x') }}", "groupby"), ("{% if %}", "cannot be read"),
                             ("{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}", "steps"),
                             ("nothing of the message", "--no-chat")):
            (self.model / "chat_template.jinja").write_text(source)
            arguments = ("--model", self.model, "--prompt", "a", "--max-new-tokens", 1)
            self.refused(3, "generate", *arguments, says=says)
            self.ok("generate", *arguments, "--no-chat")

    def test_info_speaks_of_it(self):
        self.assertIn("has a chat template", " ".join(self.ok("info", "--model", self.model).json["notes"]))
        (self.model / "chat_template.jinja").write_text("{% if %}")
        self.assertIn("cannot be read", " ".join(self.ok("info", "--model", self.model).json["notes"]))

    def attention(self, text, spans, *arguments):
        intervention, out = self.folder / "i.json", self.folder / "a.safetensors"
        intervention.write_text(json.dumps({"method": "split-softmax", "tau": 0.2, "heads": [[0, 1], [1, 2]],
                                            "span": spans}))
        self.ok("attention", "--model", self.model, "--prompt", text, "--rows=-3:", "--intervene", intervention,
                "--out", out, *arguments)
        return read_safetensors(out)

    def test_spans_are_bytes_of_the_prompt_before_the_template(self):
        text = " Größe: the cat sat "
        begin = text.encode().index(b"cat")
        chat = self.attention(text, [[begin, begin + 3]])
        moved = begin - 1 + len(BEFORE)
        by_hand = self.attention(BEFORE + text.strip() + AFTER, [[moved, moved + 3]], "--no-chat")
        self.assertEqual(chat, by_hand)
        elsewhere = self.attention(text, [[begin + 4, begin + 7]])
        self.assertNotEqual(chat["attention"], elsewhere["attention"])

    def test_results_name_the_template(self):
        data, heads = write_data(self.folder / "d.jsonl"), self.folder / "h.json"
        common = ("--model", self.model, "--data", data, "--part", "all", "--samples", 3, "--max-new-tokens", 3)
        self.ok("score", *common, "--out", heads)
        name = json.loads(heads.read_text())["passport"]["template"]
        self.assertRegex(name, r"^chat [0-9a-f]{12}$")
        chat = json.loads(heads.read_text())["relevant"]
        self.ok("score", *common, "--out", heads, "--no-chat")
        self.assertEqual(json.loads(heads.read_text())["passport"]["template"], "none")
        self.assertNotEqual(json.loads(heads.read_text())["relevant"], chat)
        summary = self.ok("evaluate", *common, "--out", self.folder / "run.jsonl").json
        self.assertEqual(summary["passport"]["template"], name)
        self.assertGreater(summary["relevant_mass"], 0)

    def test_documents_of_a_figure(self):
        data = write_data(self.folder / "d.jsonl")
        out = self.folder / "f.svg"
        self.ok("render", "--figure", "documents", "--model", self.model, "--data", data, "--max-new-tokens", 2,
                "--out", out)
        self.assertIn("chat ", out.read_text())


if __name__ == "__main__":
    main()
