"""Teachers over the shell."""

from pathlib import Path
from typing import Annotated, Any

import typer

from app import shell
from app.names import Ref
from app.teachers.models import MOST_IN_FLIGHT

commands = typer.Typer(name="teacher", help="Register and look at teachers.", no_args_is_help=True)

TeacherName = Annotated[str, typer.Argument(help="The teacher's name, such as qwen-72b.")]

PromptPrice = Annotated[float | None, typer.Option(help="Of a million prompt tokens.", min=0)]
CompletionPrice = Annotated[
    float | None, typer.Option(help="Of a million completion tokens.", min=0)
]
MoneyOption = Annotated[str | None, typer.Option(help="Of the prices, such as EUR.")]
GpusOption = Annotated[float | None, typer.Option(help="How many GPUs serve it.", min=0)]
GpuHourPrice = Annotated[float | None, typer.Option(help="Of an hour of one GPU.", min=0)]

_COLUMNS = ("ref", "model", "urls", "max_in_flight", "circuit.state", "probed_at")
_ABLE = (
    "json_schema",
    "choice",
    "logprobs",
    "token_ids",
    "n",
    "score",
    "priority",
    "embeddings",
    "gauges",
)
_HEALTH = (
    "url",
    "healthy",
    "load.running",
    "load.waiting",
    "load.kv_cache",
    "in_flight",
    "limit",
    "problem",
    "trouble",
)


@commands.command()
def add(
    name: Annotated[str, typer.Argument(help="What jobs will call it, such as qwen-72b.")],
    urls: Annotated[
        list[str], typer.Argument(help="Where it answers, such as http://gpu-box:8000/v1.")
    ],
    model: Annotated[
        str | None, typer.Option(help="The name to ask for, if the server has several.")
    ] = None,
    api_key: Annotated[
        str | None, typer.Option(help="Where its key is: env:NAME or file:/PATH.")
    ] = None,
    max_in_flight: Annotated[
        int, typer.Option(help="Requests at a time, at most: fewer where it takes fewer.", min=1)
    ] = MOST_IN_FLIGHT,
    chunk_slots: Annotated[
        int, typer.Option(help="Runs of chunks at a time: how many workers may work for it.", min=1)
    ] = 2,
    licence: Annotated[str | None, typer.Option(help="Of the model's outputs.")] = None,
    terms: Annotated[
        Path | None, typer.Option(help="A file with its owner's terms.", exists=True)
    ] = None,
    terms_url: Annotated[str | None, typer.Option(help="Where these terms are found.")] = None,
    training: Annotated[
        str, typer.Option(help="Whether they let others train on its outputs: allowed, forbidden.")
    ] = "unknown",
    prompt_price: PromptPrice = None,
    completion_price: CompletionPrice = None,
    currency: MoneyOption = None,
    gpus: GpusOption = None,
    gpu_hour_price: GpuHourPrice = None,
    random_seed: Annotated[
        bool, typer.Option("--random-seed", help="It may be sent a random seed.")
    ] = False,
    probe: Annotated[bool, typer.Option(help="Ask it first what it can do.")] = True,
    as_json: shell.Json = False,
) -> None:
    """Register a teacher."""
    body: dict[str, Any] = {
        "name": name,
        "urls": urls,
        "model": model,
        "api_key": api_key,
        "max_in_flight": max_in_flight,
        "chunk_slots": chunk_slots,
        "licence": licence,
        "terms": terms.read_text() if terms else None,
        "terms_url": terms_url,
        "training": training,
        "prompt_price": prompt_price,
        "completion_price": completion_price,
        "currency": currency,
        "gpus": gpus,
        "gpu_hour_price": gpu_hour_price,
        "random_seed": random_seed,
        "probe": probe,
    }
    with shell.client() as client:
        _show(shell.check(client.post("/v1/teachers", json=body)), as_json=as_json)


