"""Single texts from a record's fields, in the language of templates and without its turns."""

from collections.abc import Mapping
from typing import Any

import jinja2

from app.errors import FieldError, Invalid
from app.prompts.render import MAX_CHARACTERS, failure, said
from app.prompts.syntax import TemplateFault, environment, parse_text, variables

_FILE = "<text>"


class Writer:
    """Templates by key, compiled. Raises `Invalid` that names the one that is wrong."""

    def __init__(self, sources: Mapping[str, str]) -> None:
        self.wanted: set[str] = set()
        self._templates: dict[str, jinja2.Template] = {}
        for key, source in sources.items():
            try:
                tree = parse_text(source)
            except TemplateFault as fault:
                raise _invalid(key, str(fault)) from fault
            self.wanted |= variables(tree)
            compiled = environment().compile(tree, filename=_FILE)
            self._templates[key] = jinja2.Template.from_code(environment(), compiled, {})

    def texts(self, values: Mapping[str, Any]) -> dict[str, str]:
        """One text for each template. Raises `Invalid` where it cannot be written, or where all of
        them together take more than a turn may.
        """
        found: dict[str, str] = {}
        left = MAX_CHARACTERS
        for key, template in self._templates.items():
            found[key] = _text(key, template, values)
            left -= len(found[key])
            if left < 0:
                raise _invalid(key, f"with it, a row has more than {MAX_CHARACTERS} characters")
        return found


def _text(key: str, template: jinja2.Template, values: Mapping[str, Any]) -> str:
    try:
        return said(template, dict(values))
    except MemoryError:
        raise
    except Exception as error:
        line, problem = failure(template, error, _FILE)
        raise _invalid(key, f"line {line}: {problem}" if line else problem) from error


def _invalid(key: str, problem: str) -> Invalid:
    return Invalid("layout.template", problem, errors=[FieldError(key, problem)])
