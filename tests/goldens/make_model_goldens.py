"""Tiny random checkpoints and what Hugging Face computes on them (eager attention, fp32).

Run by hand with transformers 5 and torch; the results are committed:
    python tests/goldens/make_model_goldens.py tests/goldens/models [llama|rope|window|gemma|phi|older|edited ...]
Each folder is a checkpoint plus golden.safetensors: tokens [T], logits [T, V], attention [L, H, T, T], greedy [12] after
the first PROMPT tokens. The interventions are written down a second time here, from method.md 2 to 4 in fp64 and
with explicit T x T weights, so that they share nothing with the C++ code.
"""

import json
import math
import pathlib
import shutil
import sys

import torch
import transformers
from safetensors.torch import load_file, save_file

LEFT_OUT = object()
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
            if name.endswith("bias"):
                weight.copy_(0.3 * noise)
            elif "norm" in name or ".ln_" in name:
                plus_one = model.config.model_type.startswith("gemma")
                weight.copy_(0.3 * noise if plus_one else 1 + 0.1 * noise)
            elif any(part in name for part in ("embed_tokens", "embed_in", "wte", "wpe")):
                weight.copy_(noise / getattr(model.get_input_embeddings(), "scalar_embed_scale", 1.0))
            else:
                inputs = weight.shape[0 if model.config.model_type == "gpt2" else -1]
                weight.copy_(noise * 1.5 / math.sqrt(inputs))
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


def per_layer_old_spelling(config):
    """Gemma 3 as published: one theta for each kind of layer, scaling for those that see everything."""
    ropes = config.pop("rope_parameters")
    config.pop("layer_types")
    config["sliding_window_pattern"] = 2
    config["rope_local_base_freq"] = ropes["sliding_attention"]["rope_theta"]
    config["rope_theta"] = ropes["full_attention"].pop("rope_theta")
    config["rope_scaling"] = ropes["full_attention"]


def neox_old_spelling(config):
    rope = config.pop("rope_parameters")
    config["rotary_emb_base"], config["rotary_pct"] = rope["rope_theta"], rope["partial_rotary_factor"]


def shape(**fields):
    return {name: value for name, value in {**SHAPE, **fields}.items() if value is not LEFT_OUT}


def text_and_pictures(config_class, text_class, vision, **text_fields):
    """A config class of a model of text and pictures, made from the text's fields."""
    return lambda **fields: config_class(text_config=text_class(**fields).to_dict(), vision_config=vision,
                                         tie_word_embeddings=fields["tie_word_embeddings"], **text_fields)


def as_published_gpt2(folder):
    """No prefix, and the causal masks that old exporters stored."""
    path = folder / "model.safetensors"
    tensors = {name.removeprefix("transformer."): tensor for name, tensor in load_file(path).items()}
    for layer in range(2):
        tensors[f"h.{layer}.attn.bias"] = torch.ones(1, 1, 4, 4).tril()
    save_file(tensors, path, metadata={"format": "pt"})


def settle_frequencies(model):
    """Dynamic rotary types keep the frequencies of the longest sequence seen: that of the whole run."""
    model(torch.zeros(1, PROMPT + NEW, dtype=torch.long), use_cache=False)


def auto_class(config):
    known = transformers.AutoModelForCausalLM._model_mapping
    return transformers.AutoModelForCausalLM if type(config) in known else transformers.AutoModelForImageTextToText


def write_model(root, name, config_class, seed, dtype=torch.float32, change=lambda config: None, shards=None,
                rewrite=lambda folder: None, before_greedy=lambda model: None, **fields):
    folder = root / name
    shutil.rmtree(folder, ignore_errors=True)
    config = config_class(**shape(**fields))
    transformers.set_seed(0)
    model = randomise(auto_class(config).from_config(config), seed)
    options = {"max_shard_size": shards} if shards else {}
    model.to(dtype).save_pretrained(folder, **options)
    (folder / "generation_config.json").unlink(missing_ok=True)
    edit_config(folder, change)
    rewrite(folder)
    # What is compared with is what transformers reads back from the files.
    model = auto_class(config).from_pretrained(folder, dtype=torch.float32, attn_implementation="eager")
    tokens = tokens_for(seed)
    logits, attention = observe(model.eval(), tokens)
    before_greedy(model)
    new = greedy(model, tokens[:PROMPT])
    assert len(new) == NEW, "too close to a tie: choose another seed"
    save_file({"tokens": tokens, "logits": logits, "attention": attention, "greedy": new}, folder / "golden.safetensors")
    return folder, new


