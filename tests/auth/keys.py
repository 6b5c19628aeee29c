"""Keys as tests make them, callers from elsewhere, and all that is logged."""

import io
import logging
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import structlog

from app import logs

MINE = "mine"
"""A namespace in which there is nothing."""
ANYWHERE = ("203.0.113.9", 4711)


async def make(api: httpx.AsyncClient, *scopes: str, **more: Any) -> dict[str, Any]:
    body = {"name": "test", "scopes": scopes or ("read",), **more}
    answer = await api.post("/v1/keys", json=body)
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


def shown(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


@pytest.fixture
async def remote(api: httpx.AsyncClient) -> httpx.AsyncClient:
    """A caller from another network, who asks for the API by another name."""
    app = api._transport.app  # type: ignore[attr-defined]
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False, client=ANYWHERE)
    return httpx.AsyncClient(transport=transport, base_url="http://limbeck.example")


@pytest.fixture
def logged(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    """All that is logged, as `limbeck serve` logs it at its most talkative."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    written = io.StringIO()
    monkeypatch.setattr("sys.stderr", written)
    logs.configure("json", "debug")
    # What the client under test says of its own requests is no log of ours.
    monkeypatch.setattr(logging.getLogger("httpcore"), "disabled", True)
    yield written
    root.handlers[:], root.level = handlers, level
    structlog.reset_defaults()
