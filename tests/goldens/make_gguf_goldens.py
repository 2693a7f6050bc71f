"""Tiny GGUF files as llama.cpp's converter writes them, and what Hugging Face computes on their weights (eager, fp32).

Run by hand with transformers 5, torch, tokenizers, sentencepiece and gguf; the results are committed:
    g++ -shared -o /some/ggml.so -Wl,--whole-archive build/release/libggml_base.a -Wl,--no-whole-archive -lpthread -lm
    python tests/goldens/make_gguf_goldens.py tests/goldens/gguf LLAMA /some/ggml.so
where LLAMA is llama.cpp's folder in the unpacked source package of llama-cpp-python (packaging/dependencies.lock).

NAME.gguf comes from a random checkpoint through convert_hf_to_gguf.py, so that names, order of rows and metadata are
those that people's files have; some tensors are then quantised by ggml. NAME.safetensors beside it: tokens [T],
logits [T, V], attention [L, H, T, T] of the checkpoint with the file's weights, de-quantised by the Python package gguf
and put back in their places; NAME.json: texts with the ids of the tokenizer that the file was made from.
blocks.json: blocks of every type with the numbers that the package finds in them.
"""

import contextlib
import ctypes
import importlib
import io
import json
import pathlib
import shutil
import sys
import tempfile
from unittest import mock

import numpy as np
import torch
import transformers
from safetensors.torch import save_file

from make_model_goldens import SHAPE, observe, randomise

OUT, LLAMA, GGML = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), sys.argv[3]
sys.path[1:1] = [str(LLAMA), str(LLAMA / "gguf-py")]
import gguf  # noqa: E402
from gguf import GGMLQuantizationType as Type  # noqa: E402

TOKENS = 24
TEXTS = ["", "Hello world", " two  spaces and\n\nlines\t tabs ", "1234567 x3", "naïve café, 東京 🙂!", "It's we'll \u00a0 end",
         "the cat of the hat", "a" * 30]
CORPUS = ["the cat sat on the mat and the dog sat on the log", "it's what we'll say, and they'd say: 12 345 6789",
          "Hello world, hello there", "the hat of the cat is on the mat", "naïve café au lait", "def f(x):\n    return x + 1\n"] * 8


# --- quantisation by ggml -----------------------------------------------------------------------------------------------

ggml = ctypes.CDLL(GGML)
ggml.ggml_quantize_chunk.restype = ctypes.c_size_t
ggml.ggml_quantize_chunk.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64,
                                     ctypes.c_int64, ctypes.c_void_p]


def quantise(array, kind):
    array = np.ascontiguousarray(array, dtype=np.float32)
    block, size = gguf.GGML_QUANT_SIZES[kind]
    out = np.zeros(array.shape[:-1] + (array.shape[-1] // block * size,), np.uint8)
    importance = np.ones(array.shape[-1], np.float32)  # some types cannot do without
    written = ggml.ggml_quantize_chunk(int(kind), array.ctypes.data, out.ctypes.data, 0, array.size // array.shape[-1],
                                       array.shape[-1], importance.ctypes.data)
    assert written == out.nbytes
    return out


def requantise(path, choose):
    """Writes the file again with matrices of the types that `choose` names (None: left alone)."""
    reader = gguf.GGUFReader(path)
    fresh = path.with_suffix(".fresh")
    writer = gguf.GGUFWriter(fresh, reader.get_field("general.architecture").contents())
    for field in reader.fields.values():
        if field.name.startswith("GGUF.") or field.name == "general.architecture":
            continue
        kind = field.types[0]
        writer.add_key_value(field.name, field.contents(), kind, field.types[-1] if kind == gguf.GGUFValueType.ARRAY else None)
    for tensor in reader.tensors:
        kind = choose(tensor.name, list(tensor.shape)) if len(tensor.shape) > 1 else None
        data = np.array(tensor.data)
        if kind is None:
            writer.add_tensor(tensor.name, data, raw_dtype=tensor.tensor_type)
        else:
            writer.add_tensor(tensor.name, quantise(gguf.quants.dequantize(data, tensor.tensor_type), kind), raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    fresh.replace(path)


# --- tokenizers ---------------------------------------------------------------------------------------------------------


def byte_level_tokenizer(folder, pattern, specials, bos, nfc=False):
    from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
    tokenizer = Tokenizer(models.BPE())
    if nfc:
        tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(pattern), "isolated"),
                                                       pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(vocab_size=300, show_progress=False,
                                  initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()))
    tokenizer.train_from_iterator(CORPUS, trainer)
    tokenizer.add_special_tokens(specials)
    if bos:
        tokenizer.post_processor = processors.TemplateProcessing(
            single=f"{bos} $A", special_tokens=[(bos, tokenizer.token_to_id(bos))])
    fast = transformers.PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token=bos, eos_token=specials[-1],
                                                chat_template=TEMPLATE)
    fast.save_pretrained(folder)
    return tokenizer.get_vocab_size(), lambda text: tokenizer.encode(text).ids


