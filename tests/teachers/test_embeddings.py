"""Texts become vectors of length 1, or one of the known failures."""

from typing import Any

import numpy as np
import pytest

from app.teachers.client import TeacherClient
from app.teachers.embeddings import vectors
from app.teachers.failures import AttemptFailed, RequestRefused, TeacherDown
from tests.fake_teacher import FakeTeacher
from tests.fake_teacher.abilities import vector
from tests.teachers.asking import CAP


async def test_each_text_gets_the_vector_that_is_its_own(fake: FakeTeacher) -> None:
    texts = ["tea in the hills", "ships at sea", "hills in the tea"]
    async with TeacherClient([fake.url], "fake", cap=CAP) as client:
        found = await client.embed(texts)
    for text, one in zip(texts, found, strict=True):
        given = np.array(vector(text))
        assert np.allclose(one, given / np.linalg.norm(given), atol=1e-6)
    assert float(found[0] @ found[2]) == pytest.approx(1, abs=1e-6)


async def test_an_endpoint_that_is_gone_is_passed_over(fake: FakeTeacher) -> None:
    with FakeTeacher() as gone:
        urls = [gone.url, fake.url]
    async with TeacherClient(urls, "fake", cap=CAP) as client:
        assert len(await client.embed(["a text"])) == 1
    async with TeacherClient(urls[:1], "fake", cap=CAP) as client:
        with pytest.raises(TeacherDown):
            await client.embed(["a text"])


async def test_a_text_too_long_is_refused(fake: FakeTeacher) -> None:
    fake.longest_text = 5
    async with TeacherClient([fake.url], "fake", cap=CAP) as client:
        with pytest.raises(RequestRefused, match="too long"):
            await client.embed(["a longer text"])


def row(*numbers: Any, index: Any = 0) -> dict[str, Any]:
    return {"index": index, "embedding": list(numbers)}


@pytest.mark.parametrize(
    "data",
    [
        None,
        [],
        [row(1, 2)],
        [row(1), row(1), row(1)],
        [row(1), row(2, index=7)],
        [row(1), row(2)],
        [row(1), {"index": 1}],
        [row(1, 2), row(1, index=1)],
        [row(0, 0), row(1, 2, index=1)],
        [row("a"), row("b", index=1)],
        [row(), row(index=1)],
        [row([1]), row([2], index=1)],
        [row(1e999), row(1, index=1)],
        [3, 4],
    ],
)
def test_what_is_no_vector_for_each_text_is_no_reply(data: Any) -> None:
    with pytest.raises(AttemptFailed):
        vectors({"data": data}, 2)
