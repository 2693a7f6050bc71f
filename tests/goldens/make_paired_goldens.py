#!/usr/bin/env python3
"""Writes tests/goldens/paired.json: paired tests and intervals by scipy, statsmodels and numpy, of made-up counts and of
a made-up sweep. Needs numpy, scipy, statsmodels. Run from any folder: python3 tests/goldens/make_paired_goldens.py"""

import json
import pathlib

import numpy as np
from scipy import stats
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests


def newcombe(a, b, c, d, confidence=0.95):
    """Method 10 of Newcombe (1998): square-and-add of Wilson limits, correlation with continuity term."""
    n = a + b + c + d
    first = stats.binomtest(a + b, n).proportion_ci(confidence, "wilson")
    second = stats.binomtest(a + c, n).proportion_ci(confidence, "wilson")
    p1, p2 = (a + b) / n, (a + c) / n
    margins = (a + b) * (c + d) * (a + c) * (b + d)
    cross = a * d - b * c
    cross = cross if cross < 0 else max(0.0, cross - n / 2)
    psi = cross / np.sqrt(margins) if margins else 0.0
    low = (p1 - first.low) ** 2 + (second.high - p2) ** 2 - 2 * psi * (p1 - first.low) * (second.high - p2)
    high = (first.high - p1) ** 2 + (p2 - second.low) ** 2 - 2 * psi * (first.high - p1) * (p2 - second.low)
    return [p1 - p2 - np.sqrt(low), p1 - p2 + np.sqrt(high)]


def sign_flip(differences):
    """All 2^n signs, by scipy."""
    result = stats.permutation_test((np.array(differences, float),), np.sum, permutation_type="samples",
                                    n_resamples=np.inf, alternative="two-sided")
    return float(result.pvalue)


def against(cell, other):
    """Every number of a row of paired.csv for two runs over the same samples (0 or 1 each)."""
    cell, other = np.array(cell), np.array(other)
    a, b = int(np.sum(cell & other)), int(np.sum(cell & ~other & 1))
    c, d = int(np.sum(~cell & other & 1)), int(np.sum(~cell & ~other & 1))
    return {"n": len(cell), "em": float(cell.mean()), "em_other": float(other.mean()), "only_cell": b, "only_other": c,
            "difference": float((cell - other).mean()), "interval": newcombe(a, b, c, d),
            "p": float(mcnemar([[a, b], [c, d]], exact=True).pvalue)}


def main():
    rng = np.random.default_rng(7)
    differences = [[1, -2, 3], [0, 0, 0], [5, 5, 5, 5, -1], [1] * 10, [0, 1, -1, 4, 2, 0, -3, 1, 2],
                   *[[int(v) for v in rng.integers(-5, 6, 12)] for _ in range(4)]]
    counts = [(1, 1, 7, 12), (20, 12, 2, 16), (0, 0, 0, 10), (10, 0, 0, 0), (59, 6, 16, 80), (100, 40, 10, 0), (5, 0, 0, 5)]
    p_values = [0.01, 0.04, 0.03, 0.005, 0.5, 0.04]

    samples = 40
    outcomes = {name: [int(v) for v in rng.random(samples) < rate]
                for name, rate in [("baseline", 0.5), ("gold", 0.8), ("tau0.1", 0.85), ("tau0.4", 0.6), ("random0", 0.5),
                                   ("random1", 0.45), ("random2", 0.55)]}
    drawn = np.array([outcomes[f"random{i}"] for i in range(3)])
    pooled = 3 * np.array(outcomes["tau0.1"]) - drawn.sum(axis=0)
    rows = {name: against(outcomes[name], outcomes["baseline"]) for name in outcomes if name != "baseline"}
    holm = multipletests([rows["tau0.1"]["p"], rows["tau0.4"]["p"]], method="holm")[1]
    boot = stats.bootstrap((pooled / 3,), np.mean, n_resamples=50000, method="percentile", random_state=rng)
    # 40 samples are too many for all signs one by one: the distribution of the sum, value by value.
    share = {0: 1.0}
    for d in pooled:
        spread = {}
        for value, p in share.items():
            for sign in (-1, 1):
                spread[value + sign * int(d)] = spread.get(value + sign * int(d), 0.0) + p / 2
        share = spread
    goldens = {
        "mcnemar": [[b, c, float(stats.binomtest(b, b + c).pvalue)] for b, c in [(0, 1), (3, 17), (40, 90), (12, 12)]],
        "newcombe": [[*c, *newcombe(*c)] for c in counts],
        "sign_flip": [[d, sign_flip(d)] for d in differences],
        "holm": [p_values, [float(p) for p in multipletests(p_values, method="holm")[1]]],
        "sweep": {
            "outcomes": outcomes, "rows": rows, "holm": [float(p) for p in holm],
            "pooled": {"em": float(np.mean(outcomes["tau0.1"])), "em_other": float(drawn.mean()),
                       "difference": float(np.mean(pooled) / 3), "only_cell": int(np.sum(pooled > 0)),
                       "only_other": int(np.sum(pooled < 0)),
                       "p": float(sum(p for value, p in share.items() if abs(value) >= abs(int(pooled.sum())))),
                       "interval": [float(boot.confidence_interval.low), float(boot.confidence_interval.high)]},
        },
    }
    path = pathlib.Path(__file__).with_name("paired.json")
    path.write_text(json.dumps(goldens) + "\n")


if __name__ == "__main__":
    main()
