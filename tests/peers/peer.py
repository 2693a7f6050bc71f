"""What the peers of `headscope-cli bench` share: reading the task, memory of this process, the answer.

A peer is called as `python PEER.py TASK.json` and prints one line of JSON. Times leave out imports, loading and a
first short pass, as ours do.
"""
import json
import sys


def read_task():
    with open(sys.argv[1], encoding="utf-8") as file:
        return json.load(file)


def memory():
    """(resident now, most ever) in bytes, from the same place that headscope-cli reads."""
    values = {}
    with open("/proc/self/status", encoding="utf-8") as file:
        for line in file:
            key, _, rest = line.partition(":")
            if key in ("VmRSS", "VmHWM"):
                values[key] = int(rest.split()[0]) * 1024
    return values["VmRSS"], values["VmHWM"]


def answer(**result):
    print(json.dumps(result))
