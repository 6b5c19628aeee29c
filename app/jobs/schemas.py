"""The job document, and a job as it is shown."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, BeforeValidator, Field, model_validator

from app.curation.accept import AcceptSpec
from app.curation.novelty import DedupSpec
from app.datasets.spec import PublishSpec
from app.jobs.account import FunnelView, LedgerView, TokensView
from app.jobs.arm_spec import CompareSpec, FewShot, Teachers
from app.jobs.forecast import ForecastView
from app.jobs.ledger import Ledger
from app.jobs.limits import MOST_RECORDS, Limits, LimitsView
from app.jobs.models import Job
from app.jobs.novelty import Counted, Novelty
from app.jobs.spent import Spent, SpentView
from app.jobs.store import Failure
from app.jobs.trial import SmokeSpec, SmokeView
from app.names import Ref
from app.recipes import Recipe, Single, recipes
from app.seeds.spec import SeedSpec
from app.teachers.sampling import Sampling
from app.webhooks.schemas import WebhookSpec


def _recipe_name(value: Any) -> Any:
    return {"name": value} if isinstance(value, str) else value


EXAMPLE: dict[str, Any] = {
    "corpus": "support/faq",
    "teacher": "local",
    "template": "question-answer",
    "few_shot": {"set": "question-answer", "k": 6},
    "seeds": {
        "matrix": {"topic": ["refunds", "delivery", "passwords"], "level": {"easy": 1, "hard": 3}},
        "random_seed": 7,
    },
    "sampling": {"temperature": 0.8, "max_tokens": 300},
    "num_records": 60,
}


_COMPARED: dict[str, Any] = {
    "corpus": "support/faq",
    "teacher": "local",
    "template": "question-answer",
    "seeds": {"rows": [{"topic": "refunds", "level": "easy"}]},
    "compare": {"rows": 40, "arms": [{}, {"sampling": {"temperature": 0.3}, "name": "cooler"}]},
}


class JobSpec(
    BaseModel, frozen=True, extra="forbid", json_schema_extra={"examples": [EXAMPLE, _COMPARED]}
):
    """The document of a job: a file, the body of a submission, the body of a preview. Corpus,
    teacher, template, seeds and num_records are enough.
    """

    corpus: Ref
    """Where records land. It is made if it does not exist."""
    teacher: Teachers
    """Who is asked. Of several, each is asked about a part of the rows, as its weight says; while
    one is away, the others go on, and after a minute they take over what it was to be asked."""
    template: Ref
    """What is asked; its latest version if none is given."""
    few_shot: FewShot | None = None
    """The examples shown; none if it is not said."""
    seeds: SeedSpec
    """The rows that the template is rendered over, again and again until the target is reached."""
    sampling: Sampling | None = None
    """Above the template's own defaults."""
    recipe: Annotated[Recipe, recipes, BeforeValidator(_recipe_name)] = Single()
    accept: AcceptSpec = AcceptSpec()
    dedup: DedupSpec | None = None
    """What makes two records the same. It settles the policy of a new corpus; for one that has
    records already it should say nothing else than its policy does."""
    compare: CompareSpec | None = None
    """Ask several arms about the same rows, and compare what comes of it. Each arm says what is
    different; what all of them say, such as the template, may be left out here. Its `rows` stand in
    the place of `num_records`."""
    num_records: int | None = Field(default=None, ge=1, le=MOST_RECORDS, examples=[60])
    """The target, in accepted records. If it is not said, every seed row is asked once."""
    stratify: bool = False
    """Divide `num_records` over the cells of the matrix, by its weights: each cell has a quota of
    accepted records then, and is asked for until it has that, and no longer."""
    limits: Limits = Limits()
    on_exhausted: Literal["finish", "fail"] = "finish"
    """How a job ends that used up its candidates before it reached its target."""
    smoke: SmokeSpec | Literal[False] = SmokeSpec()
    """Pause the job when hardly any of its first samples is accepted; `false` lets it go on."""
    priority: int = Field(default=0, ge=-100, le=100)
    """Jobs of a higher priority are worked first."""
    publish: PublishSpec | None = None
    """A dataset version to publish from the corpus when the job has finished."""
    webhook: WebhookSpec | None = None
    """Whom to tell when the job has ended, however it did."""

    @model_validator(mode="before")
    @classmethod
    def _said_by_every_arm(cls, value: Any) -> Any:
        """What all arms say need not be said above them."""
        compare = value.get("compare") if isinstance(value, dict) else None
        arms = compare.get("arms") if isinstance(compare, dict) else None
        if not isinstance(arms, list) or not all(isinstance(arm, dict) for arm in arms):
            return value
        said = [name for name in ("teacher", "template") if all(arm.get(name) for arm in arms)]
        return {name: arms[0][name] for name in said if arms} | value


