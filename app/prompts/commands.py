"""Prompt folders over the shell: check them, push them, pull them."""

from pathlib import Path
from typing import Annotated

import typer

from app import shell
from app.names import DEFAULT_NAMESPACE, Ref

commands = typer.Typer(
    name="prompts", help="Prompt folders: check, push and pull.", no_args_is_help=True
)

Directory = Annotated[
    Path | None,
    typer.Argument(
        metavar="[DIR]",
        help="A directory of prompt folders, or one of them. By default ./prompts, or else those "
        "that come with Limbeck.",
        exists=True,
        file_okay=False,
    ),
]


@commands.command()
def check(
    directory: Directory = None,
    update: Annotated[
        bool, typer.Option("--update", help="Write rendered.md where it is not up to date.")
    ] = False,
    as_json: shell.Json = False,
) -> None:
    """Check prompts without an API: the templates, their examples, and rendered.md."""
    from app.prompts.check import check_folder
    from app.prompts.folder import default_directory, folders

    reports = [
        check_folder(path, update=update) for path in folders(directory or default_directory())
    ]
    if as_json:
        shell.show([report.as_dict() for report in reports], as_json=True)
    else:
        for report in reports:
            state = "[red]wrong[/]" if report.problems else "[green]ok[/]"
            shell.out.print(f"{state} {report.name}" + (" (updated)" if report.updated else ""))
            for problem in report.problems:
                shell.out.print(f"   {problem}", markup=False)
    if any(report.problems for report in reports):
        raise typer.Exit(1)


@commands.command()
def push(
    directory: Directory = None,
    namespace: Annotated[str, typer.Option(help="Where they go.")] = DEFAULT_NAMESPACE,
    as_json: shell.Json = False,
) -> None:
    """Push prompts to the API; unchanged ones make no new version."""
    from app.prompts.folder import default_directory
    from app.prompts.push import push_folder

    with shell.client() as client:
        pushed = push_folder(client, directory or default_directory(), namespace)
    if as_json:
        shell.show([one.as_dict() for one in pushed], as_json=True)
        return
    for one in pushed:
        for ref, new in (
            (one.template, one.template_is_new),
            (one.few_shot, one.few_shot_is_new),
        ):
            if ref:
                kind = "template" if ref is one.template else "few-shot set"
                shell.out.print(f"{kind} {ref}" + (" [green]new[/]" if new else " unchanged"))


@commands.command()
def pull(
    name: Annotated[str, typer.Argument(help="A template: name, namespace/name or …@version.")],
    directory: Annotated[
        Path, typer.Argument(metavar="[DIR]", help="Where its folder is written.")
    ] = Path("prompts"),
    force: Annotated[bool, typer.Option("--force", help="Replace what is there.")] = False,
    as_json: shell.Json = False,
) -> None:
    """Write a template and its examples as a prompt folder."""
    from app.prompts import push

    try:
        ref = Ref.parse(name)
    except ValueError as error:
        shell.fail(str(error), None, 2)
    with shell.client() as client:
        folder = push.pull(client, ref, directory, replace=force)
    if as_json:
        shell.show({"name": folder.name, "path": str(folder.path)}, as_json=True)
    else:
        shell.out.print(f"wrote {folder.path}")
