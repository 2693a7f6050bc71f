"""What the tests of headscope-cli share: running it, small models made here, shared material. Standard library only."""

import array
import json
import os
import pathlib
import random
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time
import unittest

SOURCE = pathlib.Path(os.environ.get("HEADSCOPE_SOURCE_DIR", pathlib.Path(__file__).resolve().parent.parent))
BUILD = pathlib.Path(os.environ.get("HEADSCOPE_BUILD_DIR", SOURCE / "build" / "release"))
PROGRAM = BUILD / "headscope-cli"
DEMO = SOURCE / "assets" / "demo"


class Result:
    """Exit code and output of one run."""

    def __init__(self, process):
        self.code = process.returncode
        self.out = process.stdout.decode("utf-8")
        self.err = process.stderr.decode("utf-8", "replace")

    @property
    def json(self):
        return json.loads(self.out)


COMMANDS = ("selftest", "generate", "attention", "score", "train-directions", "evaluate", "sweep", "control", "causal",
            "auto-alpha")


def cli(*arguments, timeout=120, env=None, cwd=None):
    # One thread: these models are tiny, and other tests want the cores too.
    if arguments and arguments[0] in COMMANDS and "--threads" not in arguments:
        arguments += ("--threads", "1")
    environment = dict(os.environ, **(env or {}))
    return Result(subprocess.run([str(PROGRAM), *map(str, arguments)], stdin=subprocess.DEVNULL,
                                 stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=timeout, env=environment,
                                 cwd=cwd))


