"""Every byte of a reply has one reading, however the network cuts it up."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.teachers.framing import BadReply, ReplyReader, ReplyTooLong

BODY = b'{"a": "b\xc3\xa9"}\r\n\r\n0\r\n\r\n'


def by_length(body: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nX-A: 1\r\n\r\n" % len(body) + body


def in_chunks(body: bytes, cuts: list[int], trailer: bytes = b"") -> bytes:
    edges = [0, *sorted(cut % (len(body) + 1) for cut in cuts), len(body)]
    parts = [body[a:b] for a, b in pairwise(edges) if b > a]
    framed = b"".join(b"%X;ext=1\r\n%b\r\n" % (len(part), part) for part in parts)
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    return head + framed + b"0\r\n" + trailer + b"\r\n"


def fed(data: bytes, cuts: list[int], cap: int = 10_000) -> tuple[ReplyReader, list[bool]]:
    reader = ReplyReader(cap)
    edges = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    return reader, [reader.feed(data[a:b]) for a, b in pairwise(edges) if b > a]


CUTS = st.lists(st.integers(0, 10_000), max_size=12)


@given(body=st.binary(max_size=300), cuts=CUTS)
def test_a_body_by_length_is_the_same_wherever_it_is_cut(body: bytes, cuts: list[int]) -> None:
    reader, wholes = fed(by_length(body), cuts)
    assert wholes[-1]
    assert reader.body == body
    assert reader.keeps_alive
    assert dict(reader.headers)[b"X-A"] == b"1"


@given(body=st.binary(max_size=300), chunks=CUTS, cuts=CUTS, trailed=st.booleans())
def test_a_chunked_body_is_the_same_wherever_it_is_cut(
    body: bytes, chunks: list[int], cuts: list[int], *, trailed: bool
) -> None:
    reader, wholes = fed(in_chunks(body, chunks, b"X-T: 1\r\n" if trailed else b""), cuts)
    assert wholes[-1]
    assert reader.body == body
    assert reader.keeps_alive


@given(cuts=CUTS, whole=st.sampled_from([by_length(BODY), in_chunks(BODY, [3, 9])]))
def test_no_beginning_of_a_reply_is_taken_for_all_of_it(cuts: list[int], whole: bytes) -> None:
    for length in range(len(whole)):
        reader, wholes = fed(whole[:length], cuts)
        assert not any(wholes)
        with pytest.raises(BadReply):
            reader.end()


@given(data=st.binary(max_size=400), cuts=CUTS)
def test_any_bytes_at_all_are_a_reply_or_refused(data: bytes, cuts: list[int]) -> None:
    try:
        reader, wholes = fed(data, cuts, cap=50)
        if not any(wholes):
            reader.end()
    except (BadReply, ReplyTooLong):
        return


@given(
    head=st.sampled_from([b"HTTP/1.1 200 OK\r\n", b"HTTP/1.0 200\r\n", b"HTTP/1.1 503 x\r\n"]),
    lines=st.lists(
        st.sampled_from(
            [
                b"Content-Length: 5",
                b"content-length: 5",
                b"Content-Length: 7",
                b"Transfer-Encoding: chunked",
                b"Connection: close",
                b"Content-Encoding: gzip",
                b" folded",
                b"no-colon",
            ]
        ),
        max_size=4,
    ),
    body=st.sampled_from([b"hello", b"5\r\nhello\r\n0\r\n\r\n", b"hello there", b""]),
)
def test_headers_in_any_combination_never_give_two_readings(
    head: bytes, lines: list[bytes], body: bytes
) -> None:
    told = {line.lower() for line in lines}
    try:
        reader, wholes = fed(head + b"\r\n".join([*lines, b"", b""]) + body, [])
    except (BadReply, ReplyTooLong):
        return
    lengths = {line for line in told if line.startswith(b"content-length")}
    assert len(lengths) <= 1
    assert not (lengths and b"transfer-encoding: chunked" in told)
    assert not told & {b"content-encoding: gzip", b" folded", b"no-colon"}
    if any(wholes) and b"content-length: 5" in lengths:
        assert reader.body == body[:5]
        assert reader.keeps_alive == (
            len(body) == 5 and b"connection: close" not in told and b"/1.1" in head
        )


@pytest.mark.parametrize(
    "reply",
    [
        b"HTTP/2 200 OK\r\n\r\n",
        b"SSH-2.0-OpenSSH\r\n\r\n",
        b"HTTP/1.1 20 OK\r\n\r\n",
        b"HTTP/1.1 2000 OK\r\n\r\n",
        b"HTTP/1.1 101 Switching\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: +5\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nContent-Length: 0x5\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5, 5\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nContent-Length : 5\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\nhello\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0x5\r\nhello\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1_0\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhello\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nA: b\r\n folded\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: br\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"a" * 70_000,
    ],
)
def test_what_is_not_exactly_a_reply_is_refused(reply: bytes) -> None:
    with pytest.raises(BadReply):
        fed(reply, [])


def test_interim_replies_are_passed_over() -> None:
    reader, wholes = fed(b"HTTP/1.1 100 Continue\r\n\r\n" + by_length(b"x"), [])
    assert wholes == [True]
    assert (reader.status, reader.body) == (200, b"x")


def test_a_body_without_a_length_ends_with_the_connection_and_ends_its_use() -> None:
    reader, wholes = fed(b"HTTP/1.1 200 OK\r\n\r\nhello", [])
    assert wholes == [False]
    reader.end()
    assert reader.body == b"hello"
    assert not reader.keeps_alive


def test_bytes_after_a_reply_end_the_use_of_its_connection() -> None:
    reader, wholes = fed(by_length(b"x") + by_length(b"x"), [])
    assert wholes == [True]
    assert not reader.keeps_alive


def test_an_announced_length_over_the_cap_is_refused_before_it_is_read() -> None:
    reader = ReplyReader(100)
    with pytest.raises(ReplyTooLong) as seen:
        reader.feed(b"HTTP/1.1 500 No\r\nContent-Length: 101\r\n\r\n")
    assert (seen.value.size, seen.value.status) == (101, 500)


def test_framing_without_content_does_not_escape_the_cap() -> None:
    reader = ReplyReader(100)
    reader.feed(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    chunks = (b"1;" + b"x" * 10_000 + b"\r\na\r\n" for _ in range(100))
    with pytest.raises(ReplyTooLong):
        any(reader.feed(chunk) for chunk in chunks)
