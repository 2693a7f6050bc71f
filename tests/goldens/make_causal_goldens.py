"""The causal check of the tiny model of score/, by Hugging Face eager attention: log-probability of each sample's answer with
everything in place, with each document hidden (a 4D attention mask over its keys), with each document left out of the prompt, and
with each head's output zeroed before the output projection.

Run by hand with transformers 5, tokenizers and torch; the result is committed:
    python tests/goldens/make_causal_goldens.py tests/goldens/score tests/goldens/causal.json
"""

import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

import tokenizers
import torch
import transformers

from cli_support import byte_tokenizer
from make_score_goldens import build


def log_probability(model, prompt, response, hidden=None):
    """Sum over the response of log p(token | before). `hidden`: key positions [begin, end) that no row from `end` on sees."""
    ids = torch.tensor([prompt + response])
    n = ids.shape[1]
    allowed = torch.ones(n, n, dtype=torch.bool).tril()
    if hidden:
        allowed[hidden[1]:, hidden[0]:hidden[1]] = False
    bias = torch.zeros(n, n).masked_fill(~allowed, torch.finfo(torch.float32).min)
    logits = model(ids, attention_mask=bias[None, None], use_cache=False).logits[0].double()
    rows = logits[len(prompt) - 1:n - 1].log_softmax(-1)
    return float(rows[range(len(response)), response].sum())


def ablated(model, prompt, response, layer, head):
    """The same with the output of one head zeroed."""
    size = model.config.hidden_size // model.config.num_attention_heads

    def zero(module, arguments):
        x = arguments[0].clone()
        x[..., head * size:(head + 1) * size] = 0
        return (x,)

    hook = model.model.layers[layer].self_attn.o_proj.register_forward_pre_hook(zero)
    try:
        return log_probability(model, prompt, response)
    finally:
        hook.remove()


def without(text, spans, i):
    """The prompt without document i, built anew with the numbers kept."""
    lines = text.split("\n")
    return "\n".join(line for line in lines if not line.startswith(f"Document [{i + 1}]"))


@torch.no_grad()
def main(folder, out):
    model = transformers.AutoModelForCausalLM.from_pretrained(folder, attn_implementation="eager").eval()
    tokenizer = tokenizers.Tokenizer.from_str(json.dumps(byte_tokenizer()))
    responses = json.loads((folder / "golden.json").read_text())["responses"]
    samples = [json.loads(line) for line in (folder / "data.jsonl").read_text().splitlines()]
    golden = []
    for sample, response in zip(samples, responses):
        text, spans = build(sample, "all")
        prompt = tokenizer.encode(text).ids
        assert len(prompt) == len(text.encode()) + 1  # one token a byte, after one <s>
        golden.append({
            "log_probability": log_probability(model, prompt, response),
            "hide": [log_probability(model, prompt, response, (b + 1, e + 1)) for _, b, e in spans],
            "remove": [log_probability(model, tokenizer.encode(without(text, spans, i)).ids, response)
                       for i in range(len(spans))],
            "ablate": [[ablated(model, prompt, response, layer, head)
                        for head in range(model.config.num_attention_heads)]
                       for layer in range(model.config.num_hidden_layers)],
        })
    out.write_text(json.dumps(golden, indent=1) + "\n")


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]))
