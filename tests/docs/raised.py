"""Which codes the code can raise, read from its source."""

import ast
from collections import defaultdict
from collections.abc import Collection, Iterator
from fnmatch import fnmatchcase
from pathlib import Path

APP = Path(__file__).parents[2] / "app"


def codes(classes: Collection[str]) -> dict[str, set[str]]:
    """The code that each call of these classes gives first, and the classes it is given to.

    What is put together at run time becomes a pattern: `http.*`. A code that is handed on from
    another error is found where that one is raised.
    """
    found: dict[str, set[str]] = defaultdict(set)
    for file in sorted(APP.rglob("*.py")):
        tree = ast.parse(file.read_text())
        functions = (ast.FunctionDef, ast.AsyncFunctionDef)
        for scope in [tree, *(node for node in ast.walk(tree) if isinstance(node, functions))]:
            named = dict(_assigned(scope))
            for name, argument in _calls(scope, classes):
                if code := _text(argument, named):
                    found[code].add(name)
    return found


def _calls(scope: ast.AST, classes: Collection[str]) -> Iterator[tuple[str, ast.expr]]:
    for node in ast.walk(scope):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
            continue
        if node.func.id in classes and node.args:
            yield node.func.id, node.args[0]


def _assigned(scope: ast.AST) -> Iterator[tuple[str, ast.expr]]:
    for node in ast.walk(scope):
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            yield node.targets[0].id, node.value


def _text(node: ast.expr, named: dict[str, ast.expr]) -> str | None:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(
            str(part.value) if isinstance(part, ast.Constant) else "*" for part in node.values
        )
    if isinstance(node, ast.Name) and node.id in named:
        value = named[node.id]
        return None if isinstance(value, ast.Name) else _text(value, {})
    return None


def is_one_of(code: str, others: Collection[str]) -> bool:
    """Whether it is among them, or is an instance of a pattern among them."""
    return any(code == other or fnmatchcase(code, other) for other in others)
