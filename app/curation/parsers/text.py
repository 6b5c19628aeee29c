"""Replies that are one plain text."""

from app.curation.parser import Parser, parsers
from app.curation.response import Response
from app.curation.verdict import Record, Verdict


@parsers.register("text")
class Text(Parser, frozen=True):
    """The whole reply, outer whitespace removed, is the response schema's one field."""

    def read(self, content: str, response: Response) -> Record | Verdict:
        if len(response.fields) != 1:
            return self.refused(
                "fields",
                len(response.fields),
                "a plain text fills one field; the response schema has another number of them",
            )
        return {response.fields[0]: content.strip()}
