#!/usr/bin/env python3
"""Checks what is written about the code: Doxygen warns of nothing in core/'s public headers (packaging/Doxyfile), and
files that the Markdown pages name are there (NAME, KIND ... stand for others).

Usage: check_docs.py REPOSITORY   exit 1 and a line for each fault
       check_docs.py --self-test REPOSITORY   shows that every kind of fault is found
"""
import pathlib
import re
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "packaging"))
import make_docs  # noqa: E402

UNDOCUMENTED = re.compile(r"(\S+):(\d+): warning: Member ([\w~]+).* \((\w+)\) of \w+ (\S+) is not documented")
PAGES = ("README.md", "CONTRIBUTING.md", "assets/README.md", "packaging/*.md")
LINK = re.compile(r"\]\(([^)#\s]+)[^)]*\)")
NAMED = re.compile(r"`((?:core|app|tests|packaging|assets|shaders)/[^`\s<>{}()]*)`")


def speaks_for_itself(root, warning):
    """Fields, constructors, moves, comparisons, and functions whose whole body stands in a line need no comment."""
    match = UNDOCUMENTED.match(warning)
    if not match:
        return False
    path, number, name, kind, owner = match.groups()
    lines = [line.strip() for line in (root / path).read_text(encoding="utf-8").splitlines()]
    line = lines[int(number) - 1]
    short = line.endswith(("}", "= default;", "= delete;")) or (line.endswith("{") and lines[int(number) + 1] == "}")
    if kind in ("variable", "friend"):
        return True
    if kind == "function":
        return name == owner.split("::")[-1] or "operator=(" in line or short
    return (kind == "enumeration" and "}" in line) or (kind == "typedef" and line.endswith(";"))


def faults_of_headers(root, headers):
    """Lines of Doxygen's warnings about headers."""
    try:
        warnings = make_docs.run_doxygen(root, headers, "\nGENERATE_HTML = NO\nGENERATE_XML = YES\n")
    except FileNotFoundError:
        return ["doxygen is not installed: bash packaging/install_system_packages.sh"]
    return [warning for warning in warnings if not speaks_for_itself(root, warning)]


def faults_of_page(root, page):
    """What a Markdown page links to or names and is not there; a name may stand for several files."""
    text = page.read_text(encoding="utf-8")
    for target in LINK.findall(text):
        if "://" not in target and not (page.parent / target).exists():
            yield f"{page.relative_to(root)}: links to {target}, which is not there"
    for name in NAMED.findall(text):
        name = name.rstrip("*")
        stands_for_others = re.search(r"[A-Z]{4}", name.replace("README", ""))
        if not stands_for_others and not (root / name).exists() and not any(root.glob(name + "*")):
            yield f"{page.relative_to(root)}: names {name}, which is not there"


def check(root):
    pages = [page for pattern in PAGES for page in sorted(root.glob(pattern))]
    headers = make_docs.headers_of(root)
    faults = faults_of_headers(root, headers) + [fault for page in pages for fault in faults_of_page(root, page)]
    print("\n".join(faults) if faults else f"no fault in {len(headers)} headers, {len(pages)} pages")
    return bool(faults) or not headers or not pages


HEADER = """// A header.
#pragma once
namespace headscope {
/// Twice `x`.
int doubled(int x);
int also(int x);

/// Half of `x`. \\param y is not there
int halved(int x);

/// One.
struct Right {
  int part = 0;
  int of_it() const { return part; }
};

struct Undocumented {
  int x = 0;
};

int bare(int x);
}  // namespace headscope
"""


def self_test(root):
    with tempfile.TemporaryDirectory() as folder:
        copy = pathlib.Path(folder)
        (copy / "packaging").mkdir()
        for name in ("Doxyfile", "architecture.md", "architecture.svg"):
            (copy / "packaging" / name).write_bytes((root / "packaging" / name).read_bytes())
        (copy / "a.h").write_text(HEADER, encoding="utf-8")
        page = copy / "page.md"
        page.write_text("[here](a.h) [gone](b.h) `packaging/Doxyfile` `packaging/Doxy*` `core/base/gone.h`", encoding="utf-8")
        found = "\n".join(faults_of_headers(copy, [copy / "a.h"]) + list(faults_of_page(copy, page)))
    missed = [part for part in ("'y'", "Undocumented", "bare", "b.h", "core/base/gone.h") if part not in found]
    invented = [part for part in ("Right", "part", "of_it", "also", "to a.h", "Doxy") if part in found]
    print(found, f"missed: {missed}, invented: {invented}", sep="\n")
    return bool(missed or invented)


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    tree = pathlib.Path(sys.argv[-1]).resolve()
    sys.exit(self_test(tree) if "--self-test" in sys.argv else check(tree))
