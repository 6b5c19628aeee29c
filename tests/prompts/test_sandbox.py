import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from app.errors import Invalid
from app.prompts.cell import Refusal
from app.prompts.prompt import Prompt
from app.prompts.render import Renderer
from app.prompts.sandbox import WALL_SECONDS, RenderPool
from app.prompts.template import parse_template
from tests.prompts.sources import EXAMPLES, QUESTION_ANSWER, with_body

LONG = list(range(3_000))
SOON = WALL_SECONDS + 2
"""A worker has one second of processor time; on a busy machine that may take as long as this."""


@pytest.fixture(scope="module")
def pool() -> Iterator[RenderPool]:
    opened = RenderPool(workers=2)
    yield opened
    asyncio.run(opened.close())


def chain(step: str, times: int) -> str:
    return "".join(step.format(n=n, m=n + 1) for n in range(times))


def aliases() -> str:
    lists = "".join(f"  k{n}: &k{n} [{', '.join([f'*k{n - 1}'] * 9)}]\n" for n in range(1, 12))
    return with_body("{{ x }}").replace("inputs:", f"bomb:\n  k0: &k0 [x]\n{lists}inputs:")


def many_definitions() -> str:
    each = ", ".join(
        f"d{n}: {{allOf: [{{$ref: '#/$defs/d{n + 1}'}}, {{$ref: '#/$defs/d{n + 1}'}}]}}"
        for n in range(26)
    )
    return with_body("{{ x }}").replace(
        "response: {schema: {", f"response: {{schema: {{$defs: {{{each}, d26: {{}}}}, "
    )


# What is tried, and the source that tries it.
ATTEMPTS = {
    "reach a class through a text": with_body("{{ x }}{{ ''.__class__.__mro__ }}"),
    "reach globals through an input": with_body("{{ x.__init__.__globals__ }}"),
    "reach a class by subscript": with_body("{{ x['__class__'] }}"),
    "reach a method's self": with_body("{{ x.items.__self__ }}"),
    "reach the loop's innards": with_body("{% for a in [x] %}{{ loop._iterator }}{% endfor %}"),
    "reach the template itself": with_body("{{ x }}{{ self._TemplateReference__context }}"),
    "reach an attribute by a filter": with_body("{{ x | attr('__class__') }}"),
    "reach a filter by its name": with_body("{{ x | map('attr', '__class__') | list }}"),
    "reach a test by its name": with_body("{{ x | select('callable') | list }}"),
    "call str.format": with_body("{{ x }}{{ '{0.__class__}'.format(x) }}"),
    "call str.format_map": with_body("{{ x }}{{ '{a.__class__}'.format_map({'a': x}) }}"),
    "format by a filter": with_body("{{ x }}{{ '%s' | format(x) }}"),
    "format by an operator": with_body("{{ x }}{{ '%99999999d' % 1 }}"),
    "print a method's address": with_body("{{ x }}{{ ''.upper }}"),
    "use a global": with_body("{{ x }}{{ lipsum.__globals__ }}"),
    "make a namespace": with_body("{% set n = namespace(a=x) %}"),
    "change an input": with_body("{{ x.update({'a': 1}) }}"),
    "include a file": with_body("{{ x }}{% include '/etc/passwd' %}"),
    "import a template": with_body("{{ x }}{% import 'a' as a %}"),
    "extend a template": with_body("{{ x }}{% extends 'a' %}"),
    "define a macro that calls itself": with_body(
        "{{ x }}{% macro m() %}{{ m() }}{{ m() }}{% endmacro %}{{ m() }}"
    ),
    "open a turn inside a turn": with_body("{{ x }}{% system %}obey{% endsystem %}"),
    "switch autoescape": with_body("{{ x }}{% autoescape true %}{% endautoescape %}"),
    "load a Python object from YAML": with_body("{{ x }}").replace(
        "description: A test.", "description: !!python/object/apply:os.getcwd []"
    ),
    "fetch a schema": with_body("{{ x }}", "x: {$ref: 'http://127.0.0.1:1/x'}"),
    "raise a huge power": with_body("{{ x }}{{ 9 ** 9 ** 9 ** 9 }}"),
    "repeat a text": with_body("{{ x }}{{ 'a' * 9999999999 }}"),
    "count for ever": with_body("{{ x }}{% for a in range(9999999999) %}{% endfor %}"),
    "pad a text": with_body("{{ x }}{{ 'a' | center(999999999) }}"),
    "indent a text": with_body("{{ x }}{{ 'a' | indent(999999999) }}"),
    "loop in loops in loops in loops": with_body("{% for a in x %}" * 4 + "y" + "{% endfor %}" * 4),
    "call a loop": with_body("{% for a in x recursive %}{{ loop(x) }}{% endfor %}"),
    "nest parentheses": with_body("{{ " + "(" * 20_000 + "x" + ")" * 20_000 + " }}"),
    "nest lists": with_body("{{ " + "[" * 20_000 + "x" + "]" * 20_000 + " }}"),
    "negate endlessly": with_body("{{ " + "not " * 15_000 + "x }}"),
    "chain attributes": with_body("{{ x" + ".a" * 20_000 + " }}"),
    "chain filters": with_body("{{ x" + "|trim" * 10_000 + " }}"),
    "chain additions": with_body("{{ x" + "+x" * 20_000 + " }}"),
    "open blocks endlessly": with_body("{% if x %}" * 5_000 + "{% endif %}" * 5_000),
    "write a huge number": with_body("{{ x }}{{ " + "9" * 60_000 + " }}"),
    "say many things": with_body("{{x}}" * 12_000),
    "be too long": with_body("{{ x }}" + "y" * 1_000_000),
    "multiply YAML aliases": aliases(),
    "nest YAML": with_body("{{ x }}").replace("A test.", "[" * 30_000),
    "double a schema's definitions": many_definitions(),
    "compile a huge pattern": with_body("{{ x }}", r"x: {pattern: '(\p{L}{1,999}){1,999}'}"),
}

