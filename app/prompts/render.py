"""From a template, examples and a row's inputs to the prompt. Pure: equal in, equal out."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jinja2

from app.digest import canonical, short
from app.errors import FieldError, Invalid
from app.prompts.expressions import compact, written
from app.prompts.few_shot import Example, check_examples
from app.prompts.json_schema import compile_schema
from app.prompts.prompt import Message, Prompt, Role
from app.prompts.syntax import Given, environment, variables
from app.prompts.template import Template, turns

MAX_CHARACTERS = 512_000
"""Of one turn, and of all that comes before the row's own."""
_FILE = "<template>"


class Renderer:
    """A template and the examples shown with it, compiled; what all rows share is written once."""

    def __init__(self, template: Template, examples: Sequence[Example] = ()) -> None:
        check_examples(template, examples)
        self.template = template
        self._inputs = compile_schema(template.inputs)
        trees = turns(template)
        self._system_is_shared = "system" in trees and not variables(trees["system"])
        self._turns: dict[Role, jinja2.Template] = {
            role: jinja2.Template.from_code(
                environment(), environment().compile(tree, filename=_FILE), {}
            )
            for role, tree in trees.items()
        }
        self._system = self._say("system", {}) if self._system_is_shared else None
        self._shown = tuple(message for example in examples for message in self._show(example))
        if sum(len(message.content) for message in self._shown) > MAX_CHARACTERS:
            raise Invalid(
                "prompt.failed", f"the examples take more than {MAX_CHARACTERS} characters"
            )

    def prompt(self, inputs: Mapping[str, Any]) -> Prompt:
        """The prompt of one row. Raises `Invalid` that names each input that is wrong."""
        values = self.template.complete(dict(inputs))
        if problems := self._inputs.problems(values):
            errors = [FieldError(f"/inputs{place}", problem) for place, problem in problems]
            first = errors[0]
            raise Invalid("prompt.inputs", f"{first.field}: {first.problem}", errors=errors)
        system = self._system
        if system is None and "system" in self._turns:
            system = self._say("system", values)
        head = (system,) if system and system.content else ()
        messages = (*head, *self._shown, self._say("user", values))
        return Prompt(messages, digest_of(messages))

    def reply(self, example: Example) -> str:
        """How the teacher is shown to have answered an example."""
        if "assistant" in self._turns:
            values = self.template.complete(example.inputs)
            return self._say("assistant", {**values, "response": example.response}).content
        return default_reply(self.template, example.response)

    def _show(self, example: Example) -> tuple[Message, Message]:
        asked = self._say("user", self.template.complete(example.inputs))
        return asked, Message("assistant", self.reply(example))

    def _say(self, role: Role, values: dict[str, Any]) -> Message:
        turn = self._turns[role]
        try:
            return Message(role, said(turn, values))
        except MemoryError:
            raise
        except Exception as error:
            raise _failed(turn, role, error) from error


def said(turn: jinja2.Template, values: dict[str, Any]) -> str:
    """What a turn says, or any other text. Raises whatever its expressions do."""
    parts: list[str] = []
    left = MAX_CHARACTERS
    for part in turn.root_render_func(turn.new_context(values)):
        left -= len(part)
        if left < 0:
            raise jinja2.TemplateRuntimeError(f"writes more than {MAX_CHARACTERS} characters")
        parts.append(part)
    _trim(parts, 0, str.lstrip)
    _trim(parts, -1, str.rstrip)
    return "".join(parts)


def _trim(parts: list[str], end: int, strip: Callable[[str], str]) -> None:
    """Drop the line breaks that set the tags apart; what an expression gave stays as it is."""
    while parts and not isinstance(parts[end], Given):
        parts[end] = strip(parts[end])
        if parts[end]:
            break
        parts.pop(end)


def digest_of(messages: Sequence[Message]) -> bytes:
    """16 bytes over the turns as they are sent."""
    try:
        return short(canonical([[message.role, message.content] for message in messages]))
    except TypeError as error:
        raise Invalid.at("/inputs", "should not hold lone surrogates") from error


def default_reply(template: Template, response: dict[str, Any]) -> str:
    """An example's response as the format has it: JSON, one tag a line, or the text itself."""
    ordered = in_order(response, template.response)
    match template.format:
        case "json":
            return compact(ordered)
        case "tags":
            return "\n".join(
                f"<{name}>{written(value)}</{name}>" for name, value in ordered.items()
            )
        case "text":
            return written(next(iter(ordered.values())))


def in_order(value: Any, schema: Any) -> Any:
    """Members in the order the schema declares them, others behind."""
    if isinstance(value, dict) and isinstance(schema, dict):
        declared = schema.get("properties") or {}
        names = [
            *(name for name in declared if name in value),
            *(n for n in value if n not in declared),
        ]
        return {name: in_order(value[name], declared.get(name)) for name in names}
    if isinstance(value, list) and isinstance(schema, dict):
        return [in_order(item, schema.get("items")) for item in value]
    return value


def failure(turn: jinja2.Template, error: Exception, file: str) -> tuple[int | None, str]:
    """On which line of a template, compiled under the name `file`, what went wrong."""
    line, trace = None, error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == file:
            line = turn.get_corresponding_lineno(trace.tb_lineno)
        trace = trace.tb_next
    if isinstance(error, jinja2.TemplateError):
        return line, error.message or "fails"
    return line, str(error)[:200] or type(error).__name__


def _failed(turn: jinja2.Template, role: Role, error: Exception) -> Invalid:
    line, problem = failure(turn, error, _FILE)
    where = f"line {line}, in the {role} turn" if line else f"in the {role} turn"
    return Invalid(
        "prompt.failed",
        f"{where}: {problem}",
        errors=[FieldError("/source", f"{where}: {problem}")],
    )
