"""Attention shares under a focus bias, by numpy in float64: softmax of scores + alpha * bias on random heads.

    python tests/goldens/make_alpha_goldens.py tests/goldens/alpha_scan.json
"""

import json
import sys

import numpy as np

HEADS, ROWS, KEYS = 2, 3, 14
DOCUMENTS, GOLD, SINK = [(3, 6), (6, 9), (9, 12)], 1, (0, 2)


def softmax(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def main(out):
    random = np.random.default_rng(5)
    scores = random.normal(0, 2, (HEADS, ROWS, KEYS))
    scores[:, 0, KEYS - 2:] = -np.inf  # causal limit: weights of 0
    scores[..., 0] += 3  # a sink
    bias = random.normal(0, 1.5, (HEADS, KEYS))
    bias[:, KEYS - 1] = 40  # far above everything, but masked in row 0
    points = []
    for alpha in (0.0, 0.3, 1.0, -0.7, 30.0):
        weights = softmax(scores + alpha * bias[:, None]).mean((0, 1))
        mass = lambda span: float(weights[span[0]:span[1]].sum())
        points.append({"alpha": alpha, "sink": mass(SINK), "relevant": mass(DOCUMENTS[GOLD]),
                       "context": sum(mass(d) for d in DOCUMENTS)})
    golden = {"keys": KEYS, "documents": DOCUMENTS, "gold": GOLD, "sink": SINK,
              "weights": softmax(scores).reshape(HEADS, -1).tolist(), "bias": bias.tolist(), "points": points}
    with open(out, "w") as file:
        file.write(json.dumps(golden) + "\n")


if __name__ == "__main__":
    main(sys.argv[1])