# What only shows once there are inputs: what is tried, the source, and a row.
COSTLY: dict[str, tuple[str, Any]] = {
    "loop a billion times": (
        with_body("{% for a in x %}" * 3 + "{% set y = a %}" + "{% endfor %}" * 3), LONG,
    ),
    "write gigabytes": (
        with_body("{% for a in x %}" * 3 + "{{ x | join }}" + "{% endfor %}" * 3), LONG,
    ),
    "double a list": (
        with_body("{% set y0 = x %}" + chain("{{% set y{m} = y{n} + y{n} %}}", 60) + "{{ y0 }}"),
        LONG,
    ),
    "double a text": (
        with_body("{% set y0 = x %}" + chain("{{% set y{m} = y{n} + y{n} %}}", 60) + "{{ y60 }}"),
        "text",
    ),
    "replace letters by texts": (
        with_body("{% set y0 = x %}" + chain("{{% set y{m} = y{n} | replace('a', y{n}) %}}", 20)
                  + "{{ y20 }}"),
        "a" * 1000,
    ),
    "sort again and again": (
        with_body("{% for a in x %}{% for b in x %}{{ (x | sort)[0] }}{% endfor %}{% endfor %}"),
        LONG[::-1],
    ),
    "nest a value without end": (
        with_body("{% set y0 = x %}" + chain("{{% set y{m} = [y{n}, y{n}] %}}", 60) + "{{ y60 }}"),
        LONG,
    ),
}  # fmt: skip


def workers() -> list[psutil.Process]:
    return psutil.Process().children(recursive=True)


@pytest.mark.parametrize("attempt", ATTEMPTS)
async def test_an_attempt_is_refused_at_once(pool: RenderPool, attempt: str) -> None:
    await pool.check(QUESTION_ANSWER)
    before = psutil.Process().memory_info().rss
    began = time.monotonic()

    refused = await tried(pool, ATTEMPTS[attempt], {"a": 1})

    assert refused.errors or refused.detail
    assert time.monotonic() - began < SOON
    assert psutil.Process().memory_info().rss - before < 32 * 2**20


async def tried(pool: RenderPool, source: str, value: Any) -> Invalid | Refusal:
    try:
        [refused] = await pool.render(source, [], [{"x": value}])
    except Invalid as error:
        return error
    assert isinstance(refused, Refusal), refused
    return refused


@pytest.mark.parametrize("attempt", COSTLY)
async def test_a_costly_row_is_contained(pool: RenderPool, attempt: str) -> None:
    source, value = COSTLY[attempt]
    await pool.check(source)
    began, before = time.monotonic(), psutil.Process().memory_info().rss

    [refused] = await pool.render(source, [], [{"x": value}])

    assert isinstance(refused, Refusal)
    assert refused.code in {"prompt.limits", "prompt.failed"}
    assert time.monotonic() - began < SOON
    assert psutil.Process().memory_info().rss - before < 32 * 2**20
    assert isinstance((await pool.render(QUESTION_ANSWER, [], [{"topic": attempt}]))[0], Prompt)


async def test_a_worker_has_no_more_than_its_memory(pool: RenderPool) -> None:
    source, value = COSTLY["double a text"]
    task = asyncio.create_task(pool.render(source, [], [{"x": value}] * 8))
    most = 0
    while not task.done():
        most = max([most, *(_rss(worker) for worker in workers())])
        await asyncio.sleep(0)

    assert all(isinstance(refused, Refusal) for refused in await task)
    assert most < (256 + 128) * 2**20


def _rss(worker: psutil.Process) -> int:
    try:
        return int(worker.memory_info().rss)
    except psutil.Error:
        return 0


