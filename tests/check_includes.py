#!/usr/bin/env python3
"""Checks who includes what, so that the layers of the program stay apart.

Usage: check_includes.py REPOSITORY   exit 1 and a line for each wrong include
       check_includes.py --self-test  shows that every rule can fail
"""
import pathlib
import re
import sys

INCLUDE = re.compile(r'^\s*#\s*include\s*[<"]([^">]+)[">]')

TORCH = re.compile(r"^(torch|ATen|c10|caffe2)/")
WINDOW = re.compile(r"^(imgui|implot|imcmd_|imconfig|GLFW/|GL/|GLES|EGL/|epoxy/|imgui_)")
APP = re.compile(r"^app/")
CLI = re.compile(r"^app/cli/")
UPWARD = re.compile(r"\.\./")
CORE = re.compile(r"^core/")
# The modules, from the ground up: each may include itself and those before it (packaging/architecture.md).
ORDER = ("base", "intervention", "text", "lesson", "analysis", "session", "gguf", "config", "model", "engine", "figure", "demo_world",
         "suite", "runner", "training", "exhibit", "sweep", "study", "experiment", "bench")
# Those that may know libtorch; the rest of core must build without it.
TORCH_MODULES = ("model", "runner", "training", "experiment", "bench")
# Headers of C++ have no ".h"; of the others these belong to libraries that every system has, and the rest is the system's.
LIBRARIES = re.compile(r"^(zlib|zip|md4c|oniguruma|gguf|cairo|cairo-pdf|imgui|imgui_\w+|implot|portable_file_dialogs)\.h$"
                       r"|^(unicode|openssl|pango|fontconfig|epoxy|GLFW|jinja|ATen|c10|torch|caffe2)/")
SYSTEM_HEADER = re.compile(r"^(?!app/|core/).*\.h$")
# What C and C++ headers bring along on Unix alone, and files of Linux. Words in comments and texts count, too.
SYSTEM_CALL = re.compile(r"\b(localtime_r|gmtime_r|timegm|setenv|unsetenv|putenv|mkdtemp|mkstemp|popen|pclose|fileno|fdopen|getloadavg|"
                         r"realpath|strdup|strcasecmp|clock_gettime|nanosleep|posix_memalign|pthread_\w+|environ)\s*\("
                         r'|"/(proc|sys|dev|etc)/')
# The one file that speaks to the system.
PLATFORM_FILE = "core/base/platform_posix.cpp"


def module_of(path):
    """Module of a file of core/."""
    return path.split("/")[1]


def rules_for(path):
    """Pairs of a forbidden pattern and its reason for a file of this path."""
    rules = [(UPWARD, "includes name files from the repository's root")]
    if path.startswith("core/"):
        rules += [(WINDOW, "core/ knows no window"), (APP, "core/ does not know app/")]
        if module_of(path) not in TORCH_MODULES:
            rules.append((TORCH, "this part of core/ builds without libtorch"))
    if path.startswith("app/"):
        rules.append((TORCH, "app/ never touches a tensor"))
        if path.startswith("app/cli/"):
            rules += [(WINDOW, "headscope-cli has no window"),
                      (re.compile(r"^app/(shell|views|render)/"), "headscope-cli has no window")]
        else:
            rules.append((CLI, "the window does not use the command line's code"))
    return rules


def out_of_order(path, included):
    """Why a file of core/ may not include this one; None when it may."""
    if not path.startswith("core/") or not CORE.match(included):
        return None
    here, there = module_of(path), module_of(included)
    for module in (here, there):
        if module not in ORDER:
            return f"ORDER in tests/check_includes.py does not say where {module} stands"
    return f"{here} stands below {there}" if ORDER.index(there) > ORDER.index(here) else None


def violations(path, text):
    rules = rules_for(path)
    for number, line in enumerate(text.splitlines(), 1):
        call = SYSTEM_CALL.search(line)
        if call and path != PLATFORM_FILE:
            yield f"{path}:{number}: has {call.group(0)}, but only {PLATFORM_FILE} speaks to the system"
        match = INCLUDE.match(line)
        if match:
            included = match.group(1)
            if SYSTEM_HEADER.search(included) and not LIBRARIES.search(included) and path != PLATFORM_FILE:
                yield f"{path}:{number}: includes {included}, but only {PLATFORM_FILE} speaks to the system"
            reasons = [reason for pattern, reason in rules if pattern.search(included)]
            for reason in reasons + list(filter(None, [out_of_order(path, included)])):
                yield f"{path}:{number}: includes {included}, but {reason}"


def check(root):
    files = [f for folder in ("core", "app") for f in sorted((root / folder).rglob("*"))
             if f.suffix in (".h", ".cpp", ".in")]
    found = [v for f in files for v in violations(f.relative_to(root).as_posix(), f.read_text(encoding="utf-8"))]
    print("\n".join(found) if found else f"{len(files)} files keep to the layers")
    return bool(found) or not files


def self_test():
    wrong = [("core/text/a.cpp", "<torch/torch.h>"), ("core/base/a.h", '"imgui.h"'), ("core/model/a.cpp", "<GLFW/glfw3.h>"),
             ("core/engine/a.cpp", '"app/shell/app.h"'), ("core/demo_world/demo_world.cpp", "<ATen/ATen.h>"),
             ("core/sweep/sweep_grid.cpp", "<ATen/ATen.h>"), ("core/sweep/control_run.cpp", "<ATen/ATen.h>"),
             ("core/text/a.cpp", '"core/session/head_set.h"'), ("core/engine/a.h", '"core/runner/factory.h"'),
             ("core/sweep/sweep_grid.cpp", '"core/study/judge.h"'), ("core/new/a.cpp", '"core/base/error.h"'),
             ("app/views/a.cpp", "<c10/core/Device.h>"), ("app/cli/a.cpp", '"implot.h"'),
             ("app/cli/a.cpp", '"app/views/widgets.h"'), ("app/cli/a.cpp", "<epoxy/gl.h>"), ("core/text/a.cpp", '"../base/a.h"')]
    wrong += [("core/base/file.cpp", "<unistd.h>"), ("app/shell/a.cpp", "<sys/stat.h>")]
    right = [("core/base/platform_posix.cpp", "<unistd.h>"), ("core/base/a.cpp", "<csignal>"),
             ("core/model/a.cpp", "<ATen/ATen.h>"), ("app/views/a.cpp", '"imgui.h"'), ("core/text/a.cpp", '"core/base/a.h"'),
             ("core/study/a.cpp", '"core/sweep/sweep_grid.h"'), ("core/base/a.cpp", '"core/base/error.h"')]
    missed = [c for c in wrong if not list(violations(c[0], f"#include {c[1]}\n"))]
    invented = [c for c in right if list(violations(c[0], f"#include {c[1]}\n"))]
    calls = ["localtime_r(&a, &b);", "::setenv(a, b, 1);", 'std::ifstream file("/proc/meminfo");']
    missed += [c for c in calls if not list(violations("core/model/a.cpp", c))]
    invented += [c for c in calls if list(violations("core/base/platform_posix.cpp", c))]
    print("missed:", missed, "invented:", invented)
    return bool(missed or invented)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    sys.exit(self_test() if sys.argv[1] == "--self-test" else check(pathlib.Path(sys.argv[1])))
