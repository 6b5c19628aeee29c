"""YAML as people write it by hand, read as plain JSON values.

Stricter than YAML 1.1: no anchors, aliases or tags, no key twice, and only what JSON has besides
text: `yes`, `2024-05-01` and `1:30` stay the text they look like.
"""

import math
import re
from typing import Any

import yaml

from app.prompts.schema_rules import MAX_DEPTH

_Fast: Any = yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader
_INT = re.compile(r"^-?(0|[1-9][0-9]*)$")
_FLOAT = re.compile(r"^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?$")
_INT64 = range(-(2**63), 2**63)


class PlainYamlError(ValueError):
    """What is wrong, and on which line (from 1)."""

    def __init__(self, line: int, problem: str) -> None:
        super().__init__(f"line {line}: {problem}")
        self.line = line
        self.problem = problem


def read(text: str) -> Any:
    """The value of one YAML document; raises `PlainYamlError` and nothing else."""
    try:
        _check_events(text)
        return yaml.load(text, Loader=_Loader)  # noqa: S506  (a safe loader, made safer)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise PlainYamlError(mark.line + 1 if mark else 1, error.problem or "not YAML") from error
    except yaml.YAMLError as error:
        raise PlainYamlError(1, str(error).partition("\n")[0]) from error
    except UnicodeEncodeError as error:
        raise PlainYamlError(1, "should not hold lone surrogates") from error


def _check_events(text: str) -> None:
    level = documents = 0
    for event in yaml.parse(text, Loader=_Fast):
        line = event.start_mark.line + 1 if event.start_mark else 1
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise PlainYamlError(line, "anchors and aliases are not taken; write it out")
        if getattr(event, "tag", None):
            raise PlainYamlError(line, "tags are not taken; write a plain value")
        level += isinstance(event, yaml.CollectionStartEvent)
        level -= isinstance(event, yaml.CollectionEndEvent)
        if level > MAX_DEPTH:
            raise PlainYamlError(line, f"should be nested at most {MAX_DEPTH} deep")
        documents += isinstance(event, yaml.DocumentStartEvent)
        if documents > 1:
            raise PlainYamlError(line, "should be one YAML document")


class _Loader(_Fast):  # type: ignore[misc]  # its base is chosen at run time
    """YAML 1.2's JSON types, nothing else."""

    yaml_implicit_resolvers: dict[str, Any] = {}
    yaml_constructors: dict[Any, Any] = dict(_Fast.yaml_constructors)


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1


def _text(loader: Any, node: yaml.ScalarNode) -> str:
    value: str = loader.construct_scalar(node)
    if "\0" in value:
        raise PlainYamlError(_line(node), "should not hold the character NUL")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise PlainYamlError(_line(node), "should not hold lone surrogates") from None
    return value


def _integer(loader: Any, node: yaml.ScalarNode) -> int:
    written = loader.construct_scalar(node)
    if len(written) > 20 or (value := int(written)) not in _INT64:  # noqa: PLR2004  (digits of 2**63)
        raise PlainYamlError(_line(node), "should fit 64 bits; quote it if it is text")
    return value


def _float(loader: Any, node: yaml.ScalarNode) -> float:
    value = float(loader.construct_scalar(node))
    if not math.isfinite(value):
        raise PlainYamlError(_line(node), "is too large for a number; quote it if it is text")
    return value


def _mapping(loader: Any, node: yaml.MappingNode) -> dict[str, Any]:
    value: dict[str, Any] = {}
    for key_node, value_node in node.value:
        key = loader.construct_object(key_node, deep=True)
        if not isinstance(key, str):
            raise PlainYamlError(_line(key_node), "a key should be text; quote it")
        if key in value:
            raise PlainYamlError(_line(key_node), f"the key {key[:80]!r} is there twice")
        value[key] = loader.construct_object(value_node, deep=True)
    return value


def _resolve(kind: str, pattern: re.Pattern[str], first: list[str]) -> None:
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{kind}", pattern, first)


_resolve("null", re.compile(r"^(~|null|Null|NULL|)$"), ["~", "n", "N", ""])
_resolve("bool", re.compile(r"^(true|True|TRUE|false|False|FALSE)$"), [*"tTfF"])
_resolve("int", _INT, [*"-0123456789"])
_resolve("float", _FLOAT, [*"-0123456789"])
_Loader.add_constructor("tag:yaml.org,2002:str", _text)
_Loader.add_constructor("tag:yaml.org,2002:int", _integer)
_Loader.add_constructor("tag:yaml.org,2002:float", _float)
_Loader.add_constructor("tag:yaml.org,2002:map", _mapping)


def write(value: Any) -> str:
    """YAML that `read` reads back as the same value."""
    return yaml.dump(value, Dumper=_Dumper, allow_unicode=True, sort_keys=False, width=96)


class _Dumper(yaml.SafeDumper):
    """Quotes whatever `read`, or a reader of YAML 1.1, would take for something else than text."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002  (PyYAML's signature)
        return True


def _written(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    odd_break = any(letter in text for letter in "\r\x85\u2028\u2029\ufeff")
    style = '"' if odd_break else "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style)


_Dumper.add_representer(str, _written)
for _kind, _pattern in (("int", _INT), ("float", _FLOAT)):
    _Dumper.add_implicit_resolver(f"tag:yaml.org,2002:{_kind}", _pattern, [*"-0123456789"])
