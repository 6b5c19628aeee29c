"""What changed between two versions of a template."""

import difflib
from dataclasses import dataclass
from typing import Any

from app.prompts.template import Template

_CONTEXT = 3


@dataclass(frozen=True, slots=True)
class Change:
    """One thing a version declares otherwise than the one before it."""

    what: str
    """A pointer: `/inputs/topic`, `/response/answer`, `/sampling/temperature`, `/dedup`."""
    before: Any
    """Absent things are null."""
    after: Any


@dataclass(frozen=True, slots=True)
class Difference:
    text: str
    """A unified diff of the sources; empty when they are equal."""
    changes: tuple[Change, ...]


def compare(before: Template, after: Template, names: tuple[str, str]) -> Difference:
    """The difference between two templates; `names` head the two sides of the diff."""
    lines = difflib.unified_diff(
        before.source.splitlines(keepends=True),
        after.source.splitlines(keepends=True),
        *names,
        n=_CONTEXT,
    )
    return Difference("".join(lines), tuple(_changes(_declared(before), _declared(after))))


def _declared(template: Template) -> dict[str, Any]:
    inputs = {f"/inputs/{name}": schema for name, schema in template.inputs["properties"].items()}
    answer = {
        f"/response/{name}": schema for name, schema in template.response["properties"].items()
    }
    sampling = {f"/sampling/{name}": value for name, value in template.sampling.items()}
    plain = {
        "/description": template.description,
        "/format": template.format,
        "/dedup": list(template.dedup),
    }
    return plain | inputs | answer | sampling


def _changes(before: dict[str, Any], after: dict[str, Any]) -> list[Change]:
    return [
        Change(what, before.get(what), after.get(what))
        for what in dict.fromkeys([*before, *after])
        if before.get(what) != after.get(what)
    ]
