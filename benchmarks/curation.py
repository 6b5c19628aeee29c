"""CPU per record of the default chain, from a reply to its digest: run it, read microseconds."""

import json
import time

from app.curation.accept import AcceptSpec
from app.curation.chain import Chain
from app.teachers.completion import Completion

SENTENCE = "Plants turn water and carbon dioxide into sugar with the light of the sun. "
FIELDS = {
    "type": "object",
    "properties": {"question": {"type": "string"}, "answer": {"type": "string"}},
    "required": ["question", "answer"],
    "additionalProperties": False,
}
ROUNDS = 5_000


def reply(style: str, answer: str) -> str:
    row = {"question": "What do plants make from light?", "answer": answer}
    if style == "tags":
        return "".join(f"<{field}>{text}</{field}>" for field, text in row.items())
    written = json.dumps(row, ensure_ascii=False)
    return f"Here it is:\n```json\n{written}\n```" if style == "json in prose" else written


def measure(style: str, answer: str) -> float:
    chain = Chain.of(AcceptSpec(), "tags" if style == "tags" else "json", FIELDS)
    completion = Completion(reply(style, answer), "stop")
    best = float("inf")
    for _ in range(3):
        start = time.process_time()
        for _ in range(ROUNDS):
            curated = chain.curate(completion, {"topic": "biology"})
        best = min(best, (time.process_time() - start) / ROUNDS)
        if curated.verdict:
            raise SystemExit(f"refused: {curated.verdict}")
    return best * 1e6


def main() -> None:
    print(f"{'reply':<24}{'words':>6}{'µs per record':>16}")
    for style in ("json", "json in prose", "tags"):
        for repeats in (4, 18):
            answer = SENTENCE * repeats
            print(f"{style:<24}{len(answer.split()):>6}{measure(style, answer):>16.1f}")
    print(f"{'json, not ASCII':<24}{'':>6}{measure('json', ('Größe ' + SENTENCE) * 4):>16.1f}")


if __name__ == "__main__":
    main()
