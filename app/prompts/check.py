"""What `limbeck prompts check` finds in a prompt folder."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from app.errors import Invalid
from app.names import Ref
from app.prompts.folder import RENDERED, load


@dataclass(frozen=True, slots=True)
class Report:
    name: str
    problems: tuple[str, ...] = ()
    updated: bool = False

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def check_folder(path: Path, *, update: bool = False) -> Report:
    """Every problem of a folder; with `update`, an outdated `rendered.md` is written anew."""
    try:
        Ref.parse(path.name)
        folder = load(path)
    except Invalid as error:
        named = tuple(f"{fault.field} {fault.problem}" for fault in error.errors)
        return Report(path.name, named or (error.detail,))
    except ValueError as error:
        return Report(path.name, (f"the folder's name {error}",))
    if folder.is_rendered:
        return Report(path.name)
    if update:
        folder.update()
        return Report(path.name, updated=True)
    problem = (
        f"{path.name}/{RENDERED} is not up to date; `limbeck prompts check --update` writes it"
    )
    return Report(path.name, (problem,))
