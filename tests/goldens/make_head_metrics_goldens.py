"""Entropy, distance and likeness of heads by numpy and scipy, from the attention of Hugging Face.

Run by hand with transformers 5, tokenizers, torch, safetensors and scipy; the result is committed:
    python tests/goldens/make_head_metrics_goldens.py tests/goldens
writes head_metrics.json: for the attention that make_model_goldens.py keeps of some tiny checkpoints, and for the
embedded model over score_demo/data.jsonl (means over response rows, then over samples).
"""

import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import numpy as np
import safetensors.numpy
import tokenizers
import torch
import transformers
from scipy.spatial.distance import jensenshannon
from scipy.stats import entropy

import make_score_goldens

MODELS = ("llama_gqa", "gemma2", "gpt2")
FIRST_ROW = 20  # the prompt's length in make_model_goldens.py
TO = (1, 0)


def metrics(attention, first):
    """attention [L, H, R, T] of the rows from position `first` on: mean entropy and distance [L, H]."""
    positions = first + np.arange(attention.shape[2])
    away = positions[:, None] - np.arange(attention.shape[3])[None, :]
    return entropy(attention, axis=-1).mean(-1), (attention * away).sum(-1).mean(-1)


def likeness(attention, to):
    one = attention[to[0], to[1]]
    return (1 - jensenshannon(attention, np.broadcast_to(one, attention.shape), axis=-1, base=2) ** 2).mean(-1)


def rounded(values):
    return [[round(float(x), 7) for x in row] for row in values]


def of_checkpoint(folder):
    attention = safetensors.numpy.load_file(folder / "golden.safetensors")["attention"].astype(np.float64)
    rows = attention[:, :, FIRST_ROW:]
    spread, reach = metrics(rows, FIRST_ROW)
    return {"first_row": FIRST_ROW, "entropy": rounded(spread), "distance": rounded(reach), "to": TO,
            "likeness": rounded(likeness(rows, TO))}


@torch.no_grad()
def of_demo(data, checkpoint):
    model = transformers.AutoModelForCausalLM.from_pretrained(checkpoint, attn_implementation="eager",
                                                              dtype=torch.float32).eval()
    tokenizer = tokenizers.Tokenizer.from_file(str(checkpoint / "tokenizer.json"))
    samples = [json.loads(line) for line in data.read_text().splitlines()]
    total = np.zeros((2, model.config.num_hidden_layers, model.config.num_attention_heads))
    for sample in samples:
        text, spans = make_score_goldens.build(sample, "all")
        response, _ = make_score_goldens.masses(model, tokenizer, text, spans)
        prompt = tokenizer.encode(text).ids
        attentions = model(torch.tensor([prompt + response]), output_attentions=True, use_cache=False).attentions
        rows = np.stack([a[0].double().numpy() for a in attentions])[:, :, len(prompt):]
        total += np.stack(metrics(rows, len(prompt))) / len(samples)
    return {"max_new_tokens": make_score_goldens.NEW, "entropy": rounded(total[0]), "distance": rounded(total[1])}


def main(root):
    golden = {name: of_checkpoint(root / "models" / name) for name in MODELS}
    golden["demo"] = of_demo(root / "score_demo" / "data.jsonl", root.parent.parent / "assets" / "demo")
    (root / "head_metrics.json").write_text(json.dumps(golden, indent=1) + "\n")


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
