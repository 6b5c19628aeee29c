"""Whoever wants to know is told that a job has ended."""

from sqlalchemy.ext.asyncio import AsyncSession

from app.corpus import store as corpora
from app.jobs import tickets
from app.jobs.ledger import Ledger
from app.jobs.models import Job
from app.webhooks import store as webhooks
from app.webhooks.schemas import WebhookSpec

EVENT = "job.ended"


async def announce_end(
    session: AsyncSession, job: Job, state: str, reason: str | None, account: Ledger
) -> None:
    """In the transaction that ends it: told if and only if it has ended, and once."""
    wanted = job.document.get("webhook")
    if wanted is None:
        return
    data = {
        "job_id": job.id,
        "state": state,
        "reason": reason,
        "corpus": str(await corpora.ref_of(session, job.corpus_id)),
        "num_records": job.num_records,
        "accepted": account.accepted,
        "rejected": account.rejected,
        "failed": account.failed,
        "cancelled": account.cancelled,
    }
    hook = WebhookSpec.model_validate(wanted)
    await webhooks.announce(session, hook, EVENT, data, owner_id=job.id, subject_id=job.id)
    await tickets.issue_deliveries(session)
