"""The shell, assembled."""

import gc
from typing import Annotated
from urllib.parse import urlsplit

import typer
from pydantic import ValidationError

from app import logs, shell
from app.auth.commands import commands as keys
from app.corpus.commands import commands as corpora
from app.datasets.commands import commands as datasets
from app.errors import AppError, Unavailable
from app.evaluations.commands import commands as evaluations
from app.jobs.commands import commands as jobs
from app.jobs.imports.commands import commands as imports
from app.local.commands import commands as local
from app.prompts.commands import commands as prompts
from app.recall.commands import commands as recall
from app.schedules.commands import commands as schedules
from app.seeds.commands import commands as seeds
from app.semantic.commands import commands as semantic
from app.settings import Settings
from app.teachers.commands import commands as teachers

app = typer.Typer(
    name="limbeck",
    help="Synthetic data from a teacher, for training a student.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)

corpora.add_typer(imports)
corpora.add_typer(semantic)
for commands in (
    local,
    keys,
    teachers,
    prompts,
    seeds,
    evaluations,
    jobs,
    schedules,
    corpora,
    datasets,
    recall,
):
    app.add_typer(commands)


@app.callback()
def root(
    context: typer.Context,
    url: Annotated[
        str | None, typer.Option(help="Address of the API.", envvar="LIMBECK_URL")
    ] = None,
) -> None:
    settings = _settings()
    context.obj = settings
    shell.use(url or settings.url, settings.api_key)
    logs.configure(settings.log_format, settings.log_level)
    if settings.database_url is not None:
        logs.hide(urlsplit(settings.database_url).password or "")


@app.command()
def migrate(context: typer.Context) -> None:
    """Bring the database to the schema of this version."""
    from app.migrate import upgrade

    upgrade(_database_url(context.obj))
    shell.out.print("the database is up to date")


@app.command()
def serve(
    context: typer.Context,
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on.")] = None,
) -> None:
    """Run the API."""
    import uvicorn

    from app.health.server import Server
    from app.main import create_app
    from app.migrate import require_current

    settings: Settings = context.obj
    url = _database_url(settings)
    require_current(url)
    served = create_app(settings.model_copy(update={"database_url": url}))
    config = uvicorn.Config(
        served,
        host=host or settings.host,
        port=settings.port if port is None else port,
        log_config=None,
        server_header=False,
        timeout_graceful_shutdown=int(settings.grace_seconds),
    )
    server = Server(config, served)
    server.run()
    if not server.started:
        raise typer.Exit(3)


@app.command()
def worker(
    context: typer.Context,
    concurrency: Annotated[
        int | None, typer.Option(help="Chunks at a time.", min=1, max=64)
    ] = None,
) -> None:
    """Work on jobs, until told to stop; any number of workers may run, on any machines."""
    import uvloop

    from app.main import load_plugins
    from app.migrate import require_current

    settings: Settings = context.obj
    url = _database_url(settings)
    require_current(url)
    load_plugins()
    uvloop.run(_work(settings, url, concurrency or settings.worker_concurrency))


async def _work(settings: Settings, url: str, concurrency: int) -> None:
    from datetime import timedelta

    from app.db import Database
    from app.health.own import show_metrics
    from app.jobs.loaded import Tools
    from app.jobs.room import Room
    from app.jobs.worker import Worker
    from app.prompts.sandbox import RenderPool
    from app.schedules.tick import tick
    from app.teachers.clients import Clients
    from app.teachers.pulse import Heartbeat

    # What was imported is never searched for cycles again.
    gc.collect()
    gc.freeze()
    shown = show_metrics(settings.worker_metrics_host, settings.worker_metrics_port)
    database = Database(url, lock_seconds=settings.lease_seconds)
    pool = RenderPool()
    clients = Clients(
        settings.max_reply_bytes,
        networks=settings.teacher_networks,
        heartbeat=Heartbeat(frozen_after=settings.teacher_frozen_seconds),
    )
    worker = Worker(
        tools=Tools(database, pool, clients, settings.teacher_deadline_seconds),
        data_dir=settings.data_dir,
        room=Room(settings.data_dir, settings.min_free_bytes),
        concurrency=concurrency,
        lease=timedelta(seconds=settings.lease_seconds),
        grace=settings.grace_seconds,
        webhook_networks=settings.webhook_networks,
        duties=[lambda: tick(database, pool)],
    )
    try:
        await worker.run()
    finally:
        await clients.close()
        await pool.close()
        await database.close()
        shown.close()
    if worker.moved is not None:
        raise Unavailable("database.other_schema", worker.moved)


def _settings() -> Settings:
    try:
        return Settings()
    except ValidationError as error:
        wrong = "\n  ".join(
            f"LIMBECK_{str(one['loc'][0]).upper()}: {one['msg']}" for one in error.errors()
        )
        shell.fail(wrong, "docs/settings.md lists every setting.", 2)


def _database_url(settings: Settings) -> str:
    """The one that was named, else the one that `limbeck up` runs: a second worker finds it."""
    from app.local.postgres import running_url

    url = settings.database_url or running_url(settings.data_dir / "postgres")
    if url is None:
        shell.fail(
            "no database",
            "Set LIMBECK_DATABASE_URL, or run `limbeck up`, which brings its own.",
            2,
        )
    return url


def main() -> None:
    # Python's search for cycles would take a third of the time of imports, which leave none, and a
    # seventh of a worker's, which holds hundreds of samples at a time without one.
    gc.set_threshold(50_000, 20, 20)
    try:
        app()
    except AppError as error:
        shell.err.print("[red]error[/]", error.detail, markup=True)
        if error.hint:
            shell.err.print(error.hint, style="dim", markup=False)
        raise SystemExit(1) from error


if __name__ == "__main__":
    main()
