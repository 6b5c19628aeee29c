"""Commands of those who train: a version, or rows of it, on this machine."""

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TransferSpeedColumn,
)

from app import shell
from app.datasets.fetch import folder as folders
from app.datasets.fetch.pull import pull
from app.datasets.manifest import MANIFEST
from app.errors import AppError

commands = typer.Typer()


@commands.command()
def rows(
    dataset: Annotated[str, typer.Argument(help="Such as support/faq or support/faq@3.")],
    split: Annotated[str, typer.Option(help="One of the version's.")] = "train",
    as_json: shell.Json = False,
) -> None:
    """Print the rows of a version, the latest if none is given, one JSON object a line."""
    ref = shell.ref(dataset)
    url = f"/v1/datasets/{ref.namespace}/{ref.name}/versions"
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with (
        shell.client() as client,
        Progress(*columns, console=shell.err, disable=as_json) as progress,
    ):
        # The latest now is the latest for all of it, whatever is published meanwhile.
        made = shell.check(client.get(f"{url}/{ref.version or 'latest'}"))
        wanted = (made["splits"].get(split) or {}).get("rows")
        task = progress.add_task(f"{made['dataset']}@{made['version']} {split}", total=wanted)
        query = {"split": split, "stream": "true"}
        with client.stream("GET", f"{url}/{made['version']}/rows", params=query) as answer:
            if not answer.is_success:
                answer.read()
                shell.check(answer)
            for block in answer.iter_bytes():
                sys.stdout.buffer.write(block)
                progress.advance(task, block.count(b"\n"))
        sys.stdout.buffer.flush()


@commands.command("pull")
def pull_version(
    dataset: Annotated[str, typer.Argument(help="Such as support/faq or support/faq@3.")],
    directory: Annotated[
        Path | None, typer.Argument(help="Where to; a new folder here if it is not said.")
    ] = None,
    split: Annotated[
        list[str] | None,
        typer.Option(help="Only this split, without the card; may be said several times."),
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
                shell.ref(dataset),
                directory,
                splits=split or (),
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
def urls(
    version: Annotated[str, typer.Argument(help="Such as support/faq or support/faq@3.")],
    minutes: Annotated[int, typer.Option(help="How long they work.", min=1, max=7 * 24 * 60)] = 15,
    as_json: shell.Json = False,
) -> None:
    """URLs of a version's files that work without a key, for a while: for curl and the like."""
    ref = shell.ref(version)
    with shell.client() as client:
        url = f"/v1/datasets/{ref.namespace}/{ref.name}/versions/{ref.version or 'latest'}"
        made = shell.check(client.post(f"{url}/signed-urls", json={"expires_in": minutes * 60}))
    if as_json:
        shell.show(made, as_json=True)
        return
    for each in made["files"]:
        print(each["url"])  # noqa: T201  (a line each, for `xargs`)
    shell.err.print(f"[dim]They work until {made['expires_at']}.[/]")


@commands.command()
def verify(
    folder: Annotated[Path, typer.Argument(help="A folder that was pulled.", exists=True)],
    split: Annotated[
        list[str] | None, typer.Option(help="Only this split; may be said several times.")
    ] = None,
    as_json: shell.Json = False,
) -> None:
    """Check a pulled folder against its manifest, without the API; exit code 1 if it differs."""
    try:
        manifest, commit, wrong = folders.verify(folder, split or ())
    except AppError as error:
        shell.fail(error.detail, error.hint)
    version = f"{manifest.dataset}@{manifest.version}"
    if as_json:
        shell.show({"version": version, "commit": commit, "problems": wrong}, as_json=True)
    else:
        shell.out.print(f"{version}, commit {commit}", markup=False)
        for problem in wrong:
            shell.err.print(f"  {problem}", markup=False)
        if not wrong:
            shell.out.print("every file is as it was published")
    if wrong:
        raise typer.Exit(1)
