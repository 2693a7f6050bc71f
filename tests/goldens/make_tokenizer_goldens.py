#!/usr/bin/env python3
"""Writes tokenizers.json.gz: small tokenizers of every supported part, and what the reference does with random texts.

Needs tokenizers and sentencepiece (0.23.3 and 0.2.3 were used). Usage: make_tokenizer_goldens.py [OUT [TEXTS [SEED]]]
"""
import base64
import gzip
import io
import itertools
import json
import random
import sys
import tempfile
import unicodedata

from tokenizers import Tokenizer, models, pre_tokenizers, trainers

PARTS = (
    "a b c e i o t n s Z É é ß ﬁ Å İ ſ ij the and world Hello 'll 'S don't 1 23 4567 ½ ² Ⅷ ٣ . , ! ? - _ … “ ” « » $ + < > ^ ` ~ "
    "東京 は ñ ấ ệ ô한국 각 ក្ក हिन्दी عربية 🙂 👩‍👩‍👧 \u200b \u200d \u00a0 \u3000 \u2003 \u0301 \u0323 \u0308\u0301 e\u0301 e\u0323\u0301 a\u0301\u0323 "
    "\u1100\u1161\u11a8 \u0344 \u2126 \u212b \ufb03 ＡＢ ▁ ▁▁ Ġ Ċ <s> </s> <unk> <|sp|> <mask> [N] yes <0x41> <0xE2> \x00 \x07 \x1f \x85 \ufeff \ufffd \U0001d49c"
).split(" ") + [" ", " ", " ", " ", " ", "  ", "   ", "\n", "\n\n", "\t", "\r\n"]

FIXED = ["", " ", "  ", "\n", "Hello world", " Hello", "Hello ", "the end.\n", "<s>", "<s><s> <mask> <mask>", "a<mask>b", "x " * 40, "é" * 30]

CORPUS = [
    "the quick brown fox jumps over the lazy dog and then the dog sleeps in the sun",
    "don't you think it's a nice day? 12345 times 678 is a large number, isn't it!",
    "Hello world, hello there; the world and the words of the world   with   spaces",
    "東京は日本の首都です。é è ñ ü ß, naïve café",
]


def random_text(rng, added_tokens=()):
    contents = [token["content"] for token in added_tokens]
    pick = lambda: rng.choice(contents if contents and rng.random() < 0.1 else PARTS)
    return "".join(pick() + (" " if rng.random() < 0.25 else "") for _ in range(rng.randint(1, 14)))


def added(content, **flags):
    token = dict(id=-1, content=content, single_word=False, lstrip=False, rstrip=False, normalized=False, special=True)
    token.update(flags)
    return token


def config(model, normalizer=None, pre=None, post=None, decoder=None, added_tokens=()):
    known = model["vocab"] if isinstance(model["vocab"], dict) else {text: i for i, (text, _) in enumerate(model["vocab"])}
    free = len(model["vocab"])  # the reference gives new tokens the next ids, whatever the file says
    added_tokens = [dict(token) for token in added_tokens]
    for token in added_tokens:
        token["id"] = known.get(token["content"], free)
        free += token["id"] == free
    return dict(version="1.0", truncation=None, padding=None, added_tokens=list(added_tokens), normalizer=normalizer,
                pre_tokenizer=pre, post_processor=post, decoder=decoder, model=model)


