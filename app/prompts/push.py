"""Prompt folders to and from a running API."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import httpx

from app import shell
from app.errors import Conflict
from app.names import DEFAULT_NAMESPACE, Ref
from app.prompts.few_shot import Example
from app.prompts.folder import FEW_SHOT, TEMPLATE, PromptFolder, folders, load
from app.prompts.plain_yaml import write
from app.prompts.render import in_order
from app.prompts.template import Template, parse_template


@dataclass(frozen=True, slots=True)
class Pushed:
    name: str
    template: str
    """The version that holds this content now."""
    template_is_new: bool
    few_shot: str | None
    few_shot_is_new: bool

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def push_folder(
    client: httpx.Client, directory: Path, namespace: str = DEFAULT_NAMESPACE
) -> list[Pushed]:
    """Push every prompt of a directory; what is there already makes no new version.

    All of them are checked before the first is sent. A problem ends the command.
    """
    return [_push(client, folder, namespace) for folder in [load(p) for p in folders(directory)]]


def _push(client: httpx.Client, folder: PromptFolder, namespace: str) -> Pushed:
    source = {"source": folder.template.source}
    template, template_is_new = _post(client, "/v1/templates", namespace, folder.name, source)
    few_shot, few_shot_is_new = None, False
    if folder.few_shot:
        body = {"examples": folder.few_shot.content, "template": template}
        few_shot, few_shot_is_new = _post(client, "/v1/few-shot-sets", namespace, folder.name, body)
    return Pushed(folder.name, template, template_is_new, few_shot, few_shot_is_new)


def _post(
    client: httpx.Client, path: str, namespace: str, name: str, body: dict[str, Any]
) -> tuple[str, bool]:
    answer = client.post(path, json={"namespace": namespace, "name": name, **body})
    if answer.status_code == Conflict.status:
        answer = client.post(f"{path}/{namespace}/{name}/versions", json=body)
    return shell.check(answer)["ref"], answer.status_code == httpx.codes.CREATED


def pull(client: httpx.Client, ref: Ref, directory: Path, *, replace: bool = False) -> PromptFolder:
    """Write a template, and the newest few-shot set bound to it, as a prompt folder.

    The set is the one of the template's own name. What the folder already holds is only replaced
    where `replace` says so.
    """
    version = shell.check(client.get(f"/v1/templates/{ref}"))
    template = parse_template(version["source"])
    files = {TEMPLATE: template.source}
    bound = _bound_set(client, ref, version["ref"])
    if bound:
        files[FEW_SHOT[0]] = _few_shot_file(template, bound["examples"])
    path = directory / ref.name
    for name, text in files.items():
        file = path / name
        if file.exists() and not replace and file.read_text(encoding="utf-8") != text:
            shell.fail(f"{file} is there and says something else", "--force replaces it.")
    path.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (path / name).write_text(text, encoding="utf-8", newline="\n")
    folder = load(path)
    folder.update()
    return folder


def _bound_set(client: httpx.Client, ref: Ref, template: str) -> dict[str, Any] | None:
    path = f"/v1/few-shot-sets/{ref.namespace}/{ref.name}"
    newest, cursor = None, None
    while True:
        params = {"limit": 200} | ({"cursor": cursor} if cursor else {})
        answer = client.get(f"{path}/versions", params=params)
        if answer.status_code == httpx.codes.NOT_FOUND:
            return None
        page = shell.check(answer)
        newest = next(
            (one for one in reversed(page["items"]) if one["template"] == template), newest
        )
        cursor = page["next"]
        if cursor is None:
            break
    if newest is None:
        return None
    found: dict[str, Any] = shell.check(client.get(f"{path}@{newest['version']}"))
    return found


def _few_shot_file(template: Template, examples: list[dict[str, Any]]) -> str:
    ordered = [Example(one["inputs"], one["response"]) for one in examples]
    return write(
        [
            {
                "inputs": in_order(one.inputs, template.inputs),
                "response": in_order(one.response, template.response),
            }
            for one in ordered
        ]
    )
