"""Replies with a tag around each field: what small teachers manage when JSON is beyond them."""

import re
from typing import Any

import orjson

from app.curation.parser import Parser, parsers
from app.curation.response import Response
from app.curation.verdict import Record, Verdict


@parsers.register("tags")
class Tags(Parser, frozen=True):
    """`<question>…</question>` for each field of the response schema, in any order.

    What stands between the tags is taken as it is, outer whitespace removed; text outside of them
    is ignored, as are tags that name no field. A field of type array takes one element from each
    of its tags; any other field may stand once only. Where the schema wants no string (a number,
    a boolean, an object), the inside is read as JSON.
    """

    def read(self, content: str, response: Response) -> Record | Verdict:
        found = self._found(content, response.fields)
        if isinstance(found, Verdict):
            return found
        record: Record = {}
        for field, texts in found.items():
            if response.holds_list(field):
                as_text = response.items_are_text(field)
                record[field] = [_value(text, as_text=as_text) for text in texts]
            elif len(texts) > 1:
                return self.refused("repeated", field, f"<{field}> stands {len(texts)} times")
            else:
                record[field] = _value(texts[0], as_text=response.holds_text(field))
        for field in response.required:
            if field not in record and not response.holds_list(field):
                return self.refused("missing", field, f"no <{field}>…</{field}> in the reply")
        return record

    def _found(self, content: str, fields: tuple[str, ...]) -> dict[str, list[str]] | Verdict:
        opening = re.compile("<(" + "|".join(re.escape(field) for field in fields) + ")>")
        found: dict[str, list[str]] = {}
        at = 0
        while match := opening.search(content, at):
            field = match[1]
            end = content.find(f"</{field}>", match.end())
            if end < 0 or content.find(f"<{field}>", match.end(), end) >= 0:
                return self.refused("unclosed", field, f"<{field}> is opened and not closed")
            found.setdefault(field, []).append(content[match.end() : end].strip())
            at = end + len(field) + 3
        return found


def _value(text: str, *, as_text: bool) -> Any:
    if as_text:
        return text
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return text  # the schema then says what should have stood here
