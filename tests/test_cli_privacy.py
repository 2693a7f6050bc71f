"""Nothing leaves the machine: system calls of commands and of the window, traced from start to end."""
# timeout: 300

import json
import os
import sys
import time

import schemas
import traced
from cli_support import BUILD, PROGRAM, SOURCE, CliTest, main

WINDOW = BUILD / "headscope"
DISPLAY = ("bash", SOURCE / "packaging" / "with_display.sh")


class Privacy(CliTest):
    def setUp(self):
        super().setUp()
        self.environment = traced.home_of(self.folder)
        self.out = self.folder / "out"
        self.out.mkdir()
        self.policy = traced.Policy([self.folder], [PROGRAM, WINDOW], self.out)

    def traced(self, command, launcher=(), stop_when=None):
        done, lines = traced.trace(command, self.folder / "trace.log", self.out, self.environment, 250,
                                   [str(word) for word in launcher], stop_when)
        self.assertEqual(done.returncode, 0, done.stderr.decode(errors="replace")[-3000:])
        self.assertEqual(self.policy.complaints(lines), [], command)
        return lines

    def cli(self, *arguments):
        return self.traced([PROGRAM, *arguments, *(() if "--threads" in arguments else ("--threads", 1)), "--quiet"])

    def test_a_session_of_commands(self):
        (self.out / "focus.json").write_text(json.dumps({"method": "focus", "alpha": 0.3}))
        short = ("--max-new-tokens", 6)
        self.cli("demo-data", "--documents", 4, "--samples", 12, "--out", "d.jsonl.gz")
        self.cli("score", "--data", "d.jsonl.gz", "--samples", 2, *short, "--out", "heads.json")
        self.cli("train-directions", "--data", "d.jsonl.gz", "--samples", 2, "--epochs", 1, "--held-out", 0, *short, "--out",
                 "directions.safetensors")
        self.cli("evaluate", "--data", "d.jsonl.gz", "--samples", 2, *short, "--intervene", "focus.json", "--out", "run.jsonl")
        self.cli("sweep", "--data", "d.jsonl.gz", "--samples", 2, "--heads", "heads.json", "--tau", 0.3, "--top-k", 2, *short,
                 "--out", "sweep")
        self.cli("figures", "--from", "sweep", "--out", "figures")
        self.cli("generate", "--prompt", "The capital", *short, "--out", "answer.json")
        self.cli("attention", "--prompt", "The capital", "--rows=-2:", "--out", "rows.safetensors")
        self.cli("repeat", "answer.json")
        self.cli("info", "--check")

    def has_worked(self):
        """The window has read the model's weights: a moment later it computes and draws."""
        log = self.folder / "trace.log"
        if not log.exists() or "model.safetensors" not in log.read_text(errors="replace"):
            return False
        time.sleep(5)
        return True

    def test_the_window_from_start_to_end(self):
        # A prompt of its own is opened, run and drawn; then a session is begun, left in good order and opened again.
        (self.out / "prompt.txt").write_text("Document [1](Title: A) Ann lives in Rome.\nDocument [2](Title: B) Bob lives in "
                                             "Oslo.\n\nQuestion: Where does Bob live?\nAnswer:")
        picture = ("--screenshot", "window.png", "--threads", 2)
        self.traced([WINDOW, "--prompt-file", "prompt.txt", *picture], DISPLAY)
        lines = self.traced([WINDOW, "--threads", 2], DISPLAY, self.has_worked)
        self.assertTrue(any("X11-unix" in line for line in lines), "the window was on no display?")
        sessions = list((self.folder / "state").rglob("session*.json"))
        self.assertTrue(sessions, "the window left no session")
        session = json.loads(sessions[0].read_text())
        self.assertEqual(schemas.problems("session", session), [])
        self.assertEqual([what for what, wrong in schemas.damaged("session", session)
                          if not schemas.problems("session", wrong)], [])
        self.traced([WINDOW, "--session", sessions[0], "--theme", "light", *picture], DISPLAY)

    def test_what_is_not_allowed_is_seen(self):
        other = self.folder.parent / (self.folder.name + "-other")
        script = ("import os, socket\n"
                  "s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n"
                  "s.sendto(b'x', ('127.0.0.1', 9))\n"
                  "socket.socket(socket.AF_UNIX).connect_ex('/run/nobody')\n"
                  "socket.socket(socket.AF_NETLINK, socket.SOCK_RAW)\n"
                  f"open({str(other)!r}, 'w').close()\n"
                  f"os.rename({str(other)!r}, {str(other) + '2'!r})\n"
                  f"os.unlink({str(other) + '2'!r})\n"
                  "open('here', 'w').close()\n"
                  "os.system('true')\n")
        python = os.path.realpath(sys.executable)
        self.policy.programs.append(python)
        _, lines = traced.trace([python, "-c", script], self.folder / "trace.log", self.out, self.environment, 60)
        complaints = "\n".join(self.policy.complaints(lines))
        for expected in ("socket(AF_INET", "sendto(", "connect(", "socket(AF_NETLINK", f"opens {other} for writing",
                         f"rename {other}", f"unlink {other}2", "starts /usr/bin/"):
            self.assertIn(expected, complaints)
        self.assertNotIn("/here", complaints)

    def test_without_a_trace_the_test_fails(self):
        with self.assertRaises(RuntimeError):
            traced.trace(["true"], self.folder / "trace.log", self.out, self.environment, 60, launcher=["true"])


if __name__ == "__main__":
    main()
