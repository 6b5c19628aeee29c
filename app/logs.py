"""Structured logs: coloured lines on a terminal, one JSON object a line elsewhere.

What is bound to a request (`request`) or to a chunk that is being worked (`job`, `chunk`) stands in
every line that is logged meanwhile. Secrets are taken out of every line, last of all.
"""

import logging
import re
import sys
from collections import deque
from typing import Any, Literal

import structlog

_HIDDEN = "[secret]"
_NAMED = re.compile(
    r"(?:^|_)(?:api_?key|secret|password|passwd|token|authorization|cookie|signature)$",
    re.IGNORECASE,
)
"""Names of what is never shown, whatever it is; `prompt_tokens` is none of them."""
_LOOKS = re.compile(
    r"(?<=://)[^/\s:@]*:[^/\s@]*(?=@)"  # the user and password of an address
    r"|(?<=\bbearer )[^\s'\",;]+"
    r"|(?<=[?&]token=)[^&\s'\"]+|(?<=[?&]signature=)[^&\s'\"]+|(?<=[?&]key=)[^&\s'\"]+"
    r"|\b(?:sk|lbk|hf)[-_][A-Za-z0-9_-]{16,}",
    re.IGNORECASE,
)
_OURS = ("method", "path", "status", "ms", "bytes", "peer")
"""What `web/access.py` says of a request beside its message."""
_known: deque[str] = deque(maxlen=256)
"""Secrets that this process has read, such as a teacher's key."""
_SHORTEST = 6
"""A shorter secret would blank half of what is said."""


def hide(secret: str) -> None:
    """From now on no line shows it."""
    if len(secret) >= _SHORTEST and secret not in _known:
        _known.append(secret)


def configure(shape: Literal["auto", "console", "json"], level: str) -> None:
    """Send structlog and the standard library's loggers to standard error, in one shape."""
    as_lines = shape == "console" or (shape == "auto" and sys.stderr.isatty())
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.PositionalArgumentsFormatter(),
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
            foreign_pre_chain=[structlog.stdlib.ExtraAdder(_OURS), *shared],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                redact,
                render,
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    # The engine and its pool report every failed reconnect; ours is said once, by the worker.
    # Requests have a line of ours (`web/access.py`).
    for noisy in ("procrastinate", "psycopg.pool", "httpx", "uvicorn.access", "alembic"):
        logging.getLogger(noisy).setLevel(logging.ERROR)


def redact(
    _logger: Any, _method: str, line: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    """A structlog processor: the line without secrets."""
    return {name: _HIDDEN if _NAMED.search(name) else _clean(line[name]) for name in line}


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        return _without(value)
    if isinstance(value, dict):
        return {
            name: _HIDDEN if _NAMED.search(str(name)) else _clean(value[name]) for name in value
        }
    if isinstance(value, list | tuple | set | frozenset):
        return [_clean(each) for each in value]
    if value is None or isinstance(value, bool | int | float):
        return value
    return _without(str(value))


def _without(text: str) -> str:
    for secret in _known:
        if secret in text:
            text = text.replace(secret, _HIDDEN)
    return _LOOKS.sub(_HIDDEN, text)
