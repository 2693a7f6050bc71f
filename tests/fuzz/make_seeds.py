#!/usr/bin/env python3
"""Writes one small valid input of each kind into tests/fuzz/corpus, where what fuzzing found is kept beside them.

    python3 tests/fuzz/make_seeds.py      # in the repository's root; standard library only

Files that are there already are replaced; findings (names that begin with "found-" or "kept-") are left alone.
"""
import gzip
import io
import json
import pathlib
import struct
import zipfile

ROOT = pathlib.Path(__file__).resolve().parent
GOLDENS = ROOT.parent / "goldens"
CORPUS = ROOT / "corpus"


def put(reader, name, content):
    folder = CORPUS / reader
    folder.mkdir(parents=True, exist_ok=True)
    if not isinstance(content, (bytes, str)):
        content = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
    (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)


def safetensors(tensors, metadata=None):
    header, data = ({"__metadata__": metadata} if metadata else {}), b""
    for name, dtype, shape, raw in tensors:
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + data


def floats(*values):
    return struct.pack(f"<{len(values)}f", *values)


def gguf(values, tensors=()):
    """values: (key, type, value or (element type, list)); tensors: (name, shape innermost first, ggml type, bytes)."""
    formats = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}

    def text(value):
        raw = value.encode()
        return struct.pack("<Q", len(raw)) + raw

    def plain(kind, value):
        return text(value) if kind == 8 else struct.pack("<" + formats[kind], value)

    out = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(values))
    for key, kind, value in values:
        out += text(key) + struct.pack("<I", kind)
        if kind == 9:
            element, items = value
            out += struct.pack("<IQ", element, len(items)) + b"".join(plain(element, item) for item in items)
        else:
            out += plain(kind, value)
    at, data = 0, b""
    for name, shape, kind, raw in tensors:
        out += text(name) + struct.pack("<I", len(shape)) + b"".join(struct.pack("<Q", n) for n in shape)
        out += struct.pack("<IQ", kind, at)
        raw += b"\0" * (-len(raw) % 32)
        data += raw
        at += len(raw)
    return out + b"\0" * (-len(out) % 32) + data


# --- checkpoints --------------------------------------------------------------------------------------------------------

put("safetensors", "two", safetensors([("a", "F32", [2, 1], floats(1, 2)), ("b", "BF16", [3], b"\x80\x3f" * 3)],
                                      {"format": "pt"}))
put("safetensors", "empty", safetensors([]))
put("safetensors", "every_type", safetensors(
    [(t, t, [8], b"\1" * bits) for t, bits in
     [("U8", 8), ("I16", 16), ("F16", 16), ("F64", 64), ("I64", 64), ("BOOL", 8), ("F8_E4M3", 8), ("F4", 4), ("C64", 64)]]))
put("safetensors", "zero_sized", safetensors([("a", "F32", [0, 3], b""), ("s", "I32", [], b"\1\0\0\0")]))

put("checkpoint_index", "one", {"metadata": {"total_size": 4}, "weight_map": {"a": "one.safetensors"}})
put("checkpoint_index", "outside", {"weight_map": {"a": "../outside.safetensors"}})
put("checkpoint_index", "inside_by_detour", {"weight_map": {"a": "./one.safetensors"}})
put("checkpoint_index", "absolute", {"weight_map": {"a": "/proc/self/environ"}})

CONFIG = {"model_type": "llama", "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2,
          "hidden_size": 32, "intermediate_size": 64, "vocab_size": 100, "max_position_embeddings": 64,
          "rms_norm_eps": 1e-5, "eos_token_id": [1, 2], "torch_dtype": "float32"}
put("config", "llama", CONFIG)
ROPES = {"linear": {"rope_type": "linear", "factor": 2.0}, "dynamic": {"type": "dynamic", "factor": 4.0},
         "llama3": {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
                    "original_max_position_embeddings": 32},
         "yarn": {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 16, "beta_fast": 32},
         "longrope": {"rope_type": "longrope", "short_factor": [1, 1, 1, 1], "long_factor": [2, 2, 2, 2],
                      "original_max_position_embeddings": 16}}
