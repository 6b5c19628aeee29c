import asyncio

import pytest

from app.db import Database
from app.errors import Conflict, NotFound
from app.names import Ref
from app.prompts import store
from app.prompts.few_shot import parse_few_shot
from app.prompts.template import Template, parse_template
from tests.prompts.sources import EXAMPLES, QUESTION_ANSWER

FAQ = Ref("support", "faq")
EXAMPLE_LIST = [{"inputs": e.inputs, "response": e.response} for e in EXAMPLES]


def variant(number: int) -> Template:
    return parse_template(QUESTION_ANSWER.replace("quiz", f"quiz {number}"))


async def push(database: Database, number: int, *, create: bool = False) -> tuple[int | None, bool]:
    async with database.unit_of_work() as session:
        found, new = await store.push_template(session, FAQ, variant(number), create=create)
    return found.ref.version, new


async def test_versions_count_from_one_and_equal_content_is_one_version(
    database: Database,
) -> None:
    assert await push(database, 0, create=True) == (1, True)
    assert await push(database, 1) == (2, True)
    assert await push(database, 0) == (1, False)
    assert await push(database, 0, create=True) == (1, False)
    assert await push(database, 2) == (3, True)


async def test_creating_what_exists_with_other_content_is_a_conflict(database: Database) -> None:
    await push(database, 0, create=True)

    with pytest.raises(Conflict) as caught:
        await push(database, 1, create=True)

    assert caught.value.code == "template.exists"


async def test_racing_pushes_get_distinct_numbers_without_a_gap(database: Database) -> None:
    await push(database, 0, create=True)

    pushed = await asyncio.gather(*(push(database, number) for number in range(1, 13)))

    assert sorted(version or 0 for version, _ in pushed) == list(range(2, 14))


async def test_racing_pushes_of_one_content_make_one_version(database: Database) -> None:
    await push(database, 0, create=True)

    pushed = await asyncio.gather(*(push(database, 1) for _ in range(12)))

    assert {version for version, _ in pushed} == {2}
    assert sum(new for _, new in pushed) == 1


async def test_racing_creations_make_one_template(database: Database) -> None:
    same = await asyncio.gather(*(push(database, 0, create=True) for _ in range(8)))
    assert sorted(same) == [(1, False)] * 7 + [(1, True)]

    async with database.unit_of_work() as session:
        found = await store.templates.page(session, namespace=None, after=None, limit=9)
    assert [str(version.ref) for _, version in found] == ["support/faq@1"]


async def test_a_name_is_resolved_to_its_latest_version(database: Database) -> None:
    for number in range(3):
        await push(database, number, create=number == 0)

    async with database.unit_of_work() as session:
        latest = await store.resolve_template(session, FAQ)
        second = await store.resolve_template(session, Ref("support", "faq", 2))
        again = await store.templates.by_id(session, second.id)

    assert str(latest.ref) == "support/faq@3"
    assert second.template == variant(1)
    assert again == second


async def test_what_is_missing_is_named_with_what_is_near(database: Database) -> None:
    await push(database, 0, create=True)

    async with database.unit_of_work() as session:
        with pytest.raises(NotFound) as typo:
            await store.resolve_template(session, Ref("support", "faqs"))
        with pytest.raises(NotFound) as late:
            await store.resolve_template(session, Ref("support", "faq", 7))
        with pytest.raises(NotFound) as other:
            await store.resolve_few_shot(session, FAQ)

    assert typo.value.code == "template.not_found"
    assert typo.value.hint == "Did you mean support/faq?"
    assert late.value.hint == "support/faq has 1 to 1."
    assert (other.value.code, other.value.hint) == ("few_shot.not_found", None)


async def test_a_few_shot_version_is_its_examples_and_the_template_it_is_bound_to(
    database: Database,
) -> None:
    few_shot = parse_few_shot(EXAMPLE_LIST)
    await push(database, 0, create=True)
    await push(database, 1)

    async with database.unit_of_work() as session:
        first = await store.resolve_template(session, Ref("support", "faq", 1))
        second = await store.resolve_template(session, Ref("support", "faq", 2))
        made = [
            await store.push_few_shot(session, FAQ, few_shot, bound, create=place == 0)
            for place, bound in enumerate([None, first, second, first])
        ]
        latest = await store.resolve_few_shot(session, FAQ)

    assert [(str(v.ref), str(v.template), new) for v, new in made] == [
        ("support/faq@1", "None", True),
        ("support/faq@2", "support/faq@1", True),
        ("support/faq@3", "support/faq@2", True),
        ("support/faq@2", "support/faq@1", False),
    ]
    assert latest.few_shot == few_shot
