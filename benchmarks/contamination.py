"""Speed of the contamination filter: records a second of CPU, one by one and by the page."""

import random
import time

from app.curation.contamination import Contamination, Index
from app.curation.passages import Passage

ITEMS, ITEM_WORDS = 1_483, 50
"""GSM8K's test set and HumanEval together: about 62,000 grams."""
ROUNDS = 20_000


def text(chooser: random.Random, count: int, mark: str = "") -> str:
    said = [
        f"{chooser.choice(WORDS)}{chooser.choice(['', '', '', ',', '.'])}" for _ in range(count)
    ]
    return " ".join([*said[:-1], said[-1] + mark])


draw = random.Random(1)
WORDS = [
    "".join(draw.choices("abcdefghijklmnoprstuvw", k=draw.randint(2, 9))) for _ in range(8_000)
]


def measure(of: Contamination, count: int, mark: str, page: int) -> float:
    records = [
        {"question": text(draw, count // 3, mark), "answer": text(draw, count - count // 3)}
        for _ in range(1_000)
    ]
    best = float("inf")
    for _ in range(3):
        start = time.process_time()
        for n in range(0, ROUNDS, page):
            of.check_many(records[n % 1_000 : n % 1_000 + page])
        best = min(best, time.process_time() - start)
    return ROUNDS / best


def main() -> None:
    items = [Passage(n, "question", text(draw, ITEM_WORDS)) for n in range(ITEMS)]
    start = time.process_time()
    index = Index.of("support/exam@1", items)
    made = time.process_time() - start
    print(f"{len(index.grams) - 1:,} grams, made in {made:.2f} s")
    several = [Index.of(f"support/exam{n}@1", items) for n in range(5)]
    print(f"{'sets':>4}{'words':>7}{'':>20}{'one by one':>14}{'pages of 500':>14}   records/s")
    for indexes in ([index], several):
        of = Contamination.of(indexes)
        for count in (59, 255):
            for name, mark in (("ASCII", ""), ("typographic quote", "\u2019"), ("accent", "é")):
                speeds = [measure(of, count, mark, page) for page in (1, 500)]
                print(
                    f"{len(indexes):>4}{count:>7}{name:>20}{speeds[0]:>14,.0f}{speeds[1]:>14,.0f}"
                )


if __name__ == "__main__":
    main()