def interrupted(*arguments, after):
    """Runs, presses Ctrl+C once the program has worked for `after` seconds of processor time, and waits."""
    process = subprocess.Popen([str(PROGRAM), *map(str, arguments)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE)
    tick, deadline = os.sysconf("SC_CLK_TCK"), time.monotonic() + 100
    while process.poll() is None and time.monotonic() < deadline:
        fields = pathlib.Path(f"/proc/{process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        if (int(fields[11]) + int(fields[12])) / tick >= after:
            process.send_signal(signal.SIGINT)
            break
        time.sleep(0.02)
    out, err = process.communicate(timeout=100)
    return Result(subprocess.CompletedProcess(process.args, process.returncode, out, err))


def shared(name):
    """A file of the shared material, or None."""
    for folder in (os.environ.get("HEADSCOPE_SHARED"), SOURCE / "shared", SOURCE.parent / "shared"):
        if folder and (pathlib.Path(folder) / name).exists():
            return pathlib.Path(folder) / name
    return None


def byte_alphabet():
    """The printable characters that byte-level BPE writes bytes as, in byte order."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    extra = iter(range(256, 512))
    return [chr(b) if b in plain else chr(next(extra)) for b in range(256)]


def byte_tokenizer():
    """A byte-level BPE without merges: every byte is one token. Ids: 0 <s>, 1 </s>, 2.. bytes."""
    vocabulary = {"<s>": 0, "</s>": 1}
    vocabulary.update({c: i + 2 for i, c in enumerate(byte_alphabet())})
    special = [{"id": i, "content": t, "single_word": False, "lstrip": False, "rstrip": False,
                "normalized": False, "special": True} for t, i in (("<s>", 0), ("</s>", 1))]
    template = {"type": "TemplateProcessing",
                "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
                "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
                "special_tokens": {"<s>": {"id": "<s>", "ids": [0], "tokens": ["<s>"]}}}
    return {"version": "1.0", "truncation": None, "padding": None, "added_tokens": special, "normalizer": None,
            "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": False, "use_regex": True},
            "post_processor": template,
            "decoder": {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": False, "use_regex": True},
            "model": {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None,
                      "end_of_word_suffix": None, "fuse_unk": False, "byte_fallback": False,
                      "vocab": vocabulary, "merges": []}}


def write_safetensors(path, tensors):
    """tensors: {name: (shape, array of float)}."""
    header, offset = {}, 0
    for name, (shape, values) in tensors.items():
        size = 4 * len(values)
        header[name] = {"dtype": "F32", "shape": list(shape), "data_offsets": [offset, offset + size]}
        offset += size
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for _, values in tensors.values():
            file.write(values.tobytes())


def read_safetensors(path):
    """{name: (shape, array)} of an F32 / I64 file."""
    data = pathlib.Path(path).read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8:8 + length])
    tensors = {}
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        begin, end = (8 + length + x for x in entry["data_offsets"])
        values = array.array({"F32": "f", "I64": "q"}[entry["dtype"]], data[begin:end])
        tensors[name] = (entry["shape"], values)
    return tensors


def metadata(path):
    data = pathlib.Path(path).read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    return json.loads(data[8:8 + length]).get("__metadata__", {})


def tiny_config(**changes):
    config = {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_act": "silu",
              "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 8,
              "hidden_size": 32, "intermediate_size": 48, "vocab_size": 258, "max_position_embeddings": 2048,
              "rms_norm_eps": 1e-5, "rope_theta": 10000.0, "tie_word_embeddings": False,
              "attention_bias": False, "mlp_bias": False, "bos_token_id": 0, "eos_token_id": 1,
              "torch_dtype": "float32"}
    config.update(changes)
    return config


def tiny_tensors(config, seed=1):
    """Random weights, large enough for attention that is far from even."""
    rng = random.Random(seed)
    hidden, width = config["hidden_size"], config["head_dim"]
    query, key = config["num_attention_heads"] * width, config["num_key_value_heads"] * width
    middle, vocabulary = config["intermediate_size"], config["vocab_size"]

    def matrix(rows, columns, reach=0.5):
        return (rows, columns), array.array("f", (rng.uniform(-reach, reach) for _ in range(rows * columns)))

    def ones(size):
        return (size,), array.array("f", [1.0] * size)

    tensors = {"model.embed_tokens.weight": matrix(vocabulary, hidden, 1.0)}
    for layer in range(config["num_hidden_layers"]):
        at = f"model.layers.{layer}."
        tensors[at + "input_layernorm.weight"] = ones(hidden)
        tensors[at + "self_attn.q_proj.weight"] = matrix(query, hidden)
        tensors[at + "self_attn.k_proj.weight"] = matrix(key, hidden)
        tensors[at + "self_attn.v_proj.weight"] = matrix(key, hidden)
        tensors[at + "self_attn.o_proj.weight"] = matrix(hidden, query)
        tensors[at + "post_attention_layernorm.weight"] = ones(hidden)
        tensors[at + "mlp.gate_proj.weight"] = matrix(middle, hidden)
        tensors[at + "mlp.up_proj.weight"] = matrix(middle, hidden)
        tensors[at + "mlp.down_proj.weight"] = matrix(hidden, middle)
    tensors["model.norm.weight"] = ones(hidden)
    if not config["tie_word_embeddings"]:
        tensors["lm_head.weight"] = matrix(vocabulary, hidden)
    return tensors


def write_model(folder, tokenizer=None, seed=1, **changes):
    """A random Llama folder; `tokenizer` is a tokenizer.json to copy (default: byte_tokenizer)."""
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    config = tiny_config(**changes)
    (folder / "config.json").write_text(json.dumps(config))
    write_safetensors(folder / "model.safetensors", tiny_tensors(config, seed))
    if tokenizer is None:
        (folder / "tokenizer.json").write_text(json.dumps(byte_tokenizer()))
    else:
        shutil.copy(tokenizer, folder / "tokenizer.json")
    return folder


def write_data(path, samples=8, documents=4):
    """Questions with short documents; the gold document moves about."""
    with open(path, "w", encoding="utf-8") as file:
        for i in range(samples):
            contexts = [{"title": f"Town {i}{j}", "text": f"The mayor of town {i}{j} is Kim{i * documents + j}.",
                         "isgold": j == i % documents, "hasanswer": j == i % documents} for j in range(documents)]
            gold = i * documents + i % documents
            file.write(json.dumps({"question": f"who is the mayor of town {i}{i % documents}?",
                                   "answers": [f"Kim{gold}"], "ctxs": contexts}) + "\n")
    return path


class CliTest(unittest.TestCase):
    """A folder of its own for every test, and checks of what a run said."""

    @classmethod
    def setUpClass(cls):
        cache = tempfile.TemporaryDirectory(prefix="headscope-cache-")
        cls.addClassCleanup(cache.cleanup)
        os.environ["XDG_CACHE_HOME"] = cache.name  # hashes of these models are nobody's business

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="headscope-cli-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def ok(self, *arguments, **how):
        result = cli(*arguments, **how)
        self.assertEqual(result.code, 0, f"{arguments}: {result.err}")
        return result

    def refused(self, code, *arguments, says=(), **how):
        """The run ends with `code` and a message, not with a signal."""
        result = cli(*arguments, **how)
        self.assertEqual(result.code, code, f"{arguments}: {result.out} {result.err}")
        self.assertTrue(result.err.strip(), f"{arguments}: no message")
        for word in [says] if isinstance(says, str) else says:
            self.assertIn(word, result.err)
        return result


def main():
    """Runs the calling file's tests; exit code 77 when all of them were skipped."""
    if not PROGRAM.exists():
        print(f"{PROGRAM} is not built")
        sys.exit(1)
    program = unittest.main(module="__main__", exit=False, verbosity=1)
    for case, reason in program.result.skipped:
        print(f"SKIPPED: {case.id()}: {reason}")
    if not program.result.wasSuccessful():
        sys.exit(1)
    sys.exit(77 if len(program.result.skipped) == program.result.testsRun else 0)
