"""lens: what Hugging Face's hidden states say at every token of the embedded model's answer, and what is refused."""

import json
import math

from cli_support import SOURCE, CliTest, main

GOLDEN = json.loads((SOURCE / "tests" / "goldens" / "lens.json").read_text())["embedded"]
IDS = ",".join(map(str, GOLDEN["prompt"]))


class Lens(CliTest):
    def test_every_layer(self):
        result = self.ok("lens", "--ids", IDS, "--max-new-tokens", 8, "--top", 2).json
        self.assertEqual(result["prompt_tokens"], len(GOLDEN["prompt"]))
        answer = result["baseline"]
        self.assertEqual(answer["ids"], GOLDEN["response"])
        self.assertNotIn("intervened", result)
        self.assertEqual(len(answer["tokens"]), len(GOLDEN["response"]))
        for found, golden in zip(answer["tokens"], GOLDEN["tokens"]):
            self.assertEqual(len(found["layers"]), result["layers"])
            for layer, top, followed in zip(found["layers"], golden["top"], golden["followed"]):
                self.assertEqual(layer["top"][0]["id"], top)
                self.assertEqual(layer["top"][0]["rank"], 1)
                self.assertEqual(layer["followed"][0]["id"], found["id"])
                self.assertAlmostEqual(math.log(layer["followed"][0]["probability"]), followed[0], delta=1e-3)

    def test_with_an_intervention(self):
        edit = self.folder / "edit.json"
        edit.write_text(json.dumps({"method": "ablate", "heads": [[0, head] for head in range(4)]}))
        result = self.ok("lens", "--ids", IDS, "--max-new-tokens", 4, "--first", 1, "--tokens", 2, "--intervene", edit).json
        self.assertEqual([token["token"] for token in result["baseline"]["tokens"]], [1, 2])
        self.assertNotEqual(result["baseline"]["tokens"], result["intervened"]["tokens"])

    def test_follow(self):
        path = self.folder / "prompt.txt"
        path.write_text("Document [1](Title: a) b\n\nQuestion: c\nAnswer:")
        result = self.ok("lens", "--prompt-file", path, "--max-new-tokens", 2, "--follow", " the").json
        for token in result["baseline"]["tokens"]:
            for layer in token["layers"]:
                self.assertEqual(len(layer["followed"]), 2)
                self.assertGreaterEqual(layer["followed"][1]["rank"], 1)

    def test_refused(self):
        self.refused(2, "lens", "--ids", IDS, "--top", 0)
        self.refused(2, "lens")


if __name__ == "__main__":
    main()
