"""Schedules over the shell."""

from pathlib import Path
from typing import Annotated, Any

import typer

from app import shell
from app.jobs.commands import read
from app.names import Ref

commands = typer.Typer(
    name="schedule", help="Jobs that come by themselves, by cron.", no_args_is_help=True
)

NameArgument = Annotated[str, typer.Argument(help="name or namespace/name.")]
Limit = Annotated[int, typer.Option(min=1, max=200, help="How many at most.")]

_COLUMNS = ("namespace", "name", "cron", "timezone", "paused", "job.corpus", "coming")
_RUNS = ("nominal_time", "manual", "state", "missed_before", "jobs", "published", "error")
_DELIVERIES = ("id", "event", "state", "attempts", "last_error", "retry_at", "url")


@commands.command()
def create(
    document: Annotated[
        Path | None,
        typer.Argument(help="The schedule, YAML or JSON; '-' reads standard input."),
    ] = None,
    job: Annotated[
        Path | None, typer.Option(help="Instead: a job document, with the options below.")
    ] = None,
    name: Annotated[str | None, typer.Option(help="name or namespace/name.")] = None,
    cron: Annotated[str | None, typer.Option(help="Such as '30 2 * * *', or @daily.")] = None,
    timezone: Annotated[str | None, typer.Option(help="Such as Europe/Berlin.")] = None,
    jitter: Annotated[int | None, typer.Option(help="Seconds.", min=0)] = None,
    misfire: Annotated[str | None, typer.Option(help="skip or catch_up.")] = None,
    overlap: Annotated[str | None, typer.Option(help="skip, queue or allow.")] = None,
    records: Annotated[
        int | None, typer.Option(help="Keep the corpus at so many records.", min=1)
    ] = None,
    per_stratum: Annotated[
        int | None, typer.Option(help="Keep each cell of the matrix at so many.", min=1)
    ] = None,
    webhook: Annotated[str | None, typer.Option(help="Where to tell that a run ended.")] = None,
    secret: Annotated[
        str | None, typer.Option(help="With --webhook: env:NAME or file:/PATH.")
    ] = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Let one that is there say this instead.")
    ] = False,
    as_json: shell.Json = False,
) -> None:
    """Make a schedule from its document, or from a job document and options."""
    said = {
        "name": name,
        "cron": cron,
        "timezone": timezone,
        "jitter": jitter,
        "misfire": misfire,
        "overlap": overlap,
        "top_up": _given({"records": records, "per_stratum": per_stratum}),
        "webhook": _given({"url": webhook, "secret": secret}),
    }
    if (document is None) == (job is None):
        shell.fail("give the schedule's document, or --job and options", None, 2)
    body = _given(said) or {}
    if document is not None:
        body = _merged(read(document), body)
    elif job is not None:
        body |= {"job": read(job)}
    with shell.client() as client:
        if replace and _exists(client, body):
            answer = client.put(_at(body["name"]), json=body)
        else:
            answer = client.post("/v1/schedules", json=body)
        _show(shell.check(answer), as_json=as_json)


@commands.command("list")
def list_schedules(
    namespace: Annotated[str | None, typer.Option(help="Only of this namespace.")] = None,
    limit: Limit = 50,
    as_json: shell.Json = False,
) -> None:
    """All schedules, with the next time each comes."""
    params = _given({"namespace": namespace, "limit": limit})
    with shell.client() as client:
        page = shell.check(client.get("/v1/schedules", params=params))
    if not as_json:
        for item in page["items"]:
            item["coming"] = item["next"][0]["at"] if item["next"] else None
    shell.show(page, as_json=as_json, columns=_COLUMNS)


@commands.command()
def show(name: NameArgument, as_json: shell.Json = False) -> None:
    """One schedule, with the next five times it comes."""
    with shell.client() as client:
        _show(shell.check(client.get(_at(name))), as_json=as_json)


@commands.command()
def pause(name: NameArgument, as_json: shell.Json = False) -> None:
    """Let its times pass from now on."""
    with shell.client() as client:
        _show(shell.check(client.post(f"{_at(name)}/pause")), as_json=as_json)


@commands.command()
def resume(name: NameArgument, as_json: shell.Json = False) -> None:
    """Keep its times again; those that passed meanwhile are not made up for."""
    with shell.client() as client:
        _show(shell.check(client.post(f"{_at(name)}/resume")), as_json=as_json)


@commands.command()
def run(name: NameArgument, as_json: shell.Json = False) -> None:
    """Run it now; its next time comes all the same. Exit code 1 where nothing could begin."""
    with shell.client() as client:
        made = shell.check(client.post(f"{_at(name)}/runs"))
    shell.show(made, as_json=as_json, columns=_RUNS)
    if made["state"] in {"failed", "skipped"}:
        raise typer.Exit(1)


@commands.command()
def runs(name: NameArgument, limit: Limit = 20, as_json: shell.Json = False) -> None:
    """What became of its times, newest first."""
    with shell.client() as client:
        page = shell.check(client.get(f"{_at(name)}/runs", params={"limit": limit}))
    shell.show(page, as_json=as_json, columns=_RUNS)


@commands.command()
def deliveries(name: NameArgument, limit: Limit = 20, as_json: shell.Json = False) -> None:
    """Whom its webhook told, newest first, with what went wrong."""
    with shell.client() as client:
        page = shell.check(client.get(f"{_at(name)}/deliveries", params={"limit": limit}))
    shell.show(page, as_json=as_json, columns=_DELIVERIES)


@commands.command()
def delete(name: NameArgument) -> None:
    """Remove a schedule and its history; its jobs stay."""
    with shell.client() as client:
        shell.check(client.delete(_at(name)))
    shell.out.print(f"{name} is gone", markup=False)


def _at(name: Any) -> str:
    try:
        ref = Ref.parse(str(name))
    except ValueError as error:
        shell.fail(f"{name!r} {error}", None, 2)
    return f"/v1/schedules/{ref.namespace}/{ref.name}"


def _given(values: dict[str, Any]) -> dict[str, Any] | None:
    """Those that were said; none where nothing was."""
    return {key: value for key, value in values.items() if value is not None} or None


def _merged(document: Any, options: dict[str, Any]) -> dict[str, Any]:
    if not isinstance(document, dict):
        shell.fail("a schedule's document is a mapping: name, cron, job, …", None, 2)
    return {**document, **options}


def _exists(client: Any, body: dict[str, Any]) -> bool:
    return bool(client.get(_at(body.get("name", ""))).is_success)


def _show(schedule: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        shell.show(schedule, as_json=True)
        return
    ref = f"{schedule['namespace']}/{schedule['name']}"
    state = "paused" if schedule["paused"] else "comes next at"
    shell.out.print(f"{ref}: {schedule['cron']} in {schedule['timezone']}, {state}", markup=False)
    for time in schedule["next"]:
        shell.out.print(f"  {time['at']}", markup=False)
