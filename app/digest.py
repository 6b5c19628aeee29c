"""One identity for content: the same content has the same digest, however it was written."""

import hashlib
from typing import Any

import orjson


def canonical(value: Any) -> bytes:
    """JSON with sorted keys and no spaces: equal values give equal bytes."""
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS)


def digest(value: Any) -> str:
    """The sha256 of a JSON value's canonical form, in lower-case hex (64 characters)."""
    return hashlib.sha256(canonical(value)).hexdigest()


def short(data: bytes) -> bytes:
    """A 16-byte BLAKE2b, for keys of rows: 128 bits make an accidental collision no concern."""
    return hashlib.blake2b(data, digest_size=16).digest()
