"""Write the rows of a Parquet file, given as standard input, as JSON Lines to standard output.

Started by path in a process of its own, never imported: a file of 200 kB may hold gigabytes and
lie about it, so what reads it has a bound on its memory and may die alone.

Exit codes: 0 all rows written; 3 the file is wrong, and standard error says how.
"""

import resource
import sys
from decimal import Decimal
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

ROWS_AT_ONCE = 64
CPU_SECONDS = 600


def plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return str(value)
    raise TypeError(f"holds {type(value).__name__}, which JSON has no word for")


def unpack() -> None:
    pa.set_memory_pool(pa.system_memory_pool())  # the others reserve address space ahead
    file = pq.ParquetFile(sys.stdin.buffer, pre_buffer=False)
    names = file.schema_arrow.names
    if twice := next((name for name in names if names.count(name) > 1), None):
        refuse(f"column {twice!r} stands twice")
    number = 0
    for batch in file.iter_batches(batch_size=ROWS_AT_ONCE, use_threads=False):
        for row in batch.to_pylist():
            number += 1
            try:
                line = orjson.dumps(row, default=plain, option=orjson.OPT_NON_STR_KEYS)
            except TypeError as error:
                refuse(f"row {number}: {error.__cause__ or error}")
            sys.stdout.buffer.write(line + b"\n")


def refuse(message: str) -> None:
    sys.stdout.flush()
    sys.stderr.write(message)
    sys.exit(3)


if __name__ == "__main__":
    most = int(sys.argv[1])
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    try:
        unpack()
    except MemoryError:
        refuse(f"a part of the file unpacks to more than {most >> 20} MiB")
    except (pa.ArrowException, ValueError, OSError) as error:
        refuse(f"is not a Parquet file that can be read: {str(error)[:300]}")
