"""CPU of curation: the default chain per record, from a reply to its digest, and each filter alone.

Records a second are per core. The default chain is asked with a prompt and six examples.
"""

import json
import random
import time
from collections.abc import Callable
from typing import Any

from app.curation.accept import AcceptSpec
from app.curation.chain import Chain
from app.curation.filter import filters
from app.curation.response import Response
from app.curation.sample import Sample
from app.digest import short
from app.prompts.prompt import Message, Prompt
from app.teachers.completion import Completion

SYLLABLES = [f"{a}{b}" for b in "aeiou" for a in "bdfgklmnprstvw"]
VOCABULARY = SYLLABLES + [a + b for a in SYLLABLES for b in SYLLABLES]
FIELDS = {
    "type": "object",
    "properties": {"question": {"type": "string"}, "answer": {"type": "string"}},
    "required": ["question", "answer"],
    "additionalProperties": False,
}
ROUNDS = 2_000
SHORT, LONG = 59, 255
"""Words: the middle of instruction data, and of long answers."""
PARAMETERS: dict[str, dict[str, Any]] = {
    "code": {"field": "answer", "language": "python", "where": "whole"},
    "equals": {"field": "answer", "other": "answer"},
    "json_schema": {"field": "answer", "fits": {"type": "string"}, "as_text": False},
    "language": {"languages": ["en"], "min_confidence": 1},
    "length": {"field": "answer", "min_words": 1},
    "one_of": {"field": "question", "values": ["What do plants make from light?"]},
    "range": {"field": "score", "minimum": 1},
    "regex": {"field": "answer", "must_not_match": "(?i)lorem ipsum|as an ai"},
}


def prose(words: int) -> str:
    """As natural texts do, it says few words often and most words once (Zipf)."""
    weights = [1 / (rank + 1) for rank in range(len(VOCABULARY))]
    picked = random.Random(words).choices(VOCABULARY, weights, k=words)
    return ". ".join(" ".join(picked[at : at + 15]) for at in range(0, words, 15)) + "."


def reply(style: str, answer: str) -> str:
    row = {"question": "What do plants make from light?", "answer": answer}
    if style == "tags":
        return "".join(f"<{field}>{text}</{field}>" for field, text in row.items())
    written = json.dumps(row, ensure_ascii=False)
    return f"Here it is:\n```json\n{written}\n```" if style == "json in prose" else written


EXAMPLES = [{"question": prose(9 + n), "answer": prose(40 + n)} for n in range(6)]
TURNS = (Message("system", prose(120)), Message("user", f"{prose(30)} Topic: biology"))
PROMPT = Prompt(TURNS, short(b"prompt"))


def best(work: Callable[[], object]) -> float:
    """Seconds of CPU, the best of three runs."""
    times = []
    for _ in range(3):
        start = time.process_time()
        for _ in range(ROUNDS):
            work()
        times.append((time.process_time() - start) / ROUNDS)
    return min(times)


def chain(style: str, answer: str) -> float:
    made = Chain.of(AcceptSpec(), "tags" if style == "tags" else "json", FIELDS, examples=EXAMPLES)
    completion = Completion(reply(style, answer), "stop")
    curated = made.curate(completion, {"topic": "biology"}, PROMPT)
    if curated.verdict:
        raise SystemExit(f"refused: {curated.verdict}")
    return best(lambda: made.curate(completion, {"topic": "biology"}, PROMPT))


def alone(name: str, answer: str) -> float:
    plugin = filters[name].model_validate(PARAMETERS.get(name, {}))
    bound = plugin.bound(Response.of(FIELDS, EXAMPLES))
    row = {"topic": "biology", "question": "What do plants make from light?", "score": 3}
    code = "\n".join(f"x{n} = f({n}, 'a') + x[{n}]" for n in range(len(answer) // 25))
    record = {**row, "answer": code if name == "code" else answer}
    sample = Sample(record, Completion(reply("json", answer), "stop"), PROMPT)
    if found := bound(sample):
        raise SystemExit(f"{name}: {found}")
    return best(lambda: bound(sample))


def main() -> None:
    print(f"{'default chain':<24}{'words':>6}{'µs per record':>16}{'records/s':>12}")
    for style in ("json", "json in prose", "tags"):
        for words in (SHORT, LONG):
            cost = chain(style, prose(words))
            print(f"{style:<24}{words:>6}{cost * 1e6:>16.1f}{1 / cost:>12,.0f}")
    cost = chain("json", "Größe " + prose(SHORT))
    print(f"{'json, not ASCII':<24}{SHORT:>6}{cost * 1e6:>16.1f}{1 / cost:>12,.0f}")
    print(f"\n{'filter':<24}{f'records/s of {SHORT} words':>28}{f'of {LONG} words':>16}")
    for name in sorted(filters.names, key=lambda name: filters[name].cost):
        short_, long = (1 / alone(name, prose(words)) for words in (SHORT, LONG))
        print(f"{name:<24}{short_:>28,.0f}{long:>16,.0f}")


if __name__ == "__main__":
    main()
