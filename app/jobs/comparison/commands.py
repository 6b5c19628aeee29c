"""Comparisons over the shell."""

from collections.abc import Iterator
from typing import Any

import typer
from rich.markup import escape
from rich.table import Table

from app import shell
from app.jobs.told import JobId

commands = typer.Typer()
"""Goes among the commands of `limbeck job`."""

_FIGURES = {
    "yield": ("yield", True),
    "novelty": ("novelty", True),
    "completion_tokens": ("tokens of a reply", False),
    "tokens_per_record": ("tokens per record", False),
    "cost_per_record": ("cost per record", False),
}
_REASONS = 5


@commands.command()
def compare(job_id: JobId, as_json: shell.Json = False) -> None:
    """The arms of a job side by side, with 95 % confidence intervals."""
    with shell.client() as client:
        found = shell.check(client.get(f"/v1/jobs/{job_id}/comparison"))
    if as_json:
        shell.show(found, as_json=True)
        return
    arms = found["arms"]
    table = Table("", *(escape(arm["name"]) for arm in arms))
    for what in ("candidates", "accepted", "elsewhere"):
        table.add_row(what, *(f"{arm[what]:,}" for arm in arms))
    for name, (said, is_share) in _FIGURES.items():
        if all(arm["figures"][name] is None for arm in arms):
            continue
        unit = f", {found['currency']}" if name == "cost_per_record" and found["currency"] else ""
        table.add_row(said + unit, *(_figure(arm["figures"][name], is_share) for arm in arms))
        table.add_row(
            "  to the first", *(_difference(arm["difference"], name, is_share) for arm in arms)
        )
    for reason in _common(arms):
        table.add_row(escape(reason), *(f"{arm['reasons'].get(reason, 0):,}" for arm in arms))
    shell.out.print(table)
    how = "row by row" if found["paired"] else "as of rows of their own: teachers share them out"
    shell.out.print(
        f"job {found['state']}; intervals hold 95 times out of a hundred; arms are compared {how}; "
        "* marks a difference that hardly comes by chance",
        markup=False,
    )


def _figure(told: dict[str, Any] | None, is_share: bool) -> str:  # noqa: FBT001
    if told is None:
        return "-"
    return _number(told["value"], is_share) + _interval(told, is_share)


def _difference(told: dict[str, Any] | None, name: str, is_share: bool) -> str:  # noqa: FBT001
    found = told and told[name]
    if not found:
        return ""
    sign = "+" if found["value"] > 0 else ""
    mark = " *" if found["differs"] else ""
    return sign + _number(found["value"], is_share) + _interval(found, is_share) + mark


def _interval(told: dict[str, Any], is_share: bool) -> str:  # noqa: FBT001
    if told["low"] is None:
        return ""
    return f" ({_number(told['low'], is_share)} to {_number(told['high'], is_share)})"


def _number(value: float, is_share: bool) -> str:  # noqa: FBT001
    if is_share:
        return f"{value:.1%}"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"  # noqa: PLR2004


def _common(arms: list[dict[str, Any]]) -> Iterator[str]:
    """The reasons that most samples were lost for, over all arms."""
    names = dict.fromkeys(reason for arm in arms for reason in arm["reasons"])
    lost = {name: sum(arm["reasons"].get(name, 0) for arm in arms) for name in names}
    yield from sorted(lost, key=lambda name: -lost[name])[:_REASONS]
