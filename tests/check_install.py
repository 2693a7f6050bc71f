#!/usr/bin/env python3
"""Checks what `cmake --install` makes: sizes within packaging/sizes.txt, all libraries found, nothing of the build tree
needed, and the self-test passes from there.

Usage: check_install.py BUILD SOURCE   exit 1 and a line for each fault
       check_install.py --self-test    shows that the checks can fail
"""
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

NEEDED = ("share/applications/headscope.desktop", "share/mime/packages/headscope.xml",
          "share/icons/hicolor/scalable/apps/headscope.svg", "share/headscope/assets/demo/config.json",
          "share/doc/headscope/copyright", "share/doc/headscope/licences/llama.cpp.txt",
          "share/doc/headscope/licences/torch/LICENSE", "share/doc/headscope/licences/imgui.txt")


def budgets(text):
    """{folder: MiB} of the lines "folder budget measured"."""
    rows = (line.split() for line in text.splitlines() if line and not line.startswith("#"))
    return {row[0]: float(row[1]) for row in rows}


def megabytes(folder):
    return sum(f.stat().st_size for f in folder.rglob("*") if f.is_file()) / 2**20


def too_large(tree, limits):
    for name, limit in limits.items():
        size = megabytes(tree / name)
        print(f"{name:20} {size:7.1f} MiB of {limit:g}")
        if not 0 < size <= limit:
            yield f"{name}: {size:.1f} MiB, the budget of packaging/sizes.txt is {limit:g}"


def install(build, tree):
    """Links to what is large, and copies of what looks for things relative to itself."""
    shutil.rmtree(tree, ignore_errors=True)
    subprocess.run(["cmake", "--install", build, "--prefix", tree, "--component", "headscope"], check=True,
                   stdout=subprocess.DEVNULL, env={**os.environ, "CMAKE_INSTALL_MODE": "ABS_SYMLINK"})
    for file in [*(tree / "bin").iterdir(), *(tree / "lib/headscope").glob("*.so")]:
        real = file.resolve()
        file.unlink()
        shutil.copy2(real, file)


def wrong_libraries(output, forbidden):
    """Lines of ldd that name what is missing, or what lies in a folder that will not be there."""
    for line in output.splitlines():
        if "not found" in line or any(re.search(rf"=> {re.escape(folder)}/", line) for folder in forbidden):
            yield line.strip()


def faults(build, source):
    tree = build / "installed"
    install(build, tree)
    yield from too_large(tree, budgets((source / "packaging/sizes.txt").read_text(encoding="utf-8")))
    yield from (f"{name}: not installed" for name in NEEDED if not (tree / name).is_file())
    for program in [*(tree / "bin").iterdir(), *(tree / "lib/headscope").glob("*.so")]:
        found = subprocess.run(["ldd", program], check=True, capture_output=True, text=True).stdout
        forbidden = [str(build / name) for name in ("libtorch", "tests")] + [os.environ.get("HEADSCOPE_DEPS", "/-")]
        yield from (f"{program.name}: {line}" for line in wrong_libraries(found, forbidden))
    result = subprocess.run([tree / "bin/headscope-cli", "selftest", "--quiet"], cwd="/", capture_output=True, text=True,
                            env={"PATH": "/usr/bin:/bin", "HOME": str(tree), "OMP_WAIT_POLICY": "PASSIVE"})
    if result.returncode != 0 or not json.loads(result.stdout)["passed"]:
        yield f"selftest: exit code {result.returncode}: {result.stdout}{result.stderr}"
    shutil.rmtree(tree)


def self_test():
    with tempfile.TemporaryDirectory() as name:
        tree = pathlib.Path(name)
        (tree / "bin").mkdir()
        (tree / "bin/program").write_bytes(bytes(2 << 20))
        seen = [bool(list(too_large(tree, budgets(text)))) for text in ("bin 1.5 1\n", "lib 9 9\n", "# bin 1\nbin 2.5 2\n")]
    lines = list(wrong_libraries("a.so => not found\nb.so => /build/b.so (0)\nc.so => /usr/lib/c.so (0)", ["/build"]))
    print(seen, lines)
    return seen != [True, True, False] or len(lines) != 2


if __name__ == "__main__":
    if sys.argv[1:] == ["--self-test"]:
        sys.exit(self_test())
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    found = list(faults(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])))
    print("\n".join(found))
    sys.exit(bool(found))
