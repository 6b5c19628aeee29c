"""Drops replies in which the teacher declines to answer, and notes those that begin so."""

from typing import Annotated, ClassVar

import re2
from pydantic import Field

from app.curation.filter import TextFilter, filters, words
from app.curation.sample import Sample
from app.curation.verdict import Finding

_HEAD = 300

_UNABLE = (
    r"(?:can't|cannot|can not|could not|couldn't|won't|will not"
    r"|(?:am|'m) (?:not able|unable|not allowed|not permitted|not programmed|not designed) to"
    r"|(?:am|'m) not comfortable(?: with)?)"
)
_DEED = (
    r"(?:help you|help with|assist|comply|fulfill?|provide|answer|complete|generate|create|write"
    r"|produce|discuss|engage|participate|continue with|do that|support|respond|process)"
)
_AI = r"(?:ai|a\.i\.|artificial intelligence|large language model|language model)"
_SORRY = r"^\W*(?:(?:i'm|i am) )?(?:(?:very|so|truly|deeply) )?(?:sorry|afraid)\b"

_PATTERNS = (
    # "I'm sorry, but I can't help with that": how a refusal begins
    rf"{_SORRY}[^!?\n]{{0,60}}\bi ?{_UNABLE} (?:\w+ )?{_DEED}\b",
    rf"^\W*(?:my )?apologies\b[^!?\n]{{0,60}}\bi ?{_UNABLE} (?:\w+ )?{_DEED}\b",
    rf"^\W*(?:unfortunately,? |regrettably,? )?(?:but )?i ?{_UNABLE} (?:\w+ )?{_DEED}\b",
    # "As an AI language model, I …": anywhere in the head
    rf"\bas an? {_AI}\b[^.!?\n]{{0,40}}\bi\b",
    (
        rf"\bi(?:'m| am) (?:just |only |merely )?an? {_AI}\b[^.!?\n]{{0,60}}"
        r"\b(?:can't|cannot|unable|not able|don't|do not)\b"
    ),
    # "I must decline", "this request violates our policy"
    rf"(?:^\W*|{_SORRY}[^!?\n]{{0,20}}\b)i (?:must|have to) (?:respectfully )?(?:decline|refuse)\b",
    r"^\W*(?:this|that|your) request (?:violates|goes against|is against)\b",
    (
        r"^\W*(?:this|that|it|your request) (?:violates|goes against|is against) "
        r"(?:openai's|anthropic's|google's|my|our) (?:content |usage |use )?"
        r"(?:policy|policies|guidelines)\b"
    ),
)
_options = re2.Options()
_options.case_sensitive = False
_options.log_errors = False
_REFUSAL = re2.compile("|".join(f"(?:{pattern})" for pattern in _PATTERNS), _options)
# For several heads, each on a line: one pass over all of them settles it for almost every reply.
_ANYWHERE = re2.Set.SearchSet(_options)
for _pattern in _PATTERNS:
    _ANYWHERE.Add(f"(?m){_pattern}")
_ANYWHERE.Compile()


@filters.register("refusal")
class Refusal(TextFilter, frozen=True):
    """A text of the reply that declines: "I'm sorry, but I can't …", "As an AI language model …".

    Only the first 300 characters of a text are read, and only a short text is dropped, because
    many replies begin so and then answer: at least 5 of 14 hits that were read one by one. A longer
    one is kept with the flag `filter.refusal.long`. English only.
    """

    cost: ClassVar[int] = 30

    below_words: Annotated[int, Field(ge=1, le=100_000)] = 60
    """Only texts with fewer words are dropped. 60 is a judgement from reading, not measured."""

    def __call__(self, sample: Sample) -> Finding | None:
        texts = [(field, text, _head(text)) for field, text in self.texts(sample)]
        if not _ANYWHERE.Match("\n".join([head for _, _, head in texts])):
            return None
        flag = None
        for field, text, head in texts:
            found = _REFUSAL.search(head)
            if found is None:
                continue
            seen, detail = words(text), f"{field}: {found[0][:100]}"
            if seen < self.below_words:
                return self.found(None, seen, self.below_words, detail)
            flag = flag or self.flagged("long", seen, self.below_words, detail)
        return flag


def _head(text: str) -> str:
    return text[:_HEAD].replace("\u2019", "'")
