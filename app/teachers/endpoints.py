"""Which of a teacher's endpoints is asked next."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

import httpx

from app.teachers.transport import Origin, head_of, origin_of

_MOST_REST = 30.0


@dataclass(slots=True)
class Endpoint:
    base: str
    """Its address without `/v1`."""
    origin: Origin
    head: bytes
    """The lines that every chat request to it begins with."""
    in_flight: int = 0
    failures: int = 0
    rests_until: float = 0.0

    @classmethod
    def at(cls, base: str, headers: dict[str, str]) -> "Endpoint":
        request = httpx.Request("POST", f"{base}/v1/chat/completions", headers=headers)
        return cls(base, origin_of(request.url), head_of(request))


class Endpoints:
    """The one with the fewest requests of ours in flight, passing over those found dead until a
    rest that doubles from 1 to 30 seconds is over.
    """

    def __init__(self, urls: Sequence[str], headers: dict[str, str]) -> None:
        self.all = [Endpoint.at(url, headers) for url in urls]

    def in_order(self) -> list[Endpoint]:
        """All of them, best first: one that rests is better than none."""
        if len(self.all) == 1:
            return self.all
        now = asyncio.get_running_loop().time()
        return sorted(self.all, key=lambda one: (one.rests_until > now, one.in_flight))

    def found_dead(self, endpoint: Endpoint) -> None:
        rest = min(2.0**endpoint.failures, _MOST_REST)
        endpoint.failures = min(endpoint.failures + 1, 10)
        endpoint.rests_until = asyncio.get_running_loop().time() + rest

    def found_alive(self, endpoint: Endpoint) -> None:
        endpoint.failures = 0
        endpoint.rests_until = 0.0
