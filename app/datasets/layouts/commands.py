"""Layouts over the shell."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import httpx
import orjson
import typer

from app import shell
from app.datasets.layouts import said

commands = typer.Typer()

LayoutName = Annotated[
    str, typer.Option(help="How rows are written; `limbeck dataset layouts` lists the names.")
]
LayoutOptions = Annotated[
    list[str] | None,
    typer.Option(
        "--option",
        "-o",
        help="A parameter of the layout: system=true, completion=answer, columns.input=TEMPLATE. "
        "Lists take commas; may be said several times.",
    ),
]
LayoutJson = Annotated[
    str | None, typer.Option(help="The whole layout as JSON instead, or @FILE with it.")
]


@commands.command("preview")
def preview_rows(
    dataset: Annotated[str, typer.Argument(help="A dataset, such as support/faq.")],
    layout: LayoutName = "records",
    option: LayoutOptions = None,
    layout_json: LayoutJson = None,
    rows: Annotated[int, typer.Option(help="How many.", min=1, max=20)] = 3,
    as_json: shell.Json = False,
) -> None:
    """Show the first rows as a layout would write them; nothing is published."""
    ref = shell.ref(dataset)
    with shell.client() as client:
        body = {"layout": layout_said(client, layout, option or (), layout_json), "rows": rows}
        url = f"/v1/datasets/{ref.namespace}/{ref.name}/preview"
        made = shell.check(client.post(url, json=body))
    shell.show(made if as_json else made["rows"], as_json=True)


@commands.command("layouts")
def list_layouts(
    name: Annotated[str | None, typer.Argument(help="Only this one, with an example row.")] = None,
    as_json: shell.Json = False,
) -> None:
    """Layouts that rows can be written in, and the trainers that read them."""
    with shell.client() as client:
        known = shell.check(client.get("/v1/layouts"))
    if name is not None:
        known = [each for each in known if each["name"] == name]
        if not known:
            shell.fail(f"no layout is named {name!r}", "`limbeck dataset layouts` lists them.", 2)
    if as_json or name is not None:
        shell.show(known[0] if name is not None else known, as_json=True)
        return
    rows = [
        {"layout": each["name"], "for": ", ".join(use["trainer"] for use in each["uses"])}
        for each in known
    ]
    shell.show(rows, as_json=False, columns=("layout", "for"))


def layout_said(
    client: httpx.Client, name: str, options: Sequence[str], whole: str | None
) -> dict[str, Any]:
    """The layout that is meant, as the API takes it."""
    if whole is not None:
        text = Path(whole[1:]).read_bytes() if whole.startswith("@") else whole
        try:
            made: dict[str, Any] = orjson.loads(text)
        except orjson.JSONDecodeError as error:
            shell.fail(f"--layout-json should be JSON: {error}", None, 2)
        return made
    known = shell.check(client.get("/v1/layouts")) if options else ()
    try:
        return said.layout(name, options, known)
    except said.Missaid as error:
        shell.fail(str(error), None, 2)