class StratumView(BaseModel):
    """One cell of the matrix; a job without one, or with more than 10,000 cells, is one."""

    stratum: dict[str, Any] = Field(examples=[{"topic": "refunds", "level": "easy"}])
    candidates: int
    """Samples that passed all filters, so that they were compared with the corpus."""
    new: int
    """Of these, those that became records."""
    recent_share: float | None
    """Of new ones among the last `window` candidates, or among all while there are fewer; null
    before the first."""
    dry: bool
    """Whether it was given up."""
    cancelled: int
    """Samples that were not asked for because of that, or because it has its quota."""
    quota: int | None
    """How many records it should have; null in a job that does not `stratify`."""
    settled: int | None
    """Samples of it that were decided on while it lacked records: over-generation goes by `new`
    of these. Null without a quota."""

    @classmethod
    def of(cls, counted: Counted) -> "StratumView":
        return cls(
            stratum=dict(counted.cell),
            candidates=counted.candidates,
            new=counted.novel,
            recent_share=counted.recent_novel / counted.recent if counted.recent else None,
            dry=counted.dry,
            cancelled=counted.cancelled,
            quota=counted.quota,
            settled=None if counted.quota is None else counted.settled,
        )


class PointView(BaseModel):
    candidates: int
    """From the job's beginning to here."""
    share: float
    """Of new ones among those since the point before."""


class NoveltyView(BaseModel):
    """How much of what came was new to the corpus."""

    window: int
    min_novelty: float | None
    overall: list[PointView]
    """The curve of the whole job, in at most 50 points."""
    strata: list[StratumView]
    """The driest 50; `GET /v1/jobs/{id}/novelty` has all."""
    dry: int
    """How many were given up."""
    known: int
    """Of how many there was a candidate."""
    full: int | None
    """How many have their quota; null in a job that does not `stratify`."""

    @classmethod
    def of(cls, novelty: Novelty, limits: dict[str, Any]) -> "NoveltyView":
        return cls(
            window=limits.get("novelty_window", 100),
            min_novelty=limits.get("min_novelty"),
            overall=[PointView(candidates=p.candidates, share=p.share) for p in novelty.curve],
            strata=[StratumView.of(counted) for counted in novelty.driest],
            dry=novelty.dry,
            known=novelty.known,
            full=novelty.full,
        )


class JobView(BaseModel):
    id: UUID
    kind: Literal["generate", "reprocess", "import"]
    """`generate` asks a teacher; `reprocess` decides stored replies anew; `import` takes in a
    file."""
    state: Literal[
        "queued",
        "running",
        "waiting_for_teacher",
        "paused",
        "cancelling",
        "finished",
        "failed",
        "cancelled",
    ]
    reason: str | None
    """Why it ended as it did, why it is paused, or what it waits for."""
    digest: str
    """Of the document: equal for jobs that ask for the same."""
    document: dict[str, Any]
    """Resolved: every "latest" pinned, every default written out."""
    priority: int
    num_records: int
    """The target, as it is now; of a job that asks nobody, how many replies it decides on."""
    ledger: LedgerView
    funnel: FunnelView
    before: FunnelView | None
    """Of a reprocess job: how the same replies had been decided when it was submitted."""
    novelty: NoveltyView | None = None
    """For a single job only, not in lists."""
    smoke: SmokeView | None = None
    """What its first samples showed; for a single job only."""
    forecast: ForecastView | None = None
    """What is still to come; for a single job that has not ended, once a chunk of it has."""
    tokens: TokensView
    limits: LimitsView
    spent: SpentView
    in_flight: int | None = None
    """Requests that its teacher is answering, as of the workers' last sign of life; for a single
    job only."""
    limit: int | None = None
    """How many requests its teacher is given at a time now, of all jobs; found from its load and
    its rate. Null while no worker has anything for it; for a single job only."""
    published: str | None
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None

    @classmethod
    def of(
        cls,
        job: Job,
        account: Ledger,
        waiting: tuple[str, str] | None,
        spent: Spent,
        novelty: Novelty | None = None,
        smoke: SmokeView | None = None,
    ) -> "JobView":
        """`waiting` is the state to show instead, and why, for a job that waits for something."""
        state, reason = waiting or (job.state, job.reason)
        return cls(
            id=job.id,
            kind=job.kind,
            state=state,
            reason=reason,
            digest=job.digest,
            document=job.document,
            priority=job.priority,
            num_records=job.num_records,
            ledger=LedgerView.of(account),
            funnel=FunnelView.of(account.accepted, account.reasons),
            before=None if job.before is None else FunnelView.of(**job.before),
            novelty=novelty and NoveltyView.of(novelty, job.document.get("limits") or {}),
            smoke=smoke,
            tokens=TokensView.of(account),
            limits=LimitsView.of(job),
            spent=SpentView.of(spent),
            published=job.published,
            created_at=job.created_at,
            started_at=job.started_at,
            ended_at=job.ended_at,
        )


class FailureView(BaseModel):
    """A sample for which no usable reply could be had."""

    item: int
    sample: int
    reason: str = Field(examples=["teacher.error_500"])
    detail: str | None
    attempts: int

    @classmethod
    def of(cls, failure: Failure) -> "FailureView":
        return cls(
            item=failure.item,
            sample=failure.sample,
            reason=failure.reason,
            detail=failure.detail,
            attempts=failure.attempts,
        )
