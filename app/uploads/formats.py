"""Which reader an upload needs, by its Content-Type or by name."""

from collections.abc import Callable, Iterator
from typing import IO, Any, Literal, get_args

from app.errors import Unsupported
from app.uploads.readers import csv, jsonl, parquet

Format = Literal["jsonl", "csv", "parquet"]
Reader = Callable[[IO[bytes]], Iterator[tuple[str, Any]]]
"""Yields where a row stands ("line 17") and the row, as it came."""

READERS: dict[Format, Reader] = {"jsonl": jsonl.read, "csv": csv.read, "parquet": parquet.read}

FORMATS: dict[str, Format] = {
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".csv": "csv",
    ".parquet": "parquet",
}

UPLOAD: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/x-ndjson": {
                "schema": {"type": "string"},
                "example": '{"question": "Why?"}\n{"question": "How?"}\n',
            },
            "text/csv": {"schema": {"type": "string"}, "example": "question\nWhy?\nHow?\n"},
            "application/vnd.apache.parquet": {"schema": {"type": "string", "format": "binary"}},
        },
    }
}
"""How OpenAPI shows the body of an upload."""

_MEDIA_TYPES: dict[str, Format] = {
    "application/x-ndjson": "jsonl",
    "application/jsonl": "jsonl",
    "application/x-jsonlines": "jsonl",
    "text/csv": "csv",
    "application/csv": "csv",
    "application/vnd.apache.parquet": "parquet",
    "application/x-parquet": "parquet",
}


def format_of(content_type: str, content_encoding: str, asked: Format | None) -> Format:
    """`asked` wins over the header, so that a browser or curl need not know media types."""
    if content_encoding.strip().lower() not in {"", "identity"}:
        raise Unsupported("upload.encoding", "a compressed body is not read; send it as it is")
    found = asked or _MEDIA_TYPES.get(content_type.partition(";")[0].strip().lower())
    if found is None:
        raise Unsupported(
            "upload.format",
            f"{content_type[:80]!r} is not a format that is read here",
            hint=f"Send ?format= one of {', '.join(get_args(Format))}, or a Content-Type such as "
            "application/x-ndjson, text/csv or application/vnd.apache.parquet.",
        )
    return found
