"""`limbeck evaluation`: push evaluation sets, look at what is there."""

from pathlib import Path
from typing import Annotated

import typer

from app import shell
from app.names import Ref
from app.uploads.formats import FORMATS

commands = typer.Typer(
    name="evaluation", help="Evaluation sets: what records must not copy.", no_args_is_help=True
)

_COLUMNS = ("ref", "items", "texts", "too_short", "fields", "retired_at")


@commands.command()
def push(
    file: Annotated[
        Path, typer.Argument(exists=True, dir_okay=False, help="A .jsonl, .csv or .parquet file.")
    ],
    name: Annotated[
        str | None, typer.Option(help="name or namespace/name; by default the file's own name.")
    ] = None,
    field: Annotated[
        list[str] | None,
        typer.Option(help="A field that counts; may be given again. By default all count."),
    ] = None,
    form: Annotated[
        str | None,
        typer.Option("--format", help="jsonl, csv or parquet, if the suffix does not say."),
    ] = None,
    json: shell.Json = False,
) -> None:
    """Upload a file as the next version of an evaluation set. The same items change nothing."""
    ref = _ref(name or file.stem)
    found = form or FORMATS.get(file.suffix.lower())
    if found is None:
        shell.fail(f"{file.name}: which format?", "Say --format jsonl, csv or parquet.", 2)
    with shell.client() as api, file.open("rb") as content:
        answer = api.post(
            f"/v1/evaluation-sets/{ref.namespace}/{ref.name}/versions",
            params={"format": found, "fields": field or []},
            content=content,
            headers={"content-type": "application/octet-stream"},
        )
        shell.show(shell.check(answer), as_json=json, columns=_COLUMNS)


@commands.command("list")
def list_(
    namespace: Annotated[str | None, typer.Option(help="Only of this namespace.")] = None,
    json: shell.Json = False,
) -> None:
    """The latest version of every evaluation set."""
    with shell.client() as api:
        found, cursor = [], None
        while True:
            asked = {"namespace": namespace, "cursor": cursor, "limit": 200}
            page = shell.check(
                api.get(
                    "/v1/evaluation-sets",
                    params={k: v for k, v in asked.items() if v is not None},
                )
            )
            found += page["items"]
            cursor = page["next"]
            if cursor is None:
                break
    shell.show({"items": found}, as_json=json, columns=_COLUMNS)


def _ref(text: str) -> Ref:
    try:
        ref = Ref.parse(text)
    except ValueError as error:
        shell.fail(f"{text!r} {error}", None, 2)
    if ref.version is not None:
        shell.fail("versions are numbered by the API", f"Use --name {ref.namespace}/{ref.name}.", 2)
    return ref
