"""A slider's work with Hugging Face transformers, from scratch: eager attention with the focus direction added to the
rotated queries and the response rows kept where the weights are made; or ("attention": "sdpa") fused attention that
adds and keeps nothing, over the same tokens.
"""
import peer
import rerun


def main():
    task = peer.read_task()
    import torch
    import transformers
    from transformers import DynamicCache
    from transformers.models.llama import modeling_llama

    torch.set_num_threads(task["threads"])
    transformers.logging.set_verbosity_error()
    model = transformers.AutoModelForCausalLM.from_pretrained(
        task["model"], dtype=torch.float32, attn_implementation=task["attention"]).eval()
    plain = modeling_llama.eager_attention_forward
    layers = model.config.num_hidden_layers
    state = {"plan": [None] * layers, "kept": rerun.Kept(layers)}

    def edited(module, query, key, value, *rest, **options):
        vector = state["plan"][module.layer_idx]
        rows = query.shape[2]
        first = max(0, task["rows_from"] - (key.shape[2] - rows))
        if vector is not None and first < rows:
            query = query.clone()
            query[0, :, first:] += vector[:, None]
        output, weights = plain(module, query, key, value, *rest, **options)
        state["kept"].add(module.layer_idx, weights)
        return output, None

    if task["attention"] == "eager":
        modeling_llama.eager_attention_forward = edited

    def run_cell(plan, kept):
        state.update(plan=plan, kept=kept)
        cache = DynamicCache()
        return rerun.greedy(task, lambda ids: model(ids, past_key_values=cache, use_cache=True,
                                                    logits_to_keep=1).logits[0, -1])

    with torch.inference_mode():
        model(torch.tensor([task["ids"][:64]]), use_cache=False)  # the first pass costs more
        rerun.measure(task, layers, run_cell)


main()
