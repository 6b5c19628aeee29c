"""The `dedup` key of a corpus and of a job: what makes two records the same."""

from collections.abc import Collection
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, Field

from app.curation.near import Near
from app.curation.rouge import Rouge
from app.errors import Invalid

Fields = Annotated[tuple[str, ...], Field(min_length=1, max_length=32)]

THRESHOLD = 0.7
"""Measured: at 0.7 nearly all pairs are the same thing reworded; below 0.6 the index misses more
than it finds."""
SELF_INSTRUCT = 0.7
"""Wang et al., 2022; their code refuses what is above it, and keeps what is just as alike."""


class NearSpec(BaseModel, frozen=True, extra="forbid"):
    """Records whose texts are alike: the Jaccard similarity of their character 5-grams, without
    case and spacing, is at least `threshold`.
    """

    threshold: float = Field(default=THRESHOLD, ge=0.6, le=1.0, examples=[0.7])
    """Of the pairs just as alike as this, the index finds 62 % at 0.6, 92 % at 0.7, 99.8 % at
    0.8; nothing less alike is ever taken for the same."""
    fields: Fields | None = Field(default=None, examples=[["question"]])
    """The texts compared, together; by default those of `on` that the teacher
    writes freely: no numbers, no choices."""
    same: tuple[str, ...] | None = Field(default=None, max_length=32, examples=[["topic"]])
    """Fields that must be equal besides, case and spacing aside; by default the inputs in `on`:
    the same reply to two different rows is no duplicate."""

    def over(self, other: "NearSpec") -> Self:
        """This, and from `other` what this does not say."""
        if self.fields not in (None, other.fields):
            return self
        same = other.same if self.same is None else self.same
        return self.model_copy(update={"fields": other.fields, "same": same})


class RougeSpec(BaseModel, frozen=True, extra="forbid"):
    """Self-Instruct's rule for new instructions: ROUGE-L, twice the longest common subsequence of
    words over both lengths, is at most `threshold`, exactly, with each of the newest records.
    """

    threshold: float = Field(default=SELF_INSTRUCT, ge=0.3, lt=1.0, examples=[0.7])
    """The most that is still new. Below 0.3, unrelated sentences of the same language are alike."""
    pool: int = Field(default=50_000, ge=1, le=100_000, examples=[50_000])
    """How many of the corpus's records, the newest ones, a candidate is compared with. Each worker
    keeps their words in memory: some 10 MB for 50,000 instructions, 100 MB for long texts."""
    fields: Fields | None = Field(default=None, examples=[["question"]])
    """The texts compared, together; by default those of `on` that the teacher writes freely."""

    def over(self, other: "RougeSpec") -> Self:
        """This, and from `other` what this does not say."""
        return self.model_copy(update={"fields": self.fields or other.fields})


def _long_form(value: Any) -> Any:
    """`0.8` and `true` are ways to write `{threshold: 0.8}` and `{}`."""
    if value is True:
        return {}
    if isinstance(value, int | float) and not isinstance(value, bool):
        return {"threshold": value}
    return value


NearOrOff = Annotated[NearSpec | Literal[False], BeforeValidator(_long_form)]
RougeOrOff = Annotated[RougeSpec | Literal[False], BeforeValidator(_long_form)]


class DedupSpec(BaseModel, frozen=True, extra="forbid"):
    """What makes two records the same. A corpus has one such policy for all of its jobs; what is
    not said is settled by the template of its first job.
    """

    on: Fields | None = Field(default=None, examples=[["question"]])
    """The fields by which records must differ; by default those that the template names, else all
    of them. Case and spacing never make a difference."""
    near: NearOrOff | None = Field(
        default=None, examples=[0.8, False, {"threshold": 0.8, "fields": ["question"]}]
    )
    """Near-duplicates too: a threshold, more of it as an object, or false for exact ones only.
    On by default, at 0.7."""
    rouge: RougeOrOff | None = Field(
        default=None, examples=[True, 0.7, {"threshold": 0.7, "fields": ["question"]}]
    )
    """Refuse what says the same words in the same order as an earlier record, too. Off by default:
    it is for instructions, of which Self-Instruct keeps those that are at most 0.7 alike."""

    def over(self, other: "DedupSpec") -> Self:
        """This, and from `other` what this does not say."""
        near = other.near if self.near is None else self.near
        if isinstance(near, NearSpec) and isinstance(other.near, NearSpec):
            near = near.over(other.near)
        rouge = other.rouge if self.rouge is None else self.rouge
        if isinstance(rouge, RougeSpec) and isinstance(other.rouge, RougeSpec):
            rouge = rouge.over(other.rouge)
        return self.model_copy(update={"on": self.on or other.on, "near": near, "rouge": rouge})

    def agrees(self, other: "DedupSpec") -> bool:
        """Whether `other` keeps to all that this says."""
        return self.over(other) == other

    def resolved(
        self, on: Collection[str], inputs: Collection[str], response: dict[str, Any], at: str
    ) -> Self:
        """Everything written out, for records of these inputs and of this response schema.

        `on` are a template's own fields. Raises `Invalid` for a field that there is not; `at` is
        where this stands.
        """
        fields = (*inputs, *response["properties"])
        chosen = self.on or tuple(on)
        _known(chosen, fields, f"{at}/on")
        near = NearSpec() if self.near is None else self.near
        if near is not False:
            _known(near.fields or (), fields, f"{at}/near/fields")
            _known(near.same or (), fields, f"{at}/near/same")
            near = _settled(near, chosen, inputs, response)
        rouge = self.rouge or False
        if rouge is not False:
            _known(rouge.fields or (), fields, f"{at}/rouge/fields")
            compared = rouge.fields or _free(chosen, response)
            if not compared:
                raise Invalid.at(f"{at}/rouge", "should name fields: none of `on` is free text")
            rouge = rouge.model_copy(update={"fields": compared})
        return self.model_copy(update={"on": chosen, "near": near, "rouge": rouge})

    @property
    def rouge_rule(self) -> Rouge | None:
        """Of a resolved policy."""
        if not isinstance(self.rouge, RougeSpec) or self.rouge.fields is None:
            return None
        return Rouge(self.rouge.fields, self.rouge.threshold, self.rouge.pool)

    @property
    def rule(self) -> Near | None:
        """Of a resolved policy."""
        if not isinstance(self.near, NearSpec) or self.near.fields is None:
            return None
        return Near(self.near.fields, self.near.same or (), self.near.threshold)


def _settled(
    near: NearSpec, on: tuple[str, ...], inputs: Collection[str], response: dict[str, Any]
) -> NearSpec | Literal[False]:
    compared = near.fields or _free(on, response)
    if not compared:
        return False
    same = near.same
    if same is None:
        same = () if near.fields else tuple(name for name in on if name in inputs)
    return near.model_copy(update={"fields": compared, "same": same})


def _free(on: tuple[str, ...], response: dict[str, Any]) -> tuple[str, ...]:
    """Those of `on` that the teacher writes freely."""
    properties = response["properties"]
    return tuple(name for name in on if name in properties and _is_free(properties[name]))


def _is_free(schema: Any) -> bool:
    """Whether a teacher writes here what it likes, rather than a number or one of a few words."""
    if not isinstance(schema, dict):
        return True
    bound = "enum" in schema or "const" in schema
    return not bound and schema.get("type") not in {"number", "integer", "boolean", "null"}


def _known(names: Collection[str], fields: Collection[str], at: str) -> None:
    for number, name in enumerate(names):
        if name not in fields:
            known = ", ".join(fields)
            raise Invalid.at(f"{at}/{number}", f"should be a field of a record: {known}", name)
