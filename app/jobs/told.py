"""A job on a terminal, as every command shows it."""

from typing import Annotated, Any

import httpx
import typer

from app import shell
from app.jobs.progress.watch import watch_until_ended
from app.jobs.used import used

JobId = Annotated[str, typer.Argument(help="The job's id.")]


def told(client: httpx.Client, job: dict[str, Any], *, watch: bool, as_json: bool) -> None:
    """Show a new job, or its end; exit code 1 where that was another than it should have had."""
    if watch:
        job = watch_until_ended(client, job["id"], quiet=as_json)
    show_job(job, as_json=as_json)
    if watch and job["state"] != "finished":
        raise typer.Exit(1)


def show_job(job: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        shell.show(job, as_json=True)
        return
    ledger, funnel = job["ledger"], job["funnel"]
    shell.out.print(f"job {job['id']}: [bold]{job['state']}[/]")
    if job["reason"]:
        shell.out.print(job["reason"], markup=False)
    shell.out.print("  ".join(f"{name} {count}" for name, count in ledger.items()))
    if job["before"]:
        shell.out.print("before: " + stages(job["before"]))
    shell.out.print(stages(funnel))
    seen = job.get("novelty") or {}
    if seen.get("full") is not None:
        shell.out.print(f"{seen['full']} strata have their quota: `limbeck job strata` has all")
    if job["kind"] == "generate":
        shell.out.print(used(job), markup=False)
    for reason, count in sorted(funnel["reasons"].items(), key=lambda pair: -pair[1]):
        shell.out.print(f"  {count:>6}  {reason}", markup=False)
    for reply in (job.get("smoke") or {}).get("replies", ()):
        shell.out.print(f"item {reply['item']}: {reply['reason']}", markup=False)
        shell.out.print(f"  {(reply['reply'] or '')[:300]!r}", markup=False)


def stages(funnel: dict[str, Any]) -> str:
    names = ["generated", "parsed", "filtered", "novel", "accepted"]
    if funnel["judged"] != funnel["filtered"]:
        names.insert(3, "judged")
    return " → ".join(f"{stage} {funnel[stage]}" for stage in names)
