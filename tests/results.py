"""A session of headscope-cli that writes one result of every kind, with the embedded model. Standard library only."""

import json
import pathlib

from cli_support import cli

SHORT = ("--max-new-tokens", 6)
DATA = ("--data", "d.jsonl.gz", "--samples", 3, *SHORT)

# What is run, in order: the result (what --out names) and the command. Files of earlier ones may be read.
COMMANDS = (
    ("d.jsonl.gz", "demo-data", "--documents", 6, "--samples", 24, "--seed", 3),
    ("plain.jsonl", "demo-data", "--documents", 3, "--samples", 2, "--seed", 4),
    ("suite-samples.jsonl", "suite-data", "--suite", "demo", "--length", 256, "--samples", 2),
    ("heads.json", "score", "--metrics", *DATA),
    ("directions.safetensors", "train-directions", "--epochs", 2, "--held-out", 0, *DATA),
    ("converted.safetensors", "convert-directions", "directions.safetensors"),
    ("run.jsonl", "evaluate", "--intervene", "edit.json", *DATA),
    ("suites/run.jsonl", "evaluate", "--suite", "all", "--length", 256, "--samples", 2, "--alpha", 0.3),
    ("sweep", "sweep", "--heads", "heads.json", "--tau", "0.1,0.5", "--top-k", "1,3", "--directions", "directions.safetensors",
     "--alpha", 0.3, "--random-heads", 1, "--random-directions", 1, "--baselines", "--gold-positions", "0,5", *DATA),
    ("control.json", "control", "--heads", "heads.json", "--tau", 0.3, "--top-k", 2, "--random-heads", 2, *DATA),
    ("causal.json", "causal", *DATA),
    ("causal-prompt.json", "causal", "--prompt-file", "prompt.txt", "--gold", 1, *SHORT),
    ("removal.svg", "causal", "--prompt-file", "prompt.txt", "--mask", "remove", *SHORT),
    ("tune.json", "tune", "--prompt-file", "prompt.txt", "--gold", 1, "--alpha", "0.1,0.5", "--tau", 0.3, "--top-ks", "1,5",
     *SHORT),
    ("alpha.json", "auto-alpha", "--prompt-file", "prompt.txt", *SHORT),
    ("alpha-data.json", "auto-alpha", "--alpha", "0,0.5", *DATA),
    ("moved", "positions", "--prompt-file", "prompt.txt", "--document", 1, "--positions", "0,2", "--answers", "Paris",
     "--reference", " Paris", *SHORT),
    ("answer.json", "generate", "--prompt-file", "prompt.txt", "--temperature", 0.7, "--seed", 5, *SHORT),
    ("lens.json", "lens", "--prompt-file", "prompt.txt", "--intervene", "edit.json", "--gold", 1, "--tokens", 2, "--follow",
     " Paris", *SHORT),
    ("rows.safetensors", "attention", "--prompt-file", "prompt.txt", "--rows=-3:", "--metrics"),
    ("sums.safetensors", "attention", "--prompt-file", "prompt.txt", "--rows=-3:", "--capture", "spans"),
    ("same-heads.json", "compare", "heads.json", "heads.json"),
    ("same-directions.json", "compare", "directions.safetensors", "converted.safetensors"),
    ("tokens.json", "tokenize", "--text-file", "prompt.txt"),
    ("model.json", "info"),
    ("self.json", "selftest"),
    ("again.json", "repeat", "same-heads.json"),
    ("map.svg", "render", "--figure", "head-map", "--heads", "heads.json"),
    ("map.png", "render", "--figure", "head-map", "--heads", "heads.json"),
    ("map.pdf", "render", "--figure", "ranking", "--heads", "heads.json"),
    ("documents.svg", "render", "--figure", "documents", "--prompt-file", "prompt.txt", "--gold", 1, "--intervene", "edit.json",
     *SHORT),
    ("attention.png", "render", "--figure", "attention", "--prompt-file", "prompt.txt", "--layer", 1, "--head", 2, "--theme",
     "dark", "--palette", "cividis", "--scale", 1, *SHORT),
    ("attention.csv", "render", "--figure", "attention", "--prompt-file", "prompt.txt", "--layer", 1, "--head", 2, *SHORT),
    ("documents.json", "render", "--figure", "documents", "--prompt-file", "prompt.txt", "--gold", 1, "--intervene",
     "edit.json", *SHORT),
    ("attention.safetensors", "render", "--figure", "attention", "--prompt-file", "prompt.txt", "--layer", 1, "--head", 2,
     *SHORT),
    ("report.html", "report", "--prompt-file", "prompt.txt", "--gold", 1, "--tune", "tune.json", "--removal",
     "causal-prompt.json", *SHORT),
    ("figures", "figures", "--from", "sweep"),
    ("study", "reproduce", "--samples", 2, "--tau", 0.1, "--alpha=0.3", "--top-ks", 5, "--random-heads", 0,
     "--random-directions", 0, "--gold-positions", 0, "--epochs", 1, "--suite-samples", 1, *SHORT),
    ("trained", "train-demo", "--stage-steps", 1, "--tokens-per-step", 64, "--evaluation-samples", 0),
)


def write_inputs(folder):
    """What a user brings: a prompt of three documents and an intervention."""
    documents = [("Ann", "Ann lives in Paris and works as a baker."), ("Bob", "Bob lives in Oslo and plays chess."),
                 ("Eve", "Eve lives in Rome and sells books.")]
    text = "\n".join(f"Document [{i}](Title: {title}) {words}" for i, (title, words) in enumerate(documents, 1))
    (folder / "prompt.txt").write_text(f"Write a high-quality answer for the given question using only the provided search "
                                       f"results.\n\n{text}\n\nQuestion: where does Ann live\nAnswer:")
    (folder / "edit.json").write_text(json.dumps({"method": "split-softmax", "tau": 0.3, "top_k": 3}))


def run_all(folder, threads=1, only=None):
    """Runs COMMANDS in `folder`, or those whose results `only` names."""
    folder = pathlib.Path(folder)
    write_inputs(folder)
    (folder / "suites").mkdir(exist_ok=True)
    for result, *arguments in COMMANDS:
        if only is not None and result not in only:
            continue
        done = cli(*arguments, "--threads", threads, "--quiet", "--out", result, cwd=folder, timeout=250)
        if done.code != 0:
            raise AssertionError(f"{arguments}: {done.err}")
