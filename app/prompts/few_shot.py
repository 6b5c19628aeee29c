"""A few-shot set: four to eight examples of what is asked and what is answered."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from app.digest import canonical, digest
from app.errors import FieldError, Invalid
from app.prompts.json_schema import Validator, compile_schema
from app.prompts.schema_rules import MAX_DEPTH, depth
from app.prompts.template import Template

FEWEST = 4
MOST = 8
MAX_BYTES = 262_144
_KEYS = {"inputs", "response"}


@dataclass(frozen=True, slots=True)
class Example:
    inputs: dict[str, Any]
    response: dict[str, Any]


@dataclass(frozen=True, slots=True)
class FewShotSet:
    examples: tuple[Example, ...]
    digest: str

    def shown(self, k: int, rotation: int = 0) -> tuple[Example, ...]:
        """`k` of the examples, in order, beginning `rotation` places further on."""
        count = len(self.examples)
        if not 0 <= k <= count:
            raise Invalid.at(
                "/few_shot/k", f"should be from 0 to {count}, as many as the set has", k
            )
        return tuple(self.examples[(rotation + place) % count] for place in range(k))

    @property
    def content(self) -> list[dict[str, Any]]:
        return [{"inputs": one.inputs, "response": one.response} for one in self.examples]


def parse_few_shot(value: Any, at: str = "/examples") -> FewShotSet:
    """A set from JSON: a list of `{inputs, response}`; else `Invalid` naming each fault."""
    return FewShotSet(_examples(value, at, FEWEST), digest(value))


def read_examples(value: Any, at: str = "/examples") -> tuple[Example, ...]:
    """Examples to try a template with: none will do; otherwise as in a set."""
    return _examples(value, at, 0)


def _examples(value: Any, at: str, fewest: int) -> tuple[Example, ...]:
    _refuse(list(_faults(value, at, fewest)))
    return tuple(Example(one["inputs"], one["response"]) for one in value)


def _refuse(errors: list[FieldError]) -> None:
    if errors:
        first = errors[0]
        raise Invalid("few_shot.invalid", f"{first.field}: {first.problem}", errors=errors[:20])


def check_examples(template: Template, examples: Sequence[Example], at: str = "/examples") -> None:
    """Refuse examples that the template could not have taken or its teacher not have answered."""
    inputs, response = compile_schema(template.inputs), compile_schema(template.response)
    _refuse(
        [
            fault
            for place, example in enumerate(examples)
            for fault in (
                *_against(inputs, template.complete(example.inputs), f"{at}/{place}/inputs"),
                *_against(response, example.response, f"{at}/{place}/response"),
            )
        ]
    )


def _against(validator: Validator, value: dict[str, Any], at: str) -> Iterator[FieldError]:
    for place, problem in validator.problems(value):
        yield FieldError(at + place, problem)


def _faults(value: Any, at: str, fewest: int) -> Iterator[FieldError]:
    if not isinstance(value, list):
        yield FieldError(at, "should be a list of examples", value)
        return
    if not fewest <= len(value) <= MOST:
        rule = f"from {fewest} to {MOST}" if fewest else f"at most {MOST}"
        yield FieldError(at, f"should hold {rule} examples; it holds {len(value)}", len(value))
        return
    for place, one in enumerate(value):
        if not isinstance(one, dict) or set(one) != _KEYS:
            yield FieldError(f"{at}/{place}", "should be an object: {inputs: {…}, response: {…}}")
            return
        for key in sorted(_KEYS):
            if not isinstance(one[key], dict):
                yield FieldError(f"{at}/{place}/{key}", "should be an object", one[key])
                return
    yield from _content_faults(value, at)


def _content_faults(value: list[dict[str, Any]], at: str) -> Iterator[FieldError]:
    if depth(value) > MAX_DEPTH:
        yield FieldError(at, f"should be nested at most {MAX_DEPTH} deep")
        return
    seen: dict[bytes, int] = {}
    size = 0
    for place, one in enumerate(value):
        try:
            written = canonical(one)
        except TypeError:
            yield FieldError(f"{at}/{place}", "should be plain JSON, text without lone surrogates")
            return
        size += len(written)
        if (twin := seen.setdefault(written, place)) != place:
            yield FieldError(f"{at}/{place}", f"is the same as example {twin}")
    if size > MAX_BYTES:
        yield FieldError(at, f"should be at most {MAX_BYTES} bytes of JSON", size)
