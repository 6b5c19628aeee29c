"""The documents of jobs that ask nobody: to decide stored replies anew, and to take in a file."""

from typing import Any, Self
from uuid import UUID

from pydantic import BaseModel, Field, model_validator
from pydantic_core import PydanticCustomError

from app.curation.accept import AcceptSpec
from app.curation.novelty import DedupSpec
from app.names import Ref
from app.webhooks.schemas import WebhookSpec

_EXAMPLE: dict[str, Any] = {
    "from": {"corpus": "support/faq"},
    "corpus": "support/faq-strict",
    "accept": {"filters": [{"name": "length", "field": "answer", "min_words": 20}]},
    "dedup": {"on": ["question"]},
}


class Replies(BaseModel, frozen=True, extra="forbid"):
    """Which stored replies are meant; a corpus or jobs, or both, as a resolved document has it:
    then it is the replies of these jobs.
    """

    corpus: Ref | None = Field(default=None, examples=["support/faq"])
    """All that was ever said for this corpus, kept or not."""
    jobs: tuple[UUID, ...] = Field(default=(), max_length=1000, examples=[[]])
    """All that these jobs were told, kept or not."""

    @model_validator(mode="after")
    def _some(self) -> Self:
        if self.corpus is None and not self.jobs:
            raise PydanticCustomError("from", "should have a corpus, or jobs")
        return self


class ReprocessSpec(
    BaseModel,
    frozen=True,
    extra="forbid",
    validate_by_name=True,
    json_schema_extra={"examples": [_EXAMPLE]},
):
    """The document of a job that decides stored replies anew. `from` is enough; then a corpus is
    rebuilt with what its jobs had asked for and the filters of today.
    """

    from_: Replies = Field(alias="from")
    """Which replies."""
    corpus: Ref | None = None
    """Where records land; the corpus that the replies are from, if it is not said. That one is
    rebuilt beside itself, and changes only when the job has finished."""
    accept: AcceptSpec | None = None
    """How replies are read and what drops them; as each of them was accepted, if it is not
    said."""
    dedup: DedupSpec | None = None
    """What makes two records the same; the policy of the corpus, if it is not said."""
    template: Ref | None = None
    """Read replies as this template version would have asked for them; each as its own template
    version did, if it is not said."""
    webhook: WebhookSpec | None = None
    """Whom to tell when the job has ended, however it did."""


class Source(BaseModel, frozen=True, extra="forbid"):
    """The file that was imported."""

    file: str = Field(examples=["faq.jsonl"])
    sha256: str
    """Of the file as it was sent."""
    format: str = Field(examples=["jsonl"])
    rows: int


class ImportSpec(BaseModel, frozen=True, extra="forbid"):
    """The document of a job that takes in a file. A row is a reply that is JSON: item 0 is the
    first row.
    """

    corpus: Ref
    source: Source
    columns: dict[str, str]
    """Where each column of the file goes; a column that is not here is left out."""
    response: dict[str, Any]
    """The JSON Schema that each row is held to."""
    accept: AcceptSpec
    dedup: DedupSpec