TEMPLATE = "{{ bos_token }}{% for m in messages %}<{{ m.role }}>{{ m.content }}{{ eos_token }}{% endfor %}"
LLAMA3 = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
TEKKEN = (r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|"
          r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|"
          r"\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+")
QWEN2 = LLAMA3.replace(r"\p{N}{1,3}", r"\p{N}")


def scored_tokenizer(folder, **options):
    import sentencepiece
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(sentence_iterator=iter(CORPUS), model_writer=model, vocab_size=330,
                                             model_type="bpe", byte_fallback=True, character_coverage=1.0,
                                             normalization_rule_name="identity", remove_extra_whitespaces=False,
                                             minloglevel=2, **options)
    (folder / "tokenizer.model").write_bytes(model.getvalue())
    pieces = sentencepiece.SentencePieceProcessor(model_proto=model.getvalue())
    return pieces.vocab_size(), lambda text: [pieces.bos_id()] + pieces.encode(text)


# --- files --------------------------------------------------------------------------------------------------------------


def convert(folder, out, kind, pre):
    base = importlib.import_module("conversion.base")
    main = importlib.import_module("convert_hf_to_gguf")
    arguments = ["convert", str(folder), "--outfile", str(out), "--outtype", kind, "--model-name", out.stem]
    # The pre-tokenizer is recognised by a hash of published models' ids.
    with mock.patch.object(base.TextModel, "get_vocab_base_pre", lambda *_: pre), mock.patch.object(sys, "argv", arguments):
        with contextlib.redirect_stdout(io.StringIO()):
            main.main()


def weights_of(model, path):
    """The file's weights under their names in `model`, undoing what the converter does."""
    reader = gguf.GGUFReader(path)
    name = reader.get_field("general.architecture").contents()
    arch = next(key for key, value in gguf.MODEL_ARCH_NAMES.items() if value == name)
    names = gguf.get_tensor_name_map(arch, model.config.num_hidden_layers)
    stored = {t.name: gguf.quants.dequantize(np.array(t.data), t.tensor_type) for t in reader.tensors}
    state = {}
    for key in model.state_dict():
        where = names.get_name(key, try_suffixes=(".weight", ".bias"))
        if where not in stored:
            assert key == "lm_head.weight", key
            continue
        value = torch.from_numpy(np.array(stored[where], dtype=np.float32))
        for part, heads in (("q_proj", model.config.num_attention_heads), ("k_proj", model.config.num_key_value_heads)):
            if name == "llama" and part in key:
                value = value.reshape(heads, -1, 2, *value.shape[1:]).swapaxes(1, 2).reshape(value.shape)
        if name.startswith("gemma") and "norm" in key:
            value = value - 1
        state[key] = value
    if "lm_head.weight" not in state:
        state["lm_head.weight"] = state["model.embed_tokens.weight"]
    return state


