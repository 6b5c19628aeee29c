"""The language of a template's body: turns, and the small safe part of Jinja2 inside them.

What is not on a list here is refused before anything is compiled. A template sees JSON values
only; it can reach no attribute, no method but `items`, `keys` and `values`, and nothing global.
"""

from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import Any, get_args

from jinja2 import StrictUndefined, TemplateSyntaxError, Undefined, meta, nodes
from jinja2.ext import Extension
from jinja2.lexer import Token, TokenStream
from jinja2.parser import Parser
from jinja2.runtime import LoopContext
from jinja2.sandbox import ImmutableSandboxedEnvironment

from app.errors import FieldError
from app.prompts.expressions import FILTERS, TESTS, written
from app.prompts.prompt import Role

ROLES: tuple[Role, ...] = get_args(Role)
MAX_TOKENS = 20_000
MAX_NODES = 4_000
MAX_LOOPS = 3
MAX_DEPTH = 48
METHODS = frozenset({"items", "keys", "values"})
LOOP = frozenset(
    {"index", "index0", "revindex", "revindex0", "first", "last", "length", "previtem", "nextitem"}
)
_STATEMENTS = frozenset({*ROLES, *(f"end{role}" for role in ROLES)}) | {
    "if",
    "elif",
    "else",
    "endif",
    "for",
    "endfor",
    "set",
}
_NODES = (
    nodes.Add,
    nodes.And,
    nodes.Assign,
    nodes.Call,
    nodes.Compare,
    nodes.CondExpr,
    nodes.Const,
    nodes.Dict,
    nodes.Filter,
    nodes.For,
    nodes.Getattr,
    nodes.Getitem,
    nodes.If,
    nodes.Keyword,
    nodes.List,
    nodes.Name,
    nodes.Neg,
    nodes.Not,
    nodes.Operand,
    nodes.Or,
    nodes.Output,
    nodes.Pair,
    nodes.Slice,
    nodes.Sub,
    nodes.TemplateData,
    nodes.Test,
    nodes.Tuple,
)
_INTERNAL = frozenset({"self", "super", "caller", "varargs", "kwargs"})

Turns = dict[Role, nodes.Template]
"""What each turn says, as trees that `environment()` can compile."""


class TemplateFault(Exception):
    """What is wrong with a template's body, and on which line (from 1)."""

    def __init__(self, line: int, problem: str) -> None:
        super().__init__(f"line {line}: {problem}")
        self.error = FieldError("/source", f"line {line}: {problem}")


