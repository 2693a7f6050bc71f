"""assets/python/plot_results.py, as its first lines say, with a Python that has pandas and matplotlib (HEADSCOPE_PYTHON)."""

import os
import subprocess
import sys

import results
from cli_support import SOURCE, CliTest, main

EXAMPLE = SOURCE / "assets" / "python" / "plot_results.py"
PYTHON = os.environ.get("HEADSCOPE_PYTHON", sys.executable)


class Example(CliTest):
    def test_draws_what_was_written(self):
        there = subprocess.run([PYTHON, "-c", "import matplotlib, pandas, safetensors"], capture_output=True)
        if there.returncode != 0:
            self.skipTest("no Python with pandas, matplotlib and safetensors (HEADSCOPE_PYTHON)")
        wanted = ("d.jsonl.gz", "heads.json", "directions.safetensors", "run.jsonl", "sweep")
        results.run_all(self.folder, only=wanted)
        drawn = subprocess.run([PYTHON, EXAMPLE, self.folder, self.folder / "results.png"], capture_output=True, text=True,
                               env=dict(os.environ, MPLCONFIGDIR=str(self.folder)))
        self.assertEqual(drawn.returncode, 0, drawn.stderr)
        self.assertTrue((self.folder / "results.png").read_bytes().startswith(b"\x89PNG"))
        self.assertIn("3 questions, ", drawn.stdout)


if __name__ == "__main__":
    main()
