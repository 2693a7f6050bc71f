"""What Hugging Face computes on llama_gqa of tests/goldens/models with int8 weights and with LoRA adapters merged.

Run by hand with transformers 5, peft and torch; the results are committed:
    python tests/goldens/make_loading_goldens.py tests/goldens
int8.safetensors: logits [T, V] of the model whose matrices were rounded by numpy as core/model/linear.h says. Every other
folder is a PEFT adapter plus golden.safetensors: logits [T, V] and attention [L, H, T, T] of the merged model.
"""

import pathlib
import shutil
import sys

import numpy
import peft
import torch
import transformers
from safetensors.torch import load_file, save_file

ALL = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]


def base_model(root):
    return transformers.AutoModelForCausalLM.from_pretrained(
        root / "models" / "llama_gqa", dtype=torch.float32, attn_implementation="eager").eval()


@torch.no_grad()
def observe(model, tokens):
    out = model(tokens[None], output_attentions=True, use_cache=False)
    return {"logits": out.logits[0].contiguous(), "attention": torch.stack([a[0] for a in out.attentions]).contiguous()}


def write_int8(root, tokens):
    model = base_model(root)
    with torch.no_grad():
        for weight in model.parameters():
            if weight.dim() != 2:
                continue
            matrix = weight.numpy()
            scale = (numpy.abs(matrix).max(1) / numpy.float32(127)).astype(numpy.float32)
            rounded = numpy.rint(matrix / scale[:, None]).astype(numpy.int8)
            weight.copy_(torch.from_numpy(rounded.astype(numpy.float32) * scale[:, None]))
    save_file({"logits": observe(model, tokens)["logits"]}, root / "loading" / "int8.safetensors")


def write_adapter(root, name, tokens, seed, **options):
    folder = root / "loading" / name
    shutil.rmtree(folder, ignore_errors=True)
    transformers.set_seed(seed)
    model = peft.get_peft_model(base_model(root), peft.LoraConfig(task_type="CAUSAL_LM", **options))
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter.copy_(0.2 * torch.randn(parameter.shape))
    model.save_pretrained(folder)
    (folder / "README.md").unlink(missing_ok=True)
    merged = peft.PeftModel.from_pretrained(base_model(root), folder).merge_and_unload()
    save_file(observe(merged.eval(), tokens), folder / "golden.safetensors")


def main(root):
    tokens = load_file(root / "models" / "llama_gqa" / "golden.safetensors")["tokens"]
    (root / "loading").mkdir(exist_ok=True)
    write_int8(root, tokens)
    write_adapter(root, "lora_patterns", tokens, 1, r=4, lora_alpha=6, target_modules=["q_proj", "v_proj", "down_proj"],
                  rank_pattern={"layers.1.self_attn.q_proj": 2, "v_proj": 3}, alpha_pattern={"v_proj": 9})
    write_adapter(root, "lora_rs", tokens, 2, r=2, lora_alpha=3, use_rslora=True, target_modules=ALL + ["lm_head"])
    write_adapter(root, "lora_saved_head", tokens, 3, r=2, lora_alpha=2, target_modules=["k_proj"],
                  modules_to_save=["lm_head"])


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
