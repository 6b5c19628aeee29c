"""Write the parts of docs/ that follow from the code: settings, plugins, commands.

Each stands between two marks in its page; the rest of the page is written by hand.
"""

import ast
import inspect
import sys
import textwrap
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin

import orjson
import typer
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined
from typer.core import TyperArgument, TyperCommand, TyperGroup

from app.cli import app as shell
from app.curation.accept import AcceptSpec
from app.curation.filter import filters
from app.curation.parser import parsers
from app.datasets.exporter import exporters
from app.datasets.layouts.catalogue import example_row
from app.datasets.spec import PublishSpec
from app.plugins import Plugin, Registry
from app.recipes import recipes
from app.settings import Settings

DOCS = Path(__file__).parent.parent / "docs"
BEGIN, END = "<!-- scripts/write_docs.py: {} -->", "<!-- end -->"
REGISTERED_BY = (AcceptSpec, PublishSpec)
"""Importing these registers every plugin of ours."""
SHOWN = {"data_dir": "the platform's, such as `~/.local/share/limbeck`"}
MIB = 1024 * 1024
EVERY_FILTERS = {"action"}
"""Said once, above the filters; shown where one has its own."""


def sentences(model: type) -> dict[str, str]:
    """The sentence beneath each field of a class, inherited ones included."""
    found: dict[str, str] = {}
    for each in reversed(model.__mro__):
        if each.__module__.partition(".")[0] == "app":
            found |= _own_sentences(each)
    return found


