"""Prompts that are remembered: the same as rendered anew, and no more than there is room for."""

from typing import Any

import pytest

from app.prompts import known
from app.prompts.prompt import Message, Prompt
from app.prompts.render import Renderer
from app.prompts.sandbox import RenderPool
from app.prompts.template import parse_template
from tests.prompts.sources import EXAMPLES, QUESTION_ANSWER


async def test_what_was_rendered_is_not_rendered_again(monkeypatch: pytest.MonkeyPatch) -> None:
    pool = RenderPool(workers=1)
    given: list[int] = []
    each = pool._each

    async def counted(rows: Any, *rest: Any) -> Any:
        given.append(len(rows))
        return await each(rows, *rest)

    monkeypatch.setattr(pool, "_each", counted)
    teas = [{"topic": f"tea {n}"} for n in range(20)]
    more = [{"topic": "coffee"}, *teas[::-1], {"topik": "tea"}, {"topic": "\udfff"}, teas[3]]
    try:
        for examples, rows in ((EXAMPLES, teas), (EXAMPLES, more), ([], more)):
            here = Renderer(parse_template(QUESTION_ANSWER), examples)
            found = await pool.render(QUESTION_ANSWER, examples, rows)
            for row, prompt in zip(rows, found, strict=True):
                if isinstance(prompt, Prompt):
                    assert prompt == here.prompt(row)
                else:
                    assert row in more[21:23]
    finally:
        await pool.close()
    assert given == [20, 3, 24]


def test_what_is_remembered_has_its_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(known, "_MOST", 100_000)
    here = known.Known()
    shared = Message("system", "x" * 10_000)
    rows = [{"n": n} for n in range(500)]
    prompts = [Prompt((shared, Message("user", "y" * 500)), bytes(16)) for _ in rows]
    here.remember("a", b"", rows, prompts)
    held = here.find("a", b"", rows)
    assert held[:90] == prompts[:90], "a shared turn is counted once"
    assert held[90:] == [None] * 410
    assert here.find("b", b"", rows) == here.find("a", b"x", rows) == [None] * 500
    here.remember("b", b"", rows[:3], prompts[:3])
    assert here.find("b", b"", rows[:4]) == [*prompts[:3], None]
    assert here.find("a", b"", rows) == [None] * 500, "others had to go"
    long = {"n": "z" * 2_000}
    here.remember("b", b"", [long], prompts[:1])
    assert here.find("b", b"", [long]) == [None]
