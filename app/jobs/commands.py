"""Jobs over the shell."""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from app import shell
from app.corpus.commands import verdict
from app.corpus.item import ROWS
from app.jobs.comparison.commands import commands as comparison
from app.jobs.control.commands import commands as control
from app.jobs.progress.watch import watch_until_ended
from app.jobs.told import JobId, show_job, told
from app.prompts import plain_yaml

commands = typer.Typer(name="job", help="Submit jobs and watch them.", no_args_is_help=True)
commands.add_typer(control)
commands.add_typer(comparison)

Document = Annotated[
    Path, typer.Argument(help="The job document, YAML or JSON; '-' reads standard input.")
]


@commands.command()
def submit(
    document: Document,
    watch: Annotated[bool, typer.Option("--watch", help="Stay until it has ended.")] = False,
    key: Annotated[
        str | None, typer.Option(help="Idempotency-Key: the same key submits once.")
    ] = None,
    as_json: shell.Json = False,
) -> None:
    """Submit a job document."""
    _submit("/v1/jobs", document, key, watch=watch, as_json=as_json)


@commands.command()
def reprocess(
    document: Annotated[
        Path, typer.Argument(help="What to decide anew, YAML or JSON; '-' reads standard input.")
    ],
    watch: Annotated[bool, typer.Option("--watch", help="Stay until it has ended.")] = False,
    key: Annotated[
        str | None, typer.Option(help="Idempotency-Key: the same key submits once.")
    ] = None,
    as_json: shell.Json = False,
) -> None:
    """Decide stored replies anew, by other filters or dedup. No teacher is asked."""
    _submit("/v1/jobs/reprocess", document, key, watch=watch, as_json=as_json)


@commands.command()
def preview(
    document: Document,
    rows: Annotated[int, typer.Option(help="How many rows, at most 20.", min=1, max=20)] = 3,
    as_json: shell.Json = False,
) -> None:
    """Try a job document on a few rows; nothing is stored."""
    with shell.client() as client:
        answer = shell.check(
            client.post("/v1/previews", json=read(document), params={"rows": rows})
        )
    if as_json:
        shell.show(answer, as_json=True)
        return
    for row in answer["rows"]:
        arm = f", {row['arm']}" if row["arm"] else ""
        shell.out.rule(f"row {row['item'] % ROWS}{arm}")
        for message in row["prompt"][-1:]:
            shell.line(message["role"], message["content"])
        for sample in row["samples"]:
            shell.line("reply", sample["reply"])
            refusal = sample["verdict"]
            shell.line("verdict", f"refused: {verdict(refusal)}" if refusal else "accepted")
            for flag in sample["flags"]:
                shell.line("flag", verdict(flag))


@commands.command()
def watch(
    job_id: JobId,
    as_json: shell.Json = False,
) -> None:
    """Follow a job until it has ended; exit code 0 where it finished."""
    with shell.client() as client:
        job = watch_until_ended(client, job_id, quiet=as_json)
    show_job(job, as_json=as_json)
    if job["state"] != "finished":
        raise typer.Exit(1)


@commands.command("list")
def list_jobs(
    state: Annotated[str | None, typer.Option(help="Only jobs in this state.")] = None,
    limit: Annotated[int, typer.Option(help="How many at most.", min=1, max=200)] = 20,
    as_json: shell.Json = False,
) -> None:
    """The latest jobs."""
    params: dict[str, Any] = {"limit": limit}
    if state:
        params["state"] = state
    with shell.client() as client:
        page = shell.check(client.get("/v1/jobs", params=params))
    shell.show(
        page,
        as_json=as_json,
        columns=(
            "id",
            "state",
            "ledger.accepted",
            "num_records",
            "spent.tokens",
            "document.corpus",
            "created_at",
        ),
    )


@commands.command()
def show(job_id: JobId, as_json: shell.Json = False) -> None:
    """One job: its state, ledger and funnel."""
    with shell.client() as client:
        job = shell.check(client.get(f"/v1/jobs/{job_id}"))
    show_job(job, as_json=as_json)


@commands.command()
def strata(job_id: JobId, as_json: shell.Json = False) -> None:
    """What came of each cell of a job's matrix: its quota, if it has one, and its records."""
    with shell.client() as client:
        page = shell.check(client.get(f"/v1/jobs/{job_id}/novelty", params={"limit": 200}))
        items = page["items"]
        while page["next"]:
            params = {"limit": 200, "cursor": page["next"]}
            page = shell.check(client.get(f"/v1/jobs/{job_id}/novelty", params=params))
            items += page["items"]
    shell.show(
        items,
        as_json=as_json,
        columns=("stratum", "quota", "new", "candidates", "recent_share", "dry", "cancelled"),
    )


def read(document: Path) -> Any:
    """A job document from a file; what is wrong with the file ends the command."""
    try:
        text = sys.stdin.read() if str(document) == "-" else document.read_text("utf-8")
        return plain_yaml.read(text)
    except (OSError, UnicodeDecodeError) as error:
        shell.fail(f"cannot read {document}: {error}", None, 2)
    except plain_yaml.PlainYamlError as error:
        shell.fail(f"{document} is not YAML that we read: {error}", None, 2)


def _submit(path: str, document: Path, key: str | None, *, watch: bool, as_json: bool) -> None:
    headers = {"Idempotency-Key": key} if key else {}
    with shell.client() as client:
        job = shell.check(client.post(path, json=read(document), headers=headers))
        told(client, job, watch=watch, as_json=as_json)
