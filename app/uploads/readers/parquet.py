"""Parquet, unpacked by a process of its own with bounded memory.

Dates and times become ISO 8601, decimals text, NaN null.
"""

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from app.uploads.bad import bad
from app.uploads.lines import lines
from app.uploads.readers.jsonl import parse

MEMORY = 1024 * 1024 * 1024
"""Of the unpacking process; importing pyarrow takes a third of it."""

_PROGRAM = Path(__file__).with_name("unpack_parquet.py")
_REFUSED = 3


def read(file: IO[bytes], memory: int = MEMORY) -> Iterator[tuple[str, Any]]:
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(  # noqa: S603  (our own program, by path)
            [sys.executable, "-I", str(_PROGRAM), str(memory)],
            stdin=file,
            stdout=subprocess.PIPE,
            stderr=said,
        )
        with process:
            try:
                yield from _rows(process.stdout)
            except BaseException:  # also when nobody wants the rest
                process.kill()
                raise
        said.seek(0)
        message = said.read(500).decode("utf-8", "replace")
        if process.returncode == _REFUSED:
            raise bad("file", message)
        if process.returncode != 0:
            raise bad("file", f"could not be unpacked with {memory >> 20} MiB of memory")


def _rows(out: IO[bytes] | None) -> Iterator[tuple[str, Any]]:
    if out is not None:
        for number, line in lines(out, "row"):
            yield f"row {number}", parse(f"row {number}", line)
