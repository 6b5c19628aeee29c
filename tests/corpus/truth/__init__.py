"""Texts of which every pair of near-duplicates is known."""

import gzip
import json
from pathlib import Path

_HERE = Path(__file__).parent


def docs() -> list[str]:
    found: list[str] = json.loads(gzip.decompress((_HERE / "docs.json.gz").read_bytes()))
    return found


def pairs(least: float) -> dict[tuple[int, int], float]:
    """The similarity of every pair that is at least so much alike."""
    lines = gzip.decompress((_HERE / "pairs.tsv.gz").read_bytes()).decode().splitlines()
    rows = (line.split("\t") for line in lines)
    return {(int(i), int(j)): float(s) for i, j, s in rows if float(s) >= least}
