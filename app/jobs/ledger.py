"""The account of a job: every planned sample is in exactly one column, at every moment."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Ledger:
    """planned = accepted + rejected + failed + cancelled + open."""

    planned: int
    accepted: int
    rejected: int
    failed: int
    cancelled: int
    reasons: Mapping[str, int]
    """Rejected and failed samples by reason."""
    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int
    judge_prompt_tokens: int
    judge_completion_tokens: int
    chunks_ready: int
    chunks_running: int

    @property
    def settled(self) -> int:
        return self.accepted + self.rejected + self.failed

    @property
    def open(self) -> int:
        return self.planned - self.settled - self.cancelled

    @property
    def sums(self) -> dict[str, int]:
        """What is summed up over all jobs."""
        return {
            "accepted": self.accepted,
            "rejected": self.rejected,
            "failed": self.failed,
            "cancelled": self.cancelled,
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": self.completion_tokens,
            "cached_tokens": self.cached_tokens,
            "judge_prompt_tokens": self.judge_prompt_tokens,
            "judge_completion_tokens": self.judge_completion_tokens,
        }
