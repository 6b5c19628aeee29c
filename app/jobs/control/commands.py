"""Control of jobs over the shell."""

from typing import Annotated, Any

import orjson
import typer

from app import shell
from app.jobs.told import JobId, show_job, told

commands = typer.Typer()
"""Goes among the commands of `limbeck job`."""


@commands.command()
def pause(job_id: JobId, as_json: shell.Json = False) -> None:
    """Stop a job for a while; replies on their way are kept."""
    _post(job_id, "pause", as_json=as_json)


@commands.command()
def resume(job_id: JobId, as_json: shell.Json = False) -> None:
    """Let a paused job go on."""
    _post(job_id, "resume", as_json=as_json)


@commands.command()
def cancel(job_id: JobId, as_json: shell.Json = False) -> None:
    """Stop a job; what it has accepted stays."""
    _post(job_id, "cancel", as_json=as_json)


@commands.command()
def change(
    job_id: JobId,
    priority: Annotated[
        int | None, typer.Option(help="Jobs of a higher one go first.", min=-100, max=100)
    ] = None,
    records: Annotated[
        int | None, typer.Option("--num-records", help="The new target.", min=1)
    ] = None,
    candidates: Annotated[
        int | None, typer.Option("--max-candidates", help="The most samples to ask for.", min=1)
    ] = None,
    tokens: Annotated[
        str | None, typer.Option(help="The most tokens, such as 60M; none takes a limit away.")
    ] = None,
    gpu_hours: Annotated[str | None, typer.Option(help="The most GPU hours, or none.")] = None,
    wall_time: Annotated[
        str | None, typer.Option(help="The longest it may run, such as 6h or 1h30m, or none.")
    ] = None,
    cost: Annotated[
        str | None, typer.Option(help="The most it may cost, in its teacher's currency, or none.")
    ] = None,
    as_json: shell.Json = False,
) -> None:
    """Change a job that has not ended: its priority, its target, its limits."""
    caps = {"tokens": tokens, "gpu_hours": gpu_hours, "wall_time": wall_time, "cost": cost}
    wanted = {"priority": priority, "num_records": records, "max_candidates": candidates, **caps}
    body = {
        name: None if value == "none" else value
        for name, value in wanted.items()
        if value is not None
    }
    if not body:
        shell.fail("nothing to change", "Say --priority, --num-records or one of its limits.", 2)
    with shell.client() as client:
        show_job(shell.check(client.patch(f"/v1/jobs/{job_id}", json=body)), as_json=as_json)


@commands.command()
def clone(
    job_id: JobId,
    changes: Annotated[
        str, typer.Option("--set", help='What is different, as JSON: {"num_records": 30}.')
    ] = "{}",
    watch: Annotated[bool, typer.Option("--watch", help="Stay until it has ended.")] = False,
    as_json: shell.Json = False,
) -> None:
    """Submit a job's document again, with every version that it pinned."""
    body = {"changes": _read(changes)}
    with shell.client() as client:
        job = shell.check(client.post(f"/v1/jobs/{job_id}/clone", json=body))
        told(client, job, watch=watch, as_json=as_json)


@commands.command()
def retry(job_id: JobId, as_json: shell.Json = False) -> None:
    """Ask again for the samples of a job that failed."""
    with shell.client() as client:
        answer = shell.check(client.post(f"/v1/jobs/{job_id}/retry"))
    if as_json:
        shell.show(answer, as_json=True)
        return
    shell.out.print(f"{answer['samples']} samples are open again")
    show_job(answer["job"], as_json=False)


def _post(job_id: str, deed: str, *, as_json: bool) -> None:
    with shell.client() as client:
        show_job(shell.check(client.post(f"/v1/jobs/{job_id}/{deed}")), as_json=as_json)


def _read(text: str) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        shell.fail(f"--set is not JSON: {error}", None, 2)
