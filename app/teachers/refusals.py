"""From an HTTP status that is not success to the failure it means."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import orjson

from app.teachers.failures import (
    AttemptFailed,
    RequestRefused,
    TeacherBusy,
    TeacherDown,
    TeacherFailure,
    TeacherMisconfigured,
)

_SHOWN = 500
_LONGEST_WAIT = 3600.0
_ENGINE_DEAD = re.compile(r"EngineCore|EngineDeadError|engine (?:is )?dead", re.IGNORECASE)
_DRAINING = re.compile(r"cannot schedule new futures after shutdown|shutting down", re.IGNORECASE)
_KEYS = re.compile(r"(?i)\b(bearer\s+|sk-|hf_)[A-Za-z0-9._~+/=-]{6,}")
_MARKED = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+")


def failure_of(
    status: int, headers: Mapping[str, str], body: bytes, *, secret: str | None = None
) -> TeacherFailure:
    """The shapes are vLLM's (docs of its errors) and those of the gateways in front of it."""
    told = _message(body)
    message = shown(told, secret) or f"status {status} without a message"
    match status:
        case 401 | 403:
            return TeacherMisconfigured("teacher.unauthorized", f"it refuses our key: {message}")
        case 404:
            return TeacherMisconfigured("teacher.not_found", message)
        case 408 | 504:
            return AttemptFailed("teacher.timeout", message)
        case 429 | 503:
            return TeacherBusy(
                "teacher.busy", message, retry_after=_wait(headers.get("retry-after"))
            )
        case 502:
            return TeacherDown("teacher.bad_gateway", message, suspect=True)
        case 500 if _DRAINING.search(told):
            return TeacherDown("teacher.draining", message)
        case 500 if _ENGINE_DEAD.search(told):
            return TeacherDown("teacher.engine_dead", message, suspect=True)
    if status >= 500:  # noqa: PLR2004
        return AttemptFailed(f"teacher.error_{status}", message)
    if status >= 400:  # noqa: PLR2004
        return RequestRefused("teacher.refused_request", message)
    where = shown(headers.get("location", "elsewhere"), secret)
    return TeacherMisconfigured(
        "teacher.redirects", f"it sends us to {where}; register that address instead"
    )


def shown(text: str, secret: str | None = None) -> str:
    """One line of the teacher's words, fit for a log, a column or an answer."""
    if secret:
        text = text.replace(secret, "***")
    text = _KEYS.sub(r"\1***", text[: 4 * _SHOWN])
    text = _MARKED.sub(" ", text).strip()
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "…"


def _message(body: bytes) -> str:
    try:
        value: Any = orjson.loads(body)
    except orjson.JSONDecodeError:
        return body[: 4 * _SHOWN].decode("utf-8", "replace")
    if isinstance(value, dict):
        inner = value.get("error", value.get("detail", value.get("message", value)))
        value = inner.get("message", inner) if isinstance(inner, dict) else inner
    return value if isinstance(value, str) else orjson.dumps(value).decode()


def _wait(told: str | None) -> float | None:
    """`Retry-After`: seconds or a date; nonsense is as if it were not there."""
    if told is None:
        return None
    try:
        seconds = float(told)
    except ValueError:
        try:
            until = parsedate_to_datetime(told)
        except ValueError:
            return None
        until = until if until.tzinfo else until.replace(tzinfo=UTC)
        seconds = (until - datetime.now(UTC)).total_seconds()
    return min(max(seconds, 0.0), _LONGEST_WAIT) if seconds == seconds else None  # noqa: PLR0124
