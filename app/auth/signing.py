"""Signed URLs: for tools that send no header, for one thing each, until a moment.

What is signed says who signed it, so that revoking a key kills its URLs; a new secret kills all.
"""

import hmac
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import Insert, insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.auth import store
from app.auth.caller import LOCAL_ADMIN, holder
from app.auth.models import SigningSecret
from app.errors import Forbidden
from app.web.caller import LOCAL, Caller


@dataclass(frozen=True, slots=True)
class Seal:
    """What a signed URL says of itself."""

    signer: str
    """The id of a key, or `local`."""
    expires: int
    """In seconds since 1970, by the database's clock."""
    signature: str


class Signer:
    """Signs several things at once, for one caller and until one moment."""

    def __init__(self, secret: bytes, signer: str, expires: int) -> None:
        self._secret = secret
        self._signer = signer
        self.expires = expires

    def sign(self, *what: str) -> Seal:
        signature = _signature(self._secret, self._signer, self.expires, what)
        return Seal(self._signer, self.expires, signature)


async def signer(session: AsyncSession, caller: Caller, seconds: int) -> Signer:
    """For what lasts so many seconds from now. The first call makes the secret."""
    await session.execute(_new().on_conflict_do_nothing())
    secret, now = await _secret(session)
    return Signer(secret, caller.identity, now + seconds)


async def rotate(session: AsyncSession) -> None:
    """A new secret: no URL that was signed until now works any more."""
    made = _new()
    await session.execute(
        made.on_conflict_do_update(
            index_elements=["id"],
            set_={"secret": made.excluded.secret, "made_at": func.now()},
        )
    )


async def check(session: AsyncSession, seal: Seal, *what: str) -> Caller:
    """Who signed this for these things. Raises `Forbidden` where nobody did, where the moment has
    passed, and where the key that signed is none any more.
    """
    secret, now = await _secret(session)
    expected = _signature(secret, seal.signer, seal.expires, what)
    given = seal.signature.encode(errors="surrogatepass")
    if not secret or not hmac.compare_digest(expected.encode(), given):
        raise forged()
    if seal.expires <= now:
        raise Forbidden("url.expired", "this URL has expired", hint="Ask for a new one.")
    if seal.signer == LOCAL:
        return LOCAL_ADMIN
    key = await store.alive(session, UUID(seal.signer))
    if key is None:
        raise Forbidden("url.revoked", "the key that signed this URL has expired or was revoked")
    return holder(key)


def forged() -> Forbidden:
    """Also said of what is not there: a URL that nobody signed tells nothing."""
    return Forbidden("url.signature", "this URL is not as it was signed, or for something else")


async def _secret(session: AsyncSession) -> tuple[bytes, int]:
    """The secret, if there is one yet, and the database's clock."""
    stored = select(SigningSecret.secret).where(SigningSecret.id == 1).scalar_subquery()
    row = (await session.execute(select(func.extract("epoch", func.now()), stored))).one()
    return row[1] or b"", int(row[0])


def _new() -> Insert:
    return insert(SigningSecret).values(id=1, secret=secrets.token_bytes(32))


def _signature(secret: bytes, signer_: str, expires: int, what: Sequence[str]) -> str:
    # No part can hold a NUL, so that no two lists of parts are the same message.
    message = "\0".join([signer_, str(expires), *what])
    return hmac.new(secret, message.encode("utf-8", "surrogatepass"), sha256).hexdigest()
