"""`limbeck corpus import`: a file taken in by a job."""

from pathlib import Path
from typing import Annotated

import orjson
import typer

from app import shell
from app.jobs.told import told
from app.names import Ref
from app.uploads.formats import FORMATS

commands = typer.Typer()
"""Goes among the commands of `limbeck corpus`."""


@commands.command("import")
def import_file(
    file: Annotated[
        Path, typer.Argument(exists=True, dir_okay=False, help="A .jsonl, .csv or .parquet file.")
    ],
    name: Annotated[
        str | None, typer.Option("--corpus", help="name or namespace/name; by default the file's.")
    ] = None,
    form: Annotated[
        str | None,
        typer.Option("--format", help="jsonl, csv or parquet, if the suffix does not say."),
    ] = None,
    column: Annotated[
        list[str] | None,
        typer.Option(help="Where a column goes: output=answer. Those not named are left out."),
    ] = None,
    accept: Annotated[str | None, typer.Option(help="What drops rows, as JSON.")] = None,
    dedup: Annotated[str | None, typer.Option(help="What makes two the same, as JSON.")] = None,
    watch: Annotated[bool, typer.Option("--watch", help="Stay until it has ended.")] = False,
    key: Annotated[
        str | None, typer.Option(help="Idempotency-Key: the same key imports once.")
    ] = None,
    as_json: shell.Json = False,
) -> None:
    """Take a file into a corpus: filtered and deduplicated by a job, as replies are."""
    ref = _ref(name or file.stem)
    found = form or FORMATS.get(file.suffix.lower())
    if found is None:
        shell.fail(f"{file.name}: which format?", "Say --format jsonl, csv or parquet.", 2)
    asked = {
        "format": found,
        "file": file.name,
        "columns": _columns(column),
        "accept": accept,
        "dedup": dedup,
    }
    headers = {"content-type": "application/octet-stream"}
    if key:
        headers["Idempotency-Key"] = key
    with shell.client() as api, file.open("rb") as content:
        answer = api.post(
            f"/v1/corpora/{ref.namespace}/{ref.name}/imports",
            params={name: value for name, value in asked.items() if value is not None},
            content=content,
            headers=headers,
        )
        told(api, shell.check(answer), watch=watch, as_json=as_json)


def _columns(pairs: list[str] | None) -> str | None:
    if not pairs:
        return None
    split = [pair.partition("=") for pair in pairs]
    for pair, (column, _, goal) in zip(pairs, split, strict=True):
        if not column or not goal:
            shell.fail(f"{pair!r} should be column=field, such as output=answer", None, 2)
    return orjson.dumps({column: goal for column, _, goal in split}).decode()


def _ref(text: str) -> Ref:
    try:
        ref = Ref.parse(text)
    except ValueError as error:
        shell.fail(f"{text!r} {error}", None, 2)
    if ref.version is not None:
        shell.fail("a corpus has no versions", f"Use --corpus {ref.namespace}/{ref.name}.", 2)
    return ref
