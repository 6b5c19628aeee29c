"""Webhooks as JSON: whom to tell, and what became of it."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

import httpx
from pydantic import AfterValidator, BaseModel, Field
from pydantic_core import PydanticCustomError

from app.teachers.secret import KeyRef
from app.webhooks.models import Delivery

_RULE = "should be an address to send to, such as https://example.com/hooks/limbeck"


def _address(text: str) -> str:
    try:
        url = httpx.URL(text.strip())
        host, port, userinfo = url.raw_host, url.port or 0, url.userinfo
    except (httpx.InvalidURL, ValueError):
        raise PydanticCustomError("webhook_url", _RULE) from None
    if url.scheme not in {"http", "https"} or not host or port not in range(65_536):
        raise PydanticCustomError("webhook_url", _RULE)
    if userinfo or url.fragment:
        raise PydanticCustomError("webhook_url", _RULE + ", without a user, a password or '#'")
    return str(url)


class WebhookSpec(BaseModel, frozen=True, extra="forbid"):
    """Whom to tell when something has ended. Only public addresses are told, but for those of
    `LIMBECK_WEBHOOK_NETWORKS`.
    """

    url: Annotated[
        str,
        Field(min_length=8, max_length=2000, examples=["https://example.com/hooks/limbeck"]),
        AfterValidator(_address),
    ]
    """Where it is sent, by POST."""
    secret: KeyRef | None = Field(default=None, examples=["env:WEBHOOK_SECRET"])
    """Where the secret for the signature is found: `env:NAME` or `file:/PATH`, on the workers.
    Without one, nothing is signed."""


class DeliveryView(BaseModel):
    id: str = Field(examples=["msg_019aa5c0f2d97c3bb0a4f7b9d3a1c2e4"])
    """What is sent as `webhook-id`: the same for every attempt."""
    event: str = Field(examples=["job.ended"])
    subject_id: UUID
    """The job or the run that has ended."""
    url: str
    state: Literal["pending", "delivered", "failed"]
    attempts: int
    last_error: str | None
    """Of the last attempt, if it failed."""
    retry_at: datetime | None
    """When it is tried next."""
    created_at: datetime
    ended_at: datetime | None

    @classmethod
    def of(cls, delivery: Delivery) -> "DeliveryView":
        return cls(
            id=message_id(delivery.id),
            event=delivery.event,
            subject_id=delivery.subject_id,
            url=delivery.url,
            state=delivery.state,
            attempts=delivery.attempts,
            last_error=delivery.last_error,
            retry_at=delivery.retry_at if delivery.state == "pending" else None,
            created_at=delivery.created_at,
            ended_at=delivery.ended_at,
        )


def message_id(delivery_id: UUID) -> str:
    return f"msg_{delivery_id.hex}"
