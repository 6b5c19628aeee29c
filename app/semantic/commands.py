"""`limbeck corpus semantic`: which records mean the same."""

from typing import Annotated

import typer

from app import shell
from app.corpus.commands import NameArgument, at

commands = typer.Typer()
"""Goes among the commands of `limbeck corpus`."""

_REPORT = ("teacher", "threshold", "state", "records", "embedded", "compared", "pairs", "reason")
_PAIRS = ("cosine", "older.text", "newer.text")


@commands.command()
def semantic(
    name: NameArgument,
    teacher: Annotated[
        str | None, typer.Option(help="Ask this one for vectors, of what is new or of all.")
    ] = None,
    threshold: Annotated[
        float | None, typer.Option(help="With --teacher: the cosine of a pair.", min=0.5, max=1)
    ] = None,
    field: Annotated[
        list[str] | None, typer.Option(help="With --teacher: what is embedded; may be repeated.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=200, help="Pairs at most.")] = 20,
    as_json: shell.Json = False,
) -> None:
    """Which records mean the same, by an embedding model: ask for the report, then read it."""
    if teacher is None and (threshold is not None or field):
        shell.fail("--threshold and --field say what --teacher is asked", None, 2)
    path = f"{at(name)}/semantic"
    with shell.client() as api:
        if teacher is not None:
            asked = {"teacher": teacher, "threshold": threshold, "fields": field}
            given = {key: value for key, value in asked.items() if value is not None}
            report = shell.check(api.post(path, json=given))
            shell.show(report, as_json=as_json, columns=_REPORT)
            return
        report = shell.check(api.get(path, params={"limit": limit}))
    if as_json:
        shell.show(report, as_json=True)
        return
    shell.show([report], as_json=False, columns=_REPORT)
    shell.show(report["items"], as_json=False, columns=_PAIRS)
