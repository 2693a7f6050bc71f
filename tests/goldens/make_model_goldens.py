"""Tiny random checkpoints and what Hugging Face computes on them (eager attention, fp32).

Run by hand with transformers 5 and torch; the results are committed:
    python tests/goldens/make_model_goldens.py tests/goldens/models
Each folder is a checkpoint plus golden.safetensors: tokens [T], logits [T, V], attention [L, H, T, T], greedy [12] after
the first PROMPT tokens. The interventions are written down a second time here, from method.md 2 and 3 in fp64 and
with explicit T x T weights, so that they share nothing with the C++ code.
"""

import json
import math
import pathlib
import shutil
import sys

import torch
import transformers
from safetensors.torch import save_file

TOKENS, PROMPT, NEW, VOCAB = 28, 20, 12, 131
ROPE = {"rope_type": "default", "rope_theta": 10000.0}
SHAPE = dict(vocab_size=VOCAB, hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4,
             num_key_value_heads=2, max_position_embeddings=256, rms_norm_eps=1e-5, tie_word_embeddings=False,
             bos_token_id=None, eos_token_id=None, pad_token_id=None, rope_parameters=ROPE)


def randomise(model, seed):
    """Weights large enough that attention is far from uniform and logits are far from ties."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            noise = torch.randn(weight.shape, generator=generator)
            if "norm" in name:
                weight.copy_(1 + 0.1 * noise)
            elif name.endswith("bias"):
                weight.copy_(0.3 * noise)
            elif "embed_tokens" in name:
                weight.copy_(noise)
            else:
                weight.copy_(noise * 1.5 / math.sqrt(weight.shape[1]))
    return model.eval()


def tokens_for(seed):
    return torch.randint(0, VOCAB, (TOKENS,), generator=torch.Generator().manual_seed(1000 + seed))


@torch.no_grad()
def greedy(model, prompt):
    ids = prompt.tolist()
    for _ in range(NEW):
        logits = model(torch.tensor([ids]), use_cache=False).logits[0, -1]
        best = logits.topk(2).values
        if best[0] - best[1] < 2e-3:  # a tie within rounding: what follows would prove nothing
            break
        ids.append(int(logits.argmax()))
    return torch.tensor(ids[len(prompt):])


@torch.no_grad()
def observe(model, tokens):
    out = model(tokens[None], output_attentions=True, use_cache=False)
    return out.logits[0].contiguous(), torch.stack([a[0] for a in out.attentions]).float().contiguous()


def edit_config(folder, change):
    path = folder / "config.json"
    config = json.loads(path.read_text())
    config.pop("transformers_version", None)
    change(config)
    path.write_text(json.dumps(config, indent=1, sort_keys=True) + "\n")


def old_spelling(config):
    rope = config.pop("rope_parameters")
    config["rope_theta"] = rope.pop("rope_theta")
    rope["type"] = rope.pop("rope_type")
    config["rope_scaling"] = rope
    config["torch_dtype"] = config.pop("dtype")


def write_model(root, name, config_class, seed, dtype=torch.float32, change=lambda config: None, shards=None, **fields):
    folder = root / name
    shutil.rmtree(folder, ignore_errors=True)
    config = config_class(**{**SHAPE, **fields})
    transformers.set_seed(0)
    model = randomise(transformers.AutoModelForCausalLM.from_config(config), seed)
    options = {"max_shard_size": shards} if shards else {}
    model.to(dtype).save_pretrained(folder, **options)
    (folder / "generation_config.json").unlink(missing_ok=True)
    edit_config(folder, change)
    # What is compared with is what transformers reads back from the files.
    model = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager")
    tokens = tokens_for(seed)
    logits, attention = observe(model.eval(), tokens)
    new = greedy(model, tokens[:PROMPT])
    assert len(new) == NEW, "too close to a tie: choose another seed"
    save_file({"tokens": tokens, "logits": logits, "attention": attention, "greedy": new}, folder / "golden.safetensors")
    return folder, new


# --- interventions, from method.md -------------------------------------------------------------------------------------

PLAN = {}


def first_row(rows, prompt):
    return {"all": 0, "response": prompt - 1}.get(rows, rows)


def edited_attention(module, query, key, value, attention_mask, scaling, **kwargs):
    """Order of method.md: RoPE (done), + alpha d, scale, causal mask, softmax, split-softmax, values."""
    length = query.shape[2]
    group = query.shape[1] // key.shape[1]
    q, k, v = query[0].double().clone(), key[0].double(), value[0].double()
    k, v = k.repeat_interleave(group, 0).clone(), v.repeat_interleave(group, 0)
    all_weights = []
    for head in range(q.shape[0]):
        here = [e for e in PLAN["edits"] if [module.layer_idx, head] in e["heads"]]
        rows = []
        for t in range(length):
            query_t, keys = q[head, t], k[head]
            for e in here:
                if e["method"] == "focus" and t >= first_row(e["rows"], PLAN["prompt"]):
                    query_t = query_t + e["alpha"] * PLAN["query"][e["directions"], module.layer_idx, head].double()
                    if e["use_key"]:
                        keys = keys + e["alpha"] * PLAN["key"][e["directions"], module.layer_idx, head].double()
            scores = keys[: t + 1] @ query_t * scaling
            a = torch.softmax(scores, 0)
            for e in here:
                if e["method"] == "split" and t >= first_row(e["rows"], PLAN["prompt"]):
                    marked = torch.zeros(t + 1, dtype=torch.bool)
                    marked[[s for s in e["marked"] if s <= t]] = True
                    p = a[marked].sum()
                    if marked.any() and not marked.all() and p < 1 and p.log() >= -80:
                        kept = p ** e["tau"]
                        a = torch.where(marked, a * kept / p, a * (1 - kept) / (1 - p))
            rows.append(torch.cat([a, torch.zeros(length - t - 1, dtype=torch.double)]))
        all_weights.append(torch.stack(rows))
    weights = torch.stack(all_weights)
    return (weights @ v).transpose(0, 1)[None].to(query.dtype), weights[None].to(query.dtype)


def intervention_cases():
    some = [[0, 1], [0, 3], [1, 0], [2, 2], [2, 3]]
    focus = dict(method="focus", alpha=0.3, directions=0, use_key=False, rows="all", heads=some)
    split = dict(method="split", tau=0.1, marked=[4, 5, 6, 7], rows="all", heads=some)
    return {
        "split_all": [split],
        "split_response": [{**split, "tau": 0.4, "rows": "response"}],
        "split_from": [{**split, "tau": 0.7, "rows": 11}],
        "split_zero": [{**split, "tau": 0.0, "marked": [2, 9, 17]}],
        "split_sink": [{**split, "tau": 0.3, "marked": [0, 1]}],
        "split_twice": [split, {**split, "tau": 0.5, "marked": [1, 6, 12], "rows": 9}],
        "focus_all": [focus],
        "focus_negative_response": [{**focus, "alpha": -0.5, "rows": "response"}],
        "focus_from": [{**focus, "alpha": 1.0, "rows": 7}],
        "focus_key": [{**focus, "use_key": True}],
        "focus_adds_up": [focus, {**focus, "alpha": 0.7, "directions": 1, "heads": [[0, 1], [1, 2]], "rows": 5}],
        "both": [{**split, "tau": 0.2, "heads": [[0, 1], [1, 0], [1, 1]]}, {**focus, "use_key": True}],
    }


def write_interventions(folder, seed):
    generator = torch.Generator().manual_seed(77)
    config = transformers.AutoConfig.from_pretrained(folder)
    shape = (2, config.num_hidden_layers, config.num_attention_heads, config.hidden_size // config.num_attention_heads)
    PLAN.update(prompt=PROMPT, query=torch.randn(shape, generator=generator) * 2, key=torch.randn(shape, generator=generator))
    transformers.AttentionInterface.register("edited", edited_attention)
    transformers.AttentionMaskInterface.register("edited", transformers.masking_utils.eager_mask)
    model = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="edited")
    tokens = tokens_for(seed)
    cases, tensors = {}, {"query": PLAN["query"], "key": PLAN["key"], "tokens": tokens}
    for name, edits in intervention_cases().items():
        cases[name] = PLAN["edits"] = edits
        logits, attention = observe(model, tokens)
        tensors[name + ".logits"] = logits
        tensors[name + ".attention"] = attention
        tensors[name + ".greedy"] = greedy(model, tokens[:PROMPT])
        assert len(tensors[name + ".greedy"]) > 3, name
    save_file(tensors, folder / "interventions.safetensors")
    (folder / "interventions.json").write_text(json.dumps({"prompt": PROMPT, "cases": cases}, indent=1) + "\n")


def main(root):
    llama, seed = transformers.LlamaConfig, 5
    folder, _ = write_model(root, "llama_gqa", llama, seed, num_hidden_layers=3)
    write_interventions(folder, seed)
    write_model(root, "llama_tied_llama3", llama, 2, tie_word_embeddings=True,
                rope_parameters={"rope_type": "llama3", "rope_theta": 50.0, "factor": 8.0, "low_freq_factor": 1.0,
                                 "high_freq_factor": 4.0, "original_max_position_embeddings": 32})
    write_model(root, "llama_head_dim_bias", llama, 3, hidden_size=24, num_attention_heads=3, num_key_value_heads=1,
                head_dim=16, attention_bias=True, mlp_bias=True, change=old_spelling,
                rope_parameters={"rope_type": "linear", "rope_theta": 5000.0, "factor": 2.0})
    write_model(root, "llama_bf16", llama, 4, dtype=torch.bfloat16, num_key_value_heads=4)
    write_model(root, "llama_sharded_fp16", llama, 5, dtype=torch.float16, shards="20KB")
    write_model(root, "mistral", transformers.MistralConfig, 6, sliding_window=None)
    folder, new = write_model(root, "qwen2", transformers.Qwen2Config, 7, use_sliding_window=False)
    first = {int(t): i for i, t in reversed(list(enumerate(new)))}
    eos = max(first, key=lambda t: first[t] if first[t] < 8 else -1)
    (folder / "generation_config.json").write_text(json.dumps({"eos_token_id": [VOCAB - 1, eos]}) + "\n")


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
