"""What a key looks like: `lbk_<id>_<secret>`, 256 random bits in the secret."""

import hashlib
import re
import secrets
from dataclasses import dataclass
from uuid import UUID

PREFIX = "lbk_"
_FORM = re.compile(rf"{PREFIX}([0-9a-f]{{32}})_([A-Za-z0-9_-]{{43}})")


@dataclass(frozen=True, slots=True)
class Token:
    key_id: UUID
    digest: bytes


def new_secret() -> str:
    return secrets.token_urlsafe(32)


def digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()


def write(key_id: UUID, secret: str) -> str:
    return f"{PREFIX}{key_id.hex}_{secret}"


def read(text: str) -> Token | None:
    """Nothing for what no key of ours can be."""
    found = _FORM.fullmatch(text)
    return None if found is None else Token(UUID(found[1]), digest(found[2]))
