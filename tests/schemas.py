"""Results against assets/schemas: which schema is whose, and what does not follow it. Needs Debian's python3-jsonschema."""

import csv
import gzip
import json
import pathlib
import struct
import sys

from cli_support import SOURCE

try:
    import jsonschema
except ImportError:
    sys.path.append("/usr/lib/python3/dist-packages")  # of Debian, for a Python that is not its own
    try:
        import jsonschema
    except ImportError:
        sys.exit("jsonschema is missing: packaging/install_system_packages.sh installs python3-jsonschema")

FOLDER = SOURCE / "assets" / "schemas"
# Lines and tables do not say what they are; their names do.
BY_NAME = (("*samples.jsonl", {"suite-samples.jsonl": "suite_sample", "control.json.samples.jsonl": "control_line"}),
           ("plain.jsonl", "sample"), ("d*.jsonl.gz", "sample"), ("suites/run.jsonl", "suite_line"),
           ("*/suites.jsonl", "suite_line"), ("*.jsonl", "evaluation_line"), ("*/results.csv", "sweep_row"),
           ("*/timing.json", "timing"), ("edit.json", "intervention"))


def load(kind):
    return json.loads((FOLDER / f"{kind}.schema.json").read_text(encoding="utf-8"))


def whole(schema):
    """The schema with those that it refers to by file name inside of it, so that no version of jsonschema need look for one."""
    if isinstance(schema, list):
        return [whole(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    parts = {key: whole(part) for key, part in schema.items() if key not in ("$ref", "$id", "$schema")}
    return {**whole(load(schema["$ref"].removesuffix(".schema.json"))), **parts} if "$ref" in schema else parts


def validator(kind):
    schema = load(kind)
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(whole(schema))


def metadata(path):
    """Of a safetensors file; values that are JSON themselves are read."""
    data = path.read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    found = json.loads(data[8:8 + length]).get("__metadata__", {})
    return {key: json.loads(value) if value.startswith(("{", "[")) else value for key, value in found.items()}


def row_of(row):
    """A line of CSV with its numbers as numbers and its empty fields as null."""
    def value(text):
        try:
            return float(text)
        except ValueError:
            return text or None
    return {name: value(text) for name, text in row.items()}


def kind_by_name(name):
    for pattern, kind in BY_NAME:
        if pathlib.PurePath(name).match(pattern):
            if isinstance(kind, str):
                return kind
            if pathlib.PurePath(name).name in kind:
                return kind[pathlib.PurePath(name).name]
    return None


# A checkpoint is a folder of Hugging Face's formats.
OF_OTHERS = ("config.json", "tokenizer.json", "tokenizer_config.json")


def instances(folder):
    """(file, kind, value) of whatever lies there and has a schema."""
    for path in sorted(pathlib.Path(folder).rglob("*")):
        name = str(path.relative_to(folder))
        if path.name.startswith(".") or path.name in OF_OTHERS or not path.is_file():
            continue
        if path.suffix == ".json":
            value = json.loads(path.read_text(encoding="utf-8"))
            kind = value.get("headscope") if isinstance(value, dict) else None
            yield name, kind or kind_by_name(name), value
        elif ".jsonl" in path.suffixes:
            text = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
            for line in text.decode("utf-8").splitlines():
                yield name, kind_by_name(name), json.loads(line)
        elif path.suffix == ".safetensors":
            value = metadata(path)
            if value.get("headscope"):
                yield name, value["headscope"], value
        elif path.suffix == ".csv" and kind_by_name(name):
            with open(path, newline="", encoding="utf-8") as file:
                for row in csv.DictReader(file):
                    yield name, kind_by_name(name), row_of(row)


def problems(kind, value, validators={}):
    if kind not in validators:
        validators[kind] = validator(kind)
    return [f"{error.json_path}: {error.message[:300]}" for error in validators[kind].iter_errors(value)]


def complaints(folder):
    """Everything below `folder` that has no schema or does not follow it."""
    found = []
    for name, kind, value in instances(folder):
        if kind is None or not (FOLDER / f"{kind}.schema.json").exists():
            found.append(f"{name}: no schema for {kind}")
        else:
            found += [f"{name} ({kind}): {problem}" for problem in problems(kind, value)]
    return found


def damaged(kind, value):
    """(what was done, the value after it): one key less, one more, one of another type."""
    schema = load(kind)
    for key in schema.get("required", []):
        yield f"without {key}", {name: entry for name, entry in value.items() if name != key}
    yield "with a key nobody knows", {**value, "surprise": [[["surprise"]]]}
    for key in schema.get("properties", {}):
        if key in value:
            yield f"{key} of another type", {**value, key: [[["surprise"]]]}


def undetected(folder):
    """Damages that no schema sees, and the kinds that were tried."""
    found, tried = [], set()
    for name, kind, value in instances(folder):
        if kind is None or kind in tried:
            continue
        tried.add(kind)
        found += [f"{name} ({kind}) {what}" for what, wrong in damaged(kind, value) if not problems(kind, wrong)]
    return found, tried


if __name__ == "__main__":
    wrong = [complaint for folder in sys.argv[1:] for complaint in complaints(folder)]
    print("\n".join(wrong))
    sys.exit(1 if wrong else 0)
