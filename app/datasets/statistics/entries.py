"""What is counted of a version's rows, as its manifest has it."""

from collections.abc import Sequence
from math import log10

from pydantic import BaseModel, Field

LENGTHS: tuple[int, ...] = tuple(sorted({round(10 ** (k / 8)) for k in range(49)}))
"""Where the bins of lengths begin: eight to a factor of ten, up to a million. They are fixed, so
that the histograms of two versions can be laid over each other."""

SIMILARITIES: tuple[float, ...] = tuple(k / 50 for k in range(50))
"""Likewise for how alike two texts are: fifty bins from 0 to 1, which is in the last one."""


class Histogram(BaseModel, frozen=True):
    """How many values fall where. A bin holds the values from its own beginning to that of the
    next; the last one holds all that are greater.
    """

    begins: list[float] = Field(examples=[[10, 13, 18]])
    """Of each bin; empty bins at both ends are left out."""
    counts: list[int] = Field(examples=[[2, 40, 7]])
    below: int = 0
    """Values below all bins: texts without a character."""

    @classmethod
    def of(cls, edges: Sequence[float], counts: Sequence[int], below: int = 0) -> "Histogram":
        filled = [place for place, count in enumerate(counts) if count]
        kept = range(filled[0], filled[-1] + 1) if filled else range(0)
        return cls(
            begins=[edges[place] for place in kept],
            counts=[counts[place] for place in kept],
            below=below,
        )

    @property
    def total(self) -> int:
        return self.below + sum(self.counts)

    def quantile(self, share: float) -> int:
        """About the length that this share of the values does not exceed: exact to a bin, and
        within it as if they lay evenly on its logarithmic axis.
        """
        left = share * self.total - self.below
        for begin, count in zip(self.begins, self.counts, strict=True):
            if count and left <= count:
                end = next((edge for edge in LENGTHS if edge > begin), begin)
                low, high = log10(begin), log10(max(begin, end - 1))
                return round(10 ** (low + (high - low) * max(left, 0) / count))
            left -= count
        return 0


class Lengths(BaseModel, frozen=True):
    """How long the values of a field are."""

    rows: int
    """That have it, as text."""
    minimum: int
    maximum: int
    mean: float
    median: int
    """About: from the histogram, as is the next."""
    p95: int
    histogram: Histogram


class Tokens(BaseModel, frozen=True):
    """What the teachers counted, over the replies that the rows' jobs got; of imported rows there
    is none.
    """

    prompt: int
    completion: int
    cached: int
    """Of the prompt tokens, those that a prefix cache served."""
    replies: Lengths | None
    """Completion tokens of each reply that became a record."""


class Duplicates(BaseModel, frozen=True):
    """Replies refused because a record was there first."""

    exact: int
    near: int
    rouge: int
    near_similarity: Histogram | None
    """How alike those refused as near-duplicates were to what was there (Jaccard, of character
    5-grams)."""
    rouge_score: Histogram | None
    """The same of those refused by ROUGE-L."""


class Statistics(BaseModel, frozen=True):
    characters: dict[str, Lengths]
    """By field of the corpus, those whose values are texts; at most 64."""
    row_characters: Lengths
    """All fields of a row as JSON."""
    strata: dict[str, dict[str, int]]
    """Rows by value, of each field that has few different ones; those of a seed matrix come
    first. Values other than texts are written as JSON."""
    matrix: list[str]
    """Of these fields, those that a seed matrix set."""
    languages: dict[str, float]
    """Shares of the languages found in a sample of the rows, by ISO 639 code; those above 5 %."""
    languages_sampled: int
    """Rows that were looked at and had enough letters to tell."""
    tokens: Tokens | None
    duplicates: Duplicates
