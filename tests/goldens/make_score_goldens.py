"""Contextual scores (method.md 1) of a tiny random model over four short samples, by Hugging Face eager attention.

Run by hand with transformers 5, tokenizers and torch; the results are committed:
    python tests/goldens/make_score_goldens.py tests/goldens/score
The folder is a checkpoint, data.jsonl and golden.json. Prompts, spans and sums are written down a second time here, from
the text of method.md, so that they share nothing with the C++ code.
"""

import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

import tokenizers
import torch
import transformers

from cli_support import byte_tokenizer, write_data, write_model

NEW = 12
INSTRUCTION = ("Write a high-quality answer for the given question using only the provided search results "
               "(some of which might be irrelevant).")


def build(sample, keep):
    """The prompt and, per kept document, (is gold, first byte, byte after the last) from "(Title:" on."""
    text, spans = INSTRUCTION + "\n\n", []
    lines = []
    for number, document in enumerate(sample["ctxs"], 1):
        if keep == "gold" and not document["isgold"]:
            continue
        lines.append((document["isgold"], f"Document [{number}]", f"(Title: {document['title']}) {document['text']}"))
    for i, (gold, head, body) in enumerate(lines):
        text += ("\n" if i else "") + head
        begin = len(text.encode())
        text += body
        spans.append((gold, begin, len(text.encode())))
    return text + f"\n\nQuestion: {sample['question']}\nAnswer:", spans


@torch.no_grad()
def masses(model, tokenizer, text, spans):
    """Response and the mean mass per head over the rows where response tokens are the input."""
    encoding = tokenizer.encode(text)
    prompt = encoding.ids
    response = []
    while len(response) < NEW:
        best = int(model(torch.tensor([prompt + response]), use_cache=False).logits[0, -1].argmax())
        if best == model.config.eos_token_id:
            break
        response.append(best)
    attentions = model(torch.tensor([prompt + response]), output_attentions=True, use_cache=False).attentions
    rows = torch.stack([a[0, :, len(prompt):].double() for a in attentions]).mean(2)  # [L, H, T]
    # This tokenizer gives every byte one token, after one <s>.
    assert len(prompt) == len(text.encode()) + 1

    def mass(begin, end):
        return rows[:, :, begin + 1:end + 1].sum(-1)

    gold = sum(mass(b, e) for is_gold, b, e in spans if is_gold)
    others = [mass(b, e) for is_gold, b, e in spans if not is_gold]
    return response, gold, others, rows[:, :, :2].sum(-1)


def main(folder):
    write_model(folder, seed=11, vocab_size=258, hidden_size=32, num_hidden_layers=2)
    write_data(folder / "data.jsonl", samples=4, documents=3)
    model = transformers.AutoModelForCausalLM.from_pretrained(folder, attn_implementation="eager").eval()
    tokenizer = tokenizers.Tokenizer.from_str(json.dumps(byte_tokenizer()))
    totals, responses = {}, []
    samples = [json.loads(line) for line in (folder / "data.jsonl").read_text().splitlines()]
    for sample in samples:
        response, gold, others, sink = masses(model, tokenizer, *build(sample, "all"))
        _, only_gold, _, only_sink = masses(model, tokenizer, *build(sample, "gold"))
        assert response
        responses.append(response)
        parts = {"relevant": gold, "sink": sink, "irrelevant_sum": sum(others),
                 "irrelevant_max": torch.stack(others).max(0).values,
                 "gold_only_relevant": only_gold, "gold_only_sink": only_sink}
        for key, value in parts.items():
            totals[key] = totals.get(key, 0) + value / len(samples)
    golden = {key: [[round(x, 8) for x in row] for row in value.tolist()] for key, value in totals.items()}
    golden["responses"] = responses
    golden["max_new_tokens"] = NEW
    (folder / "golden.json").write_text(json.dumps(golden, indent=1) + "\n")


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