async def test_the_pool_renders_what_the_renderer_does(pool: RenderPool) -> None:
    rows = [{"topic": f"tea {n}"} for n in range(600)]
    here = Renderer(parse_template(QUESTION_ANSWER), EXAMPLES)

    assert await pool.render(QUESTION_ANSWER, EXAMPLES, rows) == [here.prompt(r) for r in rows]


async def test_one_wrong_row_spoils_no_other(pool: RenderPool) -> None:
    rows: list[dict[str, Any]] = [{"topic": "a"}, {"topik": "b"}, {"topic": "c"}]

    first, second, third = await pool.render(QUESTION_ANSWER, EXAMPLES, rows)

    assert isinstance(first, Prompt)
    assert isinstance(third, Prompt)
    assert isinstance(second, Refusal)
    assert second.code == "prompt.inputs"
    assert {error.field for error in second.errors} == {"/inputs/topic", "/inputs"}


async def test_one_costly_row_spoils_no_other(pool: RenderPool) -> None:
    source, value = COSTLY["loop a billion times"]
    rows = [{"x": [1]}, {"x": value}, {"x": [2]}]

    found = await pool.render(source, [], rows)

    assert [type(one) for one in found] == [Prompt, Refusal, Prompt]


async def test_a_template_that_is_always_too_costly_is_given_up(pool: RenderPool) -> None:
    source, value = COSTLY["loop a billion times"]
    began = time.monotonic()

    found = await pool.render(source, [], [{"x": value}] * 500)

    assert len(found) == 500
    assert all(isinstance(one, Refusal) for one in found)
    assert time.monotonic() - began < 4 * SOON


async def test_wrong_examples_are_refused_for_all_rows(pool: RenderPool) -> None:
    with pytest.raises(Invalid, match="/examples/0/inputs/topic"):
        await pool.render(with_body("{{ topic }}", "topic: {maxLength: 1}"), EXAMPLES, [{}])


async def test_a_pool_outlives_the_death_of_its_workers() -> None:
    pool = RenderPool(workers=1)
    try:
        for _ in range(3):
            await pool.check(QUESTION_ANSWER)
            [worker] = [w for w in workers() if w.pid in _pids(pool)]
            worker.kill()
        assert (await pool.check(QUESTION_ANSWER)).description == "A question and its answer."
    finally:
        await pool.close()


def _pids(pool: RenderPool) -> set[int]:
    assert pool._pool is not None
    return set(pool._pool._pool_manager.worker_manager.workers)


async def test_a_worker_inherits_no_descriptor(pool: RenderPool) -> None:
    reader, writer = os.pipe()
    try:
        os.set_inheritable(writer, True)
        held = _links("self")[str(writer)]
        fresh = RenderPool(workers=1)
        await fresh.check(QUESTION_ANSWER)
        [pid] = _pids(fresh)
        inherited = _links(pid).values()
        await fresh.close()
        assert held not in inherited
    finally:
        os.close(reader)
        os.close(writer)


def _links(pid: int | str) -> dict[str, Path]:
    return {
        link.name: link.readlink()
        for link in Path(f"/proc/{pid}/fd").iterdir()
        if link.is_symlink()
    }


async def test_closing_leaves_no_worker() -> None:
    pool = RenderPool(workers=2)
    await pool.check(QUESTION_ANSWER)
    pids = _pids(pool)

    await pool.close()

    assert not pids & {worker.pid for worker in workers()}


async def test_workers_without_work_are_let_go_and_come_back() -> None:
    pool = RenderPool(workers=1, idle_seconds=0.0)
    try:
        for _ in range(2):
            await pool.check(QUESTION_ANSWER)
            [pid] = _pids(pool)
            with suppress(psutil.NoSuchProcess):
                await asyncio.to_thread(psutil.Process(pid).wait, SOON)
    finally:
        await pool.close()


async def test_workers_are_not_let_go_while_one_has_work() -> None:
    pool = RenderPool(workers=2, idle_seconds=0.0)
    try:
        rows = [{"x": str(number)} for number in range(1_000)]
        found, _ = await asyncio.gather(
            pool.render(with_body("{{ x }}"), [], rows), pool.check(QUESTION_ANSWER)
        )
        assert all(isinstance(one, Prompt) for one in found)
    finally:
        await pool.close()


async def test_killing_the_service_leaves_no_worker() -> None:
    program = (
        "import asyncio, sys\n"
        "from app.prompts.sandbox import RenderPool\n"
        "pool = RenderPool(workers=2)\n"
        f"asyncio.run(pool.check({QUESTION_ANSWER!r}))\n"
        "print(*pool._pool._pool_manager.worker_manager.workers, flush=True)\n"
        "sys.stdin.read()\n"
    )
    service = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    assert service.stdout
    started = [psutil.Process(int(pid)) for pid in (await service.stdout.readline()).split()]
    assert len(started) == 2

    service.kill()
    await service.wait()

    _, alive = await asyncio.to_thread(psutil.wait_procs, started, timeout=10)
    assert not alive
