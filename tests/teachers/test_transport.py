"""Connections are kept, and never trusted further than they deserve."""

import asyncio
import tracemalloc
from itertools import pairwise

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.teachers.framing import ReplyTooLong
from app.teachers.transport import Transport, framed, head_of, origin_of
from tests.fake_teacher import Behaviour, FakeTeacher
from tests.teachers.conftest import Serve, read_request

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


async def get(transport: Transport, url: str, **extensions: float) -> httpx.Response:
    request = httpx.Request("GET", url, extensions=extensions)
    response = await transport.handle_async_request(request)
    await response.aread()
    return response


async def test_connections_are_kept_and_used_again(fake: FakeTeacher, transport: Transport) -> None:
    for _ in range(5):
        assert (await get(transport, f"{fake.url}/health")).status_code == 200
    assert fake.record.connections == 1
    await asyncio.gather(*(get(transport, f"{fake.url}/health") for _ in range(8)))
    assert fake.record.connections <= 8
    await asyncio.gather(*(get(transport, f"{fake.url}/health") for _ in range(8)))
    assert fake.record.connections <= 8


async def test_it_is_a_transport_of_httpx(fake: FakeTeacher) -> None:
    async with httpx.AsyncClient(transport=Transport(), base_url=fake.url) as client:
        answer = await client.get("/v1/models", params={"a": "b c"})
    assert answer.json()["data"][0]["id"] == "fake"


async def test_a_connection_that_was_closed_while_idle_is_replaced_quietly(
    serve: Serve, transport: Transport
) -> None:
    """Closed as the request leaves, so that it cannot be seen before: the race every server
    with a keep-alive limit has with its clients.
    """

    async def one_then_close(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int
    ) -> None:
        await read_request(reader)
        writer.write(OK)
        await writer.drain()
        if number == 0:
            await reader.readexactly(1)  # the next request arrives, and is not answered

    url = await serve(one_then_close)
    assert (await get(transport, url)).status_code == 200
    assert (await get(transport, url)).status_code == 200


async def test_a_request_that_breaks_on_a_new_connection_is_not_sent_again(
    serve: Serve, transport: Transport
) -> None:
    seen: list[int] = []

    async def close(reader: asyncio.StreamReader, _: asyncio.StreamWriter, number: int) -> None:
        await read_request(reader)
        seen.append(number)

    with pytest.raises(httpx.ReadError):
        await get(transport, await serve(close))
    assert seen == [0]


