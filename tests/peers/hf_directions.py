"""Focus directions trained the way the method's authors do it: the hidden states that enter the attention of each layer
are collected once, then each layer on its own runs its whole attention, eagerly and over the whole sequence, in every
step, and autograd goes back through all of it.

Written from the paper and the description of their program. Samples are given in the order of task["orders"], so that
both sides make the same steps; task["init_file"] holds the vectors that both begin with.
"""
import time

import peer


def main():
    task = peer.read_task()
    import torch
    import transformers
    from safetensors.torch import load_file, save_file
    from transformers.models.llama.modeling_llama import apply_rotary_pos_emb, repeat_kv

    torch.set_num_threads(task["threads"])
    transformers.logging.set_verbosity_error()
    model = transformers.AutoModelForCausalLM.from_pretrained(task["model"], dtype=torch.float32,
                                                              attn_implementation="sdpa").eval()
    model.requires_grad_(False)
    layers, start = model.model.layers, load_file(task["init_file"])
    samples = [{**sample, "ids": torch.tensor([sample["ids"]])} for sample in task["samples"]]

    def collect():
        """hidden[layer][sample]: what enters the projections of attention."""
        hidden = [[] for _ in layers]
        hooks = [layer.input_layernorm.register_forward_hook(lambda _m, _i, output, kept=kept: kept.append(output))
                 for layer, kept in zip(layers, hidden)]
        with torch.no_grad():
            for sample in samples:
                model.model(sample["ids"], use_cache=False)
        for hook in hooks:
            hook.remove()
        return hidden

    def attention_weights(attention, states, query, key):
        shape = (*states.shape[:-1], -1, attention.head_dim)
        q, k, v = (project(states).view(shape).transpose(1, 2)
                   for project in (attention.q_proj, attention.k_proj, attention.v_proj))
        length = states.shape[1]
        q, k = apply_rotary_pos_emb(q, k, *model.model.rotary_emb(states, torch.arange(length)[None]))
        k, v = (repeat_kv(x, attention.num_key_value_groups) for x in (k, v))
        q, k = q + query[None, :, None], k + key[None, :, None]
        mask = torch.full((length, length), float("-inf")).triu(1)
        weights = torch.softmax(q @ k.transpose(2, 3) * attention.scaling + mask, -1, dtype=torch.float32)
        output = (weights @ v).transpose(1, 2).reshape(*states.shape[:-1], -1)
        return attention.o_proj(output), weights

    def train_layer(index, states):
        query, key = (torch.nn.Parameter(start[half][index].clone()) for half in "qk")
        optimizer = torch.optim.AdamW([key, query], lr=task["learning_rate"])
        losses = []
        for order in task["orders"]:
            total = 0.0
            for i in order:
                _, weights = attention_weights(layers[index].self_attn, states[i], query, key)
                (first, last), (begin, end) = samples[i]["rows"], samples[i]["gold"]
                loss = -weights[:, :, first:last, begin:end].sum(-1).mean()
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                total += loss.item()
            losses.append(total / len(order))
        return losses, query.detach(), key.detach()

    with torch.no_grad():
        model(samples[0]["ids"][:, :64])
    begin = time.perf_counter()
    hidden = collect()
    collected = time.perf_counter()
    trained = [train_layer(index, states) for index, states in enumerate(hidden)]
    end = time.perf_counter()
    _, peak = peer.memory()
    save_file({"q": torch.stack([query for _, query, _ in trained]), "k": torch.stack([key for _, _, key in trained])},
              task["directions_file"])
    peer.answer(collect_seconds=collected - begin, train_seconds=end - collected, peak_bytes=peak,
                losses=[losses for losses, _, _ in trained])


main()
