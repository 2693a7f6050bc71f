#!/usr/bin/env python3
"""Writes tests/goldens/metrics.json: best_subspan_em as "Lost in the Middle" defines it, and statistics, in plain
Python (3.11, standard library only). Run from any folder: python3 tests/goldens/make_metric_goldens.py"""

import json
import math
import pathlib
import random
import re
import statistics
import string


def normalize_answer(text):
    text = text.lower()
    text = "".join(c for c in text if c not in set(string.punctuation))
    text = re.sub(r"\b(a|an|the)\b", " ", text)
    return " ".join(text.split())


def best_subspan_em(prediction, answers):
    prediction = normalize_answer(prediction)
    wanted = [normalize_answer(answer) for answer in answers]
    return any(answer and answer in prediction for answer in wanted)


FIXED = [
    "", " ", "The", "a", "An apple a day", "THE U.S.A.", "don't stop", "rock-and-roll", "a.the", "the_end", "theatre",
    "1,000 a", "an\tan\nan", "The  Beatles'  \"White\" Album!", "\u00c9cole de l'\u00c9t\u00e9", "\u0130stanbul", "\u039f\u0394\u039f\u03a3 \u03a3",
    "\u039f\u0394\u039f\u03a3", "STRASSE \u1e9e", "na\u00efve\u00a0caf\u00e9", "\u3000a\u3000b", "\u2028the\u2029", "a\u0301", "a\u00b2", "a\u2460 an", "the\u4e00", "\u201cthe\u201d",
    "\u2013a\u2014", "an\u200bthe", "\U0001d400 a \U0001f600the", "\u01c5 \u2160\u2161", "a\x1cthe\x1db\x85c", "_a_ an_", "the-a-an", "\u0660a a\u0660",
    "tab\x0bsep\x0cfeed", "!?$%&", "\u00aa a \u00ba", "\u24b6 the", "e\u0300 a", "a\u200dn", "\u0641\u064a the \u0641", "\ufeffa",
]

EM = [
    ("The answer is Emerald Green.", ["emerald green"]),
    ("emerald, green", ["Emerald Green"]),
    ("emerald", ["emerald green", "the emerald"]),
    ("anything", ["", "the", "!"]),
    ("a cat", ["cat"]),
    ("concatenate", ["cat"]),
    ("U.S.A is it", ["USA"]),
    ("", ["x"]),
    ("x", []),
    ("Wilhelm Conrad R\u00f6ntgen", ["r\u00d6ntgen"]),
    ("May 18, 2018", ["may 18 2018", "June"]),
    ("the 3-day trip", ["3 day"]),
]

PIECES = ["a", "an", "the", "The", "AN", " ", "  ", "\t", "-", ".", "'", "_", "x", "cat", "\u00c9", "\u03a3", "1", "\u00b2", "\u00a0", "\u4e2d", "!", "\u2019"]


def random_texts(rng, count):
    return ["".join(rng.choice(PIECES) for _ in range(rng.randint(1, 12))) for _ in range(count)]


def wilson(successes, n, confidence):
    z = statistics.NormalDist().inv_cdf(0.5 + confidence / 2)
    p = successes / n
    scale = 1 + z * z / n
    centre = (p + z * z / (2 * n)) / scale
    half = z / scale * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return [centre - half, centre + half]


def mcnemar(b, c):
    n = b + c
    tail = sum(math.comb(n, i) for i in range(min(b, c) + 1))
    return min(1.0, 2 * tail / 2**n)


def kendall(x, y):
    concordant = ties_x = ties_y = pairs = 0
    for i in range(len(x)):
        for j in range(i):
            sign = ((x[i] > x[j]) - (x[i] < x[j])) * ((y[i] > y[j]) - (y[i] < y[j]))
            concordant += sign
            ties_x += x[i] == x[j]
            ties_y += y[i] == y[j]
            pairs += 1
    return concordant / math.sqrt((pairs - ties_x) * (pairs - ties_y))


def spearman(x, y):
    def ranks(values):
        return [sum(w < v for w in values) + (sum(w == v for w in values) + 1) / 2 for v in values]
    return statistics.correlation(ranks(x), ranks(y))


def main():
    rng = random.Random(1)
    texts = FIXED + random_texts(rng, 300)
    pairs = []
    for n, span in [(2, 100), (5, 100), (30, 1000), (60, 5), (200, 20)]:
        x = [rng.randint(0, span) / 4 for _ in range(n)]
        y = [v + rng.randint(-span, span) / 8 for v in x]
        if len(set(x)) > 1 and len(set(y)) > 1:
            pairs.append([x, y, kendall(x, y), spearman(x, y)])
    values = [rng.random() for _ in range(33)]
    quantiles = statistics.quantiles(values, n=40, method="inclusive")
    goldens = {
        "normalize": [[text, normalize_answer(text)] for text in texts],
        "em": [[p, a, best_subspan_em(p, a)] for p, a in EM],
        "wilson": [[s, n, c, *wilson(s, n, c)] for s, n, c in
                   [(1, 2, 0.95), (5, 10, 0.95), (259, 441, 0.95), (404, 441, 0.99), (3, 7, 0.5)]],
        "mcnemar": [[b, c, mcnemar(b, c)] for b, c in [(0, 1), (1, 5), (10, 10), (3, 17), (40, 90), (0, 60)]],
        "correlations": pairs,
        "quantiles": {"values": values, "fractions": [i / 40 for i in range(1, 40)], "expected": quantiles},
    }
    path = pathlib.Path(__file__).with_name("metrics.json")
    path.write_text(json.dumps(goldens, ensure_ascii=True) + "\n")


if __name__ == "__main__":
    main()
