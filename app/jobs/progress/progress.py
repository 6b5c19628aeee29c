"""How far a job has come, as its followers are told."""

from typing import Literal

from pydantic import BaseModel

from app.jobs.account import FunnelView, LedgerView, TokensView
from app.jobs.forecast import ForecastView
from app.jobs.ledger import Ledger
from app.jobs.limits import LimitsView
from app.jobs.models import Job
from app.jobs.spent import Spent, SpentView


class ChunksView(BaseModel):
    ready: int
    """Waiting for a worker."""
    running: int


class Progress(BaseModel):
    kind: Literal["generate", "reprocess", "import"]
    state: str
    """As in the job's own answer."""
    reason: str | None
    num_records: int
    ledger: LedgerView
    funnel: FunnelView
    tokens: TokensView
    limits: LimitsView
    spent: SpentView
    chunks: ChunksView
    in_flight: int
    forecast: ForecastView | None

    @property
    def outside(self) -> tuple[str, str | None, int, int]:
        """What may change without a sample's end."""
        return self.state, self.reason, self.in_flight, self.chunks.running

    @classmethod
    def of(
        cls,
        job: Job,
        account: Ledger,
        waiting: tuple[str, str] | None,
        spent: Spent,
        in_flight: int,
        forecast: ForecastView | None,
    ) -> "Progress":
        state, reason = waiting or (job.state, job.reason)
        return cls(
            kind=job.kind,
            state=state,
            reason=reason,
            num_records=job.num_records,
            ledger=LedgerView.of(account),
            funnel=FunnelView.of(account.accepted, account.reasons),
            tokens=TokensView.of(account),
            limits=LimitsView.of(job),
            spent=SpentView.of(spent),
            chunks=ChunksView(ready=account.chunks_ready, running=account.chunks_running),
            in_flight=in_flight,
            forecast=forecast,
        )
