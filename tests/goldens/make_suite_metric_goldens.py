#!/usr/bin/env python3
"""Writes tests/goldens/suite_metrics.json: ROUGE-L by rouge_score (and its stemmer, NLTK's Porter), NDCG by pytrec_eval,
and HELMET's parsing of answers and rankings in regular expressions. Needs rouge-score 0.1.2 and pytrec_eval-terrier.
Run from any folder: python3 tests/goldens/make_suite_metric_goldens.py"""

import json
import pathlib
import random
import re

import pytrec_eval
from nltk.stem.porter import PorterStemmer
from rouge_score import rouge_scorer

from make_metric_goldens import normalize_answer

# Word beginnings and endings that walk through every rule of the stemmer.
BEGINNINGS = """a b by ly sk ti tr bl gr hop fil hiss fizz fall tan plast agree fe conflat troubl siz happ abl relat condit val
hesit digit conform radic differ vil anal vietnam predic oper feud decis hope call form sens triplic form electr reviv
allow infer airlin gyroscop adjust defens irrit replac depend adopt homolog commun activ angular effect bowdler prob rat
cease contro roll play stay toy yell syzyg free geo theo biolog care full faith equal formal radi nation ration arch ion
us ous gener organ special author commerc express possess success princip meet succeed need speed bleed kni wri""".split()
ENDINGS = """_ s es ss ies ied ed ing eed ing ying y ly ally ally fully logy logi ational tional ency ancy enci anci izer ization
ize ble bly abli alli entli eli ousli ation ator alism iveness fulness ousness aliti iviti biliti icate ative alize iciti
ical ful ness al ance ence er ic able ible ant ement ment ent sion tion ion ou ism ate iti ous ive e l ll ated bling izing
tting lled ssing zzed xed wing 2 9s""".split()
IRREGULAR = """sky skies dying lying tying news inning innings outing outings canning cannings howe proceed exceed succeed
dies died lies tied skis proceeds the they this 1960s 2nd yes y yy ay""".split()

TEXTS = [
    "The quick brown fox jumps over the lazy dog.", "A lazy dog was jumped over by quick foxes!", "", "...", "42",
    "In 1999, she was awarded the generalised organisation's prize; skies were dying.", "caf\u00e9 na\u00efve \u0130stanbul \u212a 5",
    "Running runners ran happily, happier than the happiest runner.", "the the the", "They're U.S. citizens (nationally)",
    "nationality nationalities national nation", "x" * 30, "word-by-word\tand\nline by line",
]
OUTPUTS = [
    "Answer: Paris", "answer:  Answer: Paris \nmore", "It is Paris.\nAnswer: Lyon\nAnswer: Rome", "", "\nParis", "  Paris  ",
    "Label: 7", "label: label: 12 \n", "Corresponding value: abc", "ANSWER:", "Answer:\nParis", "The Answer:the Answer: is",
    "Answer: \u00a0caf\u00e9\u2003\n", "no prefix\nat all",
]
RANKINGS = [
    "Ranking: ID3 > ID1 > ID2", "ID3 > ID1 > ID3 > ID2", "[ID: 12] > [ID: 7]>[ID:3]", "3 1 2", "nothing", "", "1 > 2\n\nQuery 3 > 1 > 2",
    "ID10>ID9 > and 5 > 4 > 3 >", "id id 4", "Ranking: 1 > 2 > 99 > 3", "123456789", "7\n>\n8", "12 > x > 345678", "IDid1 > iIDd2",
]


def parse_output(output, prefix):
    def without_prefix(text):
        return re.sub("^" + re.escape(prefix), "", text, flags=re.IGNORECASE)
    for pattern in ["(?:" + prefix + ")(.*)(?:\n|$)", r"(?:^)(.*)(?:\n|$)"]:
        match = re.compile(pattern, flags=re.IGNORECASE).search(output)
        if match is not None:
            return without_prefix(match[1].strip()).strip()
    return None


def parse_ranking(output):
    output = re.sub(r"[\[\]:]", "", output).lower().replace("id", "")
    runs = [match.group(0) for match in re.finditer(r"(\d+)(?:\s*>\s*(\d+))*", output)]
    longest = max(runs, key=len, default="")
    numbers = [n.strip() for n in longest.split(">") if n.strip().isdigit()] if longest else [output]
    return list(dict.fromkeys(numbers)), {n: len(numbers) - i for i, n in reversed(list(enumerate(numbers)))}


def ndcg_cases(rng):
    cases = []
    outputs = RANKINGS + [" > ".join(f"ID{rng.randint(1, 30)}" for _ in range(rng.randint(1, 40))) for _ in range(40)]
    for output in outputs:
        grades = {str(i): rng.choice([0, 0, 0, 1, 2, 3]) for i in rng.sample(range(1, 31), rng.randint(3, 30))}
        order, scores = parse_ranking(output)
        judge = pytrec_eval.RelevanceEvaluator({"q": grades}, {"ndcg_cut.1,5,10"})
        measured = judge.evaluate({"q": scores})["q"]
        cases.append([output, order, grades, [[k, measured[f"ndcg_cut_{k}"]] for k in (1, 5, 10)]])
    return cases


def main():
    rng = random.Random(1)
    stemmer = PorterStemmer()
    words = IRREGULAR + [b + e.strip("_") for b in BEGINNINGS for e in ENDINGS if rng.random() < 0.5]
    scorer = rouge_scorer.RougeScorer(["rougeL"], use_stemmer=True)
    texts = TEXTS + [" ".join(rng.choice(words[:200]) for _ in range(rng.randint(1, 40))) for _ in range(30)]
    pairs = [(rng.choice(texts), rng.choice(texts)) for _ in range(200)]
    rouge = [[a, b, *scorer.score(target=a, prediction=b)["rougeL"]] for a, b in pairs]
    prefixes = ["Answer:", "label:", "corresponding value:"]
    goldens = {
        "stems": [[word, stemmer.stem(word)] for word in dict.fromkeys(words)],
        "rouge": rouge,
        "answers": [[o, p, parse_output(o, p)] for o in OUTPUTS for p in prefixes],
        "matches": [[o, a, int(normalize_answer(o) == normalize_answer(a)), int(normalize_answer(a) in normalize_answer(o)),
                     int(a.lower() in o.lower())]
                    for o in OUTPUTS + TEXTS for a in ["Paris", "the Lyon", "", "7", "A lazy dog", "caf\u00c9", "nation"]],
        "ndcg": ndcg_cases(rng),
    }
    path = pathlib.Path(__file__).with_name("suite_metrics.json")
    path.write_text(json.dumps(goldens, ensure_ascii=True) + "\n")


if __name__ == "__main__":
    main()
