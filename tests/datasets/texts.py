"""Records of invented words: no two are alike, unless they are meant to be."""

import random
from typing import Any

_WORDS = [a + b + c for a in "bdfgklmnprst" for b in "aeiou" for c in ("ra", "lin", "mo", "ket")]


def essay(number: int, *, changed: int = 0, words: int = 40, **more: Any) -> dict[str, Any]:
    """The essay of that number, with some of its words changed: of 40, two changed ones leave about
    0.8 of it, four about 0.65, by the similarity that counts.
    """
    said = random.Random(number).choices(_WORDS, k=words)
    for place in range(changed):
        said[(7 * place + 3) % words] = f"x{changed}y{place}"
    return {"question": f"What of {number}?", "answer": " ".join(said), **more}


def essays(count: int, start: int = 0, **more: Any) -> list[dict[str, Any]]:
    return [essay(number, **more) for number in range(start, start + count)]
