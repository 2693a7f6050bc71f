#!/usr/bin/env python3
"""Results of headscope-cli in pandas and matplotlib: every file opens in one line.

    headscope-cli score --data d.jsonl.gz --out results/heads.json
    headscope-cli train-directions --data d.jsonl.gz --out results/directions.safetensors
    headscope-cli evaluate --data d.jsonl.gz --out results/run.jsonl
    headscope-cli sweep --data d.jsonl.gz --heads results/heads.json --tau 0.1,0.5 --top-k 1,5 --baselines --out results/sweep
    python3 plot_results.py results results.png

Needs pandas, matplotlib and safetensors. JSON names its kind ("headscope": ...): assets/schemas says what is in it.
"""

import json
import pathlib
import sys

import matplotlib
import pandas as pd
from safetensors import safe_open
from safetensors.numpy import load_file

matplotlib.use("Agg")  # no window
import matplotlib.pyplot as plt  # noqa: E402


def main(folder, picture):
    heads = json.loads((folder / "heads.json").read_text())             # relevant[layer][head] and more
    sweep = pd.read_csv(folder / "sweep" / "results.csv")               # a row a setting
    run = pd.read_json(folder / "run.jsonl", lines=True)                # a row a question
    directions = load_file(folder / "directions.safetensors")           # "q" and "k" [layers, heads, head_dim]
    with safe_open(folder / "directions.safetensors", "np") as file:
        passport = json.loads(file.metadata()["passport"])              # what they were made from

    figure, (scores, curves, answers) = plt.subplots(1, 3, figsize=(13, 4), layout="constrained")
    image = scores.imshow(heads["relevant"], aspect="auto")
    figure.colorbar(image, ax=scores, label="attention on the relevant document")
    scores.set(title=f"Contextual score, n = {heads['samples']}", xlabel="head", ylabel="layer",
               yticks=range(heads["layers"]))

    split = sweep[(sweep.method == "split-softmax") & (sweep.heads == "contextual")]
    split = split[split.gold_position.isna() | (split.gold_position == split.gold_position.min())]
    for k, rows in split.groupby("top_k"):
        rows = rows.sort_values("tau")
        curves.errorbar(rows.tau, rows.em, yerr=[rows.em - rows.em_low, rows.em_high - rows.em], label=f"{k:.0f} heads", capsize=3)
    curves.set(title="Exact match with its 95 % interval", xlabel="tau", ylim=(0, 1))
    curves.legend()

    run.boxplot("relevant_mass", by="em", ax=answers)
    answers.set(title="Attention on the relevant document", xlabel="answer is right", ylabel="mass")
    figure.suptitle(f"{passport['model']}, {passport['data']}")
    figure.savefig(picture)

    norms = pd.DataFrame((directions["q"] ** 2).sum(-1) ** 0.5)
    print(f"{len(run)} questions, {len(sweep)} settings; norms of query directions {norms.min().min():.2f} to {norms.max().max():.2f}")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(pathlib.Path(sys.argv[1]), sys.argv[2])
