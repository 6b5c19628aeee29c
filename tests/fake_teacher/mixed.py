"""Answers wrongly in every way there is, in fixed shares, the same way for the same random seed."""

import hashlib
from collections.abc import Mapping
from typing import Any

from tests.fake_teacher.behaviour import Behaviour, fails
from tests.fake_teacher.record import prompt_key
from tests.fake_teacher.replies import fresh_text, instance, schema_of

HUGE = "x" * 5_000_000

FAULTS: Mapping[str, Behaviour] = {
    "error_500": fails(500),
    "error_429": fails(429, retry_after=0.05),
    "error_503": fails(503),
    "drops": Behaviour(name="drops", sent=0.0),
    "drops_midway": Behaviour(name="drops_midway", sent=0.6),
    "truncated_json": Behaviour(name="truncated_json", body=b'{"id": "x", "choices": [{"ind'),
    "length": Behaviour(
        name="length", contents=('{"answer": "cut off in the mid',), finish_reason="length"
    ),
    "empty": Behaviour(name="empty", contents=("",)),
    "null": Behaviour(name="null", contents=(None,)),
    "nul": Behaviour(name="nul", contents=("a\x00b",)),
    "surrogate": Behaviour(name="surrogate", contents=("a\ud800b",)),
    "wrong_schema": Behaviour(name="wrong_schema", contents=('{"unexpected": [1, 2, 3]}',)),
    "not_json": Behaviour(name="not_json", contents=("I am afraid I cannot answer as JSON.",)),
    "huge": Behaviour(name="huge", contents=(HUGE,)),
    "slow_drip": Behaviour(name="slow_drip", drip=0.2),
    "alien": Behaviour(name="alien", reply_id="chatcmpl-of-somebody-else"),
    "double": Behaviour(name="double", copies=2),
    "too_many_choices": Behaviour(name="too_many_choices", choices=7),
}
"""By name; `slow_drip` would take minutes, so it ends at the asker's deadline."""


class Mixed:
    """What the n-th call of one prompt gets is a function of the random seed alone, so a run
    repeats whatever the order and concurrency of its requests.
    """

    def __init__(
        self,
        random_seed: int = 1,
        good: float = 0.6,
        schema: dict[str, Any] | None = None,
        faults: Mapping[str, Behaviour] = FAULTS,
    ) -> None:
        self.random_seed = random_seed
        self.good = good
        self.schema = schema
        self.faults = tuple(faults.values())

    def __call__(self, body: dict[str, Any], call: int) -> Behaviour:
        told = f"{self.random_seed}/{prompt_key(body)}/{call}".encode()
        draw = int.from_bytes(hashlib.sha256(told).digest()[:8], "big")
        share = (draw & 0xFFFF_FFFF) / 2**32
        if share >= self.good:
            return self.faults[(draw >> 32) % len(self.faults)]
        schema = schema_of(body) or self.schema
        texts = [
            instance(schema, draw + at) if schema else fresh_text(draw + at)
            for at in range(body.get("n") or 1)
        ]
        return Behaviour(contents=tuple(texts))
