"""The logit lens by Hugging Face (eager attention, fp32): final norm and output matrix applied to `hidden_states` after each layer.

Run by hand with transformers 5, tokenizers and torch; the result is committed:
    headscope-cli demo-data --documents 3 --samples 1 --seed 4 --out sample.jsonl
    python tests/goldens/make_lens_goldens.py tests/goldens/models assets/demo sample.jsonl tests/goldens/lens.json
Hugging Face's last entry of `hidden_states` has gone through the final norm already; the last layer's logits are the model's own.
Of the tiny checkpoints: log-probabilities of FOLLOWED at every layer, and the likeliest token, at ROWS. Of the embedded model: a
prompt, its greedy response, and the same at every response token.
"""

import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

import tokenizers
import torch
import transformers
from safetensors.torch import load_file

from make_score_goldens import build

MODELS = ["llama_gqa", "gemma2", "gpt_neox", "gpt2", "qwen3", "phi3"]
ROWS = [7, 19, 26]
FOLLOWED = [0, 5, 64, 130]

def parts(model):
    """Final norm, output matrix and soft-cap, whatever the family calls them."""
    body = next(getattr(model, name) for name in ("model", "gpt_neox", "transformer") if hasattr(model, name))
    norm = next(getattr(body, name) for name in ("norm", "final_layer_norm", "ln_f") if hasattr(body, name))
    return norm, model.get_output_embeddings(), getattr(model.config, "final_logit_softcapping", None)


@torch.no_grad()
def lens(model, ids):
    """Log-probabilities [layers, T, vocab]."""
    out = model(torch.tensor([ids]), output_hidden_states=True, use_cache=False)
    norm, head, cap = parts(model)
    layers = []
    for hidden in out.hidden_states[1:-1]:
        logits = head(norm(hidden[0]))
        layers.append(torch.tanh(logits / cap) * cap if cap else logits)
    return torch.stack(layers + [out.logits[0]]).double().log_softmax(-1)


def describe(table, row, followed):
    return {"top": table[:, row].argmax(-1).tolist(),
            "followed": [[round(float(p), 5) for p in layer[row, followed]] for layer in table]}


def load(folder):
    return transformers.AutoModelForCausalLM.from_pretrained(folder, attn_implementation="eager",
                                                             dtype=torch.float32).eval()


def embedded(folder, sample):
    model = load(folder)
    tokenizer = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
    prompt = tokenizer.encode(build(sample, "all")[0]).ids
    response = []
    while len(response) < 8:
        with torch.no_grad():
            logits = model(torch.tensor([prompt + response]), use_cache=False).logits[0, -1]
        token = int(logits.argmax())
        if token == model.config.eos_token_id:
            break
        response.append(token)
    table = lens(model, prompt + response)
    return {"prompt": prompt, "response": response,
            "tokens": [describe(table, len(prompt) - 1 + i, [token]) for i, token in enumerate(response)]}


def main(models, demo, samples, out):
    golden = {"rows": ROWS, "followed": FOLLOWED, "models": {}}
    for name in MODELS:
        ids = [int(id) for id in load_file(models / name / "golden.safetensors")["tokens"]]
        table = lens(load(models / name), ids)
        golden["models"][name] = [describe(table, row, FOLLOWED) for row in ROWS]
    golden["embedded"] = embedded(demo, json.loads(samples.read_text().splitlines()[0]))
    out.write_text(json.dumps(golden) + "\n")


if __name__ == "__main__":
    main(*(pathlib.Path(argument) for argument in sys.argv[1:5]))
