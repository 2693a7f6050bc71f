"""What a program asks of the system, as strace sees it, and what of that nobody agreed to. Standard library only."""

import os
import pathlib
import re
import signal
import subprocess
import time

# Calls by which anything could leave the machine, start another program or change a file.
CALLS = ("%network,execve,execveat,open,openat,openat2,creat,rename,renameat,renameat2,link,linkat,symlink,symlinkat,"
         "mkdir,mkdirat,mknod,mknodat,unlink,unlinkat,rmdir,truncate")
# The display of this machine, and glibc's name service cache (asked for the user's name by getpwuid).
SOCKETS = re.compile(r'sun_path=@?"(/tmp/\.X11-unix/X\d+|/var/run/nscd/socket)"')
# Written to by the C library and the graphics driver: nothing is kept there.
DEVICES = re.compile(r"/dev/(null|tty|dri/.*|nvidia.*|shm/.*)|/proc/(self|\d+)/(task/\d+/)?(comm|oom_score_adj)")
STRING = r'"((?:[^"\\]|\\.)*)"'
OPENED = re.compile(r'open(?:at|at2)?\((?:AT_FDCWD(?:<([^>]*)>)?, |\d+<([^>]*)>, )?' + STRING + r", (?:\{flags=)?([A-Z_0-9|]+)")
PATHS = re.compile(r'(?:(?:AT_FDCWD|\d+)(?:<([^>]*)>)?, )?' + STRING)
WRITES = ("O_WRONLY", "O_RDWR", "O_CREAT", "O_TRUNC", "O_APPEND", "O_TMPFILE")
CHANGES = ("creat", "rename", "renameat", "renameat2", "link", "linkat", "symlink", "symlinkat", "mkdir", "mkdirat", "mknod",
           "mknodat", "unlink", "unlinkat", "rmdir", "truncate")


def run(command, cwd, env, timeout, log, stop_when):
    """Runs to the end; once `stop_when()` is true, what is traced is told to end (SIGTERM)."""
    with subprocess.Popen(command, cwd=cwd, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE) as process:
        deadline = time.monotonic() + timeout
        while stop_when and process.poll() is None and time.monotonic() < deadline:
            if stop_when():
                os.kill(int(log.read_text().split()[0]), signal.SIGTERM)
                break
            time.sleep(0.2)
        try:
            out, err = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            process.terminate()
            raise
        return subprocess.CompletedProcess(command, process.returncode, out, err)


def trace(command, log, cwd, env, timeout, launcher=(), stop_when=None):
    """Runs `command` under strace, inside `launcher`; (its CompletedProcess, lines of the trace). RuntimeError: no trace."""
    log.unlink(missing_ok=True)
    strace = ["strace", "-f", "--seccomp-bpf", "-y", "-s", "4096", "-qq", "-e", "signal=none", "-e", "trace=" + CALLS, "-o", str(log)]
    try:
        done = run([*launcher, *strace, *map(str, command)], cwd, env, timeout, log, stop_when)
    except FileNotFoundError as problem:
        raise RuntimeError(f"{problem.filename} is not installed: packaging/install_system_packages.sh does it") from problem
    lines = log.read_text(errors="replace").splitlines() if log.exists() else []
    if not any("execve(" in line for line in lines):
        raise RuntimeError("strace saw nothing; is ptrace forbidden here (docker run --cap-add SYS_PTRACE)? "
                           + done.stderr.decode(errors="replace")[-2000:])
    return done, lines


def call_of(line):
    """("openat", "AT_FDCWD</tmp>, ...") of a line of strace -f; nothing where it holds no arguments."""
    found = re.match(r"(?:\d+ +)?([a-z_0-9]+)\((.*)", line)
    return found.groups() if found else None


def absolute(folder, path):
    text = path.encode("latin-1", "replace").decode("unicode_escape")
    return os.path.normpath(os.path.join(folder or "/", text))


class Policy:
    """Folders that may be written to, and programs that may be started."""

    def __init__(self, folders, programs, cwd):
        self.folders = [os.path.realpath(folder) for folder in folders]
        self.programs = [os.path.realpath(program) for program in programs]
        self.cwd = os.path.realpath(cwd)

    def may_write(self, path):
        if DEVICES.fullmatch(path):
            return True
        return any(path == folder or path.startswith(folder + "/") for folder in self.folders)

    def opened(self, call, arguments):
        found = OPENED.match(f"{call}({arguments}")
        if not found:
            return f"{call}({arguments}: not understood"
        if not any(flag in found.group(4).split("|") for flag in WRITES):
            return None
        path = absolute(found.group(1) or found.group(2) or self.cwd, found.group(3))
        return None if self.may_write(path) else f"opens {path} for writing"

    def changed(self, call, arguments):
        for folder, path in PATHS.findall(arguments):
            whole = absolute(folder or self.cwd, path)
            # mkdir of what is there is how libraries look whether it is.
            if not self.may_write(whole) and not (call.startswith("mkdir") and os.path.isdir(whole)):
                return f"{call} {whole}"
        return None

    def network(self, call, arguments):
        if call in ("socket", "socketpair"):
            return None if arguments.startswith("AF_UNIX") else f"{call}({arguments}"
        if call in ("connect", "bind", "sendto", "sendmsg", "sendmmsg") and "sa_family=" in arguments:
            return None if SOCKETS.search(arguments) else f"{call}({arguments}"
        return f"{call}({arguments}" if call in ("bind", "listen", "accept", "accept4") else None

    def started(self, arguments):
        program = re.match(STRING, arguments)
        path = os.path.realpath(os.path.join(self.cwd, program.group(1))) if program else "?"
        return None if path in self.programs else f"starts {path}"

    def complaint(self, line):
        """What is wrong with a line of the trace; nothing where all is well."""
        found = call_of(line)
        if not found:
            return None
        call, arguments = found
        if call.startswith("open"):
            return self.opened(call, arguments)
        if call in CHANGES:
            return self.changed(call, arguments)
        if call.startswith("execve"):
            return self.started(arguments)
        return self.network(call, arguments)

    def complaints(self, lines):
        return sorted({complaint for complaint in map(self.complaint, lines) if complaint})


def home_of(folder):
    """Environment in which everything a user owns lies below `folder`."""
    folder = pathlib.Path(folder)
    places = {"HOME": "home", "XDG_CONFIG_HOME": "config", "XDG_STATE_HOME": "state", "XDG_CACHE_HOME": "cache",
              "XDG_DATA_HOME": "data", "XDG_RUNTIME_DIR": "run", "TMPDIR": "tmp"}
    environment = {name: value for name, value in os.environ.items() if not name.startswith("XDG_")}
    for name, place in places.items():
        (folder / place).mkdir(exist_ok=True)
        environment[name] = str(folder / place)
    return environment
