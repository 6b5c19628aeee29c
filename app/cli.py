"""The shell, assembled."""

from typing import Annotated

import typer

from app import logs, shell
from app.errors import AppError
from app.settings import Settings

app = typer.Typer(
    name="limbeck",
    help="Synthetic data from a teacher, for training a student.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


@app.callback()
def root(
    context: typer.Context,
    url: Annotated[
        str | None, typer.Option(help="Address of the API.", envvar="LIMBECK_URL")
    ] = None,
) -> None:
    settings = Settings()
    context.obj = settings
    shell.use(url or settings.url)
    logs.configure(settings.log_format, settings.log_level)


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

    from app.main import create_app

    settings: Settings = context.obj
    uvicorn.run(
        create_app(settings),
        host=host or settings.host,
        port=settings.port if port is None else port,
        log_config=None,
        server_header=False,
        timeout_graceful_shutdown=int(settings.grace_seconds),
    )


def _database_url(settings: Settings) -> str:
    if settings.database_url is None:
        shell.fail(
            "no database",
            "Set LIMBECK_DATABASE_URL, or run `limbeck up`, which brings its own.",
            2,
        )
    return settings.database_url


def main() -> None:
    try:
        app()
    except AppError as error:
        shell.err.print(f"[red]error[/] {error.detail}")
        raise SystemExit(1) from error


if __name__ == "__main__":
    main()