def _own_sentences(model: type) -> dict[str, str]:
    [body] = ast.parse(textwrap.dedent(inspect.getsource(model))).body
    assert isinstance(body, ast.ClassDef)
    found = {}
    for field, after in zip(body.body, body.body[1:], strict=False):
        if (
            isinstance(field, ast.AnnAssign)
            and isinstance(field.target, ast.Name)
            and isinstance(after, ast.Expr)
            and isinstance(after.value, ast.Constant)
            and isinstance(after.value.value, str)
        ):
            found[field.target.id] = " ".join(after.value.value.split())
    return found


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    head = list(head)
    lines = [head, ["---"] * len(head), *([_cell(cell) for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def settings() -> str:
    said = sentences(Settings)
    rows = (
        (
            f"`LIMBECK_{name.upper()}`",
            SHOWN.get(name) or _default(field),
            said[name] + _choices(field.annotation),
        )
        for name, field in Settings.model_fields.items()
    )
    return table(("variable", "default", "meaning"), rows)


def _choices(annotation: Any) -> str:
    words = kind(annotation)
    return f" One of {words.replace(' or ', ', ')}." if "`" in words else ""


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True, validated_data={})
    if value is None or value is PydanticUndefined:
        return ""
    if isinstance(value, list | tuple):
        return f"`{','.join(map(str, value))}`" if value else ""
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, int) and value % MIB == 0 and value:
        return f"`{value}` ({value // MIB} MiB)"
    return f"`{value:g}`" if isinstance(value, float) else f"`{value}`"


def plugins(registry: Registry[Any]) -> str:
    return "\n\n".join(_plugin(name, registry[name]) for name in registry.names)


def _plugin(name: str, plugin: type[Plugin]) -> str:
    parts = [f"### `{name}`", inspect.cleandoc(plugin.__doc__ or "")]
    said = sentences(plugin)
    rows = [
        (f"`{field}`", kind(info.annotation), _default(info), said[field])
        for field, info in plugin.model_fields.items()
        if field in vars(plugin).get("__annotations__", ()) or field not in EVERY_FILTERS
    ]
    if rows:
        parts.append(table(("parameter", "type", "default", "meaning"), rows))
    return "\n\n".join(parts)


def kind(annotation: Any) -> str:
    """A type in words of JSON."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if hasattr(annotation, "__metadata__"):
        return kind(arguments[0])
    if origin in {Union, UnionType}:
        return " or ".join(kind(a) for a in arguments if a is not type(None))
    if origin is Literal:
        return " or ".join(f"`{a}`" for a in arguments)
    if origin in {tuple, list}:
        inner = kind(arguments[0])
        return f"list of {inner}" if "`" in inner else f"list of {inner}s"
    if origin is dict:
        return "object"
    words = {str: "text", int: "integer", float: "number", bool: "true or false", Any: "any value"}
    return words.get(annotation, getattr(annotation, "__name__", str(annotation)))


def uses() -> str:
    """Trainers by name, each with the layouts that it reads."""
    rows = sorted(
        (use.trainer, f"[`{name}`](#{name})", use.by)
        for name in exporters.names
        for use in exporters[name].uses
    )
    return table(("trainer", "layout", "how it reads it"), rows)


def layouts() -> str:
    return "\n\n".join(
        f"{_plugin(name, exporters[name])}\n\n{_shown(name)}" for name in exporters.names
    )


def _shown(name: str) -> str:
    plugin = exporters[name]
    layout = plugin.model_validate(dict(plugin.example))
    said = orjson.dumps({"name": name, **layout.model_dump(mode="json", exclude_unset=True)})
    row = orjson.dumps(example_row(layout), option=orjson.OPT_INDENT_2)
    return f"`{said.decode()}` writes\n\n```json\n{row.decode()}\n```"


def commands() -> str:
    group = typer.main.get_command(shell)
    assert isinstance(group, TyperGroup)
    return "\n\n".join(_command(path, command) for path, command in walk(group, ("limbeck",)))


def walk(group: TyperGroup, path: tuple[str, ...]) -> Iterator[tuple[str, TyperCommand]]:
    """Every command, with the words that call it."""
    for name, command in group.commands.items():
        if isinstance(command, TyperGroup):
            yield from walk(command, (*path, name))
        elif isinstance(command, TyperCommand) and not command.hidden:
            yield " ".join((*path, name)), command


def command_words() -> set[str]:
    """What may follow `limbeck`: every command, a group's with the group before it."""
    group = typer.main.get_command(shell)
    assert isinstance(group, TyperGroup)
    return {path.removeprefix("limbeck ") for path, _ in walk(group, ("limbeck",))}


def _command(path: str, command: TyperCommand) -> str:
    arguments = [p for p in command.params if isinstance(p, TyperArgument)]
    options = [p for p in command.params if p not in arguments and p.name != "help"]
    words = [path, *(_argument(a) for a in arguments), *(["[OPTIONS]"] if options else [])]
    rows = [
        *((f"`{_name(a)}`", a.help or "") for a in arguments),
        *((_option(o), getattr(o, "help", None) or "") for o in options),
    ]
    help_text = " ".join(inspect.cleandoc(command.help or "").split())
    parts = [f"### `{path}`", help_text, f"    {' '.join(words)}"]
    return "\n\n".join([*parts, table(("", ""), rows)] if rows else parts)


def _argument(argument: TyperArgument) -> str:
    name = _name(argument) + ("…" if argument.nargs == -1 else "")
    return name if argument.required else f"[{name}]"


def _name(argument: TyperArgument) -> str:
    return (argument.metavar or argument.name or "").strip("[]").upper()


def _option(option: Any) -> str:
    flags = ", ".join(f"`{flag}`" for flag in (*option.opts, *option.secondary_opts))
    shown = option.default not in (None, False, ()) and not callable(option.default)
    return f"{flags} (default {option.default})" if shown else flags


PARTS = {
    "settings.md": {"settings": settings},
    "filters.md": {
        "parsers": lambda: plugins(parsers),
        "filters": lambda: plugins(filters),
        "recipes": lambda: plugins(recipes),
    },
    "layouts.md": {"uses": uses, "layouts": layouts},
    "cli.md": {"commands": commands},
}


def rewritten(page: str, text: str) -> str:
    """The page with each of its parts as the code has it now."""
    for part, write in PARTS[page].items():
        begin = BEGIN.format(part)
        before, mark, rest = text.partition(begin)
        if not mark or END not in rest:
            raise ValueError(f"{page} lacks the marks of {part}")
        text = f"{before}{begin}\n\n{write()}\n\n{END}{rest.partition(END)[2]}"
    return text


def models() -> Iterator[type[BaseModel]]:
    """Every class whose fields these pages describe."""
    yield Settings
    for registry in (parsers, filters, recipes, exporters):
        yield from (registry[name] for name in registry.names)


if __name__ == "__main__":
    for page in PARTS:
        file = DOCS / page
        file.write_text(rewritten(page, file.read_text()))
        sys.stdout.write(f"{file.name}\n")
