"""Corpora, records and rejects as JSON."""

from datetime import datetime
from typing import Any, Self
from uuid import UUID

from pydantic import BaseModel, Field, model_validator
from pydantic_core import PydanticCustomError

from app.corpus.models import (
    Corpus,
    Deletion,
    Review,
    ReviewVerdict,
    StoredCompletion,
    StoredRecord,
    StoredReject,
)
from app.corpus.selection import DeletionSelection
from app.curation.novelty import DedupSpec
from app.curation.text import MAX_BYTES, for_display, problem
from app.curation.verdict import Flag
from app.names import DEFAULT_NAMESPACE, Name

_EXAMPLE = {"namespace": "support", "name": "faq", "dedup": {"on": ["question"], "near": 0.8}}


class NewCorpus(BaseModel, frozen=True, extra="forbid", json_schema_extra={"examples": [_EXAMPLE]}):
    namespace: Name = DEFAULT_NAMESPACE
    name: Name
    dedup: DedupSpec = DedupSpec()


class CorpusView(BaseModel):
    namespace: str
    name: str
    columns: dict[str, str] | None
    """JSON type by field of its records; null until the first job."""
    dedup: DedupSpec
    """Written out by the first job."""
    records: int | None = None
    """Counted for a single corpus only, not in lists."""
    rejects: int | None = None
    deleted: int | None = None
    """Records that were here; their jobs still count them as accepted."""
    created_at: datetime

    @classmethod
    def of(cls, corpus: Corpus, counts: tuple[int, int, int] | None = None) -> "CorpusView":
        records, rejects, deleted = counts or (None, None, None)
        return cls(
            namespace=corpus.namespace,
            name=corpus.name,
            columns=corpus.columns,
            dedup=DedupSpec.model_validate(corpus.dedup),
            records=records,
            rejects=rejects,
            deleted=deleted,
            created_at=corpus.created_at,
        )


class FlagView(BaseModel):
    """What a filter noted of a record that is kept."""

    reason: str = Field(examples=["filter.refusal.long"])
    """Also the address of the code that decided."""
    value: Any = Field(examples=[84])
    """What was measured."""
    threshold: Any = Field(examples=[60])
    """What it was measured against."""
    detail: str | None
    revision: int
    """Of the filter that decided."""

    @classmethod
    def of(cls, flag: Flag) -> "FlagView":
        return cls.model_validate(flag.as_json())


class NewReview(
    BaseModel,
    frozen=True,
    extra="forbid",
    json_schema_extra={
        "examples": [{"verdict": "approved", "note": "Checked by hand.", "reviewer": "ada"}]
    },
):
    verdict: ReviewVerdict
    note: str | None = Field(default=None, min_length=1, max_length=10_000)
    reviewer: str | None = Field(default=None, min_length=1, max_length=200, examples=["ada"])
    """Who decided; by default the caller."""


class ReviewView(BaseModel):
    verdict: ReviewVerdict
    note: str | None
    reviewer: str
    created_at: datetime

    @classmethod
    def of(cls, review: Review) -> "ReviewView":
        return cls.model_validate(review, from_attributes=True)


class RecordView(BaseModel):
    id: UUID
    fields: dict[str, Any]
    flags: list[FlagView]
    """What the filters noted; empty for most."""
    review: ReviewView | None
    """The latest one; null where nobody has reviewed it."""
    job_id: UUID
    item: int
    sample: int
    created_at: datetime

    @classmethod
    def of(cls, record: StoredRecord) -> "RecordView":
        return cls(
            id=record.id,
            fields=record.fields,
            flags=[FlagView.model_validate(flag) for flag in record.flags],
            review=None if record.review is None else ReviewView.of(record.review),
            job_id=record.job_id,
            item=record.item,
            sample=record.sample,
            created_at=record.created_at,
        )


class RejectView(BaseModel):
    """What was refused, and why."""

    id: UUID
    reason: str = Field(examples=["filter.length.too_short"])
    """Also the address of the code that decided."""
    value: Any = Field(examples=[2])
    """What was measured."""
    threshold: Any = Field(examples=[5])
    """What it was measured against."""
    detail: str | None
    revision: int
    """Of the filter or parser that decided."""
    duplicate_of: UUID | None
    """For a duplicate: the record that was there first."""
    fields: dict[str, Any] | None
    """What was parsed, where it got so far."""
    job_id: UUID
    item: int
    sample: int
    created_at: datetime

    @classmethod
    def of(cls, reject: StoredReject) -> "RejectView":
        return cls(
            id=reject.id,
            reason=reject.reason,
            value=reject.value,
            threshold=reject.threshold,
            detail=reject.detail,
            revision=reject.revision,
            duplicate_of=reject.duplicate_of,
            fields=reject.fields,
            job_id=reject.job_id,
            item=reject.item,
            sample=reject.sample,
            created_at=reject.created_at,
        )


