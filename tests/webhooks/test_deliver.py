"""Somebody is told, once and provably, or it is seen why not."""

from collections.abc import Iterator
from ipaddress import ip_network
from typing import Any
from uuid import UUID

import httpx
import pytest
from sqlalchemy import text

from app.db import Database
from app.webhooks.deliver import PAUSES, deliver
from app.webhooks.sign import BadSecret, key_of, sign
from tests.fake_teacher import FakeTeacher
from tests.jobs.conftest import Drain, drain, ready, spec, tools
from tests.webhooks.receiver import SECRET, Receiver

__all__ = ["drain", "ready", "tools"]

HERE = [ip_network("127.0.0.0/8")]


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    monkeypatch.setenv("HOOK_SECRET", SECRET)
    with Receiver() as opened:
        yield opened


async def ended(api: httpx.AsyncClient, drain: Drain, url: str, **hook: str) -> str:
    """The address of a job that has ended, and whose webhook is still to be told."""
    webhook = {"url": url, "secret": "env:HOOK_SECRET"} | hook
    answer = await api.post("/v1/jobs", json=spec(num_records=3, webhook=webhook))
    assert answer.status_code == 201, answer.text
    await drain()
    return f"/v1/jobs/{answer.json()['id']}"


async def deliveries(api: httpx.AsyncClient, at: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await api.get(f"{at}/deliveries")).json()["items"]
    return found


async def attempt(database: Database, networks: Any = HERE, *, due: bool = False) -> None:
    """What a ticket leads to; `due` as if the pause before the next attempt were over."""
    async with database.unit_of_work() as session:
        if due:
            await session.execute(text("UPDATE webhook_delivery SET retry_at = clock_timestamp()"))
        ids = (await session.scalars(text("SELECT id FROM webhook_delivery"))).all()
    for each in ids:
        await deliver(database, networks, each)


async def waits(database: Database) -> float:
    """Seconds until the next attempt."""
    async with database.unit_of_work() as session:
        seconds = await session.scalar(
            text("SELECT extract(epoch FROM retry_at - clock_timestamp()) FROM webhook_delivery")
        )
        return float(seconds or 0)


async def test_the_end_of_a_job_is_told_once_and_signed(
    ready: httpx.AsyncClient, drain: Drain, database: Database, receiver: Receiver
) -> None:
    at = await ended(ready, drain, receiver.url)
    for _ in range(3):
        await attempt(database, due=True)
    [told] = receiver.told
    assert told.is_signed
    assert told.json["type"] == "job.ended"
    data = told.json["data"]
    assert (data["job_id"], data["state"], data["corpus"]) == (
        at.rpartition("/")[2],
        "finished",
        "default/faq",
    )
    assert data["accepted"] >= 3
    [seen] = await deliveries(ready, at)
    assert (seen["id"], seen["state"], seen["attempts"]) == (
        told.headers["webhook-id"],
        "delivered",
        1,
    )
    assert SECRET not in (await ready.get(at)).text


async def test_after_a_500_it_is_told_again_with_the_same_id_and_body(
    ready: httpx.AsyncClient, drain: Drain, database: Database, receiver: Receiver
) -> None:
    receiver.answers = [(500, {}), (503, {"retry-after": "900"})]
    at = await ended(ready, drain, receiver.url)
    await attempt(database)
    assert PAUSES[0] * 0.5 < await waits(database) < PAUSES[0] * 1.2
    await attempt(database)
    assert len(receiver.told) == 1, "not before the pause is over"
    await attempt(database, due=True)
    assert 800 < await waits(database) < 1000
    [seen] = await deliveries(ready, at)
    assert (seen["state"], seen["last_error"]) == ("pending", "answered 503")
    await attempt(database, due=True)
    assert len({told.headers["webhook-id"] for told in receiver.told}) == 1
    assert len({told.body for told in receiver.told}) == 1
    assert all(told.is_signed for told in receiver.told)
    [seen] = await deliveries(ready, at)
    assert (seen["state"], seen["attempts"], seen["last_error"]) == ("delivered", 3, None)


