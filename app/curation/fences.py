"""Fenced code blocks of Markdown: what stands in them, and what stands around them."""

import re
from dataclasses import dataclass

_FENCE = re.compile(r"^ {0,3}(`{3,}|~{3,})[ \t]*([^\s`]*)[^`\n]*$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Block:
    language: str
    """The first word behind the fence, in lower case; empty if there is none."""
    code: str


def split(text: str) -> tuple[str, list[Block]]:
    """The prose, blocks taken out, and the blocks in order. One left open reaches to the end."""
    if "```" not in text and "~~~" not in text:
        return text, []
    prose: list[str] = []
    blocks: list[Block] = []
    opened: re.Match[str] | None = None
    at = 0
    for fence in _FENCE.finditer(text):
        if opened is None:
            prose.append(text[at : fence.start()])
            opened, at = fence, fence.end() + 1
        elif fence[1].startswith(opened[1]) and not fence[2]:
            blocks.append(Block(opened[2].lower(), text[at : fence.start()]))
            opened, at = None, fence.end() + 1
    if opened is None:
        prose.append(text[at:])
    else:
        blocks.append(Block(opened[2].lower(), text[at:]))
    return "".join(prose), blocks
