"""Keys as JSON."""

from datetime import datetime
from uuid import UUID

from pydantic import BaseModel, Field

from app.auth import token
from app.auth.models import ApiKey
from app.names import Name
from app.web.caller import Scope

_EXAMPLE = {"name": "trainer", "scopes": ["read"], "namespaces": ["support"], "expires_in_days": 90}


class NewKey(BaseModel, frozen=True, extra="forbid", json_schema_extra={"examples": [_EXAMPLE]}):
    name: Name
    """What it is for. Two keys may have one name, so that a new one can replace an old one."""
    scopes: tuple[Scope, ...] = Field(default=("read",), min_length=1, max_length=4)
    """`read`; `write` changes all but what `publish` (datasets and their versions) and `admin`
    (teachers, keys) change. Each is `read` too, and `admin` is everything."""
    namespaces: tuple[Name, ...] | None = Field(default=None, min_length=1, max_length=100)
    """What lies elsewhere is not there for its holder; all namespaces if it is not said."""
    expires_in_days: int | None = Field(default=None, ge=1, le=3650)


class KeyView(BaseModel):
    id: UUID
    name: str
    scopes: list[str]
    namespaces: list[str] | None
    created_by: str
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None
    """To the minute."""

    @classmethod
    def of(cls, key: ApiKey) -> "KeyView":
        return cls.model_validate(key, from_attributes=True)


class CreatedKey(KeyView):
    key: str = Field(examples=[f"{token.PREFIX}…"])
    """The key itself, shown this once: it is not stored."""

    @classmethod
    def with_secret(cls, key: ApiKey, secret: str) -> "CreatedKey":
        return cls(**KeyView.of(key).model_dump(), key=token.write(key.id, secret))
