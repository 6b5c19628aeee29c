from typing import Any

import pytest

from app.curation.filters import Code
from tests.curation.filters.replies import judge, noted

GOOD = "```python\ndef f(x):\n    return x + 1\n```"
BAD = "```py\ndef f(x:\n    return x\n```"


@pytest.mark.parametrize(
    ("parameters", "text", "expected"),
    [
        ({}, f"So:\n{GOOD}\nDone.", None),
        ({}, f"{GOOD}\nand\n{BAD}", ("filter.code.invalid", 1)),
        ({}, "no code at all", None),
        ({}, "```\nnot ( python\n```", None),
        ({}, "~~~python\nx = (\n", ("filter.code.invalid", 1)),
        ({}, "````python\ns = '''\n```\n'''\n````", None),
        ({"required": True}, "no code at all", ("filter.code.missing", 0)),
        ({"where": "whole"}, "def f(): pass", None),
        ({"where": "whole"}, "def f() pass", ("filter.code.invalid", 1)),
        ({"where": "whole", "max_characters": 3}, "x = 1", ("filter.code.too_long", 5)),
        ({"where": "whole"}, "'\\d'", None),
        ({"language": "json"}, '```json\n{"a": [1, 2]}\n```', None),
        ({"language": "json"}, '```json\n{"a": [1, 2}\n```', ("filter.code.invalid", 1)),
        ({"language": "json", "where": "whole"}, ["1", "[}"], ("filter.code.invalid", 1)),
    ],
)
def test_code_that_does_not_parse_is_dropped(
    parameters: dict[str, Any], text: Any, expected: tuple[str, int] | None
) -> None:
    filter_ = Code.model_validate({"field": "answer", "language": "python", **parameters})
    verdict = noted(judge(filter_, text))

    assert (verdict and (verdict.reason, verdict.value)) == expected


@pytest.mark.parametrize(
    "bomb",
    [
        "(" * 20_000,
        "-" * 19_999 + "1",
        "1+" * 9_999 + "1",
        "f" + "()" * 9_999,
        "{[(" * 6_000,
        "a" + ".b" * 9_999,
        "9" * 20_000,
        'f"{' * 6_000,
        "lambda:" * 2_500 + "1",
        "".join(" " * n + "if x:\n" for n in range(190)),
    ],
    ids=range(10),
)
def test_a_bomb_is_a_verdict_or_nothing(bomb: str) -> None:
    judge(Code(field="answer", language="python", where="whole"), bomb)
    judge(Code(field="answer", language="json", where="whole"), bomb)
