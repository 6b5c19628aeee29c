"""Every request has an id and one log line, and is counted.

A caller's own `X-Request-Id` is kept where it is one; the answer carries it, and so does every line
that is logged meanwhile.
"""

import logging
import re
import time
from uuid import uuid4

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.metrics import HTTP_SECONDS

log = logging.getLogger(__name__)
"""The standard library's: where nobody has configured logs, it is silent."""

HEADER = "x-request-id"
_ID = re.compile(r"[A-Za-z0-9._:/+=-]{1,128}")
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_QUIET = frozenset({"/livez", "/readyz", "/metrics"})
"""Asked every few seconds: their lines are for debugging."""


class Access:
    """Pure ASGI, so that what it binds is seen by the endpoint, and streams pass through."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = Headers(scope=scope).get(HEADER, "")
        request_id = given if _ID.fullmatch(given) else uuid4().hex
        scope["request_id"] = request_id
        status, size, began = 500, 0, time.perf_counter()

        async def told(message: Message) -> None:
            nonlocal status, size
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)[HEADER] = request_id
            elif message["type"] == "http.response.body":
                size += len(message.get("body", b""))
            await send(message)

        with structlog.contextvars.bound_contextvars(request=request_id):
            try:
                await self._app(scope, receive, told)
            finally:
                _tell(scope, status, size, time.perf_counter() - began)


def _tell(scope: Scope, status: int, size: int, seconds: float) -> None:
    path, method = scope["path"], scope["method"]
    route = getattr(scope.get("route"), "path", "unknown")
    known = method if method in _METHODS else "other"
    HTTP_SECONDS.labels(known, route, str(status)).observe(seconds)
    peer = scope.get("client")
    # Without the query: it may hold a signature.
    said = {
        "method": method,
        "path": path,
        "status": status,
        "ms": round(seconds * 1000, 1),
        "bytes": size,
        "peer": peer[0] if peer else None,
    }
    log.log(logging.DEBUG if route in _QUIET else logging.INFO, "request", extra=said)
