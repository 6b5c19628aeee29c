"""The account of a job as it is shown: its samples, how far they came, and their tokens."""

from collections.abc import Mapping

from pydantic import BaseModel, Field

from app.curation import funnel
from app.jobs.ledger import Ledger


class LedgerView(BaseModel):
    """planned = accepted + rejected + failed + cancelled + open, at every moment."""

    planned: int
    accepted: int
    rejected: int
    failed: int
    cancelled: int
    open: int

    @classmethod
    def of(cls, account: Ledger) -> "LedgerView":
        return cls(
            planned=account.planned,
            accepted=account.accepted,
            rejected=account.rejected,
            failed=account.failed,
            cancelled=account.cancelled,
            open=account.open,
        )


class FunnelView(BaseModel):
    """How many samples came how far, and why the others did not."""

    generated: int
    parsed: int
    filtered: int
    judged: int
    """As `filtered`, where there is no judge."""
    novel: int
    accepted: int
    reasons: dict[str, int] = Field(examples=[{"dedup.exact": 4, "parse.json.schema": 2}])

    @classmethod
    def of(cls, accepted: int, reasons: Mapping[str, int]) -> "FunnelView":
        by_reason: dict[str | None, int] = {None: accepted}
        by_reason.update(reasons)
        counted = {stage.value: number for stage, number in funnel.count(by_reason).items()}
        return cls(
            generated=counted["generated"],
            parsed=counted["parsed"],
            filtered=counted["filtered"],
            judged=counted["judged"],
            novel=counted["novel"],
            accepted=counted["accepted"],
            reasons=dict(reasons),
        )


class TokensView(BaseModel):
    prompt: int
    completion: int
    cached: int
    """Of the prompt tokens, those that the teacher's prefix cache served."""
    judge_prompt: int
    """Those that its judge was asked with, in no other count."""
    judge_completion: int

    @classmethod
    def of(cls, account: Ledger) -> "TokensView":
        return cls(
            prompt=account.prompt_tokens,
            completion=account.completion_tokens,
            cached=account.cached_tokens,
            judge_prompt=account.judge_prompt_tokens,
            judge_completion=account.judge_completion_tokens,
        )