def second_opinion(path, tokens, logits):
    """The same file through transformers' own reader of GGUF files, where that knows the kind."""
    try:
        other = transformers.AutoModelForCausalLM.from_pretrained(path.parent, gguf_file=path.name, dtype=torch.float32,
                                                                  attn_implementation="eager")
    except Exception as problem:  # noqa: BLE001
        return f"{type(problem).__name__}: {str(problem).splitlines()[0][:90]}"
    return f"differs by {(observe(other.eval(), tokens)[0] - logits).abs().max():.1e}"


def write(name, config_class, seed, tokenizer, kind="f32", pre="default", choose=None, **fields):
    out = OUT / f"{name}.gguf"
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        vocab, encode = tokenizer(folder)
        shape = {**SHAPE, "vocab_size": vocab, "bos_token_id": 1, "eos_token_id": 2, **fields}
        config = config_class(**shape)
        config._attn_implementation = "eager"
        transformers.set_seed(0)
        model = randomise(transformers.AutoModelForCausalLM.from_config(config), seed)
        model.tie_weights()
        model.save_pretrained(folder)
        (folder / "generation_config.json").unlink(missing_ok=True)
        convert(folder, out, kind, pre)
        if choose:
            requantise(out, choose)
        original = {key: value.clone() for key, value in model.state_dict().items()}
        state = weights_of(model, out)
        if not choose:
            for key, value in state.items():
                limit = {"f32": 2e-7, "q8_0": 0.02}.get(kind, 0.005) * original[key].abs().max()
                assert (value - original[key]).abs().max() <= limit, key
        model.load_state_dict(state)
    tokens = torch.randint(3, vocab, (TOKENS,), generator=torch.Generator().manual_seed(seed))
    logits, attention = observe(model.eval(), tokens)
    save_file({"tokens": tokens, "logits": logits, "attention": attention}, out.with_suffix(".safetensors"))
    texts = {"texts": TEXTS, "ids": [encode(text) for text in TEXTS]}
    out.with_suffix(".json").write_text(json.dumps(texts, ensure_ascii=False, indent=0) + "\n")
    print(f"{name}: {out.stat().st_size} bytes; transformers' reader {second_opinion(out, tokens, logits)}")


def every_type(name, shape):
    """A type for each matrix of a llama whose rows have 256 numbers, and small ones for those of 32."""
    if shape[0] % 256 != 0:
        return {"0": Type.Q5_1, "1": Type.Q4_1}[name.split(".")[1]] if name.endswith("attn_output.weight") else Type.IQ4_NL
    return {"token_embd.weight": Type.Q6_K, "output.weight": Type.Q4_K,
            "blk.0.attn_q.weight": Type.Q4_K, "blk.0.attn_k.weight": Type.Q5_K, "blk.0.attn_v.weight": Type.Q6_K,
            "blk.0.ffn_gate.weight": Type.Q3_K, "blk.0.ffn_up.weight": Type.Q2_K,
            "blk.1.attn_q.weight": Type.Q8_0, "blk.1.attn_k.weight": Type.Q4_0, "blk.1.attn_v.weight": Type.Q5_0,
            "blk.1.ffn_gate.weight": Type.IQ4_XS, "blk.1.ffn_up.weight": Type.BF16}[name]


def write_blocks():
    rng = np.random.default_rng(7)
    types = {}
    for kind in (Type.F32, Type.F16, Type.BF16, Type.Q4_0, Type.Q4_1, Type.Q5_0, Type.Q5_1, Type.Q8_0, Type.Q2_K, Type.Q3_K,
                 Type.Q4_K, Type.Q5_K, Type.Q6_K, Type.IQ2_XXS, Type.IQ2_XS, Type.IQ2_S, Type.IQ3_XXS, Type.IQ3_S, Type.IQ1_S,
                 Type.IQ1_M, Type.IQ4_NL, Type.IQ4_XS, Type.TQ1_0, Type.TQ2_0, Type.MXFP4):
        numbers = rng.standard_normal((2, 256)).astype(np.float32)
        data = numbers.view(np.uint8) if kind == Type.F32 else quantise(numbers, kind)
        back = gguf.quants.dequantize(data.view(np.float32) if kind == Type.F32 else
                                      data.view(np.float16) if kind == Type.F16 else data, kind)
        types[kind.name] = {"code": int(kind), "bytes": data.tobytes().hex(),
                            "floats": back.astype(np.float32).tobytes().hex()}
    (OUT / "blocks.json").write_text(json.dumps(types, indent=0) + "\n")