class ReplyView(BaseModel):
    """A raw reply, as the teacher sent it; what JSON cannot carry is shown escaped."""

    content: str
    reasoning: str | None
    finish_reason: str
    inputs: dict[str, Any]
    seed_position: int | None
    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int
    size: int
    """Bytes on the wire."""
    fingerprint: str | None
    model: str | None
    erased_at: datetime | None
    """When a deletion emptied it."""
    prompt_digest: str
    """Rendering the job's template for these inputs again gives a prompt of this digest."""
    created_at: datetime

    @classmethod
    def of(cls, stored: StoredCompletion) -> "ReplyView":
        return cls(
            content=_show(stored.content),
            reasoning=None if stored.reasoning is None else _show(stored.reasoning),
            finish_reason=stored.finish_reason,
            inputs=stored.inputs,
            seed_position=stored.seed_position,
            prompt_tokens=stored.prompt_tokens,
            completion_tokens=stored.completion_tokens,
            cached_tokens=stored.cached_tokens,
            size=stored.size,
            fingerprint=stored.fingerprint,
            model=stored.model,
            erased_at=stored.erased_at,
            prompt_digest=stored.prompt_digest.hex(),
            created_at=stored.created_at,
        )


_DELETION = {
    "selection": {"templates": ["faq/question-answer@3"], "q": "lorem"},
    "reason": "off topic",
    "dry_run": True,
}


class NewDeletion(
    BaseModel, frozen=True, extra="forbid", json_schema_extra={"examples": [_DELETION]}
):
    """Which records should not be in the corpus any more, and why. Their fields are not kept;
    versions that were published stay as they are.
    """

    selection: DeletionSelection
    """Only what fits all of it."""
    reason: str = Field(min_length=1, max_length=500, examples=["off topic"])
    """For those who ask later where a record went."""
    dry_run: bool = False
    """Only count them."""
    block: bool = False
    """Refuse what they said from now on, as if they were still here. Otherwise the same text may
    come again."""
    erase: bool = False
    """Empty their raw replies and inputs too, and those of samples that were refused as their
    duplicates: then nothing of the text is left outside published versions and seed datasets."""

    @property
    def said(self) -> dict[str, Any]:
        """The selection, without what it leaves open."""
        return self.selection.model_dump(mode="json", exclude_defaults=True)


class DeletionView(BaseModel):
    id: UUID | None
    """Null where nothing was deleted."""
    records: int
    """How many were deleted, or would be."""
    dry_run: bool
    selection: dict[str, Any]
    reason: str
    caller: str
    """Who wanted it."""
    block: bool
    erase: bool
    created_at: datetime | None

    @classmethod
    def of(cls, made: Deletion) -> "DeletionView":
        return cls(
            id=made.id,
            records=made.records,
            dry_run=False,
            selection=made.selection,
            reason=made.reason,
            caller=made.caller,
            block=made.block,
            erase=made.erase,
            created_at=made.created_at,
        )

    @classmethod
    def nothing(cls, asked: NewDeletion, caller: str, records: int) -> "DeletionView":
        """Of a deletion that did not happen."""
        return cls(
            id=None,
            records=records,
            dry_run=asked.dry_run,
            selection=asked.said,
            reason=asked.reason,
            caller=caller,
            block=asked.block,
            erase=asked.erase,
            created_at=None,
        )


_TEXT = {"text": "How do I get my money back?", "limit": 5}


class Likeness(BaseModel, frozen=True, extra="forbid", json_schema_extra={"examples": [_TEXT]}):
    """A text; or fields, where the corpus compares records only if some others are equal."""

    text: str | None = Field(default=None, min_length=1, max_length=MAX_BYTES)
    fields: dict[str, Any] | None = Field(
        default=None, examples=[{"topic": "refunds", "question": "How do I get my money back?"}]
    )
    limit: int = Field(default=10, ge=1, le=50)
    min_similarity: float = Field(default=0.5, ge=0, le=1, allow_inf_nan=False)
    """The least Jaccard similarity of character 5-grams. What is alike at 0.7 is nearly always
    found; the less alike, the more is missed."""

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.text is None) == (self.fields is None):
            raise PydanticCustomError("likeness", "should have either text or fields")
        wrong = problem(self.fields if self.text is None else self.text)
        if wrong is not None:
            raise PydanticCustomError(
                "likeness", "should be what a record can hold: {reason}", {"reason": wrong.reason}
            )
        return self


class NeighbourView(BaseModel):
    similarity: float
    record: RecordView


class NeighboursView(BaseModel):
    items: list[NeighbourView]
    """Best first."""


def _show(content: bytes) -> str:
    return for_display(content.decode("utf-8", "surrogatepass"), len(content) + 1)