@pytest.mark.parametrize("answer", [(410, {}), (302, {"location": "/elsewhere"})])
async def test_one_who_is_gone_is_not_told_again_and_nobody_is_followed(
    ready: httpx.AsyncClient,
    drain: Drain,
    database: Database,
    receiver: Receiver,
    answer: tuple[int, dict[str, str]],
) -> None:
    receiver.answers = [answer] * (1 + len(PAUSES))
    at = await ended(ready, drain, receiver.url)
    for _ in range(2 + len(PAUSES)):
        await attempt(database, due=True)
    [seen] = await deliveries(ready, at)
    assert (seen["state"], seen["last_error"]) == ("failed", f"answered {answer[0]}")
    assert len(receiver.told) == (1 if answer[0] == 410 else 1 + len(PAUSES))


@pytest.mark.parametrize("url", ["http://no-such-host.invalid/", "https://.example.com/"])
async def test_an_address_that_cannot_be_reached_is_tried_again(
    ready: httpx.AsyncClient, drain: Drain, database: Database, receiver: Receiver, url: str
) -> None:
    at = await ended(ready, drain, url)
    await attempt(database, due=True)
    await attempt(database, due=True)
    [seen] = await deliveries(ready, at)
    assert (seen["state"], seen["attempts"]) == ("pending", 2)
    assert seen["last_error"]


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "2130706433"])
async def test_nobody_is_told_in_a_network_that_is_not_public(
    ready: httpx.AsyncClient, drain: Drain, database: Database, receiver: Receiver, host: str
) -> None:
    at = await ended(ready, drain, receiver.url.replace("127.0.0.1", host))
    await attempt(database, networks=[])
    assert receiver.told == []
    [seen] = await deliveries(ready, at)
    assert (seen["state"], seen["attempts"]) == ("failed", 1)
    assert "not public" in seen["last_error"]


async def test_a_secret_that_is_not_there_keeps_it_waiting(
    ready: httpx.AsyncClient,
    drain: Drain,
    database: Database,
    receiver: Receiver,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HOOK_SECRET", "hunter2")
    at = await ended(ready, drain, receiver.url)
    await attempt(database)
    [seen] = await deliveries(ready, at)
    assert "whsec_" in seen["last_error"]
    assert "hunter2" not in seen["last_error"]
    monkeypatch.setenv("HOOK_SECRET", SECRET)
    await attempt(database, due=True)
    assert [told.is_signed for told in receiver.told] == [True]


async def test_a_job_that_is_cancelled_or_fails_or_asks_nobody_is_told_too(
    ready: httpx.AsyncClient,
    drain: Drain,
    database: Database,
    receiver: Receiver,
    fake: FakeTeacher,
) -> None:
    body = spec(webhook={"url": receiver.url})
    job = (await ready.post("/v1/jobs", json=body)).json()["id"]
    for _ in range(2):
        await ready.post(f"/v1/jobs/{job}/cancel")
    fake.says("no JSON at all")
    failed = await ended(ready, drain, receiver.url)
    anew = {
        "from": {"jobs": [failed.rpartition("/")[2]]},
        "corpus": "anew",
        "webhook": {"url": receiver.url},
    }
    assert (await ready.post("/v1/jobs/reprocess", json=anew)).is_success
    await drain()
    await attempt(database)
    states = [told.json["data"]["state"] for told in receiver.told]
    assert states == ["cancelled", "failed", "failed"]
    assert "webhook-signature" not in receiver.told[0].headers
    assert UUID(receiver.told[0].json["data"]["job_id"]) == UUID(job)


def test_the_signature_is_that_of_the_specification() -> None:
    """The vector of the specification's reference libraries."""
    key = key_of("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    signed = sign(key, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')
    assert signed == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@pytest.mark.parametrize(
    "secret", ["hunter2", "whsec_", "whsec_%%%", "whsec_c2hvcnQ=", "whsk_" + "A" * 44]
)
def test_a_weak_secret_is_refused_and_not_repeated(secret: str) -> None:
    with pytest.raises(BadSecret) as refused:
        key_of(secret)
    assert secret.removeprefix("whsec_") == "" or secret not in str(refused.value)
