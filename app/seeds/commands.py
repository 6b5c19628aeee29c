"""`limbeck seeds`: push files, look at what is there."""

from pathlib import Path
from typing import Annotated

import typer

from app import shell
from app.uploads.formats import FORMATS

commands = typer.Typer(name="seeds", help="Seed datasets: the rows prompts are rendered with.")

_COLUMNS = ("ref", "rows", "columns", "source", "created_at")

NameArgument = Annotated[str, typer.Argument(help="name, namespace/name or namespace/name@version")]


@commands.command()
def push(
    file: Annotated[
        Path, typer.Argument(exists=True, dir_okay=False, help="A .jsonl, .csv or .parquet file.")
    ],
    name: Annotated[
        str | None, typer.Option(help="name or namespace/name; by default the file's own name.")
    ] = None,
    form: Annotated[
        str | None,
        typer.Option("--format", help="jsonl, csv or parquet, if the suffix does not say."),
    ] = None,
    json: shell.Json = False,
) -> None:
    """Upload a file as the next version of a seed dataset. The same rows again change nothing."""
    ref = shell.ref(name or file.stem)
    if ref.version is not None:
        shell.fail("versions are numbered by the API", f"Use --name {ref.namespace}/{ref.name}.", 2)
    found = form or FORMATS.get(file.suffix.lower())
    if found is None:
        shell.fail(f"{file.name}: which format?", "Say --format jsonl, csv or parquet.", 2)
    with shell.client() as api, file.open("rb") as content:
        answer = api.post(
            f"/v1/seeds/{ref.namespace}/{ref.name}/versions",
            params={"format": found},
            content=content,
            headers={"content-type": "application/octet-stream"},
        )
        shell.show(shell.check(answer), as_json=json, columns=_COLUMNS)


@commands.command("list")
def list_(
    namespace: Annotated[str | None, typer.Option(help="Only of this namespace.")] = None,
    json: shell.Json = False,
) -> None:
    """The latest version of every seed dataset."""
    with shell.client() as api:
        found, cursor = [], None
        while True:
            asked = {"namespace": namespace, "cursor": cursor, "limit": 200}
            page = shell.check(
                api.get("/v1/seeds", params={k: v for k, v in asked.items() if v is not None})
            )
            found += page["items"]
            cursor = page["next"]
            if cursor is None:
                break
    shell.show({"items": found}, as_json=json, columns=_COLUMNS)


@commands.command()
def rows(
    name: NameArgument,
    limit: Annotated[int, typer.Option(min=1, max=200, help="How many at most.")] = 10,
    json: shell.Json = False,
) -> None:
    """The first rows of a seed dataset."""
    ref = shell.ref(name)
    with shell.client() as api:
        at = f"@{ref.version}" if ref.version is not None else ""
        page = shell.check(
            api.get(f"/v1/seeds/{ref.namespace}/{ref.name}{at}/rows", params={"limit": limit})
        )
    shell.show(page, as_json=json, columns=("position", "fields"))
