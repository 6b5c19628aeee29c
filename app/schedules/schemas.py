"""Schedules and their runs as JSON."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import AfterValidator, BaseModel, Field, model_validator
from pydantic_core import PydanticCustomError

from app.jobs.limits import MOST_RECORDS
from app.jobs.schemas import EXAMPLE as JOB
from app.jobs.schemas import JobSpec
from app.names import Ref
from app.schedules.cron import check_cron, zone
from app.schedules.models import Schedule, ScheduleRun
from app.webhooks.schemas import WebhookSpec

DAY = 86_400


def _unversioned(ref: Ref) -> Ref:
    if ref.version is not None:
        raise PydanticCustomError("ref", "should be without @version: schedules have none")
    return ref


class TopUp(
    BaseModel, frozen=True, extra="forbid", json_schema_extra={"examples": [{"records": 500}]}
):
    """What the corpus is kept at: a run asks for what is missing and no more. One of the two."""

    records: int | None = Field(default=None, ge=1, le=MOST_RECORDS, examples=[500])
    """Records in all; where the job says `stratify`, divided over the cells of its matrix by their
    weights."""
    per_stratum: int | None = Field(default=None, ge=1, le=MOST_RECORDS, examples=[None])
    """Records in each cell of the job's matrix, whatever its weight."""

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.records is None) == (self.per_stratum is None):
            raise PydanticCustomError("top_up", "should say records or per_stratum, one of them")
        return self


_EXAMPLE: dict[str, Any] = {
    "name": "support/nightly",
    "cron": "30 2 * * *",
    "timezone": "Europe/Berlin",
    "top_up": {"per_stratum": 40},
    "job": {key: value for key, value in JOB.items() if key != "num_records"},
}


class ScheduleSpec(
    BaseModel, frozen=True, extra="forbid", json_schema_extra={"examples": [_EXAMPLE]}
):
    """When to submit which job."""

    name: Annotated[Ref, AfterValidator(_unversioned)] = Field(examples=["support/nightly"])
    """In the namespace of the job's corpus."""
    cron: Annotated[str, Field(min_length=1, max_length=200), AfterValidator(check_cron)] = Field(
        examples=["30 2 * * *"]
    )
    """Minute, hour, day of the month, month, day of the week; or `@hourly`, `@daily`, `@weekly`,
    `@monthly`, `@yearly`."""
    timezone: Annotated[str, Field(min_length=1, max_length=100), AfterValidator(zone)] = Field(
        default="UTC", examples=["Europe/Berlin"]
    )
    """By whose clocks: a name of the IANA time zone database."""
    jitter: int = Field(default=0, ge=0, le=DAY)
    """Each run starts up to so many seconds later, the same time always equally much: schedules
    that come at the same time need not start together."""
    misfire: Literal["skip", "catch_up"] = "catch_up"
    """What becomes of times that nobody could keep, because no worker was there or the clock was
    put forward: nothing, or one run for all of them."""
    grace: int = Field(default=300, ge=10, le=7 * DAY)
    """How many seconds late a run may start before its time counts as missed."""
    overlap: Literal["skip", "queue", "allow"] = "skip"
    """What becomes of a time that comes while the run before is still going: it is left out, it
    waits for its turn, or it starts all the same."""
    paused: bool | None = None
    """A paused schedule lets its times pass. If it is not said, a new one is not paused and another
    stays as it is."""
    job: JobSpec
    """What to submit: a job document. What it leaves open, such as a template's version, is pinned
    by each run."""
    top_up: TopUp | None = None
    """Ask only for what the corpus lacks; then the job says no `num_records`."""
    webhook: WebhookSpec | None = None
    """Whom to tell when a run has ended."""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        corpus = self.job.corpus
        if corpus.namespace != self.name.namespace:
            raise PydanticCustomError(
                "schedule",
                "should have a name in the namespace of the job's corpus: {namespace}/…",
                {"namespace": corpus.namespace},
            )
        if self.top_up is None:
            return self
        if self.job.num_records is not None:
            raise PydanticCustomError(
                "schedule", "should say top_up or the job's num_records, not both"
            )
        if self.overlap == "allow":
            raise PydanticCustomError(
                "schedule", "should not allow overlap: two runs would fill the same gap"
            )
        if self.top_up.per_stratum is not None and not self.job.seeds.matrix:
            raise PydanticCustomError(
                "schedule", "should have a matrix in its job's seeds: its cells are the strata"
            )
        return self


class ComingView(BaseModel):
    nominal: datetime
    """By the clocks of the schedule's time zone."""
    at: datetime
    """With its jitter."""


class ScheduleView(BaseModel):
    namespace: str
    name: str
    cron: str
    timezone: str
    jitter: int
    misfire: Literal["skip", "catch_up"]
    grace: int
    overlap: Literal["skip", "queue", "allow"]
    paused: bool
    job: dict[str, Any]
    """As it was given."""
    top_up: TopUp | None
    webhook: WebhookSpec | None
    next: list[ComingView]
    """The next five times; none while it is paused."""
    created_at: datetime

    @classmethod
    def of(cls, schedule: Schedule, coming: Sequence[tuple[datetime, datetime]]) -> "ScheduleView":
        return cls(
            namespace=schedule.namespace,
            name=schedule.name,
            cron=schedule.cron,
            timezone=schedule.timezone,
            jitter=schedule.jitter,
            misfire=schedule.misfire,
            grace=schedule.grace,
            overlap=schedule.overlap,
            paused=schedule.paused,
            job=schedule.job,
            top_up=schedule.top_up and TopUp.model_validate(schedule.top_up),
            webhook=schedule.webhook and WebhookSpec.model_validate(schedule.webhook),
            next=[ComingView(nominal=nominal, at=at) for nominal, at in coming],
            created_at=schedule.created_at,
        )


class RunView(BaseModel):
    id: UUID
    nominal_time: datetime
    manual: bool
    """Asked for by somebody, at its nominal time."""
    missed_before: int
    """Times right before this one that were missed too, for which nothing is done; 1,000 stands for
    as many or more."""
    state: Literal[
        "queued",
        "running",
        "finished",
        "failed",
        "cancelled",
        "nothing_to_do",
        "skipped",
        "missed",
    ]
    """`skipped` because the run before was still going; `missed` because nobody was there in
    time."""
    jobs: list[UUID]
    """What it submitted: one job; with `per_stratum` or `stratify`, one for each cell that lacks
    records."""
    error: str | None
    """Why it did nothing, or did not end well."""
    published: str | None
    """The dataset version that it made, or why it could not."""
    started_at: datetime | None
    ended_at: datetime | None

    @classmethod
    def of(cls, run: ScheduleRun) -> "RunView":
        return cls(
            id=run.id,
            nominal_time=run.nominal_time,
            manual=run.manual,
            missed_before=run.missed_before,
            state=run.state,
            jobs=run.jobs,
            error=run.error,
            published=run.published,
            started_at=run.started_at,
            ended_at=run.ended_at,
        )
