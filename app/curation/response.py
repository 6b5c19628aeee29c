"""What a reply should hold: a template's response schema, ready to be read against."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

from app.curation.verdict import Record
from app.prompts.json_schema import Validator, compile_schema

Format = Literal["json", "tags", "text"]
"""How a template asks for its reply; each has the parser of the same name."""


@dataclass(frozen=True, slots=True)
class Response:
    """Made once per job and shared by all its samples."""

    schema: dict[str, Any]
    validator: Validator
    fields: tuple[str, ...]
    required: tuple[str, ...]
    examples: tuple[Record, ...] = ()
    """Responses that the teacher was shown."""

    @classmethod
    def of(cls, schema: dict[str, Any], examples: Iterable[Record] = ()) -> "Response":
        return cls(
            schema=schema,
            validator=compile_schema(schema),
            fields=tuple(schema.get("properties", {})),
            required=tuple(schema.get("required", ())),
            examples=tuple(examples),
        )

    def holds_text(self, field: str) -> bool:
        """Whether a string is right here; a field of unknown type is taken as text."""
        return _takes(self.schema.get("properties", {}).get(field), "string")

    def holds_list(self, field: str) -> bool:
        declared = self.schema.get("properties", {}).get(field)
        return isinstance(declared, dict) and declared.get("type") == "array"

    def items_are_text(self, field: str) -> bool:
        return _takes(self.schema["properties"][field].get("items"), "string")


def _takes(declared: Any, kind: str) -> bool:
    known = declared.get("type") if isinstance(declared, dict) else None
    if known is None:
        return True
    return kind in known if isinstance(known, list) else kind == known