for name, rope in ROPES.items():
    put("config", "llama_" + name, CONFIG | {"rope_scaling": rope, "rope_theta": 10000.0})
for path in sorted((GOLDENS / "models").glob("*/config.json")):
    text = path.read_text()
    if len(text) < 2500:
        put("config", path.parent.name, json.loads(text))
put("adapter_config", "lora", {"peft_type": "LORA", "r": 4, "lora_alpha": 8, "target_modules": ["q_proj", "v_proj"],
                               "bias": "none", "use_rslora": False, "rank_pattern": {"layers.0.*q_proj": 8},
                               "alpha_pattern": {"^model\\.layers": 2}, "modules_to_save": ["lm_head"]})

# --- texts to tokens ----------------------------------------------------------------------------------------------------

KINDS = {"NFC", "NFKD", "normalizer strip both", "normalizer accents", "normalizer prepend", "normalizer replace string",
         "normalizer byte level", "normalizer llama 1", "split Isolated True", "split string MergedWithNext",
         "split Contiguous False", "punctuation Removed", "pre-tokenizer whitespace True True",
         "pre-tokenizer digits True False", "pre-tokenizer byte level, prefix True True", "pre-tokenizer falcon True True",
         "pre-tokenizer metaspace first True True", "added {'normalized': True, 'lstrip': True, 'single_word': True}",
         "strip at both ends", "unigram, odd vocabulary", "demo"}
for golden in json.load(gzip.open(GOLDENS / "tokenizers.json.gz")):
    text = golden["tokenizer"]
    if golden["name"] in KINDS:
        name = "".join(c if c.isalnum() else "_" for c in golden["name"].lower())
        put("tokenizer", name, text if isinstance(text, str) else json.dumps(text))


def special(content, number, **more):
    return {"id": number, "content": content, "single_word": False, "lstrip": False, "rstrip": False,
            "normalized": False, "special": True} | more


FRAME = {"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}},
                                                  {"Sequence": {"id": "A", "type_id": 0}}],
         "special_tokens": {"<s>": {"id": "<s>", "ids": [0], "tokens": ["<s>"]}}}
put("tokenizer", "bpe_with_bytes", {
    "added_tokens": [special("<s>", 0), special("  ", 9, normalized=True, special=False)],
    "normalizer": {"type": "Sequence", "normalizers": [{"type": "Prepend", "prepend": "▁"}, {
        "type": "Replace", "pattern": {"String": " "}, "content": "▁"}]},
    "post_processor": FRAME,
    "decoder": {"type": "Sequence", "decoders": [
        {"type": "Replace", "pattern": {"String": "▁"}, "content": " "}, {"type": "ByteFallback"}, {"type": "Fuse"},
        {"type": "Strip", "content": " ", "start": 1, "stop": 0}]},
    "model": {"type": "BPE", "unk_token": "<s>", "byte_fallback": True, "fuse_unk": True,
              "vocab": {"<s>": 0, "<0xC3>": 1, "<0xAF>": 2, "▁": 3, "H": 4, "e": 5, "l": 6, "ll": 7, "▁H": 8},
              "merges": ["l l", ["▁", "H"]]}})
put("tokenizer", "word_piece", {
    "added_tokens": [special("[UNK]", 0)],
    "normalizer": {"type": "BertNormalizer", "clean_text": True, "handle_chinese_chars": True, "strip_accents": None,
                   "lowercase": True},
    "pre_tokenizer": {"type": "BertPreTokenizer"},
    "post_processor": {"type": "BertProcessing", "sep": ["[UNK]", 0], "cls": ["[UNK]", 0]},
    "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": True},
    "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##", "max_input_chars_per_word": 100,
              "vocab": {"[UNK]": 0, "hel": 1, "##lo": 2, ",": 3, "it": 4, "'": 5, "s": 6, "world": 7}}})
put("tokenizer", "word_level", {
    "pre_tokenizer": {"type": "Sequence", "pretokenizers": [{"type": "WhitespaceSplit"}, {"type": "Punctuation"}]},
    "model": {"type": "WordLevel", "unk_token": "?", "vocab": {"?": 0, "Hello": 1, "world": 2, ",": 3}}})
