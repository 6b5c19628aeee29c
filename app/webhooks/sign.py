"""Signatures of the Standard Webhooks specification 1.0.0, symmetric scheme `v1`.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md:
HMAC-SHA256 over `{webhook-id}.{webhook-timestamp}.{body}`, in base64 after `v1,`. The secret is 24
to 64 random bytes, written in base64 after `whsec_`.
"""

import base64
import binascii
import hashlib
import hmac

_PREFIX = "whsec_"
_LEAST, _MOST = 24, 64


class BadSecret(ValueError):
    """Never repeats the secret."""


def key_of(secret: str) -> bytes:
    """The bytes behind a written secret. Raises `BadSecret`."""
    try:
        key = base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not secret.startswith(_PREFIX) or not _LEAST <= len(key) <= _MOST:
        raise BadSecret(
            f"the secret should be {_PREFIX} and then {_LEAST} to {_MOST} random bytes in base64"
        )
    return key


def sign(key: bytes, message_id: str, timestamp: int, body: bytes) -> str:
    """The value of `webhook-signature`."""
    signed = b"%s.%d.%s" % (message_id.encode(), timestamp, body)
    return "v1," + base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()
