#!/usr/bin/env python3
"""Pages of the doc comments in core/'s headers, by Doxygen (packaging/Doxyfile).

Usage: make_docs.py FOLDER   then open FOLDER/html/index.html

Doxygen reads copies of the headers in which two habits of this tree are spelt out: the comment at a header's head is about
the file; a comment outside of classes is also about the functions that follow what it stands above without a blank line.
Lines keep their numbers.
"""
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

FUNCTION = re.compile(r"^(?!using\b)[\w:][\w:<>,*& ]*[ *&]\w+\(")


def about_the_file(lines):
    head = 0
    while head < len(lines) and lines[head].startswith("//"):
        head += 1
    if head < len(lines) and lines[head] == "#pragma once":
        lines[:head + 1] = ["/// @file"] + ["/" + line for line in lines[:head]]


def about_what_follows(lines):
    said = ""  # since the last blank line
    above = False  # the line above belongs to a comment
    for i, line in enumerate(lines):
        comment = line.startswith("///")
        if not line:
            said = ""
        elif comment:
            said = f"{said} {line[3:].strip()}" if above else line[3:].strip()
        elif said and not above and FUNCTION.match(line) and "///<" not in line:
            lines[i] = f"/** {said} */ {line}"
        above = comment or (above and line.startswith("template"))


def spelt_out(text):
    """A header as Doxygen shall read it."""
    lines = text.split("\n")
    about_the_file(lines)
    about_what_follows(lines)
    return "\n".join(lines)


def run_doxygen(root, headers, settings):
    """Doxygen over `headers` (paths below `root`) with more settings than packaging/Doxyfile has; returns its warnings."""
    with tempfile.TemporaryDirectory() as folder:
        copies = pathlib.Path(folder)
        for header in headers:
            copy = copies / header.relative_to(root)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_text(spelt_out(header.read_text(encoding="utf-8")), encoding="utf-8")
        for page in ("architecture.md", "architecture.svg"):
            shutil.copy(root / "packaging" / page, copies)
        text = (root / "packaging" / "Doxyfile").read_text(encoding="utf-8") + settings
        done = subprocess.run(["doxygen", "-"], input=text, cwd=copies, capture_output=True, text=True, check=False)
    lines = [line.replace(f"{copies}/", "") for line in done.stderr.splitlines() if line.strip()]
    if done.returncode != 0 and not lines:
        lines = [f"doxygen ended with {done.returncode}"]
    return lines


def headers_of(root):
    """The public ones: *_impl.h are of a module alone."""
    return sorted(h for h in root.glob("core/*/*.h") if not h.stem.endswith("_impl"))


def main(out):
    root = pathlib.Path(__file__).resolve().parent.parent
    folder = pathlib.Path(out).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    run_doxygen(root, headers_of(root), f'\nOUTPUT_DIRECTORY = "{folder}"\n')
    print(folder / "html" / "index.html")


if __name__ == "__main__":
    sys.exit(__doc__ if len(sys.argv) != 2 else main(sys.argv[1]))
