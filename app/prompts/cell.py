"""What runs inside a render worker: a process of its own, short of memory and of time.

Everything that comes in or goes out is plain data. No function here raises for what a template or
a row does; it answers a `Refusal`.
"""

import contextlib
import signal
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import orjson

from app.errors import FieldError, Invalid
from app.prompts.diff import Difference, compare
from app.prompts.few_shot import Example
from app.prompts.prompt import Prompt
from app.prompts.render import Renderer
from app.prompts.template import Template, parse_template
from app.prompts.texts import Writer

BATCH_CHARACTERS = 8_000_000
"""After so much output a batch is handed back unfinished: the whole of it has to fit."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why there is no prompt for a row: `prompt.inputs`, `prompt.failed` or `prompt.limits`."""

    code: str
    detail: str
    errors: tuple[FieldError, ...] = ()

    @classmethod
    def of(cls, error: Invalid) -> "Refusal":
        return cls(error.code, error.detail, error.errors)

    def raised(self) -> Invalid:
        return Invalid(self.code, self.detail, errors=self.errors)


TOO_MUCH = Refusal(
    "prompt.limits",
    "the template takes more time or memory than a prompt may",
    (FieldError("/source", "should need less time and memory: fewer and smaller loops"),),
)


def prepare(memory: int) -> None:
    """Called once in a new worker: `memory` bytes may be added to what it has now."""
    with contextlib.suppress(ImportError, OSError, ValueError):  # not every system has this
        import resource

        pages = int(Path("/proc/self/statm").read_text().split()[0])
        limit = pages * resource.getpagesize() + memory
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def check(source: str, seconds: float) -> Template | Refusal:
    with _limited(seconds):
        try:
            template = parse_template(source)
            Renderer(template)
        except Invalid as error:
            return Refusal.of(error)
        except MemoryError:
            return TOO_MUCH
        return template


def render(
    source: str, examples: bytes, rows: Sequence[dict[str, Any]], seconds: float
) -> list[Prompt | Refusal] | Refusal:
    """Prompts for the first rows, as many as fit; or one refusal for all of them."""
    with _limited(seconds):
        try:
            renderer = _renderer(source, examples)
            return _prompts(renderer, rows)
        except Invalid as error:
            return Refusal.of(error)
        except MemoryError:
            _renderer.cache_clear()
            return TOO_MUCH


def diff(before: str, after: str, names: tuple[str, str], seconds: float) -> Difference | Refusal:
    with _limited(seconds):
        try:
            return compare(parse_template(before), parse_template(after), names)
        except Invalid as error:
            return Refusal.of(error)
        except MemoryError:
            return TOO_MUCH


def check_texts(sources: Sequence[tuple[str, str]], seconds: float) -> list[str] | Refusal:
    """The names that these templates of texts want to be given."""
    with _limited(seconds):
        try:
            return sorted(_writer(tuple(sources)).wanted)
        except Invalid as error:
            return Refusal.of(error)
        except MemoryError:
            return TOO_MUCH


def write(
    sources: Sequence[tuple[str, str]], rows: Sequence[dict[str, Any]], seconds: float
) -> list[dict[str, str] | Refusal] | Refusal:
    """The texts of the first rows, as many as fit; or one refusal for all of them."""
    with _limited(seconds):
        try:
            return _texts(_writer(tuple(sources)), rows)
        except Invalid as error:
            return Refusal.of(error)
        except MemoryError:
            _writer.cache_clear()
            return TOO_MUCH


@lru_cache(maxsize=8)
def _writer(sources: tuple[tuple[str, str], ...]) -> Writer:
    return Writer(dict(sources))


def _texts(writer: Writer, rows: Sequence[dict[str, Any]]) -> list[dict[str, str] | Refusal]:
    done: list[dict[str, str] | Refusal] = []
    left = BATCH_CHARACTERS
    for row in rows:
        try:
            texts = writer.texts(row)
        except Invalid as error:
            done.append(Refusal.of(error))
            continue
        except MemoryError:
            done.append(TOO_MUCH)
            continue
        done.append(texts)
        left -= sum(map(len, texts.values()))
        if left < 0:
            break
    return done


@lru_cache(maxsize=8)
def _renderer(source: str, examples: bytes) -> Renderer:
    shown = [Example(one["inputs"], one["response"]) for one in orjson.loads(examples)]
    return Renderer(parse_template(source), shown)


def _prompts(renderer: Renderer, rows: Sequence[dict[str, Any]]) -> list[Prompt | Refusal]:
    done: list[Prompt | Refusal] = []
    left = BATCH_CHARACTERS
    for row in rows:
        try:
            prompt = renderer.prompt(row)
        except Invalid as error:
            done.append(Refusal.of(error))
            continue
        except MemoryError:
            done.append(TOO_MUCH)
            continue
        done.append(prompt)
        left -= len(prompt.messages[-1].content)
        if left < 0:
            break
    return done


@contextlib.contextmanager
def _limited(seconds: float) -> Iterator[None]:
    """The kernel ends this process after so much processor time, whatever it is busy with."""
    if not hasattr(signal, "setitimer"):
        yield
        return
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
