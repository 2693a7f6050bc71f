"""What a notebook does when alpha changes: the whole prompt again, then token by token, with attention of the response
rows kept. The model's side of it (how a vector is added, how rows are kept) is the peer's.
"""
import time

import peer


class Kept:
    """Attention of the rows P-1..P+n-1 of every layer, as a hook sees them."""

    def __init__(self, layers):
        self.rows = [[] for _ in range(layers)]

    def add(self, layer, weights):
        self.rows[layer].append(weights[0, :, -1:].clone())  # [heads, 1, keys]

    def stacked(self, keys):
        import torch

        full = [torch.cat([torch.nn.functional.pad(row, (0, keys - row.shape[2])) for row in layer], dim=1)
                for layer in self.rows]
        return torch.stack(full).contiguous()


def directions(task):
    from safetensors.torch import load_file

    return load_file(task["directions_file"])["query"]


def added(query, cell, layers):
    """alpha * d of the cell's heads, zero elsewhere: layer -> [heads, head_dim], None where nothing is added."""
    import torch

    plan = [None] * layers
    for layer, head in cell["heads"]:
        if plan[layer] is None:
            plan[layer] = torch.zeros_like(query[layer])
        plan[layer][head] = cell["alpha"] * query[layer, head]
    return plan


def measure(task, layers, run_cell):
    """run_cell(plan, kept) -> token ids; `kept` has all rows after it."""
    from safetensors.torch import save_file

    seconds, tokens, kept, query = [], [], None, directions(task)
    for cell in task["cells"]:
        plan = added(query, cell, layers)
        kept = Kept(layers)
        start = time.perf_counter()
        tokens.append(run_cell(plan, kept))
        seconds.append(time.perf_counter() - start)
    if kept.rows[0]:
        keys = len(task["ids"]) + len(tokens[-1])
        save_file({"attention": kept.stacked(keys)}, task["attention_file"])
    _, peak = peer.memory()
    peer.answer(seconds=seconds, tokens=tokens, peak_bytes=peak)


def greedy(task, step):
    """step(ids) -> logits of the last row; the last token is fed too, since its row of attention is wanted."""
    import torch

    logits = step(torch.tensor([task["ids"]]))
    chosen = []
    for _ in range(task["new_tokens"]):
        chosen.append(int(logits.argmax()))
        logits = step(torch.tensor([[chosen[-1]]]))
    return chosen
