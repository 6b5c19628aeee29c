"""A job's events as a command follows them: connected again, where it was, when it breaks off."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import orjson

from app import shell

PATIENCE = 60.0
"""Seconds that an API may be away, as for a restart, before the command gives up."""
_PAUSE = 0.5
"""Seconds before it connects again: an API that is away must not be called in a loop."""
_SILENCE = 60.0
"""Seconds without even a sign of life, after which a connection counts as broken."""


@dataclass(frozen=True, slots=True)
class Told:
    kind: str
    data: dict[str, Any]


def follow(client: httpx.Client, job_id: str) -> Iterator[Told]:
    """Every event until the job has ended; a problem that the API tells ends the command."""
    last: str | None = None
    until = time.monotonic() + PATIENCE
    while True:
        try:
            headers = {} if last is None else {"Last-Event-ID": last}
            timeout = httpx.Timeout(10, read=_SILENCE)
            path = f"/v1/jobs/{job_id}/events"
            with client.stream("GET", path, headers=headers, timeout=timeout) as answer:
                if answer.status_code == httpx.codes.NO_CONTENT:
                    return
                if answer.status_code != httpx.codes.SERVICE_UNAVAILABLE:
                    if not answer.is_success:
                        answer.read()
                        shell.check(answer)
                    for at, told in _read(answer.iter_lines()):
                        last, until = at or last, time.monotonic() + PATIENCE
                        yield told
                        if told.kind == "end":
                            return
        except httpx.TransportError:
            if time.monotonic() > until:
                raise
        time.sleep(_PAUSE)


def _read(lines: Iterator[str]) -> Iterator[tuple[str | None, Told]]:
    """The events of a stream, each with its id."""
    fields: dict[str, str] = {}
    for line in lines:
        if line and not line.startswith(":"):
            name, _, value = line.partition(":")
            value = value.removeprefix(" ")
            fields[name] = f"{fields[name]}\n{value}" if name in fields else value
        elif not line:
            if "data" in fields:
                told = Told(fields.get("event", "message"), orjson.loads(fields["data"]))
                yield fields.get("id"), told
            fields = {}
