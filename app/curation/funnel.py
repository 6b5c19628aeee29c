"""How far samples come: the funnel's stages, and at which of them a reason lets a sample fall."""

from collections.abc import Mapping
from enum import StrEnum


class Stage(StrEnum):
    """In this order; each counts the samples that came at least so far."""

    GENERATED = "generated"
    PARSED = "parsed"
    FILTERED = "filtered"
    JUDGED = "judged"
    NOVEL = "novel"
    ACCEPTED = "accepted"


_REACHED = {
    "finish": Stage.GENERATED,
    "text": Stage.GENERATED,
    "parse": Stage.GENERATED,
    "filter": Stage.PARSED,
    "judge": Stage.FILTERED,
    "quota": Stage.JUDGED,
    "dedup": Stage.JUDGED,
}


def reached(reason: str | None) -> Stage | None:
    """The last stage passed by a sample refused for this reason; without one it was accepted.

    Nothing for `teacher.*` and other reasons from before there was a completion.
    """
    if reason is None:
        return Stage.ACCEPTED
    return _REACHED.get(reason.partition(".")[0])


def count(by_reason: Mapping[str | None, int]) -> dict[Stage, int]:
    """The funnel of samples counted by reason, those accepted under `None`."""
    order = list(Stage)
    totals = dict.fromkeys(order, 0)
    for reason, number in by_reason.items():
        last = reached(reason)
        if last is not None:
            for stage in order[: order.index(last) + 1]:
                totals[stage] += number
    return totals