# --- interventions, from method.md -------------------------------------------------------------------------------------

PLAN = {}


def first_row(rows, prompt):
    return {"all": 0, "response": prompt - 1}.get(rows, rows)


def focused(head, t, query_t, keys, layer, edits):
    for e in edits:
        if e["method"] == "focus":
            query_t = query_t + e["alpha"] * PLAN["query"][e["directions"], layer, head].double()
            if e["use_key"]:
                keys = keys + e["alpha"] * PLAN["key"][e["directions"], layer, head].double()
    return query_t, keys


def marked_keys(e, t):
    marked = torch.zeros(t + 1, dtype=torch.bool)
    marked[[s for s in e["marked"] if s <= t]] = True
    return marked


def biased(scores, t, edits):
    """SpotLight, then PASTA: both on scores, after soft-cap and mask."""
    for e in edits:
        if e["method"] == "spotlight":
            psi = torch.softmax(scores, 0)[marked_keys(e, t)].sum()
            if 0 < psi < e["target"]:
                scores = scores + marked_keys(e, t) * torch.log(e["target"] / psi)
    for e in edits:
        if e["method"] == "pasta":
            scores = scores + ~marked_keys(e, t) * math.log(e["outside"])
    return scores


def moved(a, t, edits):
    """InstABoost, then split-softmax: both on weights."""
    for e in edits:
        if e["method"] == "instaboost":
            a = torch.where(marked_keys(e, t), a * e["multiplier"], a)
            a = a / a.sum()
    for e in edits:
        if e["method"] == "split-softmax":
            marked = marked_keys(e, t)
            p = a[marked].sum()
            if marked.any() and not marked.all() and p < 1 and p.log() >= -80:
                kept = p ** e["tau"]
                a = torch.where(marked, a * kept / p, a * (1 - kept) / (1 - p))
    return a


def edited_attention(module, query, key, value, attention_mask, scaling=None, softcap=None, sliding_window=None,
                     **kwargs):
    """Order of method.md: RoPE (done), + alpha d, scale, soft-cap, mask, biases, softmax, weights, values, output."""
    length = query.shape[2]
    group = query.shape[1] // key.shape[1]
    q, k, v = query[0].double().clone(), key[0].double(), value[0].double()
    k, v = k.repeat_interleave(group, 0).clone(), v.repeat_interleave(group, 0)
    layer = module.layer_idx
    all_weights = []
    outputs = torch.zeros(q.shape[0], length, v.shape[2], dtype=torch.double)
    for head in range(q.shape[0]):
        here = [e for e in PLAN["edits"] if [layer, head] in e["heads"]]
        rows = []
        for t in range(length):
            edits = [e for e in here if t >= first_row(e["rows"], PLAN["prompt"])]
            query_t, keys = focused(head, t, q[head, t], k[head], layer, edits)
            scores = keys[: t + 1] @ query_t * scaling
            if softcap is not None:
                scores = softcap * torch.tanh(scores / softcap)
            if sliding_window is not None:
                scores[: max(0, t + 1 - sliding_window)] = -math.inf
            a = moved(torch.softmax(biased(scores, t, edits), 0), t, edits)
            rows.append(torch.cat([a, torch.zeros(length - t - 1, dtype=torch.double)]))
            outputs[head, t] = rows[-1] @ v[head]
            for e in edits:
                if e["method"] == "ablate":
                    outputs[head, t] = PLAN["means"][layer, head] if e["replace"] == "mean" else 0
        all_weights.append(torch.stack(rows))
    if PLAN.get("record") is not None:
        PLAN["record"][layer] = outputs.mean(1)
    return outputs.transpose(0, 1)[None].to(query.dtype), torch.stack(all_weights)[None].to(query.dtype)


def output_means(model, prompt):
    """Means of every head's output over the rows of the unedited prompt: [L, H, head_dim]."""
    PLAN.update(edits=[], record={})
    model(prompt[None], use_cache=False)
    record = PLAN.pop("record")
    return torch.stack([record[layer] for layer in sorted(record)])