async def test_a_reply_that_had_begun_is_not_asked_for_again(
    serve: Serve, transport: Transport
) -> None:
    requests: list[int] = []

    async def half(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        while await read_request(reader):
            requests.append(number)
            writer.write(OK if len(requests) == 1 else OK[:-1])
            await writer.drain()
            if len(requests) > 1:
                return

    url = await serve(half)
    await get(transport, url)
    with pytest.raises(httpx.RemoteProtocolError):
        await get(transport, url)
    assert requests == [0, 0]


@pytest.mark.parametrize(
    "reply",
    [
        OK + b"HTTP/1.1 200 OK",
        b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
    ],
)
async def test_a_connection_on_which_anything_odd_happened_is_not_used_again(
    serve: Serve, transport: Transport, reply: bytes
) -> None:
    used: list[int] = []

    async def answer(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int
    ) -> None:
        while await read_request(reader):
            used.append(number)
            writer.write(reply)
            await writer.drain()

    url = await serve(answer)
    for _ in range(3):
        assert (await get(transport, url)).content == b"ok"
    assert used == [0, 1, 2]


async def test_bytes_that_nobody_asked_for_end_an_idle_connection(
    serve: Serve, transport: Transport
) -> None:
    used: list[int] = []
    late, ended = asyncio.Event(), asyncio.Event()

    async def twice(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int
    ) -> None:
        while await read_request(reader):
            used.append(number)
            writer.write(OK)
            await writer.drain()
            if number == 0:
                await late.wait()
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nalien")
                await writer.drain()
                assert await reader.read() == b""
                ended.set()
                return

    url = await serve(twice)
    await get(transport, url)
    late.set()
    await ended.wait()
    assert (await get(transport, url)).content == b"ok"
    assert used == [0, 1]


async def test_a_connection_that_must_rest_is_not_used_before(
    fake: FakeTeacher, transport: Transport
) -> None:
    for _ in range(3):
        await get(transport, f"{fake.url}/health", rest=60.0)
    assert fake.record.connections == 3
    await get(transport, f"{fake.url}/health", rest=0.0)
    assert fake.record.connections == 3


async def test_a_reply_that_drips_ends_at_the_deadline_of_the_whole_call(
    fake: FakeTeacher, transport: Transport
) -> None:
    fake.does(Behaviour(drip=0.01))
    loop = asyncio.get_running_loop()
    began = loop.time()
    with pytest.raises(httpx.ReadTimeout):
        await ask(transport, fake, deadline=0.3)
    assert 0.25 < loop.time() - began < 2


async def test_a_server_that_accepts_and_never_answers_ends_at_the_deadline(
    fake: FakeTeacher, transport: Transport
) -> None:
    fake.holds("never")
    with pytest.raises(httpx.ReadTimeout):
        await ask(transport, fake, deadline=0.2)


async def test_cancelling_closes_the_connection_at_once(
    fake: FakeTeacher, transport: Transport
) -> None:
    fake.holds("never")
    asking = asyncio.create_task(ask(transport, fake))
    await fake.until(lambda seen: seen.in_flight == 1)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    await fake.until(lambda seen: seen.hung_up == 1)
    fake.forgets()
    assert (await ask(transport, fake)).status_code == 200


@pytest.mark.parametrize("chunked", [True, False])
async def test_an_endless_reply_costs_no_more_memory_than_its_cap(
    fake: FakeTeacher, transport: Transport, *, chunked: bool
) -> None:
    behaviour = Behaviour(contents=("x" * 30_000_000,), chunked=True)
    fake.does(behaviour if chunked else Behaviour(endless=True))
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        with pytest.raises(ReplyTooLong):
            await ask(transport, fake, cap=1_000_000)
        # The peak holds the fake's own reply too, so it is the endless one that tells.
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    if not chunked:
        assert peak - before < 8_000_000


async def test_redirects_are_answers_and_are_not_followed(
    serve: Serve, transport: Transport
) -> None:
    async def away(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, _: int) -> None:
        await read_request(reader)
        writer.write(
            b"HTTP/1.1 307 Go\r\nLocation: http://169.254.169.254/\r\nContent-Length: 0\r\n\r\n"
        )
        await writer.drain()

    async with httpx.AsyncClient(transport=transport) as client:
        assert (await client.get(await serve(away))).status_code == 307


async def test_proxies_of_the_environment_are_not_used(
    fake: FakeTeacher, transport: Transport, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    assert (await get(transport, f"{fake.url}/health")).status_code == 200


async def test_a_compressed_reply_is_refused_and_none_is_asked_for(
    serve: Serve, transport: Transport
) -> None:
    heads: list[bytes] = []

    async def squeeze(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, _: int) -> None:
        heads.append(await read_request(reader))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()

    with pytest.raises(httpx.RemoteProtocolError, match="compressed"):
        await get(transport, await serve(squeeze))
    assert b"accept-encoding: identity\r\n" in heads[0].lower()
    assert b"gzip" not in heads[0]


@pytest.mark.parametrize("value", ["a\r\nX-Evil: 1", "a\nb", "a\0b"])
def test_a_header_cannot_begin_another(value: str) -> None:
    request = httpx.Request("GET", "http://a/", headers={"Authorization": value})
    with pytest.raises(httpx.LocalProtocolError):
        head_of(request)


@given(cuts=st.lists(st.integers(1, 200), max_size=8))
@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_a_reply_is_the_same_however_the_network_cuts_it(cuts: list[int]) -> None:
    whole = (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=1\r\nde\r\n0\r\n\r\n"
    )
    edges = [0, *sorted({cut % len(whole) for cut in cuts}), len(whole)]
    pieces = [whole[a:b] for a, b in pairwise(edges)]

    async def run() -> bytes:
        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await read_request(reader)
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
            writer.close()

        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        transport = Transport()
        port = server.sockets[0].getsockname()[1]
        response = await get(transport, f"http://127.0.0.1:{port}/")
        await transport.aclose()
        server.close()
        return response.content

    assert asyncio.run(run()) == b"abcde"


async def ask(transport: Transport, fake: FakeTeacher, **extensions: float) -> httpx.Response:
    request = httpx.Request(
        "POST",
        f"{fake.url}/v1/chat/completions",
        json={"model": "fake", "messages": [{"role": "user", "content": "q"}]},
        extensions=extensions,
    )
    response = await transport.handle_async_request(request)
    await response.aread()
    return response


async def test_the_same_bytes_go_out_through_httpx_and_past_it(serve: Serve) -> None:
    heads: list[bytes] = []

    async def note(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, _: int) -> None:
        while head := await read_request(reader):
            heads.append(head)
            writer.write(OK)
            await writer.drain()

    url = httpx.URL(await serve(note))
    request = httpx.Request("POST", url, content=b"{}", headers={"X-A": "1"})
    transport = Transport()
    await transport.handle_async_request(request)
    await transport.exchange(origin_of(url), framed(head_of(request), b"{}"))
    await transport.aclose()
    assert heads[0] == heads[1]
