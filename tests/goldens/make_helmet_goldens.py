#!/usr/bin/env python3
"""Writes tests/goldens/helmet.json: invented lines in the shapes of HELMET's files, the prompts that HELMET's own loaders
make of them, and the scores its own post-processing gives to responses. Needs a checkout of princeton-nlp/HELMET (its
data.py and utils.py) and the packages datasets, rouge-score, pytrec_eval-terrier, torch, transformers.
Run: python3 tests/goldens/make_helmet_goldens.py CHECKOUT"""

import json
import pathlib
import random
import sys
import tempfile

WORDS = "alpha beta gamma delta river stone cloud the a Paris London".split()
METRICS = {"json_kv": "substring_exact_match", "kilt_nq": "substring_exact_match", "ruler_qa_1": "substring_exact_match",
           "msmarco_rerank_psg": "NDCG@10"}
RESPONSES = [" nothing", " I say: Paris\nAnswer: river", " 7 > 1 > 4 > 30\nfoo", " ID3 > ID0 > ID9", "", " AB, 77 and RIVER"]


def invented(rng):
    def text(count):
        return " ".join(rng.choice(WORDS) for _ in range(count))

    def pairs(i):
        keys = [f"k{i}{j}" for j in range(6)]
        context = "JSON data:\n{" + ",\n ".join(f'"{k}": "v{k}"' for k in keys) + "}"
        return {"context": context, "question": keys[2], "answer": "v" + keys[2],
                "demos": [[k, "v" + k] for k in keys[3:6]], "num_kvs": 6, "id": i}

    def needle(i):
        hidden = f" One of the special magic numbers for key-{i} is: {i + 100}. "
        return {"index": i, "context": text(30) + hidden + text(5), "query": f"key-{i}", "answer": [str(i + 100)],
                "type_needle_v": "number"}

    return {
        "json_kv": [pairs(i) for i in range(3)],
        "ruler_niah_mk_2": [needle(i) for i in range(3)],
        "ruler_niah_mv": [dict(needle(i), answer=[str(i + 100), "77"], type_needle_v="numbers") for i in range(3)],
        "ruler_vt": [{"context": text(10), "query": "12", "outputs": ["AB", "CD"], "num_v": 2, "example": "an example"}
                     for _ in range(2)],
        "ruler_cwe": [{"context": text(10), "outputs": ["river", "stone"], "example": "ex"} for _ in range(2)],
        "ruler_fwe": [{"context": text(10), "outputs": ["river", "stone", "cloud"]} for _ in range(2)],
        "ruler_qa_1": [{"context": text(10), "question": text(4) + "?", "outputs": ["river"]} for _ in range(2)],
        "kilt_nq": [{"question": f"who {i} {text(3)}?", "answers": ["Paris", "x"],
                     "ctxs": [{"id": str(j), "title": text(2), "text": text(9), "has_answer": j == 1} for j in range(4)]}
                    for i in range(3)],
        "msmarco_rerank_psg": [{"qid": str(i), "query": text(4),
                                "ctxs": [{"id": str(j * 3 + i), "text": text(8), "label": j % 4} for j in range(12)]}
                               for i in range(3)],
    }


class Arguments:
    max_test_samples = None
    seed = 42
    shots = 0


def measured(loaded, dataset, item):
    lead = loaded["system_template"].format(**item)
    first = item["answer"] if isinstance(item["answer"], str) else item["answer"][0]
    scores = []
    for response in [" " + first] + RESPONSES:
        metrics, _ = loaded["post_process"]({"output": lead + response}, item)
        scores.append([response, float(metrics[METRICS.get(dataset, "ruler_recall")])])
    return {"prompt": loaded["prompt_template"].format(**item), "user": loaded["user_template"].format(**item),
            "lead": lead, "scores": scores}


def main():
    sys.path.insert(0, sys.argv[1])
    import data

    goldens = {}
    with tempfile.TemporaryDirectory() as folder:
        for dataset, lines in invented(random.Random(0)).items():
            path = pathlib.Path(folder) / (dataset + ".jsonl")
            path.write_text("".join(json.dumps(line) + "\n" for line in lines))
            Arguments.shots = 2 if dataset == "json_kv" else 0
            loaded = data.load_data(Arguments, dataset, str(path), str(path))
            goldens[dataset] = {"shots": Arguments.shots, "lines": lines,
                                "items": [measured(loaded, dataset, item) for item in loaded["data"]]}
    pathlib.Path(__file__).with_name("helmet.json").write_text(json.dumps(goldens) + "\n")


if __name__ == "__main__":
    main()
