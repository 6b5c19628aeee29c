"""What is counted of a version's rows, as its manifest has it."""

from pydantic import BaseModel, Field

from app.datasets.lengths import Lengths


class Histogram(BaseModel, frozen=True):
    """How many of the measured values lie where between 0 and 1, in fifty bins."""

    total: int
    bins: dict[float, int] = Field(examples=[{"0.7": 2, "0.72": 40}])
    """By the lower end of each bin that is not empty; the last one, 0.98, holds 1 too."""


class Tokens(BaseModel, frozen=True):
    """What the teachers counted, over the replies that the rows' jobs got; of imported rows there
    is none.
    """

    prompt: int
    completion: int
    cached: int
    """Of the prompt tokens, those that a prefix cache served."""
    replies: Lengths | None
    """Completion tokens of each reply that became a record; of many, about 20,000 of them."""


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
    strata: dict[str, dict[str, int]]
    """Rows by value, of each field of the corpus that has few different ones. Values other than
    texts are written as JSON."""
    matrix: list[str]
    """Of these fields, those that a seed matrix set."""
    languages: dict[str, float]
    """Shares of the languages found in a sample of the rows, by ISO 639 code; those above 5 %."""
    languages_sampled: int
    """Rows that were looked at and had enough letters to tell."""
    tokens: Tokens | None
    duplicates: Duplicates
