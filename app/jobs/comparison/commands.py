"""Comparisons over the shell."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import typer
from rich.markup import escape
from rich.table import Table

from app import shell
from app.jobs.told import JobId

commands = typer.Typer()
"""Goes among the commands of `limbeck job`."""


@dataclass(frozen=True, slots=True)
class _Figure:
    name: str
    said: str
    unit: str = ""
    """Of a difference."""
    times: float = 1.0
    """What is shown is so many times what is answered."""

    def value(self, told: dict[str, Any] | None) -> str:
        if told is None:
            return "-"
        return self._number(told["value"]) + self._of_share + self._interval(told)

    def difference(self, differences: dict[str, Any] | None) -> str:
        told = differences and differences[self.name]
        if not told:
            return ""
        sign = "+" if told["value"] > 0 else ""
        mark = " *" if told["differs"] else ""
        return sign + self._number(told["value"]) + self.unit + self._interval(told) + mark

    @property
    def _of_share(self) -> str:
        return "%" if self.unit else ""

    def _interval(self, told: dict[str, Any]) -> str:
        if told["low"] is None:
            return ""
        return f" ({self._number(told['low'])} to {self._number(told['high'])})"

    def _number(self, value: float) -> str:
        value *= self.times
        digits = 1 if self.unit or 1 <= abs(value) < 100 else 0 if abs(value) >= 100 else 4  # noqa: PLR2004
        return f"{value:,.{digits}f}"


_FIGURES = (
    _Figure("yield", "yield", " points", 100),
    _Figure("novelty", "novelty", " points", 100),
    _Figure("score", "score by the judge"),
    _Figure("completion_tokens", "tokens of a reply"),
    _Figure("tokens_per_record", "tokens per record"),
    _Figure("cost_per_record", "cost of 1,000 records", times=1000),
)
_COUNTS = {
    "candidates": "candidates",
    "accepted": "accepted",
    "elsewhere": "said first by another arm",
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
    for what, said in _COUNTS.items():
        table.add_row(said, *(f"{arm[what]:,}" for arm in arms))
    for figure in _FIGURES:
        if all(arm["figures"][figure.name] is None for arm in arms):
            continue
        is_money = figure.name == "cost_per_record" and found["currency"]
        said = f"{figure.said}, {found['currency']}" if is_money else figure.said
        table.add_row(said, *(figure.value(arm["figures"][figure.name]) for arm in arms))
        table.add_row("  to the first arm", *(figure.difference(arm["difference"]) for arm in arms))
    for reason in _common(arms):
        table.add_row(escape(reason), *(f"{arm['reasons'].get(reason, 0):,}" for arm in arms))
    shell.out.print(table)
    rows = "paired by row" if found["paired"] else "over different rows"
    shell.out.print(f"job {found['state']}; 95 % intervals; differences {rows}", markup=False)
    shell.out.print("* a difference that hardly comes by chance", markup=False)


def _common(arms: list[dict[str, Any]]) -> Iterator[str]:
    """The reasons that most samples were lost for, over all arms."""
    names = dict.fromkeys(reason for arm in arms for reason in arm["reasons"])
    lost = {name: sum(arm["reasons"].get(name, 0) for arm in arms) for name in names}
    yield from sorted(lost, key=lambda name: -lost[name])[:_REASONS]
