"""Datasets over the shell."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import httpx
import orjson
import typer
from rich.markup import escape
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

from app import shell
from app.datasets import said
from app.datasets.manifest import MANIFEST, PublishedManifest
from app.datasets.pull import pull
from app.errors import AppError
from app.names import Ref

commands = typer.Typer(
    name="dataset", help="Publish datasets and pull their versions.", no_args_is_help=True
)

_PULL = (
    "version",
    "who",
    "address",
    "client",
    "via",
    "first_at",
    "last_at",
    "bytes",
    "files",
    "complete",
)

Fields = Annotated[
    list[str] | None, typer.Option(help="A field of the corpus; may be said several times.")
]
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


@commands.command()
def publish(
    corpus: Annotated[str, typer.Argument(help="The corpus, such as support/faq.")],
    name: Annotated[
        str | None, typer.Option(help="The dataset; named like the corpus if it is not said.")
    ] = None,
    description: Annotated[str, typer.Option(help="For the card, when the dataset is new.")] = "",
    layout: LayoutName = "records",
    option: LayoutOptions = None,
    layout_json: LayoutJson = None,
    prompt: Fields = None,
    completion: Fields = None,
    split: Annotated[
        list[str] | None, typer.Option(help="A split and its share, such as train=0.95.")
    ] = None,
    as_json: shell.Json = False,
) -> None:
    """Publish a corpus as the next version of a dataset, which is made if it does not exist."""
    dataset = _ref(name or corpus)
    body: dict[str, Any] = {}
    if split:
        body["splits"] = dict(_share(text) for text in split)
    named = [f"prompt={each}" for each in prompt or ()]
    named += [f"completion={each}" for each in completion or ()]
    with shell.client() as client:
        body["layout"] = _layout(client, layout, [*named, *(option or ())], layout_json)
        url = f"/v1/datasets/{dataset.namespace}/{dataset.name}"
        if client.get(url).status_code == 404:  # noqa: PLR2004
            new = {
                "namespace": dataset.namespace,
                "name": dataset.name,
                "corpus": corpus,
                "description": description,
            }
            shell.check(client.post("/v1/datasets", json=new))
        made = PublishedManifest.model_validate(
            shell.check(client.post(f"{url}/versions", json=body))
        )
    if as_json:
        shell.show(made.model_dump(mode="json"), as_json=True)
        return
    shell.out.print(f"published [bold]{made.dataset}@{made.version}[/]: {made.rows:,} rows")
    for split_name, entry in made.splits.items():
        shell.out.print(f"  {split_name}: {entry.rows:,} rows, {entry.share:.1%}")


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
    ref = _ref(dataset)
    with shell.client() as client:
        body = {"layout": _layout(client, layout, option or (), layout_json), "rows": rows}
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


@commands.command("list")
def list_datasets(
    limit: Annotated[int, typer.Option(help="How many at most.", min=1, max=200)] = 50,
    as_json: shell.Json = False,
) -> None:
    """Datasets and their latest versions."""
    with shell.client() as client:
        page = shell.check(client.get("/v1/datasets", params={"limit": limit}))
    shell.show(
        page,
        as_json=as_json,
        columns=("namespace", "name", "latest", "corpus", "created_at"),
    )


@commands.command("pull")
def pull_version(
    dataset: Annotated[str, typer.Argument(help="Such as support/faq or support/faq@3.")],
    directory: Annotated[
        Path | None, typer.Argument(help="Where to; a new folder here if it is not said.")
    ] = None,
    as_json: shell.Json = False,
) -> None:
    """Download a version, the latest if none is given; every byte is checked."""
    with (
        shell.client() as client,
        Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            DownloadColumn(),
            TransferSpeedColumn(),
            console=shell.err,
            disable=as_json,
        ) as progress,
    ):
        task = progress.add_task(dataset, total=None)
        try:
            folder = pull(
                client,
                _ref(dataset),
                directory,
                report=lambda done, total: progress.update(task, completed=done, total=total),
                warn=lambda what: shell.err.print(f"[yellow]warning[/] {escape(what)}"),
            )
        except AppError as error:
            shell.fail(error.detail, error.hint)
    if as_json:
        shell.show({"folder": str(folder), "manifest": str(folder / MANIFEST)}, as_json=True)
        return
    shell.out.print(f"pulled into {folder}", markup=False)
    shell.out.print(f'load_dataset("{folder}")', markup=False)


@commands.command()
def withdraw(
    version: Annotated[str, typer.Argument(help="Such as support/faq@3.")],
    reason: Annotated[str, typer.Option(help="Told to whoever asks for it from now on.")],
    as_json: shell.Json = False,
) -> None:
    """Serve a version no more, for good; clients are told the reason."""
    ref = _exact(version)
    with shell.client() as client:
        url = f"/v1/datasets/{ref.namespace}/{ref.name}/versions/{ref.version}/withdraw"
        made = shell.check(client.post(url, json={"reason": reason}))
    if as_json:
        shell.show(made, as_json=True)
        return
    shell.out.print(f"withdrawn {ref}: {made['withdrawn_because']}", markup=False)
    shell.out.print(f"`limbeck dataset pulls {ref}` shows who has it.", markup=False)


@commands.command()
def pulls(
    dataset: Annotated[str, typer.Argument(help="Such as support/faq or support/faq@3.")],
    limit: Annotated[int, typer.Option(help="How many at most.", min=1, max=200)] = 50,
    as_json: shell.Json = False,
) -> None:
    """Who pulled a dataset, or one version of it: when, and how many bytes."""
    ref = _ref(dataset)
    wanted = {"limit": limit} | ({"version": ref.version} if ref.version else {})
    with shell.client() as client:
        url = f"/v1/datasets/{ref.namespace}/{ref.name}/pulls"
        page = shell.check(client.get(url, params=wanted))
    shell.show(page, as_json=as_json, columns=_PULL)


@commands.command()
def urls(
    version: Annotated[str, typer.Argument(help="Such as support/faq or support/faq@3.")],
    minutes: Annotated[int, typer.Option(help="How long they work.", min=1, max=7 * 24 * 60)] = 15,
    as_json: shell.Json = False,
) -> None:
    """URLs of a version's files that work without a key, for a while: for curl and the like."""
    ref = _ref(version)
    with shell.client() as client:
        url = f"/v1/datasets/{ref.namespace}/{ref.name}/versions/{ref.version or 'latest'}"
        made = shell.check(client.post(f"{url}/signed-urls", json={"expires_in": minutes * 60}))
    if as_json:
        shell.show(made, as_json=True)
        return
    for each in made["files"]:
        print(each["url"])  # noqa: T201  (a line each, for `xargs`)
    shell.err.print(f"[dim]They work until {made['expires_at']}.[/]")


def _exact(text: str) -> Ref:
    ref = _ref(text)
    if ref.version is None:
        shell.fail(f"{text!r} should name a version, such as {ref}@1", None, 2)
    return ref


def _ref(text: str) -> Ref:
    try:
        return Ref.parse(text)
    except ValueError as error:
        shell.fail(f"{text!r} {error}", None, 2)


def _layout(
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


def _share(text: str) -> tuple[str, float]:
    name, _, share = text.partition("=")
    try:
        return name, float(share)
    except ValueError:
        shell.fail(f"{text!r} should be a split and its share, such as train=0.95", None, 2)
