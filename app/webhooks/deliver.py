"""One attempt to tell somebody: signed, to a checked address, within a deadline, once.

The engine brings the tickets; when an attempt is due, and whether there is another, the row says.
"""

from collections.abc import Sequence
from uuid import UUID

import httpx
import structlog

from app.db import Database
from app.teachers import secret
from app.teachers.addresses import AddressRefused, Network
from app.teachers.failures import TeacherMisconfigured
from app.teachers.framing import ReplyTooLong
from app.teachers.transport import Transport
from app.webhooks import store
from app.webhooks.schemas import message_id
from app.webhooks.sign import BadSecret, key_of, sign
from app.webhooks.store import Attempt

log = structlog.stdlib.get_logger(__name__)

DEADLINE = 20.0
"""Seconds for an attempt; the specification recommends 15 to 30."""
PAUSES = (5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400)
"""Seconds between attempts, as in the specification's example: ten attempts in three days."""
_LOST_AFTER = 3 * DEADLINE
_CAP = 64 * 1024
"""Bytes of a reply that are read; what it says does not matter."""
_LONGEST = 86_400.0
_GONE = 410


class Refused(Exception):
    """The attempt failed. `wait`: seconds it was told to wait; `final`: trying again is no use."""

    def __init__(self, why: str, *, wait: float = 0.0, final: bool = False) -> None:
        super().__init__(why)
        self.wait = wait
        self.final = final


async def deliver(database: Database, networks: Sequence[Network], delivery_id: UUID) -> None:
    """Make one attempt, if one is due. `networks` are allowed besides public addresses.

    A worker that dies after sending and before noting it sends again: whoever is told knows the
    message by its `webhook-id`.
    """
    async with database.unit_of_work() as session:
        attempt = await store.begin(session, delivery_id, _LOST_AFTER)
    if attempt is None:
        return
    try:
        await _send(attempt, networks)
    except Refused as refused:
        await _note(database, attempt, refused)
        return
    except Exception:
        log.exception("a webhook could not be sent", delivery=message_id(delivery_id))
        await _note(database, attempt, Refused("internal: the worker's log has it"))
        return
    async with database.unit_of_work() as session:
        await store.delivered(session, attempt)


async def _note(database: Database, attempt: Attempt, refused: Refused) -> None:
    wait: float | None = None
    if not refused.final and attempt.number <= len(PAUSES):
        wait = max(PAUSES[attempt.number - 1], min(refused.wait, _LONGEST))
    log.warning(
        "webhook not delivered",
        delivery=message_id(attempt.delivery_id),
        attempt=attempt.number,
        error=str(refused),
        gives_up=wait is None,
    )
    async with database.unit_of_work() as session:
        await store.failed(session, attempt, str(refused), wait)


async def _send(attempt: Attempt, networks: Sequence[Network]) -> None:
    """Raises `Refused`. It says nothing of what a server replied but its status."""
    request = httpx.Request(
        "POST",
        attempt.url,
        content=attempt.body,
        headers=_headers(attempt),
        extensions={"deadline": DEADLINE, "cap": _CAP},
    )
    # A new one each time: the address is looked up and checked for every attempt.
    transport = Transport(networks=networks, public=True)
    try:
        reply = await transport.handle_async_request(request)
    except AddressRefused as error:
        raise Refused(
            "the address is not public, and not in LIMBECK_WEBHOOK_NETWORKS", final=True
        ) from error
    except ReplyTooLong as error:
        raise Refused(f"the reply is longer than {_CAP} bytes") from error
    except httpx.TransportError as error:
        raise Refused(str(error)[:500] or type(error).__name__) from error
    finally:
        await transport.aclose()
    if not reply.is_success:
        raise Refused(
            f"answered {reply.status_code}",
            wait=_seconds(reply.headers.get("retry-after", "")),
            final=reply.status_code == _GONE,
        )


def _headers(attempt: Attempt) -> dict[str, str]:
    name = message_id(attempt.delivery_id)
    headers = {
        "content-type": "application/json",
        "user-agent": "limbeck",
        "webhook-id": name,
        "webhook-timestamp": str(attempt.timestamp),
    }
    if attempt.secret is None:
        return headers
    try:
        key = key_of(secret.resolve(attempt.secret))
    except TeacherMisconfigured as error:
        raise Refused(error.message) from error
    except BadSecret as error:
        raise Refused(str(error)) from error
    return headers | {"webhook-signature": sign(key, name, attempt.timestamp, attempt.body)}


def _seconds(retry_after: str) -> float:
    return float(retry_after) if retry_after.isdecimal() and retry_after.isascii() else 0.0