TRIE = struct.pack("<I", 16) + struct.pack("<4I", 0x400, 0x161, 0x80000000, 0)
put("tokenizer", "unigram", {
    "normalizer": {"type": "Precompiled", "precompiled_charsmap": __import__("base64").b64encode(TRIE + b"b\0").decode()},
    "pre_tokenizer": {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": True},
    "decoder": {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": True},
    "model": {"type": "Unigram", "unk_id": 0, "byte_fallback": False,
              "vocab": [["<unk>", 0.0], ["▁", -1.5], ["▁Hello", -2.0], ["a", -3.25], ["aa", -3.0]]}})
put("tokenizer", "roberta_with_text", json.dumps({
    "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True},
    "post_processor": {"type": "RobertaProcessing", "sep": ["</s>", 2], "cls": ["<s>", 1], "trim_offsets": True,
                       "add_prefix_space": True},
    "decoder": {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True},
    "model": {"type": "BPE", "vocab": {"a": 0, "<s>": 1, "</s>": 2, "Ġ": 3, "b": 4, "ab": 5, "Ġa": 6},
              "merges": ["a b", "Ġ a"]}}).encode() + b"\0ab  ab a\n")
put("charsmap", "one", TRIE + b"b\0")
put("charsmap", "no_replacement", TRIE)

for path in sorted((GOLDENS / "chat_templates").glob("*.jinja")):
    if path.stat().st_size < 1700:
        put("chat_template", path.stem, path.read_text())
put("chat_template", "statements", """{%- set ns = namespace(n=0) -%}{% macro show(m, sep=', ') %}{{ m.role ~ sep }}\
{% endmacro %}{% for m in messages if m.role != 'x' %}{% set ns.n = ns.n + loop.index0 %}{{ show(m) }}{{ m['content'] | trim\
 | upper }}{% else %}none{% endfor %}{% if ns.n is defined and not (ns.n > 3 or false) %}{{ [1, 2.5, 'a', none, {'k': (1,)}]\
 | tojson(indent=2) }}{% elif tools %}{{ raise_exception('no') }}{% endif %}{% filter lower %}ABC{% endfilter %}\
{{ 'a-b-c'.split('-')[::-1] | join('+') }}{{ '%s' | length }}{# note #}{% raw %}{{ x }}{% endraw %}{{ range(3) | list | sum }}""")
put("chat_template", "methods", """{{ strftime_now('%Y-%m-%d') }}{{ messages[-1].content.strip().replace(' ', '_')[1:5] }}\
{{ messages | selectattr('role', 'equalto', 'user') | map(attribute='content') | list }}{{ 'abc' in 'xabcx' }}{{ 7 // 2 % 2\
 }}{{ {'b': 1, 'a': 2}.items() | sort }}{{ dict(a=1).get('z', 'd') | default('q', true) }}{% call show() %}x{% endcall %}\
{{ 'x' if add_generation_prompt else 'y' }}{{ messages | length > 1 and messages[0]['role'] == 'system' }}\
{% for k, v in {'p': [1, 2]}.items() %}{{ k }}{{ v | last }}{% if loop.last %}{% break %}{% endif %}{% endfor %}""")
put("tokenizer_config", "text", {"bos_token": "<s>", "eos_token": {"content": "</s>", "lstrip": False},
                                 "chat_template": "{{ bos_token }}{{ messages[0].content }}"})
put("tokenizer_config", "list", {"chat_template": [{"name": "tool_use", "template": "x"},
                                                   {"name": "default", "template": "{{ messages | length }}"}]})

# --- what the window keeps ----------------------------------------------------------------------------------------------

SETTINGS = {"tau": 0.1, "alpha": 0.3, "top_k": 5, "heads": "picked", "random_seed": 7, "picked": [[0, 1], [1, 3]],
            "rows": "from", "rows_from": 4, "key_directions": True, "span": "document", "marked_document": 2,
            "also": "pasta", "also_strength": 0.01, "directions": "d.safetensors", "directions_sha256": "ab"}
VIEW = {"head_score": "sink", "head_source": "difference", "map_source": "intervened", "map_logarithmic": True,
        "bars_of_selected": True, "documents_by_token": False, "edit_text": True, "lens_ranks": True,
        "overlay": {"source": "baseline", "heads": "layer", "pooling": "max", "rows": [1, 2], "logarithmic": True,
                    "mask_sink": False, "mark_touched": True},
        "map": {"per_row": True, "mask_sink": True, "grouping": "documents", "pooling": "sum", "range": "manual",
                "percentile": 99.0, "low": 0.1, "high": 0.9},
        "head_list": {"sort": "entropy", "descending": True, "pinned": [[0, 0]], "extra": ["distance"],
                      "click_switches": False, "like": [0, 1]}}
PROMPT = {"text": "Document [1](Title: A) b\n\nQuestion: c?", "gold_document": 0, "more_gold": [1],
          "splitting": {"method": "hand", "pattern": "", "documents": [{"line": [0, 24], "text": [13, 24], "number": 1}]},
          "answers": ["b"], "chat": False}
REQUEST = {"model": "demo", "adapter": "", "device": "cpu", "dtype": "auto", "intervention": SETTINGS, "selected": [1, 2],
           "full_map": True, "max_new_tokens": 20, "keep": "spans"}
RUN = REQUEST | {"number": 1, "when": 1700000000, "baseline": False, "answer": "b", "graded": True, "right": True,
                 "seconds": 0.5, "touched": 3, "masses": [0.1, 0.2, 0.3, 0.4], "bars": [0.5, 0.25], "gold_bar": 0,
                 "cells": [0.1, 0.2], "cell_rows": 1, "cell_columns": 2, "prompt_number": 0}
TAB = REQUEST | {"prompt": PROMPT, "name": "t", "view": VIEW, "data": {"file": "d.jsonl", "sample": 3}, "runs": [RUN],
                 "undo": [REQUEST | {"prompt_number": -1}], "redo": [], "pinned_run": 1,
                 "prompts": [PROMPT | {"text": "other"}]}
put("session", "full", {"headscope": "session", "version": 2, "tabs": [TAB], "active": 0,
                        "lesson": {"name": "sink", "step": 1, "answers": [{"chosen": 1, "revealed": True}]}})
put("session", "version_1", {"version": 1, "prompt": {"text": "Hello"}, "model": "demo",
                             "intervention": {"tau": 0.5, "alpha": 0}})
put("preferences", "full", {"version": 1, "theme": "light", "zoom": 1.25, "window": [1280, 800], "palette": "viridis",
                            "autosave_seconds": 3, "kept_mebibytes": 512, "seen_mebibytes": 0, "neighbours": False,
                            "shortcuts": {"save": "Ctrl+S"}, "model_folders": ["m"], "view": VIEW,
                            "export": {"format": "pdf", "dark": True, "scale": 2, "files_beside": True, "folder": ""}})
put("preferences", "recent", {"version": 1, "models": ["demo"], "data": ["a.jsonl"], "sessions": []})

PASSPORT = {"application": "headscope", "version": "0.1.0", "model": "demo", "weights_sha256": "a", "n": 4, "seed": 1,
            "chat_template": "none", "dtype": "float32", "device": "cpu", "options": {"rows": "input"}}
MAP = [[0.5, 0.25], [None, 1e-9]]
put("head_set", "full", {"layers": 2, "heads": 2, "samples": 4, "relevant": MAP, "relevant_low": MAP, "relevant_high": MAP,
                         "sink": MAP, "irrelevant_sum": MAP, "irrelevant_max": MAP, "gold_only_relevant": MAP,
                         "gold_only_sink": MAP, "entropy": MAP, "distance": MAP, "ranking": [[0, 1], [1, 1], [0, 0], [1, 0]],
                         "skipped": {"empty response": 2}, "passport": PASSPORT, "above_0.1": 2,
                         "stability": {"k": 2, "points": [{"n": 2, "jaccard": 0.5, "low": 0, "high": 1}]}})
put("head_set", "pairs", [[0, 1], [3, 2]])
put("head_set", "retrieval", {"0-0": [0.5, 0.25], "0-1": [0.0], "12-31": [1.0, 1.0]})
put("directions", "both", safetensors([("k", "F32", [1, 2, 2], floats(*[.5] * 4)), ("q", "F16", [1, 2, 2], b"\0\x3c" * 4)],
                                      {"passport": json.dumps(PASSPORT)}))
put("directions", "queries", safetensors([("q", "F32", [1, 1, 2], floats(1, 2))]))
view = (GOLDENS / "torch" / "view.pth").read_bytes()
put("torch_file", "view", view)
with zipfile.ZipFile(io.BytesIO(view)) as archive:
    names = archive.namelist()
    for name in names:
        if name.endswith("data.pkl"):
            put("torch_pickle", "view", archive.read(name))
    small = io.BytesIO()
    with zipfile.ZipFile(small, "w", zipfile.ZIP_DEFLATED) as packed:
        for name in names:
            packed.writestr(zipfile.ZipInfo(name), archive.read(name), zipfile.ZIP_DEFLATED)
    put("torch_file", "deflated", small.getvalue())
for path in sorted((GOLDENS / "torch" / "refused").glob("*.pth")):
    if not zipfile.is_zipfile(path):
        continue
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            if name.endswith("data.pkl") and archive.getinfo(name).file_size < 2000:
                put("torch_pickle", path.stem, archive.read(name))
put("interventions", "list", [
    {"method": "split-softmax", "tau": 0.1, "heads": [[0, 1]], "rows": "all", "span": "gold"},
    {"method": "focus", "alpha": 0.3, "directions": "random", "head_set": "h.json", "top_k": 5, "rows": 3},
    {"method": "pasta", "heads": [[1, 1]], "span": [[0, 4], [8, 9]], "rows": "response"}])
put("interventions", "ablate", {"method": "ablate", "heads": [[0, 0]]})

# --- GGUF ---------------------------------------------------------------------------------------------------------------

LLAMA = [("general.architecture", 8, "llama"), ("llama.block_count", 4, 1), ("llama.context_length", 4, 32),
         ("llama.embedding_length", 4, 32), ("llama.feed_forward_length", 4, 32), ("llama.attention.head_count", 4, 2),
         ("llama.attention.head_count_kv", 4, 1), ("llama.attention.layer_norm_rms_epsilon", 6, 1e-5),
         ("llama.rope.freq_base", 6, 10000.0), ("general.file_type", 4, 2), ("llama.vocab_size", 4, 4)]
SPM = [("tokenizer.ggml.model", 8, "llama"), ("tokenizer.ggml.tokens", 9, (8, ["<unk>", "<s>", "▁", "▁H"])),
       ("tokenizer.ggml.scores", 9, (6, [0.0, 0.0, -1.0, -2.0])), ("tokenizer.ggml.token_type", 9, (5, [2, 3, 1, 1])),
       ("tokenizer.ggml.bos_token_id", 4, 1), ("tokenizer.ggml.unknown_token_id", 4, 0),
       ("tokenizer.ggml.add_bos_token", 7, True), ("tokenizer.chat_template", 8, "{{ messages[0].content }}")]
GPT2 = [("tokenizer.ggml.model", 8, "gpt2"), ("tokenizer.ggml.pre", 8, "llama-bpe"),
        ("tokenizer.ggml.tokens", 9, (8, ["a", "b", "ab", "<|end|>"])), ("tokenizer.ggml.merges", 9, (8, ["a b"])),
        ("tokenizer.ggml.token_type", 9, (5, [1, 1, 1, 3])), ("tokenizer.ggml.eos_token_id", 4, 3)]
put("gguf", "llama_spm", gguf(LLAMA + SPM, [("token_embd.weight", [32, 4], 2, b"\0\x3c" + b"\x18" * 16 + b"\1" * 54),
                                            ("blk.0.attn_q.weight", [32, 2], 8, b"\0\x3c" + b"\2" * 66),
                                            ("output_norm.weight", [32], 0, floats(*[1] * 32))]))
put("gguf", "gpt2_tokenizer", gguf(LLAMA + GPT2))
put("gguf", "types", gguf([
    ("u8", 0, 1), ("i8", 1, -1), ("u16", 2, 1), ("i16", 3, -1), ("b", 7, False), ("u64", 10, 1), ("i64", 11, -1),
    ("f64", 12, 0.5), ("list", 9, (7, [True, False])), ("general.alignment", 4, 64)]))

# --- texts that people write --------------------------------------------------------------------------------------------

put("lesson", "whole", """---
title: The sink
summary: Where attention waits.
minutes: 6
---
## A step
Text with **bold**, *italic*, `code` and {sink L2H7}, {intervened answer}.

- one
- two
> a quote

```window
"sample": {"kind": "similar", "documents": 20, "seed": 2}
"selected": [2, 7], "look_at": ["Heads"]
```
```question
Which tokens?
- [ ] the last
- [x] the first
> They stand at the beginning.
```
```window
{"intervention": {"tau": 0.5, "alpha": 0}, "full_map": true}
```
## Another
1. first
```figure
{"title": "Exact match", "caption": "c", "most": 1, "bars": [{"label": "b", "value": 0.58, "low": 0.5, "high": 0.6}]}
```
```text
code
```
""")
SAMPLE = {"question": "Who?", "answers": ["Ada"], "ctxs": [
    {"title": "A", "text": "Ada did.", "isgold": True, "hasanswer": True}, {"title": "B", "text": "No.", "isgold": False}]}
put("dataset", "questions", json.dumps(SAMPLE) + "\n\n" + json.dumps(SAMPLE | {"answers": []}) + "\n")
put("dataset", "key_value", {"ordered_kv_records": [["k1", "v1"], ["k2", "v2"]], "key": "k2", "value": "v2"})

EVALUATED = {"index": 0, "question": "q", "response": "r", "em": 1, "relevant_mass": 0.25, "irrelevant_mass": None,
             "sink_mass": 0.5, "relevant_mass_after": 0.3, "gold_position": 3}
put("results", "evaluation", "e" + json.dumps(EVALUATED) + "\n" + json.dumps(EVALUATED | {"index": 1}) + "\n")
put("results", "suite_lines", "s" + json.dumps(EVALUATED | {
    "task": "kv", "category": "recall", "length": 128, "tokens": 120, "method": "none", "metric": "accuracy", "value": 1.0}) + "\n")
put("results", "sweep_table", "tmethod,tau,alpha,heads,top_k,seed,prompt,gold_position,n,em,em_low,em_high,relevant_mass,sink_mass\n"
    "none,,,,,,all,,10,0.5,0.4,0.6,,0.1\nsplit-softmax,0.1,,contextual,5,,all,4,10,0.5,0.4,0.6,0.25,0.1\n")
CELL = {"method": "split-softmax", "tau": 0.1, "alpha": None, "top_k": 5, "heads": "random", "seed": 3, "prompt": "all",
        "gold_position": 4}
put("results", "cell", "c" + json.dumps({"cell": CELL, "heads": [[0, 1]], "mass_heads": [], "about": {"seconds": 1},
                                         "summary": {"n": 10, "em": 0.5, "em_low": 0.4, "em_high": 0.6}}))
put("results", "suite_table", "u" + json.dumps({"passport": PASSPORT, "rows": [
    {"model": "demo", "task": "kv", "category": "recall", "length": 128, "method": "none", "metric": "accuracy", "n": 5,
     "value": 0.5, "low": 0.25, "high": 0.75, "relevant_mass": 0.1, "irrelevant_mass": None, "sink_mass": 0.2}]}))
ESTIMATE = {"value": 0.5, "low": None, "high": 1}
MOVEMENT = {"change": ESTIMATE, "magnitude": ESTIMATE}
COMPARISON = {"heads": 2, "draws": 1, "contextual": MOVEMENT, "random": MOVEMENT, "difference": MOVEMENT}
put("results", "control", "r" + json.dumps({
    "experiment": "control", "layers": 1, "heads": 2, "n": 3, "response": "own", "complete": True, "skipped": {"x": 1},
    "notes": ["n"], "baseline": [[0.5, None]], "passport": PASSPORT, "settings": [
        {"cell": CELL, "contextual": [[0, 1]], "random": [{"seed": 1, "heads": [[0, 0]]}],
         "untouched": COMPARISON | {"ratio": ESTIMATE}, "above_first_touched": COMPARISON, "by_layer": [COMPARISON],
         "change_of_heads": {"contextual": [[0, 1]], "random": [[None, 0]]}}]}, separators=(",", ":")))
MACHINE = {"processor": "p", "threads": 2, "load_average": 0.5, "libtorch": "2", "headscope": "0.1.0"}
CURVE = {"name": "a", "what": "w", "x": [1, 2], "seconds": [0.1, 0.2], "run_bytes": [1, 0], "time_exponent": 1.5}
put("results", "growth", "b" + json.dumps({"suite": "growth", "machine": MACHINE, "model": {"what": "m", "parameters": 9},
                                           "tokens": {"unit": "tokens", "what": "w", "curves": [CURVE]}}))
put("results", "peers", "b" + json.dumps({"suite": "peers", "machine": MACHINE, "model": {"what": "m", "parameters": 9},
                                          "tokenizer": {"ratios": {"x_over_y": {"median": 2, "low": 1, "high": 3,
                                                                                "goal": "at least 1.5"}}}}))

for number, path in enumerate(sorted((ROOT.parent / "prompts").glob("*.txt"))):
    put("splitting", path.stem, "a" + path.read_text())
put("splitting", "pattern", "p^\\d+\\.\\s\n1. one\n2. two\n\nQuestion: x?")
put("splitting", "between", "b-{3,}\n---\none\n----\ntwo\n")
put("splitting", "by_hand", 'h{"method":"hand","documents":[{"line":[0,9],"text":[2,9],"number":1}]}\n')

HELMET = {
    "kilt_nq": ("a", SAMPLE), "popqa": ("b", SAMPLE | {"s_pop": 10}),
    "json_kv": ("c", {"context": '{"k": "v"}\n', "question": "k", "answer": "v", "demos": [["a", "b"]]}),
    "ruler": ("d", {"context": "One of the special magic numbers for x is: 7.", "query": "x", "question": "q", "answer": "7",
                    "type_needle_v": "numbers", "num_v": 1}),
    "rerank": ("e", {"query": "q", "qid": 1, "ctxs": [{"id": 1, "text": "t", "title": "T", "label": 2},
                                                      {"id": "2", "text": "u", "label": 0}]}),
    "icl": ("f", {"text": "t", "label": 1}),
    "narrativeqa": ("g", {"document": {"text": "d"}, "question": {"text": "q"}, "answers": [{"text": "a"}]}),
    "infbench": ("h", {"context": "c", "input": "q", "answer": ["a"], "options": []}),
    "infbench_choice": ("i", {"context": "c", "input": "q", "answer": ["a"], "options": ["a", "b", "c", "d"]}),
    "infbench_sum": ("j", {"context": "c", "input": "q", "answer": ["a"]}),
    "multi_lexsum": ("k", {"sources": ["s", "t"], "summary/short": "x", "summary/long": "y"}),
    "alce": ("l", {"question": "q", "docs": [{"title": "T", "text": "t"}], "qa_pairs": [], "instruction": "i",
                   "demo_prompt": "{INST}{Q}{D}{A}", "doc_prompt": "[{ID}]{T}{P}", "demos": []})}
for name, (letter, line) in HELMET.items():
    put("helmet", name, letter + json.dumps(line) + "\n")
put("helmet", "list", "a" + json.dumps([SAMPLE]))

put("text", "json", {"a": [1, -2.5, None, True, "\u00e9\n"], "b": {}})
put("text", "broken", b"a\xc3\xa9\xe2\x82\xf0\x9f\x99\x82\xff")
packed = io.BytesIO()
with gzip.GzipFile(fileobj=packed, mode="wb", mtime=0) as file:
    file.write(b"{}" * 20)
put("text", "packed", packed.getvalue())
print(sum(path.stat().st_size for path in CORPUS.rglob("*") if path.is_file()), "bytes in",
      sum(1 for path in CORPUS.rglob("*") if path.is_file()), "files")
