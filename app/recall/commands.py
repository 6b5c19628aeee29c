"""Recall over the shell."""

from typing import Annotated
from uuid import UUID

import typer

from app import shell

commands = typer.Typer()

_VERSIONS = ("version", "rows", "of_rows", "withdrawn_because")
_PULLS = ("version", "who", "address", "client", "via", "last_at", "bytes", "complete")


@commands.command()
def recall(
    template: Annotated[str | None, typer.Option(help="Such as faq/qa@4.")] = None,
    few_shot: Annotated[str | None, typer.Option(help="A few-shot set.")] = None,
    seed: Annotated[str | None, typer.Option(help="A seed dataset.")] = None,
    teacher: Annotated[str | None, typer.Option(help="A teacher.")] = None,
    job: Annotated[UUID | None, typer.Option(help="A job.")] = None,
    as_json: shell.Json = False,
) -> None:
    """Where something bad went: its records, the versions with rows of it, and who pulled them."""
    named = {"template": template, "few_shot": few_shot, "seed": seed, "teacher": teacher}
    said = {key: value for key, value in named.items() if value} | (
        {"job": str(job)} if job else {}
    )
    with shell.client() as client:
        found = shell.check(client.get("/v1/recall", params=said))
    if as_json:
        shell.show(found, as_json=True)
        return
    shell.out.print(f"{found['asked']}: {len(found['jobs'])} jobs", markup=False)
    shell.show(found["corpora"], as_json=False, columns=("corpus", "records", "deleted"))
    shell.show(found["versions"], as_json=False, columns=_VERSIONS)
    pulled = [
        pull | {"version": each["version"]} for each in found["versions"] for pull in each["pulls"]
    ]
    shell.show(pulled, as_json=False, columns=_PULLS)
