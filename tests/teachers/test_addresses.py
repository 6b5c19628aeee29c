"""No request goes where it may not."""

import asyncio
import socket
from ipaddress import ip_address, ip_network
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.teachers.addresses import AddressRefused, is_allowed, is_public, resolve
from app.teachers.transport import Transport
from tests.teachers.conftest import Serve, read_request

METADATA = "169.254.169.254"


@pytest.mark.parametrize(
    "text",
    [
        METADATA,
        "169.254.0.1",
        "0.0.0.0",
        "224.0.0.1",
        "255.255.255.255",
        "100.100.100.200",
        "168.63.129.16",
        "fe80::1",
        "febf::1",
        "fec0::1",
        "ff02::1",
        "::",
        "fd00:ec2::254",
        "fd20:ce::254",
        f"::ffff:{METADATA}",
        f"::{METADATA}",
        f"64:ff9b::{METADATA}",
        f"64:ff9b:1::{METADATA}",
        "2002:a9fe:a9fe::1",
        f"2001:db8::5efe:{METADATA}",
        f"2001:db8::200:5efe:{METADATA}",
        "2001:0:a9fe:a9fe::1",
        "2001:0:102:304::5601:5601",
        "::ffff:0:a9fe:a9fe",
    ],
)
def test_link_local_and_metadata_addresses_are_never_allowed(text: str) -> None:
    assert not is_allowed(ip_address(text))


@pytest.mark.parametrize(
    "text",
    ["127.0.0.1", "::1", "10.1.2.3", "192.168.1.9", "172.16.0.1", "fd12::9", "8.8.8.8", "2600::1"],
)
def test_this_machine_private_networks_and_the_public_one_are_allowed(text: str) -> None:
    assert is_allowed(ip_address(text))


@given(low=st.integers(0, 2**16 - 1))
def test_whatever_wraps_a_link_local_address_is_refused(low: int) -> None:
    inner = (169 << 24) | (254 << 16) | low
    wrapped = [
        inner | (0xFFFF << 32),
        inner | (0x64FF9B << 96),
        (0x2002 << 112) | (inner << 80),
    ]
    assert not any(is_allowed(ip_address(number.to_bytes(16, "big"))) for number in wrapped)


@pytest.mark.parametrize("spelling", ["0xA9FEA9FE", "2852039166", "169.254.43518", "0251.0376.1"])
async def test_other_spellings_of_a_forbidden_address_are_seen_through(spelling: str) -> None:
    with pytest.raises(AddressRefused):
        await resolve(spelling, 80)


class Names:
    """A name server of the test's own."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.answers: list[list[str]] = []
        monkeypatch.setattr(socket, "getaddrinfo", self._look_up)

    def _look_up(self, host: Any, port: Any, *rest: Any, **more: Any) -> list[Any]:
        if host != "teacher.example":
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (host, port))]
        told = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, port)) for one in told]


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Names:
    return Names(monkeypatch)


async def test_one_forbidden_address_among_good_ones_refuses_the_name(names: Names) -> None:
    names.answers = [["127.0.0.1", METADATA]]
    with pytest.raises(AddressRefused, match=METADATA):
        await resolve("teacher.example", 80)


async def test_a_name_that_changes_its_address_is_checked_each_time(
    names: Names, serve: Serve, transport: Transport
) -> None:
    async def once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, _: int) -> None:
        await read_request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()

    port = httpx.URL(await serve(once)).port
    names.answers = [["127.0.0.1"], [METADATA]]
    request = httpx.Request("GET", f"http://teacher.example:{port}/")
    assert (await transport.handle_async_request(request)).status_code == 200
    with pytest.raises(AddressRefused):
        await transport.handle_async_request(request)


async def test_the_address_that_was_checked_is_the_one_connected_to(
    names: Names, serve: Serve, transport: Transport
) -> None:
    """The name is asked once for each connection, so there is no second answer to fall for."""
    heads: list[bytes] = []

    async def once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, _: int) -> None:
        heads.append(await read_request(reader))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()

    port = httpx.URL(await serve(once)).port
    names.answers = [["127.0.0.1"], [METADATA]]
    await transport.handle_async_request(httpx.Request("GET", f"http://teacher.example:{port}/"))
    assert len(names.answers) == 1
    assert f"Host: teacher.example:{port}".encode() in heads[0]


async def test_a_dead_address_is_passed_over_for_the_next(
    names: Names, serve: Serve, transport: Transport
) -> None:
    async def once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, _: int) -> None:
        await read_request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()

    port = httpx.URL(await serve(once)).port
    names.answers = [["127.9.9.9", "127.0.0.1"]]
    request = httpx.Request("GET", f"http://teacher.example:{port}/")
    assert (await transport.handle_async_request(request)).status_code == 200


async def test_a_name_that_does_not_exist_is_unreachable() -> None:
    with pytest.raises(httpx.ConnectError):
        await resolve("no-such-host.invalid", 80)


@pytest.mark.parametrize(
    "text",
    [
        *("127.0.0.1", "10.1.2.3", "192.168.1.9", "172.16.0.1", "100.64.0.1", "192.0.0.8"),
        *("192.88.99.1", "198.18.0.1", "203.0.113.9", "::1", "fd12::9", "2001:db8::1", METADATA),
        *("::ffff:10.0.0.1", "64:ff9b::10.0.0.1", "64:ff9b:1::8.8.8.8", "2002:a00:1::1"),
        "2001:0:808:808::1",
    ],
)
def test_only_public_addresses_are_public(text: str) -> None:
    assert not is_public(ip_address(text))


@pytest.mark.parametrize("text", ["8.8.8.8", "2600::1", "64:ff9b::8.8.8.8"])
def test_a_public_address_is_public(text: str) -> None:
    assert is_public(ip_address(text))


async def test_a_listed_network_is_welcome_beside_public_ones_but_never_a_metadata_address() -> (
    None
):
    everything = [ip_network("0.0.0.0/0")]
    assert await resolve("127.0.0.1", 80, everything, public=True) == ["127.0.0.1"]
    assert await resolve("8.8.8.8", 80, [ip_network("10.0.0.0/8")], public=True) == ["8.8.8.8"]
    for refused, networks in ((METADATA, everything), ("127.0.0.1", []), ("10.0.0.1", [])):
        with pytest.raises(AddressRefused):
            await resolve(refused, 80, networks, public=True)
