"""Datasets and their versions as JSON."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import BaseModel, Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from app.corpus.models import Corpus
from app.datasets.manifest import PublishedManifest, SplitEntry
from app.datasets.models import Dataset, DatasetVersion
from app.names import DEFAULT_NAMESPACE, Name, Ref
from app.web.caller import LOCAL

_EXAMPLE = {
    "namespace": "support",
    "name": "faq",
    "corpus": "support/faq",
    "description": "Questions that customers ask, with answers.",
}


class NewDataset(
    BaseModel, frozen=True, extra="forbid", json_schema_extra={"examples": [_EXAMPLE]}
):
    namespace: Name = DEFAULT_NAMESPACE
    name: Name
    corpus: Ref | None = Field(default=None, examples=["support/faq"])
    """Where its rows come from; it keeps this corpus for good."""
    corpora: tuple[Ref, ...] | None = Field(
        default=None, min_length=1, max_length=32, examples=[None]
    )
    """In place of `corpus`, several: `mix` of a version says how much of each it takes."""
    description: str = Field(default="", max_length=10_000)
    """Markdown, for the card of every version."""

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.corpus is None) == (self.corpora is None):
            raise PydanticCustomError("corpus", "should have either corpus or corpora")
        if len(set(self.sources)) < len(self.sources):
            raise PydanticCustomError("corpora", "should name each corpus once")
        return self

    @property
    def sources(self) -> tuple[Ref, ...]:
        return self.corpora or ((self.corpus,) if self.corpus else ())


class DatasetView(BaseModel):
    namespace: str
    name: str
    corpus: str
    """The first of its corpora."""
    corpora: list[str] | None = None
    """All of them; told of a single dataset only, not in lists."""
    description: str
    splits: dict[str, float] | None
    """Those of its first version, which all others keep; null before it."""
    split_by: str | None
    """What stays together in one: `seed`, `cluster` or `row`; likewise."""
    latest: int | None
    """The number of the latest version that is not withdrawn."""
    created_at: datetime

    @classmethod
    def of(
        cls,
        dataset: Dataset,
        corpus: Corpus,
        latest: int | None,
        corpora: Sequence[Corpus] | None = None,
    ) -> "DatasetView":
        return cls(
            namespace=dataset.namespace,
            name=dataset.name,
            corpus=f"{corpus.namespace}/{corpus.name}",
            corpora=corpora and [f"{each.namespace}/{each.name}" for each in corpora],
            description=dataset.description,
            splits=dataset.splits,
            split_by=dataset.split_by,
            latest=latest,
            created_at=dataset.created_at,
        )


class VersionView(BaseModel):
    dataset: str
    version: int
    commit: str
    """40 hexadecimal digits over the paths and digests of all files."""
    rows: int
    bytes: int
    """Of all files together."""
    splits: dict[str, SplitEntry]
    selection: dict[str, Any]
    layout: dict[str, Any]
    published_at: datetime
    withdrawn_at: datetime | None
    withdrawn_because: str | None
    """Null for a version whose files can be had."""

    @classmethod
    def of(cls, version: DatasetVersion) -> "VersionView":
        manifest = PublishedManifest.model_validate(version.manifest)
        return cls(
            dataset=manifest.dataset,
            version=version.version,
            commit=version.commit,
            rows=version.rows,
            bytes=version.bytes,
            splits=manifest.splits,
            selection=version.selection,
            layout=version.layout,
            published_at=manifest.published_at,
            withdrawn_at=version.withdrawn_at,
            withdrawn_because=version.withdrawn_because,
        )


class Withdrawal(
    BaseModel,
    frozen=True,
    extra="forbid",
    json_schema_extra={"examples": [{"reason": "The template asked for the wrong unit."}]},
):
    reason: Annotated[str, StringConstraints(strip_whitespace=True)] = Field(
        min_length=1, max_length=2000
    )
    """Told to whoever asks for its files from now on."""


class PullView(BaseModel):
    """A receipt."""

    version: int
    who: str = Field(examples=["key:trainer", "local"])
    """Whose key was shown, or signed the URL."""
    key_id: UUID | None
    """Null for callers of the local networks."""
    address: str
    client: str = Field(examples=["limbeck/0.1.0"])
    via: Literal["api", "hub", "url"]
    """`url` is a signed URL."""
    day: date
    """By UTC."""
    first_at: datetime
    last_at: datetime
    requests: int
    bytes: int
    """As they left, so more than a version has where something was fetched twice."""
    files: int
    """How many different ones were asked for."""
    complete: bool
    """Whether so much of every data file was sent as it has."""

    @classmethod
    def of(cls, row: Any) -> "PullView":
        return cls(
            version=row.version,
            who=row.name,
            key_id=None if row.caller == LOCAL else UUID(row.caller),
            address=row.address,
            client=row.client,
            via=row.via,
            day=row.day,
            first_at=row.first_at,
            last_at=row.last_at,
            requests=row.requests,
            bytes=row.bytes,
            files=row.files,
            complete=row.complete,
        )


class UrlsWanted(
    BaseModel, frozen=True, extra="forbid", json_schema_extra={"examples": [{"expires_in": 900}]}
):
    expires_in: int = Field(default=15 * 60, ge=1, le=7 * 24 * 3600)
    """Seconds; at most a week."""
    paths: tuple[str, ...] | None = Field(default=None, min_length=1, max_length=10_000)
    """Of these files; of all files if it is not said."""


class SignedUrl(BaseModel):
    path: str
    sha256: str
    size: int
    url: str


class SignedUrls(BaseModel):
    version: str = Field(examples=["support/faq@3"])
    expires_at: datetime
    files: list[SignedUrl]
