import asyncio
from pathlib import Path

import httpx
import orjson
import pytest

from app.local import teacher
from app.local.introduce import name_of
from app.local.kind import Kind
from app.local.teacher import Served
from app.local.teacher_install import Installed
from app.local.weights import NAME
from tests.real_teacher import RealTeacher

QUESTION = [{"role": "user", "content": "Write a question about rivers, and its answer."}]
SCHEMA = {
    "type": "object",
    "properties": {
        "question": {"type": "string", "maxLength": 80},
        "answer": {"type": "string", "maxLength": 80},
    },
    "required": ["question", "answer"],
    "additionalProperties": False,
}


def _served(kind: Kind, model: str) -> Served:
    return Served(Installed(kind, Path("/venv/bin/python"), model, "name"), 8123)


def test_the_cpu_build_is_never_started_so_that_a_random_seed_can_kill_it() -> None:
    words = teacher.command(_served(Kind.CPU, "/weights"), cores=2)
    assert "--no-enable-chunked-prefill" in words
    budget = int(str(words[words.index("--max-num-batched-tokens") + 1]))
    assert budget >= int(str(words[words.index("--max-model-len") + 1]))


def test_a_gpu_gets_what_every_vllm_understands_and_nothing_of_the_cpu() -> None:
    served = _served(Kind.GPU, "Qwen/Qwen3-8B")
    words = teacher.command(served, cores=16)
    assert not set(words) & set(teacher.CPU_VLLM)
    assert "--dtype" not in words
    environment = teacher.settings(served.installed, [0, 1])
    assert not any(name.startswith("VLLM_CPU") for name in environment)


def test_only_weights_on_this_machine_are_served_offline(tmp_path: Path) -> None:
    here = teacher.settings(_served(Kind.CPU, str(tmp_path)).installed, [0])
    there = teacher.settings(_served(Kind.GPU, "Qwen/Qwen3-8B").installed, [0])
    assert here["HF_HUB_OFFLINE"] == "1"
    assert "HF_HUB_OFFLINE" not in there


@pytest.mark.parametrize(
    ("model", "name"),
    [
        (NAME, "local"),
        ("Qwen/Qwen3-8B", "qwen3-8b"),
        ("/models/My Model v1.5/", "my-model-v1-5"),
        ("???", "local"),
    ],
)
def test_another_model_is_another_teacher(model: str, name: str) -> None:
    assert name_of(model) == name


async def _ask(at: RealTeacher, **fields: object) -> httpx.Response:
    async with httpx.AsyncClient(timeout=200) as client:
        body = {"model": at.model, "messages": QUESTION, "max_tokens": 60, **fields}
        return await client.post(f"{at.url}/chat/completions", json=body)


async def test_the_real_teacher_writes_by_a_schema(real_teacher: RealTeacher) -> None:
    form = {"type": "json_schema", "json_schema": {"name": "answer", "schema": SCHEMA}}
    answer = await _ask(real_teacher, response_format=form, max_tokens=400)
    said = orjson.loads(answer.json()["choices"][0]["message"]["content"])
    assert said.keys() == {"question", "answer"}


async def test_seeded_requests_side_by_side_do_not_kill_the_real_teacher(
    real_teacher: RealTeacher,
) -> None:
    answers = await asyncio.gather(*(_ask(real_teacher, seed=n) for n in range(24)))
    assert {answer.status_code for answer in answers} == {200}
    assert (await _ask(real_teacher)).status_code == 200
