"""Prompts as files: `<name>/template.j2`, `fewshot.yaml` or `.jsonl`, and `rendered.md`."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from app.errors import FieldError, Invalid
from app.prompts.few_shot import FewShotSet, parse_few_shot
from app.prompts.golden import golden
from app.prompts.plain_yaml import PlainYamlError, read
from app.prompts.template import MAX_BYTES, Template, parse_template

TEMPLATE = "template.j2"
FEW_SHOT = ("fewshot.yaml", "fewshot.jsonl")
RENDERED = "rendered.md"
_MAX_FEW_SHOT_BYTES = 4 * MAX_BYTES


@dataclass(frozen=True, slots=True)
class PromptFolder:
    path: Path
    template: Template
    few_shot: FewShotSet | None
    golden: str
    """What `rendered.md` should say."""

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def is_rendered(self) -> bool:
        """Whether `rendered.md` says it."""
        file = self.path / RENDERED
        return file.is_file() and file.read_text(encoding="utf-8") == self.golden

    def update(self) -> None:
        (self.path / RENDERED).write_text(self.golden, encoding="utf-8", newline="\n")


def bundled_prompts() -> Path:
    """The prompts that come with Limbeck: of this checkout, or of the installed package."""
    package = Path(__file__).resolve().parents[1]
    checkout = package.parent / "prompts"
    return checkout if checkout.is_dir() else package / "_prompts"


def default_directory() -> Path:
    """`./prompts` where there is one, else those that come with Limbeck."""
    here = Path("prompts")
    return here if here.is_dir() else bundled_prompts()


def folders(directory: Path) -> list[Path]:
    """The prompt folders of a directory; one that is itself a prompt folder is the only one."""
    if (directory / TEMPLATE).is_file():
        return [directory.resolve()]
    found = sorted(file.parent for file in directory.glob(f"*/{TEMPLATE}"))
    if not found:
        raise Invalid("prompts.none", f"no prompt is in {directory}: no */{TEMPLATE}")
    return found


def load(path: Path) -> PromptFolder:
    """Read and check a folder. Raises `Invalid` whose fields begin with the file's name."""
    with _named(path, TEMPLATE):
        template = parse_template(_text(path / TEMPLATE, MAX_BYTES))
    file = next((path / name for name in FEW_SHOT if (path / name).is_file()), None)
    few_shot = None
    if file:
        with _named(path, file.name):
            few_shot = parse_few_shot(_examples(file), at="")
    with _named(path, file.name if file else TEMPLATE):
        return PromptFolder(path, template, few_shot, golden(path.name, template, few_shot))


def _text(file: Path, most: int) -> str:
    size = file.stat().st_size
    if size > most:
        raise Invalid("prompts.invalid", f"should be at most {most} bytes; it has {size}")
    try:
        return file.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise Invalid("prompts.invalid", f"byte {error.start}: should be UTF-8") from error


def _examples(file: Path) -> Any:
    text = _text(file, _MAX_FEW_SHOT_BYTES)
    try:
        return list(_json_lines(text)) if file.suffix == ".jsonl" else read(text)
    except PlainYamlError as error:
        raise Invalid("prompts.invalid", str(error)) from error


def _json_lines(text: str) -> Iterator[Any]:
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip():
            try:
                yield orjson.loads(line)
            except orjson.JSONDecodeError as error:
                raise PlainYamlError(number, f"should be a JSON object: {error.msg}") from error


class _named:  # noqa: N801  (reads as a word of the with statement)
    """Says in which file of the folder something is wrong."""

    def __init__(self, path: Path, file: str) -> None:
        self.place = f"{path.name}/{file}"

    def __enter__(self) -> None:
        return None

    def __exit__(self, _kind: object, error: object, _trace: object) -> None:
        if isinstance(error, Invalid):
            faults = error.errors or (FieldError("", error.detail),)
            errors = [FieldError(f"{self.place}:{e.field}", e.problem, e.value) for e in faults]
            first = errors[0]
            detail = f"{first.field} {first.problem}"
            raise Invalid(error.code, detail, errors=errors) from error
