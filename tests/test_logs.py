"""What stands in a line of the log, and what never does."""

import logging
import sys
from collections.abc import Iterator
from io import StringIO
from typing import Any

import httpx
import orjson
import pytest
import structlog

from app import logs
from app.teachers import secret


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The lines logged so far, read as JSON."""
    root, written = logging.getLogger(), StringIO()
    handlers, level = root.handlers[:], root.level
    monkeypatch.setattr(sys, "stderr", written)
    # import-linter, run in a test, disables every logger that there is.
    monkeypatch.setattr(logging.getLogger("app.web.access"), "disabled", False)
    logs.configure("json", "info")
    yield lambda: [orjson.loads(line) for line in written.getvalue().splitlines()]
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def test_no_line_shows_a_secret(lines: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEACHER_KEY", "kanarien-vogel-17")
    assert secret.resolve("env:TEACHER_KEY") == "kanarien-vogel-17"
    say = structlog.stdlib.get_logger("app.test")
    say.info("asked with kanarien-vogel-17", headers={"Authorization": "Bearer abcdefgh"})
    say.info("at", url="postgresql://me:hunter22@db/x", api_key="k", prompt_tokens=3)
    logging.getLogger("elsewhere").warning("GET /f?token=%s&x=1 bearer %s", "tok-1", "abc.def")
    say.error("broke", exc_info=RuntimeError("no kanarien-vogel-17"))
    written = lines()
    assert len(written) == 4
    text = orjson.dumps(written).decode()
    for hidden in ("kanarien", "abcdefgh", "hunter22", "tok-1", "abc.def"):
        assert hidden not in text
    assert written[1]["prompt_tokens"] == 3
    assert written[1]["api_key"] == "[secret]"
    assert "x=1" in written[2]["event"]


async def test_a_request_has_one_line_with_the_id_that_its_answer_carries(
    api: httpx.AsyncClient, lines: Any
) -> None:
    job = "019aa000-0000-7000-8000-000000000000"
    answer = await api.get(f"/v1/jobs/{job}?token=abc", headers={"X-Request-Id": "mine-1"})
    assert answer.headers["x-request-id"] == "mine-1"
    (line,) = [line for line in lines() if line["event"] == "request"]
    assert (line["request"], line["job"], line["status"]) == ("mine-1", job, 404)
    assert line["path"] == f"/v1/jobs/{job}"
    forged = await api.get("/v1/jobs", headers={"X-Request-Id": "two words"})
    assert forged.headers["x-request-id"] != "two words"
    assert len(forged.headers.get_list("x-request-id")) == 1
