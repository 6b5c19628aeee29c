"""What a job has used of its limits, in one line for a terminal."""

from collections.abc import Callable
from typing import Any

from app.jobs.amounts import short_count, short_time


def used(job: dict[str, Any]) -> str:
    """From its answer, or from its progress: `12.3M of 40M tokens, 20m of 6h, 3.21 EUR`."""
    spent, limits = job["spent"], job["limits"]
    money = spent["currency"] or "money"
    parts = [_part(short_count(spent["tokens"]), limits["tokens"], short_count, "tokens")]
    if spent["gpu_hours"] is not None:
        hours = f"{spent['gpu_hours']:.2f}"
        parts.append(_part(hours, limits["gpu_hours"], lambda most: f"{most:g}", "GPU hours"))
    parts.append(_part(short_time(spent["wall_time_seconds"]), limits["wall_time"], short_time, ""))
    if spent["cost"] is not None:
        cost = f"{spent['cost']:.2f}"
        parts.append(_part(cost, limits["cost"], lambda most: f"{most:g}", money))
    return "used: " + ", ".join(parts)


def _part(so_far: str, most: float | None, told: Callable[[float], str], of_what: str) -> str:
    said = so_far if most is None else f"{so_far} of {told(most)}"
    return f"{said} {of_what}".rstrip()
