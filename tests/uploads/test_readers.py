import io
from tempfile import TemporaryFile

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.curation.text import problem
from app.errors import AppError, TooLarge
from app.uploads.formats import READERS, Format
from app.uploads.spool import Spool, lay

csv_like = st.lists(st.sampled_from(["a", ",", '"', "\n", "\r", "\0", "ä", ";", " "])).map("".join)
json_like = st.lists(st.sampled_from(['{"a":', "1", "}", "\n", '"', "\\u0000", "[", "null"]))
contents = st.one_of(
    st.binary(),
    st.text().map(str.encode),
    csv_like.map(str.encode),
    json_like.map(lambda parts: "".join(parts).encode()),
)


def read(form: Format, content: bytes, most: int = 10**6) -> Spool:
    with TemporaryFile() as sent:
        sent.write(content)
        sent.seek(0)
        return lay(READERS[form](sent), io.BytesIO(), most)


def outcome(form: Format, content: bytes) -> Spool | AppError:
    try:
        return read(form, content)
    except AppError as refused:
        return refused


@pytest.mark.parametrize("form", ["jsonl", "csv"])
@given(content=contents)
def test_whatever_is_uploaded_is_read_or_refused(form: Format, content: bytes) -> None:
    got = outcome(form, content)

    if isinstance(got, AppError):
        assert got.status in {413, 422}
    else:
        assert problem(list(got.columns)) is None
        assert got.rows == sum(len(block) for block in got.blocks(7))


@given(st.integers(0, 600), st.integers(0, 255))
@settings(max_examples=8, deadline=None)  # each starts a process
def test_a_parquet_file_with_a_changed_byte_is_read_or_refused(at: int, byte: int) -> None:
    out = io.BytesIO()
    pq.write_table(pa.table({"topic": ["rain", "snow"] * 9, "n": range(18)}), out)
    content = bytearray(out.getvalue())
    content[at % len(content)] = byte

    got = outcome("parquet", bytes(content))
    assert isinstance(got, Spool) or got.status == 422


def test_the_digest_is_of_the_rows_not_of_the_file() -> None:
    one = read("jsonl", b'{"a": "x", "b": "y"}\n{"a": "1", "b": "2"}\n')
    same = read("csv", b'b,a\r\n"y",x\r\n2,1')
    other = read("jsonl", b'{"a": "1", "b": "2"}\n{"a": "x", "b": "y"}\n')

    assert one.digest == same.digest != other.digest
    assert (one.columns, same.columns) == (("a", "b"), ("b", "a"))


def test_rows_beyond_the_bound_are_refused_while_they_are_read() -> None:
    with pytest.raises(TooLarge, match="line 13: the rows have more than 100 bytes"):
        read("jsonl", b'{"a": 1}\n' * 1_000, most=100)