def main():
    shutil.rmtree(OUT, ignore_errors=True)
    OUT.mkdir(parents=True)
    write_blocks()
    bos = ["<|begin_of_text|>", "<|eot_id|>"]
    llama3 = {"rope_type": "llama3", "rope_theta": 5e5, "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
              "original_max_position_embeddings": 8192}
    linear = {"rope_type": "linear", "rope_theta": 1e4, "factor": 2.5}
    yarn = {"rope_type": "yarn", "rope_theta": 1e4, "factor": 4.0, "original_max_position_embeddings": 8}
    qwen = ["<|endoftext|>", "<|im_end|>"]
    with_bos = lambda folder: byte_level_tokenizer(folder, LLAMA3, bos, bos[0])  # noqa: E731
    with_nfc = lambda folder: byte_level_tokenizer(folder, QWEN2, qwen, None, nfc=True)  # noqa: E731
    write("llama3", transformers.LlamaConfig, 1, with_bos, "f16", "llama-bpe", rope_parameters=llama3, head_dim=16)
    write("llama_spm", transformers.LlamaConfig, 2, scored_tokenizer, "f32", attention_bias=True, rope_parameters=linear,
          tie_word_embeddings=True)
    tekken = lambda folder: byte_level_tokenizer(folder, TEKKEN, bos, bos[0])  # noqa: E731
    write("mistral_yarn", transformers.MistralConfig, 3, tekken, "bf16", "tekken", rope_parameters=yarn, sliding_window=None)
    write("qwen2", transformers.Qwen2Config, 4, with_nfc, "q8_0", "qwen2", intermediate_size=64)
    write("every_type", transformers.LlamaConfig, 5, scored_tokenizer, "f32", choose=every_type, hidden_size=256,
          head_dim=8, num_attention_heads=4, num_key_value_heads=2, intermediate_size=32)
    write("qwen3", transformers.Qwen3Config, 6, with_nfc, "bf16", "qwen2", head_dim=16, tie_word_embeddings=True)
    user = {"user_defined_symbols": ["▁▁", "<table>"]}
    gemma = dict(head_dim=16, num_hidden_layers=4, sliding_window=8, query_pre_attn_scalar=16, tie_word_embeddings=True)
    write("gemma2", transformers.Gemma2Config, 7, lambda f: scored_tokenizer(f, add_dummy_prefix=False, **user), "f32",
          choose=lambda name, shape: Type.Q8_0 if shape[0] % 32 == 0 else None, intermediate_size=64,
          attn_logit_softcapping=20.0, final_logit_softcapping=10.0, **gemma)
    write("gemma3", transformers.Gemma3TextConfig, 8, lambda f: scored_tokenizer(f, add_dummy_prefix=False, **user), "f16",
          **{**gemma, "num_hidden_layers": 7},
          rope_parameters={"full_attention": {"rope_type": "linear", "rope_theta": 1e6, "factor": 8.0},
                           "sliding_attention": {"rope_type": "default", "rope_theta": 1e4}})
    factors = [1.0 + 0.3 * i for i in range(6)]
    longrope = {"rope_type": "longrope", "rope_theta": 1e4, "short_factor": [1.0 + 0.05 * i for i in range(6)],
                "long_factor": factors, "original_max_position_embeddings": 16, "partial_rotary_factor": 0.75}
    write("phi3", transformers.Phi3Config, 9, scored_tokenizer, "bf16", rope_parameters=longrope, hidden_size=64,
          num_attention_heads=4, num_key_value_heads=2, original_max_position_embeddings=16, sliding_window=9, pad_token_id=0)


if __name__ == "__main__":
    main()
