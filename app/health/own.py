"""A worker's own metrics, on a port of their own."""

from collections.abc import Callable
from dataclasses import dataclass

from prometheus_client import start_http_server

from app.errors import Unavailable
from app.metrics import REGISTRY


@dataclass(frozen=True, slots=True)
class Shown:
    port: int | None
    close: Callable[[], None]


def show_metrics(host: str, port: int | None) -> Shown:
    """Serve them until closed; nothing without a port. Raises `Unavailable` where it is taken."""
    if port is None:
        return Shown(None, lambda: None)
    try:
        server, thread = start_http_server(port, host, REGISTRY)
    except OSError as error:
        raise Unavailable(
            "worker.metrics_port",
            f"metrics cannot be shown at {host}:{port}: {error.strerror}",
            hint="Each worker on a machine needs a LIMBECK_WORKER_METRICS_PORT of its own.",
        ) from error

    def close() -> None:
        server.shutdown()
        server.server_close()
        thread.join()

    return Shown(server.server_port, close)
