"""Files of torch.save as directions are published, and such that must be refused.

Run by hand with torch; the results are committed:
    python tests/goldens/make_torch_goldens.py tests/goldens/torch
`authors` is a folder as the authors of focus directions publish (parameters), expected.json says what it holds. In
`refused` every file is wrong in one way; refused.json names what the message must say.
"""

import collections
import json
import os
import pathlib
import sys

import torch


class Command:
    """Runs a command where it is unpickled by whoever executes pickles."""

    def __reduce__(self):
        return os.system, ("touch executed_by_a_pickle",)


def write_authors(folder):
    folder.mkdir(parents=True, exist_ok=True)
    generator = torch.Generator().manual_seed(3)
    expected = {"q": [], "k": []}
    for layer in range(3):
        for half in "qk":
            values = torch.randn(2, 4, generator=generator)
            expected[half].append(values.tolist())
            torch.save(torch.nn.Parameter(values), folder / f"head_{half}_directions_{layer}.pth")
    return expected


def write_refused(folder):
    folder.mkdir(parents=True, exist_ok=True)
    plain = torch.arange(8, dtype=torch.float32).reshape(2, 4)
    attributed = torch.nn.Parameter(plain.clone())
    attributed.note = "an attribute"
    cases = {
        "command": (Command(), {}, "system"),
        "half": (plain.half(), {}, "torch.HalfStorage"),
        "bfloat16": (plain.bfloat16(), {}, "torch.BFloat16Storage"),
        "double": (plain.double(), {}, "torch.DoubleStorage"),
        "transposed": (plain.t(), {}, "not contiguous"),
        "list": ([plain, plain + 1], {}, "opcode"),
        "dictionary": (collections.OrderedDict(weight=plain), {}, "opcode"),
        "attribute": (attributed, {}, "_rebuild_parameter_with_state"),
        "old_format": (plain, {"_use_new_zipfile_serialization": False}, "zip archive"),
        "protocol": (plain, {"pickle_protocol": 4}, "protocol 4"),
        "sparse": (plain.to_sparse(), {}, "_rebuild_sparse_tensor"),
    }
    for name, (what, how, _) in cases.items():
        torch.save(what, folder / f"{name}.pth", **how)
    return {name: says for name, (_, _, says) in cases.items()}


def main(folder):
    folder.mkdir(parents=True, exist_ok=True)
    expected = write_authors(folder / "authors")
    (folder / "expected.json").write_text(json.dumps(expected) + "\n")
    refused = write_refused(folder / "refused")
    (folder / "refused.json").write_text(json.dumps(refused, indent=1) + "\n")
    # A view into a larger storage and a plain tensor are fine.
    torch.save(torch.arange(12, dtype=torch.float32).reshape(3, 4)[1:], folder / "view.pth")


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