def intervention_cases(layers):
    some = [[0, 1], [0, 3], [1, 0], [2, 2], [2, 3]] if layers > 2 else [[0, 1], [0, 3], [1, 0], [1, 2]]
    every = [[layer, head] for layer in range(layers) for head in range(4)]
    focus = dict(method="focus", alpha=0.3, directions=0, use_key=False, rows="all", heads=some)
    split = dict(method="split-softmax", tau=0.1, marked=[4, 5, 6, 7], rows="all", heads=some)
    pasta = dict(method="pasta", outside=0.01, marked=[4, 5, 6, 7], rows="all", heads=some)
    boost = dict(method="instaboost", multiplier=3.0, marked=[4, 5, 6, 7], rows="all", heads=some)
    spotlight = dict(method="spotlight", target=0.3, marked=[4, 5, 6, 7], rows="all", heads=some)
    ablate = dict(method="ablate", replace="zero", rows="all", heads=some)
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
        "pasta_all": [pasta],
        "pasta_response": [{**pasta, "outside": 0.2, "rows": "response"}],
        "instaboost_every": [{**boost, "heads": every}],
        "instaboost_less": [{**boost, "multiplier": 0.3, "marked": [0, 1], "rows": 11}],
        "spotlight_all": [spotlight],
        "spotlight_from": [{**spotlight, "target": 0.9, "marked": [2, 9, 17], "rows": 7}],
        "ablate_all": [{**ablate, "heads": [[0, 1], [1, 3]]}],
        "ablate_response": [{**ablate, "rows": "response"}],
        "ablate_mean": [{**ablate, "replace": "mean"}],
        "composed": [{**ablate, "heads": [[1, 0]], "rows": 23}, {**split, "tau": 0.6, "marked": [9, 10], "rows": 5},
                     {**boost, "heads": every}, {**pasta, "outside": 0.3, "marked": [1, 2, 3, 11]},
                     {**spotlight, "target": 0.2, "marked": [6, 13]}, {**focus, "alpha": 0.2}],
        "both": [{**split, "tau": 0.2, "heads": [[0, 1], [1, 0], [1, 1]]}, {**focus, "use_key": True}],
    }


