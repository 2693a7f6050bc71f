"""A slider's work with TransformerLens, from scratch: run_with_hooks with one hook that adds the focus direction to the
rotated queries and one that keeps the response rows of the pattern.
"""
import os
import tempfile

import peer
import rerun


def tokenizer_of(vocabulary, folder):
    """TransformerLens does not start without a tokenizer and its folder; nothing is encoded with this one."""
    import transformers
    from tokenizers import Tokenizer, models

    words = {str(i): i for i in range(vocabulary)}
    made = transformers.PreTrainedTokenizerFast(tokenizer_object=Tokenizer(models.WordLevel(words, unk_token="0")),
                                                unk_token="0", eos_token="1", bos_token="2", pad_token="1")
    made.save_pretrained(folder)
    return transformers.AutoTokenizer.from_pretrained(folder)


def main():
    task = peer.read_task()
    import torch
    import transformers
    from transformer_lens.model_bridge import TransformerBridge
    from transformers import DynamicCache

    torch.set_num_threads(task["threads"])
    transformers.logging.set_verbosity_error()
    loaded = transformers.AutoModelForCausalLM.from_pretrained(
        task["model"], dtype=torch.float32, attn_implementation="eager").eval()
    layers = loaded.config.num_hidden_layers
    with tempfile.TemporaryDirectory() as folder:
        model = TransformerBridge.boot_transformers(task["model"], device="cpu", hf_model=loaded,
                                                    tokenizer=tokenizer_of(loaded.config.vocab_size, folder))
    seen = {"tokens": 0}

    def hooks(plan, kept):
        def keep(layer):
            return lambda pattern, hook: kept.add(layer, pattern)

        def add(vector):
            def hook_query(query, hook):  # [batch, rows, heads, head_dim]
                first = max(0, task["rows_from"] - seen["tokens"])
                query = query.clone()
                query[0, first:] += vector
                return query
            return hook_query

        listed = [(f"blocks.{layer}.attn.hook_pattern", keep(layer)) for layer in range(layers)]
        listed += [(f"blocks.{layer}.attn.hook_rot_q", add(vector)) for layer, vector in enumerate(plan)
                   if vector is not None]
        return listed

    def run_cell(plan, kept):
        cache, listed = DynamicCache(), hooks(plan, kept)
        seen["tokens"] = 0

        def step(ids):
            logits = model.run_with_hooks(ids, fwd_hooks=listed, past_key_values=cache, use_cache=True,
                                          logits_to_keep=1)[0, -1]
            seen["tokens"] += ids.shape[1]
            return logits

        return rerun.greedy(task, step)

    with torch.inference_mode():
        model(torch.tensor([task["ids"][:64]]))  # the first pass costs more
        rerun.measure(task, layers, run_cell)


os.environ.setdefault("WANDB_MODE", "disabled")
main()
