"""The commands that run everything on one machine."""

from collections.abc import Iterator
from contextlib import contextmanager

import typer

from app import shell
from app.errors import AppError
from app.settings import Settings

commands = typer.Typer()

STOPPED = 130


@commands.command()
def up(context: typer.Context) -> None:
    """Run Postgres, a local teacher, the API and a worker, until told to stop.

    LIMBECK_DATABASE_URL and LIMBECK_TEACHER_URL name others to use instead.
    """
    from app.local import ports
    from app.local.steps import Steps
    from app.local.up import up as everything

    settings: Settings = context.obj
    port = settings.port or ports.free(settings.host)
    if not ports.is_free(settings.host, port):
        shell.fail(f"port {port} is in use", "LIMBECK_PORT takes another one.", 2)
    with _failures_told(), everything(settings, Steps(shell.out), port=port) as running:
        shell.out.print(f"\nAPI      {running.api}/v1\ndocs     {running.api}/docs")
        shell.out.print(f"teacher  {running.teacher}", markup=False)
        if running.served is not None:
            shell.out.print(f"         {running.served.installed.name} at {running.served.url}")
        shell.out.print("\n`limbeck job submit JOB.yaml --watch` submits a job. Ctrl-C stops.")
        running.supervisor.stay()


@commands.command()
def demo(context: typer.Context) -> None:
    """Show everything once: a job and its funnel, a dataset published, pulled and loaded."""
    from app.local import ports
    from app.local.demo import demo as show
    from app.local.steps import Steps
    from app.local.up import up as everything

    settings: Settings = context.obj
    port = settings.port if ports.is_free(settings.host, settings.port) else 0
    port = port or ports.free(settings.host)
    with _failures_told(), everything(settings, Steps(shell.out), port=port) as running:
        running.supervisor.run(lambda: show(running, settings))


@contextmanager
def _failures_told() -> Iterator[None]:
    """What can go wrong on a machine is said in its own words, without a trace."""
    from app.local.child import ChildEnded
    from app.local.cluster import PostgresFailed
    from app.local.lock import Held
    from app.local.pip import InstallFailed
    from app.local.weights import ConversionFailed

    try:
        yield
    except (ChildEnded, ConversionFailed, InstallFailed, PostgresFailed) as failure:
        shell.fail(str(failure))
    except Held as held:
        shell.fail(f"it runs already: {held}", "LIMBECK_DATA_DIR and LIMBECK_PORT run another.", 2)
    except AppError as error:
        shell.fail(error.detail, error.hint)
    except KeyboardInterrupt:
        raise typer.Exit(STOPPED) from None
