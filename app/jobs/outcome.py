"""What became of a sample, on its way from the teacher to the ledger."""

from dataclasses import dataclass

from app.corpus.candidate import Candidate, Place, Rejected


@dataclass(frozen=True, slots=True)
class Failed:
    """No usable reply could be had for this sample."""

    place: Place
    reason: str
    detail: str
    attempts: int


Outcome = Candidate | Rejected | Failed
"""`Candidate` still has to be novel."""
