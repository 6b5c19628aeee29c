"""What a parser is: it reads a reply into a record's fields, or says why it cannot."""

from abc import ABC, abstractmethod
from typing import Any

from app.curation import text
from app.curation.response import Response
from app.curation.verdict import Record, Verdict
from app.plugins import Plugin, Registry


class Parser(Plugin, ABC, frozen=True):
    @abstractmethod
    def read(self, content: str, response: Response) -> Record | Verdict:
        """The fields as they stand in the reply; whether they fit is not this method's concern."""

    def __call__(self, content: str, response: Response) -> Record | Verdict:
        """A record that can be stored and fits the schema, or the first reason why not."""
        found = self.read(content, response)
        if isinstance(found, Verdict):
            return found
        return text.problem(found) or self._misfit(found, response) or found

    def refused(self, reason: str, value: Any = None, detail: str | None = None) -> Verdict:
        return Verdict(
            f"parse.{self.plugin_name}.{reason}",
            value,
            None,
            None if detail is None else text.for_display(detail),
            self.revision,
        )

    def _misfit(self, found: Record, response: Response) -> Verdict | None:
        problems = response.validator.problems(found)
        if not problems:
            return None
        pointer, message = problems[0]
        return self.refused("schema", text.for_display(pointer, 120), f"{pointer}: {message}")


parsers: Registry[Parser] = Registry("parser")
