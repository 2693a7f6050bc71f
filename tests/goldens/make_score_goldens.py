"""Contextual scores (method.md 1) over four short samples, by Hugging Face eager attention.

Run by hand with transformers 5, tokenizers and torch; the results are committed:
    python tests/goldens/make_score_goldens.py tests/goldens
writes score (a tiny random Llama), score_gemma2 (a tiny random Gemma 2) and score_demo (for assets/demo). Each folder
holds data.jsonl, golden.json and, where it is random, the checkpoint. Prompts, spans and sums are written down a second
time here, from the text of method.md, so that they share nothing with the C++ code.
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


def tokens_of(encoding, begin, end):
    """Tokens whose characters overlap [begin, end)."""
    return [i for i, (first, last) in enumerate(encoding.offsets) if first < last and first < end and begin < last]


@torch.no_grad()
def masses(model, tokenizer, text, spans):
    """Response, and per row convention the mean mass per head on gold, on each other document, and on the sink."""
    assert text.isascii()  # characters are bytes then
    encoding = tokenizer.encode(text)
    prompt = encoding.ids
    response = []
    while len(response) < NEW:
        best = int(model(torch.tensor([prompt + response]), use_cache=False).logits[0, -1].argmax())
        if best == model.config.eos_token_id:
            break
        response.append(best)
    attentions = model(torch.tensor([prompt + response]), output_attentions=True, use_cache=False).attentions
    everything = torch.stack([a[0].double() for a in attentions])  # [L, H, T, T]

    def of_rows(begin, end):
        rows = everything[:, :, begin:end].mean(2)
        gold = {t for is_gold, b, e in spans if is_gold for t in tokens_of(encoding, b, e)}
        others = [rows[:, :, tokens_of(encoding, b, e)].sum(-1) for is_gold, b, e in spans if not is_gold]
        return rows[:, :, sorted(gold)].sum(-1), others, rows[:, :, :2].sum(-1)

    first, last = len(prompt), len(prompt) + len(response)
    return response, {"input": of_rows(first, last), "predict": of_rows(first - 1, last - 1)}


def scores(model, tokenizer, samples):
    totals, responses = {"input": {}, "predict": {}}, []
    for sample in samples:
        response, everything = masses(model, tokenizer, *build(sample, "all"))
        gold_response, gold_only = masses(model, tokenizer, *build(sample, "gold"))
        assert response and gold_response
        responses.append(response)
        for rows, total in totals.items():
            gold, others, sink = everything[rows]
            only_gold, _, only_sink = gold_only[rows]
            parts = {"relevant": gold, "sink": sink, "irrelevant_sum": sum(others),
                     "irrelevant_max": torch.stack(others).max(0).values,
                     "gold_only_relevant": only_gold, "gold_only_sink": only_sink}
            for key, value in parts.items():
                total[key] = total.get(key, 0) + value / len(samples)
    rounded = {rows: {key: [[round(x, 8) for x in row] for row in value.tolist()] for key, value in total.items()}
               for rows, total in totals.items()}
    return {**rounded["input"], "predict": rounded["predict"], "responses": responses, "max_new_tokens": NEW}


def write_gemma2(folder):
    """Soft-caps, a sliding window and norms of its own: 2 layers of 4 heads."""
    config = transformers.Gemma2Config(
        vocab_size=258, hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, head_dim=8, max_position_embeddings=2048, query_pre_attn_scalar=8, sliding_window=96,
        attn_logit_softcapping=2.0, final_logit_softcapping=3.0, bos_token_id=0, eos_token_id=1, pad_token_id=0)
    torch.manual_seed(12)
    model = transformers.Gemma2ForCausalLM(config).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(0.0, 0.4)
    model.save_pretrained(folder)
    for path in folder.glob("generation_config.json"):
        path.unlink()
    (folder / "tokenizer.json").write_text(json.dumps(byte_tokenizer()))


def write_golden(folder, checkpoint):
    model = transformers.AutoModelForCausalLM.from_pretrained(checkpoint, attn_implementation="eager",
                                                              dtype=torch.float32).eval()
    tokenizer = tokenizers.Tokenizer.from_file(str(checkpoint / "tokenizer.json"))
    samples = [json.loads(line) for line in (folder / "data.jsonl").read_text().splitlines()]
    (folder / "golden.json").write_text(json.dumps(scores(model, tokenizer, samples), indent=1) + "\n")


def main(root):
    write_model(root / "score", seed=11, vocab_size=258, hidden_size=32, num_hidden_layers=2)
    (root / "score_gemma2").mkdir(exist_ok=True)
    write_gemma2(root / "score_gemma2")
    for name in ("score", "score_gemma2"):
        write_data(root / name / "data.jsonl", samples=4, documents=3)
        write_golden(root / name, root / name)
    # data.jsonl: headscope-cli demo-data --documents 8 --samples 4 --seed 5
    write_golden(root / "score_demo", root.parent.parent / "assets" / "demo")


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
