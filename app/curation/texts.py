"""The texts inside a field's value, however it is nested, and the value with them rewritten."""

from collections.abc import Callable, Sequence
from typing import Any


def texts(value: Any) -> Sequence[str]:
    """Every text in a JSON value, in order; keys of objects are not among them."""
    if isinstance(value, str):
        return (value,)
    if isinstance(value, dict | list | tuple):
        # Recursion is safe: `text.problem` has refused deep nesting.
        children = value.values() if isinstance(value, dict) else value
        return [text for child in children for text in texts(child)]
    return ()


def rewritten(value: Any, write: Callable[[str], str]) -> Any:
    """The same value with each of its texts as `write` has it."""
    if isinstance(value, str):
        return write(value)
    if isinstance(value, dict):
        return {key: rewritten(child, write) for key, child in value.items()}
    if isinstance(value, list | tuple):
        return [rewritten(child, write) for child in value]
    return value
