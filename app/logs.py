"""Structured logs: coloured lines on a terminal, one JSON object a line elsewhere."""

import logging
import sys
from typing import Literal

import structlog


def configure(shape: Literal["auto", "console", "json"], level: str) -> None:
    """Send structlog and the standard library's loggers to standard error, in one shape."""
    as_lines = shape == "console" or (shape == "auto" and sys.stderr.isatty())
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    render: structlog.typing.Processor = (
        structlog.dev.ConsoleRenderer() if as_lines else structlog.processors.JSONRenderer()
    )
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, render],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    # The engine and its pool report every failed reconnect; ours is said once, by the worker.
    for noisy in ("procrastinate", "psycopg.pool", "httpx", "uvicorn.access", "alembic"):
        logging.getLogger(noisy).setLevel(logging.ERROR)
