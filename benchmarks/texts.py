"""Texts to measure with: invented words, as frequent and as many as in instruction data."""

from typing import Final

import numpy as np

WORDS: Final = 4_000
MEDIAN: Final = 46
"""Words of a text; its 95th percentile is 138. Both as in Alpaca's 52,002 records."""
_SPREAD: Final = 0.668
_SYLLABLES: Final = [c + v for c in "bcdfghjklmnprstvwz" for v in "aeiou"]


def texts(count: int, random_seed: int = 1) -> list[str]:
    """The same ones for the same random seed; no two are alike."""
    chance = np.random.default_rng(random_seed)
    words = _words(chance)
    lengths = np.maximum(3, chance.lognormal(np.log(MEDIAN), _SPREAD, count)).astype(int)
    ranks = chance.zipf(1.3, int(lengths.sum())) % len(words)
    ends = np.cumsum(lengths)
    return [
        " ".join(words[ranks[end - length : end]])
        for length, end in zip(lengths, ends, strict=True)
    ]


def reworded(text: str, random_seed: int) -> str:
    """One word in twenty of it replaced: the same thing said anew."""
    chance = np.random.default_rng(random_seed)
    words = text.split()
    for place in chance.integers(0, len(words), max(1, len(words) // 20)):
        words[place] = str(chance.choice(_SYLLABLES)) * 2
    return " ".join(words)


def _words(chance: np.random.Generator) -> np.ndarray:
    made: dict[str, None] = {}
    while len(made) < WORDS:
        made["".join(chance.choice(_SYLLABLES, chance.integers(1, 5)))] = None
    return np.array(list(made))