@commands.command()
def change(
    name: TeacherName,
    max_in_flight: Annotated[
        int | None, typer.Option(help="Requests at a time, at most.", min=1)
    ] = None,
    chunk_slots: Annotated[
        int | None, typer.Option(help="Runs of chunks at a time.", min=1)
    ] = None,
    licence: Annotated[str | None, typer.Option(help="Of the model's outputs.")] = None,
    terms: Annotated[
        Path | None, typer.Option(help="A file with its owner's terms.", exists=True)
    ] = None,
    terms_url: Annotated[str | None, typer.Option(help="Where these terms are found.")] = None,
    training: Annotated[
        str | None,
        typer.Option(help="Whether they let others train on its outputs: allowed, forbidden, …"),
    ] = None,
    prompt_price: PromptPrice = None,
    completion_price: CompletionPrice = None,
    currency: MoneyOption = None,
    gpus: GpusOption = None,
    gpu_hour_price: GpuHourPrice = None,
    as_json: shell.Json = False,
) -> None:
    """Change a teacher's limits, terms or prices. What is not said stays."""
    told: dict[str, Any] = {
        "max_in_flight": max_in_flight,
        "chunk_slots": chunk_slots,
        "licence": licence,
        "terms": terms.read_text() if terms else None,
        "terms_url": terms_url,
        "training": training,
        "prompt_price": prompt_price,
        "completion_price": completion_price,
        "currency": currency,
        "gpus": gpus,
        "gpu_hour_price": gpu_hour_price,
    }
    body = {key: value for key, value in told.items() if value is not None}
    with shell.client() as client:
        _show(shell.check(client.patch(_path(name), json=body)), as_json=as_json)


@commands.command("list")
def list_(
    namespace: Annotated[str | None, typer.Option(help="Only of this namespace.")] = None,
    as_json: shell.Json = False,
) -> None:
    """All teachers."""
    params = {"limit": 200} | ({"namespace": namespace} if namespace else {})
    with shell.client() as client:
        answer = shell.check(client.get("/v1/teachers", params=params))
    shell.show(answer, as_json=as_json, columns=_COLUMNS)


@commands.command()
def show(name: TeacherName, as_json: shell.Json = False) -> None:
    """One teacher, and what it can do."""
    with shell.client() as client:
        _show(shell.check(client.get(_path(name))), as_json=as_json)


@commands.command()
def probe(name: TeacherName, as_json: shell.Json = False) -> None:
    """Ask a teacher again what it can do."""
    with shell.client() as client:
        _show(shell.check(client.post(f"{_path(name)}/probe")), as_json=as_json)


@commands.command()
def health(name: TeacherName, as_json: shell.Json = False) -> None:
    """How a teacher is doing right now; exit code 1 where it is not well."""
    with shell.client() as client:
        answer = shell.check(client.get(f"{_path(name)}/health"))
    if as_json:
        shell.show(answer, as_json=True)
    else:
        shell.show(answer["endpoints"], as_json=False, columns=_HEALTH)
        limit = "no limit yet" if answer["limit"] is None else f"limit {answer['limit']}"
        shell.out.print(
            f"{answer['in_flight']} in flight, {limit}, at most {answer['max_in_flight']}"
        )
    if not answer["healthy"]:
        raise typer.Exit(1)


@commands.command()
def remove(name: TeacherName) -> None:
    """Remove a teacher that no job has used."""
    with shell.client() as client:
        shell.check(client.delete(_path(name)))


def _path(name: str) -> str:
    try:
        ref = Ref.parse(name)
    except ValueError as error:
        shell.fail(f"{name!r} {error}", None, 2)
    return f"/v1/teachers/{ref.namespace}/{ref.name}"


def _show(teacher: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        shell.show(teacher, as_json=True)
        return
    shell.show(teacher, as_json=False, columns=_COLUMNS)
    able = teacher["capabilities"]
    if able is None:
        shell.out.print("never asked what it can do: `limbeck teacher probe` does")
        return
    shell.out.print("can:", ", ".join(name for name in _ABLE if able[name]) or "chat", markup=False)
    for note in able["notes"]:
        shell.out.print("  ", note, markup=False, style="dim")
