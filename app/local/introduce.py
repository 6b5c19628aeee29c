"""Make a first job possible: the teacher registered, the bundled prompts pushed, all over HTTP."""

import re
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx

from app import shell
from app.local.kind import Kind
from app.local.teacher import Served, warm_up
from app.local.weights import NAME as BUNDLED
from app.names import DEFAULT_NAMESPACE
from app.prompts.folder import bundled_prompts, load
from app.prompts.push import push_folder
from app.settings import Settings

LOCAL = "local"
"""The name of the teacher that serves the bundled model."""
FIRST = "question-answer"
"""The prompt that a first job asks with."""
CHUNKS = 8
"""Chunks at a time: one worker has the teacher for itself, and a short job all of it."""
IN_FLIGHT = {
    Kind.GPU: 512,
    Kind.CPU: 128,  # it still gains from 64 to 128 requests at a time
    Kind.LIGHT: 16,  # it has that many slots; more only wait
}


def push_prompts() -> None:
    with shell.client() as client:
        push_folder(client, bundled_prompts())


def register(served: Served | None, settings: Settings) -> str:
    """What jobs call the teacher: the one we serve, or the one that the settings name."""
    with shell.client() as client, ThreadPoolExecutor(1) as beside:
        if served is not None:
            schema = load(bundled_prompts() / FIRST).template.response
            beside.submit(warm_up, served, schema)
            return _tell(client, name_of(served.installed.name), _of(served))
        given = {
            "url": settings.teacher_url,
            "model": settings.teacher_model,
            "api_key": settings.teacher_api_key,
            "chunk_slots": CHUNKS,
        }
        return _tell(client, name_of(settings.teacher_model or "given"), given)


def _of(served: Served) -> dict[str, Any]:
    is_bundled = served.installed.name == BUNDLED
    return {
        "url": served.url,
        "model": served.installed.name,
        "max_in_flight": IN_FLIGHT[served.installed.kind],
        "chunk_slots": CHUNKS,
        # Ours never splits a prompt, which is what makes a random seed safe on a CPU.
        "random_seed": True,
        # Of a model that somebody brought, only they can say.
        **({"licence": "Apache-2.0", "training": "allowed"} if is_bundled else {}),
    }


def _tell(client: httpx.Client, name: str, teacher: dict[str, Any]) -> str:
    """A local teacher has a new port each time, so one that is known is told where it is now."""
    where = f"/v1/teachers/{DEFAULT_NAMESPACE}/{name}"
    if client.get(where).status_code == httpx.codes.NOT_FOUND:
        shell.check(client.post("/v1/teachers", json={"name": name, **teacher}))
    else:
        changes = {key: value for key, value in teacher.items() if key != "model"}
        shell.check(client.patch(where, json=changes))
    return name


def name_of(model: str) -> str:
    """Another model is another teacher, so the name says which: `Qwen/Qwen3-8B` is `qwen3-8b`."""
    if model == BUNDLED:
        return LOCAL
    words = re.sub(r"[^a-z0-9_]+", "-", model.rstrip("/").rsplit("/", 1)[-1].lower())
    return words.strip("-_")[:64].strip("-_") or LOCAL
