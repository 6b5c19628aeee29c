"""Which JSON Schemas are taken: closed, bounded, and ending somewhere."""

from collections.abc import Iterator
from typing import Any

from app.digest import canonical
from app.errors import FieldError

MAX_BYTES = 65_536
MAX_DEPTH = 32
MAX_SUBSCHEMAS = 4_000
"""Counted with every reference written out: 26 definitions that each name the next one twice
cost half a second to check and gigabytes to explain."""
MAX_PATTERNS = 32

# ruff: noqa: SIM905  (a row of words reads better than a column of quotes)
_ONE = (
    "additionalProperties contains contentSchema else if items not propertyNames then "
    "unevaluatedItems unevaluatedProperties"
).split()
_LIST = "allOf anyOf oneOf prefixItems".split()
_MAP = "$defs dependentSchemas patternProperties properties".split()
_PLAIN = (
    "$comment $ref $schema const contentEncoding contentMediaType default dependentRequired "
    "deprecated description discriminator enum examples exclusiveMaximum exclusiveMinimum format "
    "maxContains maxItems maxLength maxProperties maximum minContains minItems minLength "
    "minProperties minimum multipleOf pattern readOnly required title type uniqueItems writeOnly"
).split()
_KEYWORDS = frozenset(_ONE + _LIST + _MAP + _PLAIN)
DIALECT = "https://json-schema.org/draft/2020-12/schema"
_DEFS = "#/$defs/"


def faults(schema: Any, at: str) -> Iterator[FieldError]:
    """What can be told without compiling the schema."""
    if not isinstance(schema, dict):
        yield FieldError(at, "should be a JSON Schema: an object", schema)
        return
    if depth(schema) > MAX_DEPTH:
        yield FieldError(at, f"should be nested at most {MAX_DEPTH} deep")
        return
    try:
        size = len(canonical(schema))
    except TypeError:
        yield FieldError(at, "should be plain JSON: numbers of 64 bits, text without surrogates")
        return
    if size > MAX_BYTES:
        yield FieldError(at, f"should be at most {MAX_BYTES} bytes", size)
        return
    yield from {
        (found.field, found.problem): found for found in _Walk(schema, at).faults()
    }.values()


class _Walk:
    """Every subschema, references written out, until a limit is met."""

    def __init__(self, schema: dict[str, Any], at: str) -> None:
        self.root = schema
        self.at = at
        self.seen = 0
        self.patterns = 0
        self.checked: set[str] = set()

    def faults(self) -> Iterator[FieldError]:
        yield from self._visit(self.root, self.at, ())
        if self.seen > MAX_SUBSCHEMAS:
            problem = f"should have at most {MAX_SUBSCHEMAS} parts, each reference written out"
            yield FieldError(self.at, problem)
        if self.patterns > MAX_PATTERNS:
            yield FieldError(self.at, f"should have at most {MAX_PATTERNS} patterns", self.patterns)

    def _visit(self, schema: Any, at: str, refs: tuple[str, ...]) -> Iterator[FieldError]:
        self.seen += 1
        if not isinstance(schema, dict) or self.seen > MAX_SUBSCHEMAS:
            return  # `true` and `false` are schemas; anything else the metaschema names
        if at not in self.checked:
            self.checked.add(at)
            yield from self._own_faults(schema, at)
        if "$ref" in schema:
            yield from self._follow(schema["$ref"], f"{at}/$ref", refs)
        for place, inner in subschemas(schema):
            if place[0] != "$defs" or not refs:
                yield from self._visit(inner, at + pointer(place), refs)

    def _own_faults(self, schema: dict[str, Any], at: str) -> Iterator[FieldError]:
        for keyword in schema:
            if keyword not in _KEYWORDS and not keyword.startswith("x-"):
                yield FieldError(f"{at}{pointer([keyword])}", _unknown(keyword))
        if schema.get("$schema", DIALECT) != DIALECT:
            yield FieldError(f"{at}/$schema", f"should be {DIALECT}, or be left out")
        if schema.get("$defs") and at != self.at:
            yield FieldError(f"{at}/$defs", "should be at the top of the schema")
        patterns = schema.get("patternProperties")
        self.patterns += "pattern" in schema
        self.patterns += len(patterns) if isinstance(patterns, dict) else 0

    def _follow(self, ref: Any, at: str, refs: tuple[str, ...]) -> Iterator[FieldError]:
        name = ref.removeprefix(_DEFS) if isinstance(ref, str) and ref.startswith(_DEFS) else None
        definitions = self.root.get("$defs")
        target = definitions.get(name) if name and isinstance(definitions, dict) else None
        if target is None:
            yield FieldError(at, "should be '#/$defs/…', naming a definition of this schema", ref)
        elif ref in refs:
            yield FieldError(at, "should not lead back to itself: a record has an end", ref)
        elif len(refs) >= MAX_DEPTH:
            yield FieldError(at, f"should pass at most {MAX_DEPTH} references", ref)
        else:
            yield from self._visit(target, f"{self.at}/$defs{pointer([str(name)])}", (*refs, ref))


def _unknown(keyword: str) -> str:
    if keyword in {"$id", "$anchor", "$dynamicRef", "$dynamicAnchor", "$vocabulary", "definitions"}:
        return "is not taken here: refer to '#/$defs/…' within the schema"
    return "is not a keyword of JSON Schema draft 2020-12"


def subschemas(schema: dict[str, Any]) -> Iterator[tuple[tuple[str | int, ...], Any]]:
    """The schemas directly inside a schema, each with its place."""
    for keyword, value in schema.items():
        if keyword in _ONE:
            yield (keyword,), value
        elif keyword in _LIST and isinstance(value, list):
            yield from (((keyword, i), inner) for i, inner in enumerate(value))
        elif keyword in _MAP and isinstance(value, dict):
            yield from (((keyword, name), inner) for name, inner in value.items())


def pointer(place: list[str | int] | tuple[str | int, ...]) -> str:
    """`("answer", 0)` is `/answer/0`."""
    return "".join(f"/{str(part).replace('~', '~0').replace('/', '~1')}" for part in place)


def depth(value: Any) -> int:
    """How deep a JSON value is nested; one more than `MAX_DEPTH` when it is at least that."""
    level, deep = [value], 0
    while level and deep <= MAX_DEPTH:
        level = [inner for item in level for inner in inside(item)]
        deep += 1
    return deep


def inside(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []
