"""Make a first job possible: the teacher registered, the bundled prompts pushed, all over HTTP."""

import re
from typing import Any

import httpx

from app import shell
from app.local.kind import Kind
from app.local.up import CHUNKS, LocalTeacher, Up
from app.local.weights import NAME as BUNDLED
from app.prompts.folder import bundled_prompts
from app.prompts.push import push_folder
from app.settings import Settings

LOCAL = "local"
"""The name of the teacher that serves the bundled model."""
CPU_IN_FLIGHT = 128
"""vLLM's CPU build still gains from 64 to 128 requests at a time."""
LIGHT_IN_FLIGHT = 16
"""xllamacpp has that many slots; more only wait."""
GPU_IN_FLIGHT = 256


def introduce(client: httpx.Client, running: Up, settings: Settings) -> str:
    """Answers what jobs call the teacher. Done again, it only tells what has changed."""
    push_folder(client, bundled_prompts())
    if running.teacher is not None:
        return _register(client, _name(running.teacher.installed.name), _of(running.teacher))
    given = {
        "url": settings.teacher_url,
        "model": settings.teacher_model,
        "api_key": settings.teacher_api_key,
    }
    return _register(client, _name(settings.teacher_model or "given"), given)


def _of(teacher: LocalTeacher) -> dict[str, Any]:
    limits = {Kind.GPU: GPU_IN_FLIGHT, Kind.CPU: CPU_IN_FLIGHT, Kind.LIGHT: LIGHT_IN_FLIGHT}
    return {
        "url": teacher.url,
        "model": teacher.installed.name,
        "max_in_flight": limits[teacher.installed.kind],
        "chunk_slots": CHUNKS,
        # Ours never splits a prompt, which is what makes a random seed safe on a CPU.
        "random_seed": True,
        "licence": "Apache-2.0" if teacher.installed.name == BUNDLED else None,
    }


def _register(client: httpx.Client, name: str, teacher: dict[str, Any]) -> str:
    """A local teacher has a new port each time, so one that is known is told where it is now."""
    where = f"/v1/teachers/default/{name}"
    if client.get(where).status_code == httpx.codes.NOT_FOUND:
        shell.check(client.post("/v1/teachers", json={"name": name, **teacher}))
    else:
        shell.check(
            client.patch(where, json={key: teacher[key] for key in teacher if key != "model"})
        )
    return name


def _name(model: str) -> str:
    """Another model is another teacher, so the name says which: `Qwen/Qwen3-8B` is `qwen3-8b`."""
    if model == BUNDLED:
        return LOCAL
    words = re.sub(r"[^a-z0-9_]+", "-", model.rstrip("/").rsplit("/", 1)[-1].lower())
    return words.strip("-_")[:64].strip("-_") or LOCAL
