"""The golden text of a prompt: what a teacher would be sent, for people to review."""

import re

from app.prompts.few_shot import FewShotSet, check_examples
from app.prompts.render import Renderer
from app.prompts.template import Template

_NOTE = """\
<!-- Written by `limbeck prompts check --update`. It shows the prompt for the inputs of the last
example, the other examples shown before it, and then the reply hoped for. -->
"""


def golden(name: str, template: Template, few_shot: FewShotSet | None) -> str:
    """Markdown: every message of one prompt, word for word."""
    head = [f"# {name}\n", f"{template.description.strip()}\n"]
    if few_shot is None:
        Renderer(template)
        return "\n".join([*head, "There is no few-shot set, and so nothing to show.\n"])
    *shown, last = few_shot.examples
    check_examples(template, few_shot.examples, at="")
    renderer = Renderer(template, shown)
    said: list[tuple[str, str]] = [
        (one.role, one.content) for one in renderer.prompt(last.inputs).messages
    ]
    said.append(("assistant, the reply hoped for", renderer.reply(last)))
    return "\n".join([*head, _NOTE, *(_section(*one) for one in said)])


def _section(title: str, text: str) -> str:
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"## {title}\n\n{fence}text\n{text}\n{fence}\n"
