"""What the tests of faults share: commands that leave results, and a system on which files and clocks fail."""

import json
import os
import pathlib
import signal
import struct
import subprocess
import xml.etree.ElementTree

from cli_support import BUILD, PROGRAM, SOURCE, write_data

GOLDEN = SOURCE / "tests" / "goldens" / "score"
FAULTY_SYSTEM = BUILD / "tests" / "faulty_system.so"
TIMES = ("seconds", "about", "seconds_per_sample")  # of a run, not of its result


class Operation:
    """A command that leaves files in `folder`. `resumes`: a second run goes on where the first one was killed."""

    def __init__(self, name, out, arguments, resumes=False):
        self.name, self.out, self.resumes = name, out, resumes
        self._arguments = arguments

    def arguments(self, inputs, folder):
        words = [word.format(inputs=inputs) if isinstance(word, str) else word for word in self._arguments]
        return [str(PROGRAM), *map(str, words), "--threads", "1", "--quiet", "--out", str(folder / self.out)]


def write_inputs(folder):
    write_data(folder / "d.jsonl", 6)
    write_data(folder / "more.jsonl", 40)
    (folder / "heads.json").write_text("[[1,3],[0,2],[0,0],[1,1],[0,1],[0,3],[1,0],[1,2]]")
    (folder / "prompt.txt").write_text("Document [1](Title: A) The gate is red.\nDocument [2](Title: B) The wall is "
                                       "old.\n\nQuestion: what colour is the gate?\nAnswer:")


def operations():
    data, heads = "{inputs}/d.jsonl", "{inputs}/heads.json"
    prompt = ("--model", GOLDEN, "--prompt-file", "{inputs}/prompt.txt")
    return [
        Operation("sweep", "sweep", ("sweep", "--model", GOLDEN, "--data", data, "--heads", heads, "--max-new-tokens", 4,
                                     "--tau", "0.1,0.5", "--top-k", "1,3", "--baselines"), resumes=True),
        Operation("score", "heads.json", ("score", "--model", GOLDEN, "--data", data, "--max-new-tokens", 4,
                                          "--no-gold-only"), resumes=True),
        Operation("train-directions", "directions.safetensors",
                  ("train-directions", "--model", GOLDEN, "--data", "{inputs}/more.jsonl", "--max-new-tokens", 4,
                   "--epochs", 30), resumes=True),
        Operation("train-demo", "demo", ("train-demo", "--stage-steps", 2, "--checkpoint-every", 1, "--tokens-per-step",
                                         64, "--evaluation-samples", 0), resumes=True),
        Operation("evaluate", "answers.jsonl", ("evaluate", "--model", GOLDEN, "--data", data, "--heads", heads,
                                                "--max-new-tokens", 4)),
        Operation("attention", "attention.safetensors", ("attention", *prompt, "--rows=-9:")),
        Operation("render png", "map.png", ("render", "--figure", "head-map", "--heads", heads)),
        Operation("render svg", "map.svg", ("render", "--figure", "head-map", "--heads", heads)),
        Operation("render pdf", "map.pdf", ("render", "--figure", "head-map", "--heads", heads)),
    ]


def environment(folder=None, **faults):
    """For a process that meets `faults` (faulty_system.cpp) at files below `folder`."""
    values = {"LD_PRELOAD": str(FAULTY_SYSTEM), "OMP_WAIT_POLICY": "PASSIVE"}
    if folder is not None:
        values["HEADSCOPE_TEST_FILES"] = f"{folder}/"
    values.update((f"HEADSCOPE_TEST_{name.upper()}", str(value)) for name, value in faults.items())
    return dict(os.environ, **values)


def run(command, env=None, **how):
    return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300,
                          env=env or environment(), **how)


def broken(path):
    """Why the result file `path` is not whole; empty when it is."""
    data = path.read_bytes()
    try:
        if path.suffix == ".json":
            json.loads(data)
        elif path.suffix == ".jsonl":
            if data and not data.endswith(b"\n"):
                return "its last line has no end"
            for line in data.splitlines():
                json.loads(line)
        elif path.suffix == ".csv" and not data.endswith(b"\n"):
            return "its last line has no end"
        elif path.suffix == ".safetensors":
            (length,) = struct.unpack("<Q", data[:8])
            header = json.loads(data[8:8 + length])
            ends = [entry["data_offsets"][1] for name, entry in header.items() if name != "__metadata__"]
            if 8 + length + max(ends, default=0) != len(data):
                return "does not have the length that its header says"
        elif path.suffix == ".png" and not data.endswith(b"IEND\xaeB`\x82"):
            return "has no end"
        elif path.suffix == ".pdf" and not data.rstrip().endswith(b"%%EOF"):
            return "has no end"
        elif path.suffix == ".svg":
            xml.etree.ElementTree.fromstring(data)
    except (ValueError, struct.error, xml.etree.ElementTree.ParseError) as problem:
        return str(problem)
    return ""


def visible_files(folder):
    """Results: neither hidden nor in what an unfinished run keeps for itself."""
    return [file for file in sorted(folder.rglob("*")) if file.is_file() and not file.name.startswith(".")
            and not any(part.endswith(".unfinished") for part in file.relative_to(folder).parts)]


def leftovers(folder):
    return [file.name for file in folder.rglob(".*.headscope-*.tmp")]


def without_times(value):
    if isinstance(value, dict):
        return {key: without_times(entry) for key, entry in value.items() if key not in TIMES}
    return [without_times(entry) for entry in value] if isinstance(value, list) else value


def content(path, folder):
    """Bytes of a result; of JSON without the times that it names, and without the name of its folder."""
    if path.suffix != ".json":
        return path.read_bytes()
    return json.dumps(without_times(json.loads(path.read_bytes()))).replace(str(folder), "")


def results(folder):
    return {str(file.relative_to(folder)): content(file, folder) for file in visible_files(folder)}


def was_killed(process):
    return process.returncode == -signal.SIGKILL
