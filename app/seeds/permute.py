"""Shuffling without a list: where an item stands in a shuffled order, for any size, at once."""

import hashlib
import math
from functools import lru_cache


def draw(*key: object) -> int:
    """A number below 2**64 that looks random and is always the same for the same key."""
    written = "\0".join(map(str, key)).encode()
    return int.from_bytes(hashlib.blake2b(written, digest_size=8).digest())


def place(index: int, size: int, *key: object) -> int:
    """Where `index` goes in a shuffle of 0 … size-1: every place is taken by exactly one index.

    The shuffle is affine, index → (step · index + shift) mod size: plain, and good enough to keep
    neighbours apart, for the step is between about a quarter and three quarters of the size.
    """
    step, shift = _affine(size, *key)
    return (step * index + shift) % size


@lru_cache(maxsize=256)
def _affine(size: int, *key: object) -> tuple[int, int]:
    step = size // 4 + draw("step", *key) % (size // 2 + 1)
    while math.gcd(step, size) != 1:
        step += 1
    return step, draw("shift", *key) % size
