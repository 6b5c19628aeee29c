"""What a fake teacher is told to do."""

import json
from collections import deque
from collections.abc import Callable
from typing import Any, Self

from tests.fake_teacher.behaviour import Behaviour, Gate, fails, says
from tests.fake_teacher.mixed import Mixed

Rule = Callable[[dict[str, Any]], Behaviour | None]
"""Sees the request's JSON; None leaves it to the next rule."""


class Script:
    def __init__(self) -> None:
        self._rules: list[Rule] = []
        self._steps: deque[tuple[Behaviour, int]] = deque()
        self._mixed: Mixed | None = None

    def does(self, behaviour: Behaviour, *, times: int = 1) -> Self:
        """The next step, for so many requests; the last step goes on for ever."""
        self._steps.append((behaviour, times))
        return self

    def says(self, *contents: Any, times: int = 1, **more: Any) -> Self:
        """A good reply; several contents are those of several choices (`n`)."""
        return self.does(says(*contents, **more), times=times)

    def says_json(self, *values: Any, times: int = 1, **more: Any) -> Self:
        return self.does(says(*(json.dumps(value) for value in values), **more), times=times)

    def fails(
        self,
        status: int,
        *,
        retry_after: float | None = None,
        message: str = "scripted",
        times: int = 1,
    ) -> Self:
        return self.does(fails(status, retry_after=retry_after, message=message), times=times)

    def drops(self, *, sent: float = 0.0, times: int = 1) -> Self:
        """Closes the connection after that share of the reply."""
        return self.does(Behaviour(name="drops", sent=sent), times=times)

    def holds(self, *contents: Any, times: int = 1, **more: Any) -> Gate:
        """Says it once the gate is opened."""
        gate = Gate()
        self.does(says(*contents, gate=gate, **more), times=times)
        return gate

    def when(self, rule: Rule) -> Self:
        self._rules.append(rule)
        return self

    def mixes(self, random_seed: int = 1, **more: Any) -> Self:
        """Every known fault, in fixed shares among good replies."""
        self._mixed = Mixed(random_seed, **more)
        return self

    def forgets(self) -> Self:
        """No script any more; every request gets a good reply."""
        self._rules.clear()
        self._steps.clear()
        self._mixed = None
        return self

    def choose(self, body: dict[str, Any], before: int) -> Behaviour:
        for rule in self._rules:
            behaviour = rule(body)
            if behaviour is not None:
                return behaviour
        if self._mixed is not None:
            return self._mixed(body, before)
        if not self._steps:
            return Behaviour()
        behaviour, times = self._steps[0]
        if times > 1:
            self._steps[0] = (behaviour, times - 1)
        elif len(self._steps) > 1:
            self._steps.popleft()
        return behaviour
