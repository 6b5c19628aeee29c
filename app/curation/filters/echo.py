"""Drops replies that recite what the teacher was told instead of answering."""

import re
from collections.abc import Collection, Iterable, Iterator
from functools import cached_property, lru_cache
from typing import Annotated, ClassVar, Self

from pydantic import Field
from rapidfuzz.distance import Indel

from app.curation.filter import TextFilter, filters
from app.curation.response import Response
from app.curation.sample import Sample
from app.curation.text import canonical_text
from app.curation.texts import texts
from app.curation.verdict import Finding, Record
from app.prompts.prompt import Prompt

Share = Annotated[float, Field(gt=0, le=1)]

_GRAM = 8
_NONE: frozenset[str] = frozenset()
_UNKNOWN = "\U0010ffff"
_UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\U00020000-\U0003ffff"
"""Thai, Lao, Burmese, Khmer, Japanese and Chinese: scripts that set no spaces between words."""
_TOKEN = re.compile(rf"[{_UNSPACED}]|[^\s{_UNSPACED}]+")


@filters.register("echo")
class Echo(TextFilter, frozen=True):
    """A reply that recites its prompt, or copies an example that it was shown.

    On for every job. Two measures, over words whatever their case, over characters in languages
    written without spaces. The share of the system turn's, or of the user turn's, runs of eight
    words that stand in the reply: `filter.echo.prompt`. And the likeness (ROUGE-L, F1) of the reply
    to the response of any few-shot example: `filter.echo.few_shot`; 0.7 is Self-Instruct's bound
    for "the same". What the seed row itself brought does not count as the prompt's: to rewrite it
    is often the task. Replies of fewer than eight words are not judged; many tasks have few.
    """

    cost: ClassVar[int] = 40
    needs_prompt: ClassVar[bool] = True

    max_prompt: Share = 0.8
    """The share of a turn's runs of eight words that may stand in the reply. 0.8 of the instruction
    stands in 0.8 % of Alpaca's outputs, the seed row's own text counted."""
    max_few_shot: Share = 0.7
    """The likeness to an example below which a reply passes."""
    seed_rows: bool = False
    """Count what the seed row brought as well: right where the row is an instruction, wrong where
    it is a text to be worked on."""
    examples: tuple[str, ...] | None = Field(default=None, max_length=64)
    """The texts that must not be copied; by default the responses of the job's few-shot set."""

    def bound(self, response: Response) -> Self:
        filter_ = super().bound(response)
        if self.examples is not None:
            return filter_
        shown = tuple(_joined(example, filter_.fields or ()) for example in response.examples)
        return filter_.model_copy(update={"examples": shown})

    def __call__(self, sample: Sample) -> Finding | None:
        if sample.prompt is None and not self._shown[1]:
            return None
        said = _spaced(_canonical(sample.record, self.fields or ()))
        length = said.count(" ") - 1
        if length < _GRAM:
            return None
        return self._copied(said, length) or self._recited(sample, said, length)

    def _copied(self, said: str, length: int) -> Finding | None:
        vocabulary, shown = self._shown
        if not shown:
            return None
        # No likelier than their lengths allow: F1 is twice what they share over what they have.
        most, least = 2 / self.max_few_shot - 1, 1 / (2 / self.max_few_shot - 1)
        near = [one for one in shown if least <= len(one[1]) / length <= most]
        if not near:
            return None
        # ROUGE-L over words is the Indel likeness of strings with one character a word; words
        # that no example has can all be the same one.
        letters = "".join([vocabulary.get(part, _UNKNOWN) for part in said.split()])
        for number, other in near:
            likeness = Indel.normalized_similarity(letters, other, score_cutoff=self.max_few_shot)
            if likeness:
                share = round(likeness, 3)
                return self.found("few_shot", share, self.max_few_shot, f"like example {number}")
        return None

    @cached_property
    def _shown(self) -> tuple[dict[str, str], list[tuple[int, str]]]:
        """A character for each word of the examples, and each example written in them."""
        told = [_tokens(canonical_text(example)) for example in self.examples or ()]
        vocabulary: dict[str, str] = {}
        for part in (part for parts in told for part in parts):
            # From U+10000 on no code point is a surrogate, nor the one for unknown words.
            vocabulary.setdefault(part, chr(0x10000 + len(vocabulary)))
        return vocabulary, [
            (number, "".join([vocabulary[part] for part in parts]))
            for number, parts in enumerate(told)
            if len(parts) >= _GRAM
        ]

    def _recited(self, sample: Sample, said: str, length: int) -> Finding | None:
        if sample.prompt is None:
            return None
        turns = [(role, told) for role, turn in _turns(sample.prompt) if (told := _grams(turn))]
        if not turns:
            return None
        row = _NONE if self.seed_rows else _grams(self._brought(sample.record))
        for role, told in turns:
            # It must be long enough to hold as many runs as would be too many.
            if length <= self.max_prompt * (len(told) - len(row)):
                continue
            new = told - row if row else told
            if (share := _share(new, said, self.max_prompt)) >= self.max_prompt:
                return self.found("prompt", round(share, 3), self.max_prompt, f"the {role} turn")
        return None

    def _brought(self, record: Record) -> str:
        """What the seed row brought."""
        said = self.fields or ()
        return " ".join([t for name in record if name not in said for t in texts(record[name])])


def _turns(prompt: Prompt) -> Iterator[tuple[str, str]]:
    """The system turn and the row's own; what is between is examples."""
    first, last = prompt.messages[0], prompt.messages[-1]
    if first.role == "system":
        yield first.role, first.content
    yield last.role, last.content


def _share(told: Collection[str], said: str, enough: float) -> float:
    """The share of these runs that are in what was said; zero as soon as it cannot be enough any
    more: after a fifth of the runs, mostly.
    """
    misses, most = 0, (1 - enough) * len(told)
    for gram in told:
        misses += gram not in said
        if misses > most:
            return 0.0
    return 1 - misses / len(told) if told else 0.0


def _grams(text: str) -> frozenset[str]:
    """Runs of eight words, each with a space on either side."""
    if text.isascii() and len(text.split(None, _GRAM)) < _GRAM:
        return _NONE
    return _runs(text)


@lru_cache(maxsize=32)
def _runs(text: str) -> frozenset[str]:
    """Remembered, for the system turn is the same in a whole chunk."""
    parts = _tokens(canonical_text(text))
    if len(parts) < _GRAM:
        return _NONE
    runs = zip(*(parts[start:] for start in range(_GRAM)), strict=False)
    return frozenset(f" {' '.join(run)} " for run in runs)


def _tokens(canonical: str) -> list[str]:
    """Words, or characters in scripts that set no spaces."""
    return canonical.split() if canonical.isascii() else _TOKEN.findall(canonical)


def _spaced(canonical: str) -> str:
    """The tokens with a space on either side of each."""
    return f" {canonical if canonical.isascii() else ' '.join(_tokens(canonical))} "


def _joined(record: Record, fields: Iterable[str]) -> str:
    return "\n".join(text for field in fields for text in texts(record.get(field)))


def _canonical(record: Record, fields: Iterable[str]) -> str:
    said = [canonical_text(text) for field in fields for text in texts(record.get(field))]
    return " ".join(filter(None, said))