class _Environment(ImmutableSandboxedEnvironment):
    """No attribute of any object is reached: a dot means a member of a JSON object."""

    def getattr(self, obj: Any, attribute: str) -> Any:
        if isinstance(obj, Mapping):
            if attribute in METHODS:
                return getattr(obj, attribute)
            if attribute in obj:
                return obj[attribute]
        if isinstance(obj, LoopContext) and attribute in LOOP:
            return getattr(obj, attribute)
        return self.undefined(obj=obj, name=attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        try:
            return obj[argument]
        except (TypeError, LookupError):
            return self.undefined(obj=obj, name=argument)


class _TurnTags(Extension):
    """`{% system %}`, `{% user %}`, `{% assistant %}`: a turn is opened by a tag, never by text."""

    tags = set(ROLES)

    def filter_stream(self, stream: TokenStream) -> Iterator[Token]:
        opened = False
        for count, token in enumerate(stream):
            if count > MAX_TOKENS:
                raise TemplateSyntaxError("the template is too long", token.lineno)
            if opened and token.value not in _STATEMENTS:
                known = ", ".join(sorted(_STATEMENTS))
                raise TemplateSyntaxError(
                    f"no tag is named {str(token.value)[:80]!r} here; known: {known}", token.lineno
                )
            opened = token.type == "block_begin"
            yield token

    def parse(self, parser: Parser) -> nodes.Node:
        tag = next(parser.stream)
        body = parser.parse_statements((f"name:end{tag.value}",), drop_needle=True)
        return nodes.Block(tag.value, body, False, False, lineno=tag.lineno)


@cache
def environment() -> ImmutableSandboxedEnvironment:
    """The one environment that templates are parsed and compiled in."""
    made = _Environment(
        extensions=[_TurnTags],
        undefined=StrictUndefined,
        finalize=_finalize,
        optimized=False,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals = {}
    made.filters = dict(FILTERS)
    made.tests = {name: made.tests[name] for name in TESTS}
    return made


class Given(str):
    """Text that an expression gave, as opposed to the template's own."""

    __slots__ = ()

    def __str__(self) -> str:
        return self


def _finalize(value: Any) -> str:
    # A missing value raises its own error when it is turned into text.
    return str(value) if isinstance(value, Undefined) else Given(written(value))


def parse(body: str) -> Turns:
    """The turns of a body. Raises `TemplateFault` for everything that is not on the lists."""
    tree = _tree(body)
    _check(node for block in tree.body for node in _turn_body(block))
    return _split(tree)


def parse_text(body: str) -> nodes.Template:
    """A body that has no turns, and is one text. Raises `TemplateFault` likewise."""
    tree = _tree(body)
    _check(tree.body)
    return tree


def _tree(body: str) -> nodes.Template:
    try:
        return environment().parse(body)
    except TemplateSyntaxError as error:
        raise TemplateFault(error.lineno, error.message or "a syntax error") from error
    except RecursionError as error:
        raise TemplateFault(1, f"should be nested at most {MAX_DEPTH} deep") from error
    except (ValueError, OverflowError) as error:
        raise TemplateFault(1, "holds a number or a text that cannot be read") from error


def variables(turn: nodes.Template) -> set[str]:
    """The names that a turn wants to be given."""
    return meta.find_undeclared_variables(turn)


def _check(body: Iterable[nodes.Node]) -> None:
    count = loops = 0
    stack = [(node, 1) for node in body]
    while stack:
        node, level = stack.pop()
        count += 1
        loops += isinstance(node, nodes.For)
        if count > MAX_NODES:
            raise TemplateFault(node.lineno, f"the template has more than {MAX_NODES} parts")
        if loops > MAX_LOOPS:
            raise TemplateFault(node.lineno, f"a template has at most {MAX_LOOPS} loops")
        if level > MAX_DEPTH:
            raise TemplateFault(node.lineno, f"should be nested at most {MAX_DEPTH} deep")
        if problem := _problem(node):
            raise TemplateFault(node.lineno, problem)
        stack.extend((inner, level + 1) for inner in node.iter_child_nodes())


def _turn_body(node: nodes.Node) -> list[nodes.Node]:
    if isinstance(node, nodes.Block):
        return node.body
    for part in node.nodes if isinstance(node, nodes.Output) else [node]:
        if not isinstance(part, nodes.TemplateData) or part.data.strip():
            line = part.lineno
            if isinstance(part, nodes.TemplateData):
                blank = len(part.data) - len(part.data.lstrip())
                line += part.data[:blank].count("\n")
            raise TemplateFault(
                line, "text outside a turn: write it between {% user %} and {% enduser %}"
            )
    return []


def _problem(node: nodes.Node) -> str | None:
    match node:
        case nodes.Call():
            plain = isinstance(node.node, nodes.Getattr) and node.node.attr in METHODS
            given = node.args or node.kwargs or node.dyn_args or node.dyn_kwargs
            return (
                None if plain and not given else "only .items(), .keys() and .values() are called"
            )
        case nodes.Filter():
            if node.node is None or node.dyn_args or node.dyn_kwargs:
                return "a filter takes plain arguments"
            return _unknown("filter", node.name, FILTERS)
        case nodes.Test():
            return _unknown("test", node.name, TESTS)
        case nodes.For() if node.recursive:
            return "a loop does not call itself"
        case nodes.Block():
            return f"a text has no turns, and this opens one: {node.name}"
        case nodes.Name() if node.name in _INTERNAL:
            return f"the name {node.name!r} is taken"
        case nodes.Const() if isinstance(node.value, str):
            return None if _is_clean(node.value) else "a text holds NUL or a lone surrogate"
        case _ if not isinstance(node, _NODES):
            return f"{type(node).__name__} is not part of the template language"
    return None


def _unknown(kind: str, name: str, known: Any) -> str | None:
    if name in known:
        return None
    return f"no {kind} is named {name[:80]!r}; known: {', '.join(sorted(known))}"


def _is_clean(text: str) -> bool:
    return "\0" not in text and not any("\ud800" <= letter <= "\udfff" for letter in text)


def _split(tree: nodes.Template) -> Turns:
    turns: Turns = {}
    for block in tree.body:
        if not isinstance(block, nodes.Block):
            continue
        role: Role = block.name  # type: ignore[assignment]  # _TurnTags makes no other
        if role in turns:
            raise TemplateFault(block.lineno, f"a template has one {role} turn; this is a second")
        if turns and ROLES.index(role) < ROLES.index(list(turns)[-1]):
            order = ", ".join(ROLES)
            raise TemplateFault(block.lineno, f"turns come in this order: {order}")
        if not block.body:
            raise TemplateFault(block.lineno, f"the {role} turn is empty")
        turns[role] = nodes.Template(block.body, lineno=block.lineno)
        turns[role].set_environment(environment())
    if "user" not in turns:
        raise TemplateFault(1, "a template has a user turn: {% user %}…{% enduser %}")
    return turns
