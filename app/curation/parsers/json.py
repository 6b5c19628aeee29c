"""Replies that are a JSON object."""

import json
import re
from collections.abc import Iterator
from typing import Any

import orjson

from app.curation import text
from app.curation.parser import Parser, parsers
from app.curation.response import Response
from app.curation.verdict import Record, Verdict

# A brace or a whole string. Possessive, so that no reply makes it step back.
_TOKEN = re.compile(r'[{}]|"(?:[^"\\]++|\\.)*+"?', re.DOTALL)


@parsers.register("json")
class Json(Parser, frozen=True):
    """The reply is one JSON object.

    First the whole reply is read as JSON. If that fails, a code fence or prose may stand around
    the object: the reply is searched for `{…}` with balanced braces, and read if exactly one of
    what is found is a JSON object. Two objects, or an unbalanced brace before the object, refuse
    the reply: it is never guessed which was meant. Where a key stands twice, the last one counts.
    """

    def read(self, content: str, response: Response) -> Record | Verdict:  # noqa: ARG002
        try:
            whole = orjson.loads(content)
        except orjson.JSONDecodeError as error:
            return self._unstorable(content) or self._surrounded(content, error)
        if isinstance(whole, dict):
            return whole
        return self.refused("not_object", _kind(whole), "the reply is JSON, but not an object")

    def _surrounded(self, content: str, error: orjson.JSONDecodeError) -> Record | Verdict:
        found: list[Record] = []
        for piece in _balanced(content):
            try:
                found.append(orjson.loads(piece))
            except orjson.JSONDecodeError:
                if verdict := self._unstorable(piece):
                    return verdict
        if len(found) == 1:
            return found[0]
        if found:
            return self.refused("ambiguous", len(found), "more than one JSON object in the reply")
        return self.refused("invalid", None, str(error))

    def _unstorable(self, content: str) -> Verdict | None:
        # orjson refuses surrogates, NaN and deep nesting as bad syntax. Python's own parser reads
        # them, so that they are named for what they are; its result is never used.
        try:
            value: Any = json.loads(content, strict=False)
        except RecursionError:
            return Verdict("text.too_deep", None, text.MAX_DEPTH)
        except ValueError:
            return None
        return text.problem(value)


def _balanced(content: str) -> Iterator[str]:
    """Every outermost `{…}`, in one pass; braces within JSON strings do not count."""
    start = content.find("{")
    while start >= 0:
        end = _end(content, start)
        if end < 0:
            return
        yield content[start:end]
        start = content.find("{", end)


def _end(content: str, start: int) -> int:
    depth = 0
    for token in _TOKEN.finditer(content, start):
        mark = token[0]
        depth += (mark == "{") - (mark == "}")
        if depth == 0:
            return token.end()
    return -1


def _kind(value: Any) -> str:
    names = {list: "array", str: "string", bool: "boolean", type(None): "null"}
    return names.get(type(value), "number")