def write_interventions(folder, seed, chosen=None):
    generator = torch.Generator().manual_seed(77)
    whole = transformers.AutoConfig.from_pretrained(folder)
    config = whole.get_text_config()
    shape = (2, config.num_hidden_layers, config.num_attention_heads, getattr(config, "head_dim", config.hidden_size // config.num_attention_heads))
    PLAN.update(prompt=PROMPT, query=torch.randn(shape, generator=generator) * 2, key=torch.randn(shape, generator=generator))
    transformers.AttentionInterface.register("edited", edited_attention)
    transformers.AttentionMaskInterface.register("edited", transformers.masking_utils.eager_mask)
    model = auto_class(whole).from_pretrained(folder, dtype=torch.float32, attn_implementation="edited")
    tokens = tokens_for(seed)
    cases, tensors = {}, {"query": PLAN["query"], "key": PLAN["key"], "tokens": tokens}
    PLAN["means"] = output_means(model, tokens[:PROMPT])
    for name, edits in intervention_cases(config.num_hidden_layers).items():
        if chosen is not None and name not in chosen:
            continue
        cases[name] = PLAN["edits"] = edits
        logits, attention = observe(model, tokens)
        tensors[name + ".logits"] = logits
        if name not in WITHOUT_ATTENTION:
            tensors[name + ".attention"] = attention
        tensors[name + ".greedy"] = greedy(model, tokens[:PROMPT])
        assert len(tensors[name + ".greedy"]) > 3, name
    save_file(tensors, folder / "interventions.safetensors")
    (folder / "interventions.json").write_text(json.dumps({"prompt": PROMPT, "cases": cases}, indent=1) + "\n")


def write_llamas(root):
    llama = transformers.LlamaConfig
    write_model(root, "llama_gqa", llama, 5, num_hidden_layers=3)
    write_model(root, "llama_tied_llama3", llama, 2, tie_word_embeddings=True,
                rope_parameters={"rope_type": "llama3", "rope_theta": 50.0, "factor": 8.0, "low_freq_factor": 1.0,
                                 "high_freq_factor": 4.0, "original_max_position_embeddings": 32})
    write_model(root, "llama_head_dim_bias", llama, 3, hidden_size=24, num_attention_heads=3, num_key_value_heads=1,
                head_dim=16, attention_bias=True, mlp_bias=True, change=old_spelling,
                rope_parameters={"rope_type": "linear", "rope_theta": 5000.0, "factor": 2.0})
    write_model(root, "llama_bf16", llama, 4, dtype=torch.bfloat16, num_key_value_heads=4)
    write_model(root, "llama_sharded_fp16", llama, 5, dtype=torch.float16, shards="20KB")


def write_ropes(root):
    """Frequencies that change within the 28 tokens of a golden, or do not."""
    llama = transformers.LlamaConfig
    dynamic = {"rope_type": "dynamic", "rope_theta": 100.0, "factor": 3.0}
    write_model(root, "rope_dynamic_within", llama, 20, rope_parameters=dynamic, head_dim=12)
    write_model(root, "rope_dynamic_beyond", llama, 21, rope_parameters=dynamic, head_dim=12, change=old_spelling,
                max_position_embeddings=16, before_greedy=settle_frequencies)
    yarn = {"rope_type": "yarn", "rope_theta": 100.0, "factor": 4.0, "original_max_position_embeddings": 32}
    write_model(root, "rope_yarn", llama, 22, rope_parameters={**yarn, "beta_fast": 3.0}, head_dim=16)
    write_model(root, "rope_yarn_untruncated", transformers.Qwen2Config, 23, use_sliding_window=False,
                rope_parameters={**yarn, "beta_fast": 4.0, "beta_slow": 0.5, "truncate": False, "mscale": 0.7,
                                 "mscale_all_dim": 0.3})
    write_model(root, "rope_yarn_factor", transformers.Qwen3Config, 24, head_dim=16, change=old_spelling,
                rope_parameters={**yarn, "attention_factor": 1.25})


def write_windows(root):
    write_model(root, "mistral", transformers.MistralConfig, 6, sliding_window=None)
    write_model(root, "mistral_window", transformers.MistralConfig, 8, sliding_window=7, head_dim=12)
    write_model(root, "ministral", transformers.MinistralConfig, 9, sliding_window=5, head_dim=16, num_hidden_layers=3,
                layer_types=["sliding_attention", "full_attention", "sliding_attention"])
    write_model(root, "ministral3", text_and_pictures(
        transformers.Mistral3Config, transformers.Ministral3Config,
        dict(model_type="pixtral", hidden_size=8, intermediate_size=8, num_hidden_layers=1, num_attention_heads=1,
             image_size=8, patch_size=4, head_dim=8)), 10, head_dim=12,
        rope_parameters={"rope_type": "yarn", "rope_theta": 1000.0, "factor": 4.0, "beta_fast": 4.0, "beta_slow": 1.0,
                         "mscale": 1.0, "mscale_all_dim": 1.0, "original_max_position_embeddings": 8,
                         "llama_4_scaling_beta": 0.3})
    folder, new = write_model(root, "qwen2", transformers.Qwen2Config, 7, use_sliding_window=False)
    first = {int(t): i for i, t in reversed(list(enumerate(new)))}
    eos = max(first, key=lambda t: first[t] if first[t] < 8 else -1)
    (folder / "generation_config.json").write_text(json.dumps({"eos_token_id": [VOCAB - 1, eos]}) + "\n")
    write_model(root, "qwen2_window", transformers.Qwen2Config, 11, use_sliding_window=True, sliding_window=6,
                max_window_layers=1, num_hidden_layers=3, change=lambda config: config.pop("layer_types"))
    write_model(root, "qwen3", transformers.Qwen3Config, 12, head_dim=12)
    write_model(root, "qwen3_window", transformers.Qwen3Config, 13, head_dim=16, attention_bias=True,
                use_sliding_window=True, sliding_window=9, num_hidden_layers=3,
                layer_types=["sliding_attention", "full_attention", "sliding_attention"])


def write_gemmas(root):
    gemma = dict(head_dim=12, query_pre_attn_scalar=20, tie_word_embeddings=True, sliding_window=6)
    write_model(root, "gemma2", transformers.Gemma2Config, 114, attn_logit_softcapping=2.0,
                            final_logit_softcapping=3.0, num_hidden_layers=3,
                            change=lambda config: config.pop("layer_types"), **gemma)
    write_model(root, "gemma2_bf16", transformers.Gemma2Config, 15, dtype=torch.bfloat16, **gemma)
    ropes = {"sliding_attention": {"rope_type": "default", "rope_theta": 100.0},
             "full_attention": {"rope_type": "linear", "factor": 4.0, "rope_theta": 5000.0}}
    write_model(root, "gemma3_text", transformers.Gemma3TextConfig, 16, rope_parameters=ropes, num_hidden_layers=7,
                **gemma)
    write_model(root, "gemma3", text_and_pictures(
        transformers.Gemma3Config, transformers.Gemma3TextConfig,
        dict(model_type="siglip_vision_model", hidden_size=8, intermediate_size=8, num_hidden_layers=1,
             num_attention_heads=1, image_size=8, patch_size=4), mm_tokens_per_image=4), 17, rope_parameters=ropes,
        layer_types=["sliding_attention", "full_attention", "sliding_attention"], num_hidden_layers=3,
        change=lambda config: per_layer_old_spelling(config["text_config"]), **gemma)


def write_phis(root):
    phi = dict(pad_token_id=0)
    write_model(root, "phi3", transformers.Phi3Config, 18, sliding_window=6, **phi)
    long = {"rope_type": "longrope", "rope_theta": 1000.0, "short_factor": [1.0, 1.2, 1.5], "partial_rotary_factor": 0.75,
            "long_factor": [1.5, 3.0, 6.0]}
    for name, original, seed in (("phi3_long_within", 64, 19), ("phi3_long_beyond", 12, 125)):
        write_model(root, name, transformers.Phi3Config, seed, original_max_position_embeddings=original,
                    rope_parameters={**long, "original_max_position_embeddings": original}, **phi)


def write_older(root):
    neox = dict(rms_norm_eps=LEFT_OUT, num_key_value_heads=LEFT_OUT, hidden_act="gelu",
                rope_parameters={"rope_type": "default", "rope_theta": 1000.0, "partial_rotary_factor": 0.5})
    write_model(root, "gpt_neox", transformers.GPTNeoXConfig, 26, change=neox_old_spelling, **neox)
    write_model(root, "gpt_neox_sequential", transformers.GPTNeoXConfig, 27, use_parallel_residual=False,
                attention_bias=False, **neox)
    left_out = {name: LEFT_OUT for name in ("hidden_size", "num_hidden_layers", "num_attention_heads", "rope_parameters",
                                            "num_key_value_heads", "max_position_embeddings", "rms_norm_eps",
                                            "intermediate_size")}
    write_model(root, "gpt2", transformers.GPT2Config, 28, n_embd=32, n_layer=2, n_head=4, n_positions=64,
                rewrite=as_published_gpt2, **{**left_out, "tie_word_embeddings": True})


def write_edited(root):
    """Needs the checkpoints: every intervention on Llama, the others where the family could matter."""
    for name, (seed, chosen) in EDITED.items():
        write_interventions(root / name, seed, chosen)


# Bytes are dear: the attention of these follows the logits, and "composed" has its own.
WITHOUT_ATTENTION = ("pasta_all", "pasta_response", "instaboost_every", "instaboost_less", "spotlight_from", "ablate_all",
                     "ablate_response", "ablate_mean")
OLDER = ("split_all", "split_from", "focus_all", "focus_key", "focus_negative_response", "both")
NEWER = ("pasta_all", "instaboost_every", "spotlight_from", "ablate_mean", "composed")
EDITED = {"llama_gqa": (5, None), "gemma2": (114, OLDER + NEWER), "gemma3": (17, OLDER),
          "qwen3_window": (13, NEWER[:3] + ("ablate_response", "composed")),
          "gpt_neox": (26, ("ablate_mean", "composed"))}
GROUPS = {"llama": write_llamas, "rope": write_ropes, "window": write_windows, "gemma": write_gemmas, "phi": write_phis,
          "older": write_older, "edited": write_edited}


def main(root, groups):
    for name in groups or GROUPS:
        GROUPS[name](root)


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]), sys.argv[2:])
