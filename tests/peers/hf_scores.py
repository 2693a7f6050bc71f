"""Scores of all heads over some rows with Hugging Face transformers, or the same pass without looking.

task["attention"] = "eager": output_attentions=True keeps T x T weights of every head; the wanted rows are then summed
over the key sets. "sdpa": fused attention, nothing is captured. Both compute the logits of the last row only, and keep
no key/value cache, which is the least that transformers can do.
"""
import time

import peer


def main():
    task = peer.read_task()
    import torch
    import transformers
    from safetensors.torch import save_file

    torch.set_num_threads(task["threads"])
    transformers.logging.set_verbosity_error()
    eager = task["attention"] == "eager"
    model = transformers.AutoModelForCausalLM.from_pretrained(
        task["model"], dtype=torch.float32, attn_implementation=task["attention"]).eval()
    ids = torch.tensor([task["ids"]])
    begin, end = task["rows"]
    member = torch.zeros(ids.shape[1], len(task["sets"]))
    for index, (first, last) in enumerate(task["sets"]):
        member[first:last, index] = 1

    def run(tokens):
        return model(tokens, use_cache=False, logits_to_keep=1, output_attentions=eager)

    with torch.inference_mode():
        run(ids[:, :64])
        loaded, _ = peer.memory()
        start = time.perf_counter()
        for _ in range(task.get("samples", 1)):
            output = run(ids)
            if eager:
                scores = torch.stack([weights[0, :, begin:end] @ member for weights in output.attentions])
        seconds = time.perf_counter() - start
    _, peak = peer.memory()
    if eager:
        save_file({"scores": scores.contiguous()}, task["scores_file"])
    peer.answer(seconds=seconds, loaded_bytes=loaded, peak_bytes=peak)


main()
