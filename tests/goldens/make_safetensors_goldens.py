#!/usr/bin/env python3
"""Writes small.safetensors and malformed_safetensors.json: what the reference library writes and refuses.

Needs numpy and safetensors (0.8.0 was used). Run in this folder.
"""
import json
import struct

import numpy as np
from safetensors import SafetensorError, deserialize
from safetensors.numpy import save


def golden_file():
    rng = np.random.default_rng(1)
    tensors = {
        "w.f32": rng.standard_normal((2, 3)).astype(np.float32),
        "b.f16": rng.standard_normal(5).astype(np.float16),
        "a.i64": np.array([[1, -2], [3, 2**40]], dtype=np.int64),
        "c.u8": np.arange(3, dtype=np.uint8),
        "d.bool": np.array([True, False]),
        "e.f64": np.array(1.5),
        "f.i32": np.zeros((0, 4), dtype=np.int32),
        "é \"quoted\"": np.array([7], dtype=np.int16),
    }
    with open("small.safetensors", "wb") as file:
        file.write(save(tensors, metadata={"format": "headscope"}))


def tensor(dtype="F32", shape=(1,), offsets=(0, 4), **more):
    return {"dtype": dtype, "shape": list(shape), "data_offsets": list(offsets), **more}


def header(text, data=b"", length=None):
    raw = text if isinstance(text, bytes) else (text if isinstance(text, str) else json.dumps(text)).encode()
    return struct.pack("<Q", len(raw) if length is None else length) + raw + data


CASES = {
    "empty file": b"",
    "seven bytes": b"1234567",
    "length of more than 100 MB": header("{}", length=100_000_001),
    "length beyond the file": header("{}", length=3),
    "length of 2^64-1": header("{}", length=2**64 - 1),
    "no header": header(""),
    "not UTF-8": header(b'{"\xff":1}'),
    "not JSON": header("{nope}"),
    "a list": header("[]"),
    "bytes after the JSON": header("{} x"),
    "tensor is a number": header({"a": 3}),
    "dtype missing": header({"a": {"shape": [1], "data_offsets": [0, 4]}}, b"1234"),
    "dtype unknown": header({"a": tensor("F31")}, b"1234"),
    "dtype is a number": header({"a": tensor(3)}, b"1234"),
    "shape missing": header({"a": {"dtype": "F32", "data_offsets": [0, 4]}}, b"1234"),
    "shape negative": header({"a": tensor(shape=(-1,))}, b"1234"),
    "shape of fractions": header({"a": tensor(shape=(1.5,))}, b"1234"),
    "offsets missing": header({"a": {"dtype": "F32", "shape": [1]}}, b"1234"),
    "one offset": header({"a": tensor(offsets=(0,))}, b"1234"),
    "three offsets": header({"a": tensor(offsets=(0, 4, 4))}, b"1234"),
    "offsets reversed": header({"a": tensor(offsets=(4, 0))}, b"1234"),
    "offsets negative": header({"a": tensor(offsets=(-4, 0))}, b"1234"),
    "hole before the first": header({"a": tensor(offsets=(4, 8))}, b"12345678"),
    "hole between two": header({"a": tensor(), "b": tensor(offsets=(8, 12))}, b"123456789012"),
    "overlap": header({"a": tensor(shape=(2,), offsets=(0, 8)), "b": tensor(shape=(2,), offsets=(4, 12))}, b"123456789012"),
    "the same bytes twice": header({"a": tensor(), "b": tensor()}, b"1234"),
    "size smaller than the shape": header({"a": tensor(shape=(2,))}, b"1234"),
    "size larger than the shape": header({"a": tensor(shape=(), offsets=(0, 8))}, b"12345678"),
    "shape overflows": header({"a": tensor(shape=(2**32, 2**32, 4), offsets=(0, 0))}),
    "shape overflows before a zero": header({"a": tensor(shape=(2**63, 2**63, 0), offsets=(0, 0))}),
    "bytes overflow": header({"a": tensor("F64", shape=(2**62,), offsets=(0, 0))}),
    "half a byte": header({"a": tensor("F4", shape=(3,), offsets=(0, 1))}, b"1"),
    "cut short": header({"a": tensor()}, b"123"),
    "bytes after the last tensor": header({"a": tensor()}, b"12345"),
    "bytes without tensors": header({}, b"1"),
    "metadata of numbers": header({"__metadata__": {"a": 1}}),
    "metadata is a text": header({"__metadata__": "a"}),
    "metadata twice": header('{"__metadata__":{},"__metadata__":{}}'),
    "field twice": header('{"a":{"dtype":"F32","dtype":"F32","shape":[1],"data_offsets":[0,4]}}', b"1234"),
}

# Refused here although the reference accepts them: a name twice, where it takes either.
STRICTER = {
    "tensor twice": header('{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},'
                           '"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}', b"1"),
    "spaces before the JSON": header("  {}"),
}

ACCEPTED = {
    "no tensors": header({}),
    "padded with spaces": header("{}      "),
    "metadata is null": header({"__metadata__": None}),
    "unknown fields of a tensor": header({"a": tensor(extra=1)}, b"1234"),
    "two empty tensors": header({"a": tensor(shape=(0,), offsets=(0, 0)), "b": tensor(shape=(4, 0), offsets=(0, 0))}),
    "tensors in any order": header({"b": tensor(offsets=(4, 8)), "a": tensor()}, b"12345678"),
    "sub-byte": header({"a": tensor("F4", shape=(2,), offsets=(0, 1))}, b"1"),
    "F8": header({"a": tensor("F8_E4M3", shape=(2,), offsets=(0, 2)), "b": tensor("F8_E5M2", shape=(1,), offsets=(2, 3))}, b"123"),
}


def refused(raw):
    try:
        deserialize(raw)
    except SafetensorError:
        return True
    return False


def main():
    golden_file()
    lists = {"refused": {}, "stricter": {}, "accepted": {}}
    for name, raw in CASES.items():
        if not refused(raw):
            print("the reference accepts:", name)
        lists["refused"][name] = raw.hex()
    for name, raw in STRICTER.items():
        print("stricter:", name, "reference refuses:", refused(raw))
        lists["stricter"][name] = raw.hex()
    for name, raw in ACCEPTED.items():
        if refused(raw):
            print("the reference refuses:", name)
        lists["accepted"][name] = raw.hex()
    with open("malformed_safetensors.json", "w") as file:
        json.dump(lists, file, indent=0)
        file.write("\n")


if __name__ == "__main__":
    main()
