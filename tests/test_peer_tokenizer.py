#!/usr/bin/env python3
"""Random texts and ids through peer_tokenizer and through the Python package `tokenizers`: equal ids, offsets, texts.

For the tokenizers in ../shared and for all that the goldens hold. Needs `tokenizers`, in this Python or in the one that
HEADSCOPE_PYTHON names. Usage: test_peer_tokenizer.py [--count N] [--seed N] [--only NAME]
"""
import argparse
import gzip
import json
import os
import pathlib
import random
import subprocess
import sys
import tempfile

try:
    from tokenizers import Tokenizer
except ImportError:
    other = os.environ.get("HEADSCOPE_PYTHON")
    if other and os.path.abspath(other) != sys.executable:
        os.execv(other, [other, *sys.argv])
    print("SKIPPED: no Python package 'tokenizers' (HEADSCOPE_PYTHON names a Python that has it)")
    sys.exit(77)

ROOT = pathlib.Path(os.environ.get("HEADSCOPE_SOURCE_DIR", pathlib.Path(__file__).resolve().parent.parent))
BUILD = pathlib.Path(os.environ.get("HEADSCOPE_BUILD_DIR", ROOT / "build" / "release"))
sys.path.insert(0, str(ROOT / "tests" / "goldens"))
import make_tokenizer_goldens as goldens  # noqa: E402

PEER = str(BUILD / "tests" / "peer_tokenizer")
UNICODE = 14  # the newest version that all engines in this comparison know
WORDS = ("The Nobel Prize in physics was awarded to Wilhelm Conrad Röntgen. It's 1901, isn't it? they'll we've I'M DON'T x=3.14; http://a.b/c?d=e#f "
         "foo_bar(baz); naïve café Straße İstanbul ΑΒΓΣ ς Ωμέγα Привет мир שלום עולם مرحبا بالعالم नमस्ते दुनिया สวัสดีชาวโลก こんにちは世界 你好，世界 안녕하세요 ქართული").split(" ")
EMOJI = ["👩‍👩‍👧‍👦", "🏳️‍🌈", "👍🏽", "🇩🇪", "☺️", "🧑🏿‍🚀", "1️⃣", "❤️‍🔥", "🙂", "‍", "️"]
SPACES = ["\n", "\r\n", "\t", "\r", " ", " ", "　", " ", "\v", "\f", "\x85", " ", " ", "​"]


class Texts:
    """Random texts of assigned characters."""

    def __init__(self, seed):
        self.rng = random.Random(seed)
        ranges = json.loads(subprocess.run([PEER, "--assigned", str(UNICODE)], check=True, capture_output=True).stdout)
        # Whole blocks of ideographs, syllables and private use would be nearly all there is.
        self.ranges = [(a, b) for a, b in ranges for _ in range(1 + (b - a > 8))]
        self.marks = [chr(c) for c in [*range(0x300, 0x370), 0x5b0, 0x64b, 0x93c, 0x94d, 0xe31, 0x302a, 0x3099, 0x20d0, 0xfe0f, 0x1d165]]

    def point(self):
        return chr(self.rng.randrange(*self.rng.choice(self.ranges)))

    def part(self, special):
        rng = self.rng
        kind = rng.randrange(13)
        if kind < 4:
            return rng.choice(WORDS)
        if kind == 4:
            return " " * rng.choice([1, 1, 1, 2, 3, 4, 7, 20])
        if kind == 5:
            return rng.choice(SPACES) * rng.choice([1, 1, 2, 3, 30])
        if kind == 6:
            return "".join(self.point() for _ in range(rng.randint(1, 6)))
        if kind == 7:  # neighbours of one block
            begin, end = rng.choice(self.ranges)
            return "".join(chr(rng.randrange(begin, min(end, begin + 60))) for _ in range(rng.randint(1, 8)))
        if kind == 8:
            return rng.choice([self.point(), rng.choice("aeiouçşкがह")]) + "".join(rng.choice(self.marks) for _ in range(rng.randint(1, 4)))
        if kind == 9:
            return rng.choice(EMOJI) * rng.randint(1, 2)
        if kind == 10:
            return chr(rng.randrange(0, 32)) * rng.randint(1, 3)
        if kind == 11 and special:
            text = rng.choice(special)
            return rng.choice([text, text, text, text[:-1], text.upper(), " " + text + " "])
        return rng.choice(["<0x41>", "<0xE2>", "▁", "Ġ", "��", "12345678901", "'s", "ﬃ", "½", "Å", "각", "``", "##", "</w>", "." * 9])

    def text(self, special):
        parts = [self.part(special) for _ in range(self.rng.choice([1, 2, 4, 8, 16]))]
        return self.rng.choice(["", " "]).join(parts)


