"""What a fake teacher remembers of the requests it got."""

import hashlib
import json
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Asked:
    """One chat request as it arrived."""

    id: str
    """The X-Request-Id it carried."""
    body: dict[str, Any]
    headers: dict[str, str]
    at: float
    """Seconds on the monotonic clock."""
    connection: int
    """The number of the connection it came on."""
    behaviour: str

    @property
    def messages(self) -> list[dict[str, Any]]:
        return list(self.body.get("messages", []))

    @property
    def question(self) -> str:
        """The last turn."""
        return str(self.messages[-1]["content"]) if self.messages else ""


class Record:
    """Written by the server's thread, read by the test's."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self.asked: list[Asked] = []
        self.probed: list[dict[str, Any]] = []
        self.embedded: list[list[str]] = []
        """Texts, request by request."""
        self.calls: Counter[str] = Counter()
        self.in_flight = 0
        self.peak = 0
        self.hung_up = 0
        """Requests whose asker went away before the reply was complete."""
        self.answered = 0
        """Replies sent whole."""
        self.connections = 0
        self.looks = 0
        """How often its load was looked at."""

    def look(self) -> int:
        with self._changed:
            self.looks += 1
            self._changed.notify_all()
            return self.looks

    def arrive(self, asked: Asked) -> None:
        with self._changed:
            self.asked.append(asked)
            self.in_flight += 1
            self.peak = max(self.peak, self.in_flight)
            self._changed.notify_all()

    def count(self, body: dict[str, Any]) -> int:
        """How often this prompt was asked before."""
        key = prompt_key(body)
        with self._changed:
            before = self.calls[key]
            self.calls[key] += 1
        return before

    def leave(self, *, whole: bool, hung_up: bool) -> None:
        with self._changed:
            self.in_flight -= 1
            self.answered += whole
            self.hung_up += hung_up
            self._changed.notify_all()

    def wait_until(self, claim: Callable[["Record"], bool], seconds: float = 10) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: claim(self), seconds), self.in_flight

    def stats(self) -> dict[str, Any]:
        with self._changed:
            return {
                "asked": len(self.asked),
                "answered": self.answered,
                "hung_up": self.hung_up,
                "in_flight": self.in_flight,
                "peak_in_flight": self.peak,
                "connections": self.connections,
                "prompts": len(self.calls),
                "asked_again": sum(self.calls.values()) - len(self.calls),
                "by_behaviour": dict(Counter(one.behaviour for one in self.asked)),
                "calls_by_question": dict(Counter(one.question for one in self.asked)),
            }


def prompt_key(body: dict[str, Any]) -> str:
    told = json.dumps(body.get("messages"), sort_keys=True).encode()
    return hashlib.sha256(told).hexdigest()
