"""A template: what is asked, with declared inputs and a declared answer."""

from dataclasses import dataclass
from typing import Any, NoReturn

from app.digest import digest
from app.errors import FieldError, Invalid
from app.prompts import front_matter, syntax
from app.prompts.front_matter import Format, FrontMatter
from app.prompts.schema_rules import pointer

MAX_BYTES = 65_536
_FENCE = "---"


@dataclass(frozen=True, slots=True)
class Template:
    """One checked template. Equal sources have equal digests, however their lines end."""

    source: str
    digest: str
    description: str
    inputs: dict[str, Any]
    """JSON Schema of a row's inputs: closed; required unless it has a default."""
    format: Format
    response: dict[str, Any]
    """JSON Schema of what the teacher answers."""
    dedup: tuple[str, ...]
    """Fields of a record that tell it from another."""
    sampling: dict[str, Any]
    """Defaults a job's own sampling goes over."""

    @property
    def input_names(self) -> tuple[str, ...]:
        return tuple(self.inputs["properties"])

    @property
    def response_names(self) -> tuple[str, ...]:
        return tuple(self.response["properties"])

    @property
    def fields(self) -> tuple[str, ...]:
        """A record's fields: the inputs, then the response."""
        return (*self.input_names, *self.response_names)

    def complete(self, inputs: dict[str, Any]) -> dict[str, Any]:
        """The inputs in declared order, what is left out filled with its default."""
        properties = self.inputs["properties"]
        filled = {
            name: inputs[name] if name in inputs else schema["default"]
            for name, schema in properties.items()
            if name in inputs or "default" in schema
        }
        return filled | inputs


def parse_template(source: str) -> Template:
    """Read and check a template; nothing is compiled or run.

    Raises `Invalid` that names the line of the source, or the key of the front matter (a pointer
    below `/source`).
    """
    source = _normal(source)
    head, body = _halves(source)
    declared = front_matter.parse(head, first_line=2)
    try:
        turns = syntax.parse(body)
    except syntax.TemplateFault as fault:
        raise Invalid("template.invalid", fault.error.problem, errors=[fault.error]) from fault
    _check_names(declared, turns)
    response = declared.response_schema
    return Template(
        source=source,
        digest=digest(source),
        description=declared.description,
        inputs=declared.input_schema,
        format=declared.response.format,
        response=response,
        dedup=tuple(declared.dedup) or (*declared.inputs, *response["properties"]),
        sampling=declared.sampling.model_dump(exclude_none=True),
    )


def turns(template: Template) -> syntax.Turns:
    """The turns of a checked template, ready to be compiled."""
    return syntax.parse(_halves(template.source)[1])


def _normal(source: str) -> str:
    try:
        size = len(source.encode())
    except UnicodeEncodeError:
        _refuse("should not hold lone surrogates")
    if size > MAX_BYTES:
        _refuse(f"should be at most {MAX_BYTES} bytes; it has {size}")
    if "\0" in source:
        _refuse("should not hold the character NUL")
    return source.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n").rstrip() + "\n"


def _halves(source: str) -> tuple[str, str]:
    """The front matter, and the body behind as many blank lines: its line numbers stay true."""
    lines = source.split("\n")
    if lines[0].rstrip() != _FENCE:
        _refuse("line 1: should be '---', which opens the front matter")
    for number, line in enumerate(lines[1:], 1):
        if line.rstrip() == _FENCE:
            return "\n".join(lines[1:number]), "\n" * (number + 1) + "\n".join(lines[number + 1 :])
    return _refuse("the front matter should be closed by a line '---'")


def _check_names(declared: FrontMatter, turns: syntax.Turns) -> None:
    errors = []
    shown: set[str] = set()
    for role, turn in turns.items():
        wanted = syntax.variables(turn)
        given = {*declared.inputs} | ({"response"} if role == "assistant" else set())
        for name in sorted(wanted - given):
            problem = f"the {role} turn uses {name!r}, which is not among the inputs"
            hint = f": {', '.join(declared.inputs)}"
            errors.append(FieldError(f"/source/inputs{pointer([name])}", problem + hint))
        if role != "assistant":
            shown |= wanted
    for name in declared.inputs:
        if name not in shown:
            problem = "is declared, but no system or user turn uses it"
            errors.append(FieldError(f"/source/inputs{pointer([name])}", problem))
    if errors:
        first = errors[0]
        raise Invalid("template.invalid", f"{first.field}: {first.problem}", errors=errors)


def _refuse(problem: str) -> NoReturn:
    raise Invalid(
        "template.invalid", f"/source: {problem}", errors=[FieldError("/source", problem)]
    )
