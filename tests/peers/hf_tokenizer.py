"""Texts encoded one after the other by the `tokenizers` package, on one thread, as ours does."""
import json
import pathlib
import time

import peer


def main():
    task = peer.read_task()
    import tokenizers

    tokenizer = tokenizers.Tokenizer.from_file(str(pathlib.Path(task["model"]) / "tokenizer.json"))
    texts = json.loads(pathlib.Path(task["texts_file"]).read_text(encoding="utf-8"))
    seconds = []
    for _ in range(task["repetitions"]):
        tokens = 0
        start = time.perf_counter()
        for text in texts:
            tokens += len(tokenizer.encode(text).ids)
        seconds.append(time.perf_counter() - start)
    peer.answer(seconds=seconds, bytes=sum(len(text.encode()) for text in texts), tokens=tokens)


main()