WORDS = ["<unk>", "<s>", "the", "and", "world", "Hello", " world", "a", "b", "1", ".", "▁", "▁the", "▁a", "é", "e", "\n", " ", "Ġ", "yes", "東京"]
WORD_LEVEL = dict(type="WordLevel", vocab={w: i for i, w in enumerate(WORDS)}, unk_token="<unk>")
BEGIN = dict(type="TemplateProcessing", single=[{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
             pair=[{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
             special_tokens={"<s>": {"id": "<s>", "ids": [1], "tokens": ["<s>"]}})
AROUND = dict(BEGIN, single=BEGIN["single"] + [{"SpecialToken": {"id": "</s>", "type_id": 0}}],
              special_tokens={"<s>": {"id": "<s>", "ids": [1], "tokens": ["<s>"]}, "</s>": {"id": "</s>", "ids": [30, 31], "tokens": ["</s>", "x"]}})
FUSE = dict(type="Fuse")


def split(pattern, behavior, invert=False):
    return dict(type="Split", pattern=pattern, behavior=behavior, invert=invert)


def byte_level(prefix=False, trim=True, regex=True):
    return dict(type="ByteLevel", add_prefix_space=prefix, trim_offsets=trim, use_regex=regex)


def metaspace(scheme, split=True):
    return dict(type="Metaspace", replacement="▁", prepend_scheme=scheme, split=split)


def trained(pre, size, **options):
    """A BPE model trained on the corpus, as JSON."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre
    alphabet = options.pop("alphabet", [])
    affixes = options.pop("affixes", {})
    tokenizer.train_from_iterator(CORPUS, trainers.BpeTrainer(vocab_size=size, show_progress=False, initial_alphabet=alphabet,
                                                              special_tokens=options.pop("special", []), **affixes))
    model = json.loads(tokenizer.to_str())["model"]
    model.update(options)
    return model


def configurations():
    yield "demo", config(WORD_LEVEL, pre=split({"Regex": r" ?[A-Za-z]+| ?[0-9]+|\n| ?[^\sA-Za-z0-9]"}, "Isolated"), post=BEGIN,
                         decoder=FUSE, added_tokens=[added("<unk>"), added("<s>")])
    for form in ("NFC", "NFD", "NFKC", "NFKD"):
        yield form, config(WORD_LEVEL, dict(type=form), split({"Regex": "."}, "Isolated"))
    for name, normalizer in {
        "lowercase": dict(type="Lowercase"),
        "strip left": dict(type="Strip", strip_left=True, strip_right=False),
        "strip right": dict(type="Strip", strip_left=False, strip_right=True),
        "strip both": dict(type="Strip", strip_left=True, strip_right=True),
        "accents": dict(type="Sequence", normalizers=[dict(type="NFD"), dict(type="StripAccents")]),
        "prepend": dict(type="Prepend", prepend="▁▁"),
        "replace string": dict(type="Replace", pattern={"String": " "}, content="▁"),
        "replace longer": dict(type="Replace", pattern={"Regex": r"\s+"}, content="<sp>"),
        "replace by nothing": dict(type="Replace", pattern={"Regex": r"[aeiou]"}, content=""),
        "byte level": dict(type="ByteLevel"),
        "llama 1": dict(type="Sequence", normalizers=[dict(type="Prepend", prepend="▁"), dict(type="Replace", pattern={"String": " "}, content="▁")]),
        "several": dict(type="Sequence", normalizers=[dict(type="NFKC"), dict(type="Lowercase"), dict(type="Strip", strip_left=True, strip_right=True)]),
    }.items():
        yield "normalizer " + name, config(WORD_LEVEL, normalizer, split({"Regex": "."}, "Isolated"), decoder=FUSE)
    for behavior in ("Removed", "Isolated", "MergedWithPrevious", "MergedWithNext", "Contiguous"):
        for invert in (False, True):
            yield f"split {behavior} {invert}", config(WORD_LEVEL, pre=split({"Regex": r"\s|[0-9]+|(?<=a)b|e*"}, behavior, invert))
        yield f"split string {behavior}", config(WORD_LEVEL, pre=split({"String": "the"}, behavior))
        yield f"punctuation {behavior}", config(WORD_LEVEL, pre=dict(type="Punctuation", behavior=behavior))
    for name, pre in {
        "whitespace": dict(type="Whitespace"),
        "whitespace split": dict(type="WhitespaceSplit"),
        "digits": dict(type="Digits", individual_digits=True),
        "digit runs": dict(type="Digits", individual_digits=False),
        "byte level": byte_level(),
        "byte level, prefix": byte_level(prefix=True),
        "byte level, no expression": byte_level(regex=False),
        "falcon": dict(type="Sequence", pretokenizers=[dict(type="Punctuation", behavior="Contiguous"), byte_level(), dict(type="Digits", individual_digits=False),
                                                       split({"Regex": "[0-9][0-9][0-9]"}, "Isolated")]),
        "metaspace always": metaspace("always"),
        "metaspace first": metaspace("first"),
        "metaspace never": metaspace("never"),
        "metaspace whole": metaspace("always", split=False),
    }.items():
        for trim, prefix in ((None, False), (True, False), (True, True)):
            post = byte_level(prefix=prefix, trim=trim) if trim else AROUND
            yield f"pre-tokenizer {name} {trim} {prefix}", config(
                WORD_LEVEL, pre=pre, post=post, added_tokens=[added("<mask>", lstrip=True), added("<s>")],
                decoder=metaspace("always") if "metaspace" in name else None)
    for flags in (dict(lstrip=True), dict(rstrip=True), dict(lstrip=True, rstrip=True), dict(single_word=True), dict(normalized=True),
                  dict(normalized=True, special=False), dict(special=False), dict(normalized=True, lstrip=True, single_word=True)):
        yield f"added {flags}", config(WORD_LEVEL, dict(type="Lowercase"), dict(type="Whitespace"), dict(type="Sequence", processors=[byte_level(), AROUND]), FUSE,
                                       [added("<s>"), added("<mask>", **flags), added("yes", **flags), added("Hello", **flags),
                                        added("[N]", **flags), added("\n\n", **flags), added("e\u0301", **flags)])
    plain = pre_tokenizers.ByteLevel(add_prefix_space=False)
    yield "gpt2", config(trained(plain, 330, alphabet=pre_tokenizers.ByteLevel.alphabet()), pre=byte_level(), post=byte_level(trim=True), decoder=byte_level(),
                         added_tokens=[added("<|sp|>"), added("   ", normalized=True, special=False)])
    yield "gpt2, few bytes", config(trained(plain, 120), dict(type="NFC"), byte_level(prefix=True), byte_level(prefix=True), byte_level())
    yield "llama 3", config(trained(plain, 300, alphabet=pre_tokenizers.ByteLevel.alphabet(), ignore_merges=True), None,
                            dict(type="Sequence", pretokenizers=[split({"Regex": r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"}, "Isolated"), byte_level(regex=False)]),
                            dict(type="Sequence", processors=[byte_level(trim=False), BEGIN]), byte_level(), [added("<|sp|>")])
    spaced = pre_tokenizers.Metaspace()
    bytes_vocab = [f"<0x{b:02X}>" for b in range(256)]
    for name, some in {"all bytes": bytes_vocab, "some bytes": bytes_vocab[:200], "no bytes": []}.items():
        for fuse in (True, False):
            model = trained(spaced, 420, special=["<unk>", "<s>"] + some, unk_token="<unk>", byte_fallback=bool(some), fuse_unk=fuse)
            sentencepiece = dict(type="Sequence", decoders=[dict(type="Replace", pattern={"String": "▁"}, content=" "), dict(type="ByteFallback"), FUSE,
                                                            dict(type="Strip", content=" ", start=1, stop=0)])
            yield f"mistral {name} {fuse}", config(model, None, metaspace("first", split=False), BEGIN, sentencepiece, [added("<unk>"), added("<s>")])
    model = trained(spaced, 420, special=["<unk>", "<s>"] + bytes_vocab, unk_token="<unk>", byte_fallback=True, fuse_unk=True)
    yield "gemma", config(model, dict(type="Replace", pattern={"String": " "}, content="▁"), split({"String": " "}, "MergedWithPrevious"), BEGIN,
                          dict(type="Sequence", decoders=[dict(type="Replace", pattern={"String": "▁"}, content=" "), dict(type="ByteFallback"), FUSE]),
                          [added("<unk>"), added("<s>"), added("\n\n", normalized=False, special=False)])
    yield "strip at both ends", config(WORD_LEVEL, pre=dict(type="Whitespace"), decoder=dict(type="Sequence", decoders=[
        dict(type="Replace", pattern={"Regex": "[eo]"}, content="__"), dict(type="Strip", content="_", start=1, stop=1), dict(type="Strip", content="▁", start=2, stop=0)]))
    old = trained(plain, 300, alphabet=pre_tokenizers.ByteLevel.alphabet())
    old["merges"] = [" ".join(merge) for merge in old["merges"]]
    yield "older spelling of merges", config(old, pre=byte_level(), decoder=byte_level())


def charsmap():
    """A small precompiled_charsmap, compiled by SentencePiece from a part of its default rules."""
    import sentencepiece
    from sentencepiece import sentencepiece_model_pb2

    singles = list(range(0xa0, 0x180)) + list(range(0x2100, 0x2130)) + list(range(0xfb00, 0xfb06)) + list(range(0xff01, 0xff5f)) + list(range(0xff66, 0xff80))
    rules = {chr(c): unicodedata.normalize("NFKC", chr(c)) for c in singles if unicodedata.normalize("NFKC", chr(c)) != chr(c)}
    rules.update({chr(c): "" for c in [*range(1, 9), 11, *range(14, 32), 127]})
    rules.update({c: " " for c in "\t\n\r\u2003\u200b\u200d\u3000\ufeff"})
    for base in "aeo\u00e2":
        for mark in "\u0301\u0323\u0308":
            if len(unicodedata.normalize("NFC", base + mark)) == 1:
                rules[base + mark] = unicodedata.normalize("NFC", base + mark)
    rules.update({"\u1100\u1161": "\uac00", "\u1100\u1161\u11a8": "\uac01", "\u304b\u3099": "\u304c", "\u0308\u0301": "\u0344"})
    with tempfile.NamedTemporaryFile("w", suffix=".tsv") as file:
        for old, new in rules.items():
            file.write(" ".join(f"{ord(c):x}" for c in old) + "\t" + " ".join(f"{ord(c):x}" for c in new) + "\n")
        file.flush()
        model = io.BytesIO()
        sentencepiece.SentencePieceTrainer.train(sentence_iterator=iter(CORPUS * 9), model_writer=model, vocab_size=90, hard_vocab_limit=False,
                                                 normalization_rule_tsv=file.name, minloglevel=2)
    proto = sentencepiece_model_pb2.ModelProto()
    proto.ParseFromString(model.getvalue())
    return dict(type="Precompiled", precompiled_charsmap=base64.b64encode(proto.normalizer_spec.precompiled_charsmap).decode())


def trained_unigram(size, special=("<unk>", "<s>"), unk_id=0, **options):
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.train_from_iterator(CORPUS * 9, trainers.UnigramTrainer(vocab_size=size, show_progress=False, unk_token="<unk>", special_tokens=list(special)))
    model = json.loads(tokenizer.to_str())["model"]
    model.update(unk_id=unk_id, **options)
    model["vocab"] = [[text, round(score, 6)] for text, score in model["vocab"]]
    return model


def replace(old, new):
    return dict(type="Replace", pattern=old if isinstance(old, dict) else {"String": old}, content=new)


def sequence(field, *steps):
    return {"type": "Sequence", field: list(steps)}


def unigrams():
    """Files as the converters of T5, XLM-R, ALBERT and others write them."""
    table = charsmap()
    model = trained_unigram(200)
    bytes_vocab = [f"<0x{b:02X}>" for b in range(256)]
    with_bytes = trained_unigram(330, ["<unk>", "<s>"] + bytes_vocab, byte_fallback=True)
    some_bytes = trained_unigram(330, ["<unk>", "<s>"] + bytes_vocab[:190], byte_fallback=True)
    special = [added("<unk>"), added("<s>"), added("<mask>", lstrip=True)]
    old_metaspace = dict(type="Metaspace", replacement="\u2581", str_rep="\u2581", add_prefix_space=True)
    yield "t5", config(model, table, sequence("pretokenizers", dict(type="WhitespaceSplit"), old_metaspace), AROUND, old_metaspace, special)
    yield "xlm-r", config(model, sequence("normalizers", table, replace({"Regex": " {2,}"}, " ")), metaspace("always"), AROUND, metaspace("always"), special)
    yield "t5, first", config(model, table, metaspace("first"), AROUND, metaspace("first"), special)
    yield "albert", config(model, sequence("normalizers", replace("``", '"'), replace("''", '"'), dict(type="NFKD"), dict(type="StripAccents"), dict(type="Lowercase"), table),
                           metaspace("always"), AROUND, metaspace("always"), special)
    stripped = sequence("normalizers", dict(type="Strip", strip_left=False, strip_right=True), table, replace({"Regex": " {2,}"}, "\u2581"))
    yield "stripped", config(model, stripped, metaspace("never", split=False), None, metaspace("never"), special + [added("\ufb03", normalized=True)])
    yield "unigram without normalizer", config(model, None, metaspace("always"), BEGIN, metaspace("always"), special)
    decoder = sequence("decoders", replace("\u2581", " "), dict(type="ByteFallback"), FUSE, dict(type="Strip", content=" ", start=1, stop=0))
    llama = sequence("normalizers", dict(type="Prepend", prepend="\u2581"), replace(" ", "\u2581"))
    yield "unigram all bytes", config(with_bytes, llama, None, BEGIN, decoder, special)
    yield "unigram some bytes", config(some_bytes, llama, None, BEGIN, decoder, special)
    odd = dict(type="Unigram", unk_id=1, vocab=[["a", -1.0], ["<u>", 0.0], ["ab", -1.5], ["b", -0.5], ["a", -3.0], [" ", -2.0], ["xyz", -40.0], ["", -1.0], ["bc", 4.5]])
    yield "unigram, odd vocabulary", config(odd, dict(type="Lowercase"), None, None, FUSE)


def families():
    """Files with the options of well-known models, small."""
    bytes_vocab = [f"<0x{b:02X}>" for b in range(256)]
    plain = pre_tokenizers.ByteLevel(add_prefix_space=False)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    decoder = sequence("decoders", replace("\u2581", " "), dict(type="ByteFallback"), FUSE)
    stripped = sequence("decoders", *decoder["decoders"], dict(type="Strip", content=" ", start=1, stop=0))
    spaced = pre_tokenizers.Metaspace()
    gemma = trained(spaced, 430, special=["<pad>", "<s>", "<unk>", "<mask>"] + bytes_vocab, unk_token="<unk>", byte_fallback=True, fuse_unk=True, ignore_merges=False)
    gemma_added = [added(t) for t in ("<pad>", "<s>", "<unk>", "<mask>", "<start_of_turn>", "<end_of_turn>")]
    gemma_added += [added(t, special=False) for t in ("\n", "\n\n", "\n\n\n", "\u2581\u2581", "\u2581\u2581\u2581", "<table>", "</h1>")]
    yield "gemma 3", config(gemma, replace(" ", "\u2581"), split({"String": " "}, "MergedWithPrevious"), BEGIN, decoder, gemma_added)
    llama = trained(spaced, 420, special=["<unk>", "<s>", "</s>"] + bytes_vocab, unk_token="<unk>", byte_fallback=True, fuse_unk=True)
    prepend = sequence("normalizers", dict(type="Prepend", prepend="\u2581"), replace(" ", "\u2581"))
    phi_added = [added("<unk>"), added("<s>"), added("</s>", rstrip=True, special=False), added("<|endoftext|>"), added("<|assistant|>", rstrip=True),
                 added("<|user|>", rstrip=True), added("<|end|>", rstrip=True)]
    yield "phi-3", config(llama, prepend, None, dict(BEGIN, single=BEGIN["single"][1:]), stripped, phi_added)
    yield "llama 2", config(llama, prepend, None, BEGIN, stripped, [added(t, normalized=True) for t in ("<unk>", "<s>", "</s>")])
    qwen_split = split({"Regex": r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"}, "Isolated")
    qwen_added = [added(t) for t in ("<|endoftext|>", "<|im_start|>", "<|im_end|>")] + [added(t, special=False) for t in ("<tool_call>", "<think>", "</think>")]
    yield "qwen 3", config(trained(plain, 320, alphabet=alphabet), dict(type="NFC"), sequence("pretokenizers", qwen_split, byte_level(trim=False, regex=False)),
                           byte_level(trim=False, regex=False), byte_level(trim=False, regex=False), qwen_added)
    neox_added = [added("<|endoftext|>"), added("<|padding|>")] + [added(" " * n, normalized=True, special=False) for n in (2, 3, 4, 8)]
    yield "neox", config(trained(plain, 320, alphabet=alphabet), dict(type="NFC"), byte_level(trim=True), byte_level(trim=True), byte_level(trim=True), neox_added)
    roberta = dict(type="RobertaProcessing", sep=["</s>", 2], cls=["<s>", 0], trim_offsets=True, add_prefix_space=False)
    yield "roberta", config(trained(plain, 320, alphabet=alphabet), None, byte_level(), roberta, byte_level(), [added("<mask>", lstrip=True), added("<s>")])
    bert = dict(type="BertProcessing", sep=["[SEP]", 4], cls=["[CLS]", 3])
    for name, options in {"suffix": dict(end_of_word_suffix="</w>"), "prefix": dict(continuing_subword_prefix="##"),
                          "prefix and suffix": dict(continuing_subword_prefix="@@", end_of_word_suffix="</w>")}.items():
        decoders = dict(type="BPEDecoder", suffix="</w>") if "suffix" in name else dict(type="WordPiece", prefix="##", cleanup=True)
        for fuse in (True, False):
            yield f"bpe {name} {fuse}", config(trained(pre_tokenizers.Whitespace(), 260, affixes=options, unk_token="<unk>", special=["<unk>"], fuse_unk=fuse),
                                               dict(type="Lowercase"), dict(type="Whitespace"), bert, decoders, [added("<unk>"), added("<mask>")])
    pieces = ["[PAD]", "[UNK]", "<s>", "[CLS]", "[SEP]", "[MASK]"] + sorted(set("".join(CORPUS).lower())) + ["##" + c for c in sorted(set("".join(CORPUS).lower()))]
    pieces += ["the", "##he", "wor", "##ld", "##rld", "hell", "##o", "dog", "##s", "don", "na", "##ive", "nice", "##ce", "\u6771\u4eac"]
    word_piece = dict(type="WordPiece", vocab={text: i for i, text in enumerate(pieces)}, unk_token="[UNK]", continuing_subword_prefix="##", max_input_chars_per_word=20)
    for name, options in {"uncased": dict(lowercase=True), "cased": dict(lowercase=False, strip_accents=None), "accents": dict(lowercase=True, strip_accents=False),
                          "unclean": dict(lowercase=False, strip_accents=True, clean_text=False, handle_chinese_chars=False)}.items():
        normalizer = dict(dict(type="BertNormalizer", clean_text=True, handle_chinese_chars=True, strip_accents=None), **options)
        yield "bert " + name, config(word_piece, normalizer, dict(type="BertPreTokenizer"), bert, dict(type="WordPiece", prefix="##", cleanup=name != "cased"),
                                     [added("[UNK]"), added("[MASK]", lstrip=True), added("[SEP]")])
    yield "smollm", config(trained(plain, 320, alphabet=alphabet), None, sequence("pretokenizers", dict(type="Digits", individual_digits=True), byte_level()), None, byte_level(trim=True),
                           [added("<|im_start|>"), added("<|im_end|>")])
    deepseek = [split({"Regex": r}, "Isolated") for r in (r"\p{N}{1,3}", "[\u4e00-\u9fa5\u3040-\u309f\u30a0-\u30ff]+", r"[!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")]
    yield "deepseek", config(trained(plain, 320, alphabet=alphabet), sequence("normalizers"), sequence("pretokenizers", *deepseek, byte_level(regex=False)), None, byte_level(),
                             [added("<\uff5cUser\uff5c>", special=False), added("<s>")])
    o200k = (r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
             r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+")
    yield "o200k", config(trained(plain, 320, alphabet=alphabet, ignore_merges=True), None, sequence("pretokenizers", split({"Regex": o200k}, "Isolated"), byte_level(regex=False)),
                          byte_level(trim=False), byte_level(), [added("<|start|>"), added("<|end|>")])
    clip_split = split({"Regex": r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"}, "Removed", True)
    clip = trained(plain, 400, affixes=dict(end_of_word_suffix="</w>"), alphabet=alphabet, special=["<|endoftext|>"], unk_token="<|endoftext|>")
    yield "clip", config(clip, sequence("normalizers", dict(type="NFC"), replace({"Regex": r"\s+"}, " "), dict(type="Lowercase")),
                         sequence("pretokenizers", clip_split, byte_level()), roberta, byte_level(), [added("<|endoftext|>")])


# The reference adds up the lengths of a word's tokens; where it drops characters or holds an unknown one back, its offsets are wrong.
WRONG_OFFSETS = ("gpt2, few bytes", "mistral some bytes True", "mistral some bytes False")




def has_wrong_offsets(tokenizer, name, file, text):
    if name in WRONG_OFFSETS:
        return True
    # Precompiled: what it leaves out at the beginning of a piece shifts the reference's offsets.
    return "Precompiled" in json.dumps(file["normalizer"]) and any(tokenizer.normalizer.normalize_str(c) == "" for c in set(text))


def case(tokenizer, name, file, text, special):
    encoding = tokenizer.encode(text, add_special_tokens=special)
    offsets = None if has_wrong_offsets(tokenizer, name, file, text) else [list(o) for o in encoding.offsets]
    return dict(text=text, special=special, ids=encoding.ids, offsets=offsets,
                decoded=tokenizer.decode(encoding.ids, skip_special_tokens=not special))


def main():
    out = sys.argv[1] if len(sys.argv) > 1 else "tokenizers.json.gz"
    texts = int(sys.argv[2]) if len(sys.argv) > 2 else 12
    rng = random.Random(int(sys.argv[3]) if len(sys.argv) > 3 else 1)
    goldens = []
    for name, file in itertools.chain(configurations(), unigrams(), families()):
        tokenizer = Tokenizer.from_str(json.dumps(file))
        samples = FIXED + [random_text(rng, file["added_tokens"]) for _ in range(texts)]
        cases = [case(tokenizer, name, file, text, i % 3 != 2) for i, text in enumerate(samples)]
        size = tokenizer.get_vocab_size()
        decodings = []
        for _ in range(texts):
            ids = [rng.randrange(size + 3) for _ in range(rng.randint(1, 12))]
            skip = rng.random() < 0.5
            try:
                decodings.append(dict(ids=ids, skip=skip, text=tokenizer.decode(ids, skip_special_tokens=skip)))
            except BaseException:  # the reference panics where a token is shorter than what Strip takes off
                continue
        goldens.append(dict(name=name, tokenizer=file, cases=cases, decodings=decodings))
    raw = json.dumps(goldens, ensure_ascii=False, separators=(",", ":")).encode()
    with open(out, "wb") as file:
        file.write(gzip.compress(raw, 9, mtime=0))
    print(len(goldens), "tokenizers,", len(raw), "bytes")


if __name__ == "__main__":
    main()