def ask(path, requests):
    lines = "".join(json.dumps(request) + "\n" for request in requests)
    done = subprocess.run([PEER, str(path)], input=lines.encode(), capture_output=True)
    if done.returncode != 0:
        raise SystemExit(f"FAILED: {path}: exit code {done.returncode}: {done.stderr.decode()}")
    return [json.loads(line) for line in done.stdout.splitlines()]


def reference(tokenizer, name, file, request):
    """What the package answers; nothing where it fails."""
    try:
        if "ids" in request:
            return dict(decoded=tokenizer.decode(request["ids"], skip_special_tokens=request["skip"]))
        text = request["text"]
        encoding = tokenizer.encode(text, add_special_tokens=request["special"])
        starts = [0]
        for character in text:
            starts.append(starts[-1] + len(character.encode()))
        answer = dict(ids=encoding.ids, offsets=[[starts[a], starts[b]] for a, b in encoding.offsets],
                      decoded=tokenizer.decode(encoding.ids, skip_special_tokens=not request["special"]))
        if goldens.has_wrong_offsets(tokenizer, name, file, text):
            del answer["offsets"]
        return answer
    except BaseException as error:  # the package panics in places
        if isinstance(error, KeyboardInterrupt):
            raise
        return None


def compare(path, name, file, texts, count):
    """Numbers of texts, of id sequences, of those the package fails on, and of differences."""
    tokenizer = Tokenizer.from_str(json.dumps(file))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    special = [token["content"] for token in file["added_tokens"]]
    size = tokenizer.get_vocab_size()
    requests = [dict(text=texts.text(special), special=texts.rng.random() < 0.7) for _ in range(count)]
    requests += [dict(ids=[texts.rng.randrange(size + 2) for _ in range(texts.rng.choice([1, 2, 3, 5, 8, 12, 150]))], skip=texts.rng.random() < 0.5) for _ in range(count // 4)]
    failed = different = 0
    for request, answer in zip(requests, ask(path, requests), strict=True):
        expected = reference(tokenizer, name, file, request)
        if expected is None:
            failed += 1
            continue
        expected["streamed"] = expected["decoded"]
        wrong = {key: (answer.get(key, answer), value) for key, value in expected.items() if answer.get(key) != value}
        if wrong:
            different += 1
            if different <= 3:
                print(f"{name}: {request!a}\n    " + "\n    ".join(f"{key}: {ours!a}\n    not {theirs!a}" for key, (ours, theirs) in wrong.items()))
    return count, count // 4, failed, different


def tokenizers(folder):
    """Path, name, content and weight of every tokenizer."""
    shared = next((path for path in (os.environ.get("HEADSCOPE_SHARED"), ROOT / "shared", ROOT.parent / "shared")
                   if path and pathlib.Path(path, "tokenizers").is_dir()), None)
    for path in sorted(pathlib.Path(shared, "tokenizers").glob("*/tokenizer.json")) if shared else []:
        yield path, path.parent.name, json.loads(path.read_text(encoding="utf-8")), 10
    for i, golden in enumerate(json.loads(gzip.decompress((ROOT / "tests/goldens/tokenizers.json.gz").read_bytes()))):
        path = pathlib.Path(folder, f"{i}.json")
        path.write_text(json.dumps(golden["tokenizer"]), encoding="utf-8")
        yield path, golden["name"], golden["tokenizer"], 1


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--count", type=int, default=60, help="texts a small tokenizer; ten times that for large ones")
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--only", default="")
    options = options.parse_args()
    texts = Texts(options.seed)
    total = [0, 0, 0, 0]
    with tempfile.TemporaryDirectory() as folder:
        for path, name, file, weight in tokenizers(folder):
            if options.only in name:
                result = compare(path, name, file, texts, options.count * weight)
                total = [a + b for a, b in zip(total, result)]
    print("{} texts and {} sequences of ids; the package fails on {}; different: {}".format(*total))
    return 1 if total[3] or not total[0] else 0


if __name__ == "__main__":
    sys.exit(main())
