"""Whom a job asked, and by what, as its document says: one arm, or several."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Asked:
    teacher: str | None
    template: str | None
    few_shot: str | None
    shown: int | None
    """How many examples a prompt showed."""
    sampling: Mapping[str, Any] | None


def asked_by(document: Mapping[str, Any]) -> Iterator[Asked]:
    """The arms of a resolved document, in their order. One that asks nobody has an empty one."""
    teacher = document.get("teacher")
    compared = (document.get("compare") or {}).get("arms")
    if compared:
        yield from (_asked(arm, arm["teacher"]) for arm in compared)
    elif isinstance(teacher, list):
        yield from (_asked(document, share["name"]) for share in teacher)
    else:
        yield _asked(document, teacher)


def _asked(said: Mapping[str, Any], teacher: str | None) -> Asked:
    few_shot = said.get("few_shot") or {}
    return Asked(
        teacher=teacher,
        template=said.get("template"),
        few_shot=few_shot.get("set"),
        shown=few_shot.get("k"),
        sampling=said.get("sampling"),
    )
