"""Who is calling: until keys exist, callers from the local networks are the local admin."""

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address

from app.errors import Unauthorized


@dataclass(frozen=True, slots=True)
class Caller:
    """Every route receives one and asks it what it may see."""

    name: str
    is_admin: bool

    def may_use(self, namespace: str) -> bool:  # noqa: ARG002  (keys will belong to namespaces)
        return self.is_admin


LOCAL_ADMIN = Caller(name="local", is_admin=True)


def identify(peer: str | None, local_networks: Sequence[IPv4Network | IPv6Network]) -> Caller:
    """The caller behind a peer address; a Unix socket (no address) is local."""
    if peer is None:
        return LOCAL_ADMIN
    try:
        address = ip_address(peer)
    except ValueError:
        address = None
    mapped = getattr(address, "ipv4_mapped", None)
    if address is not None and any((mapped or address) in network for network in local_networks):
        return LOCAL_ADMIN
    raise Unauthorized(
        "auth.not_local",
        f"this API answers only to its own machine, and the request came from {peer}",
        hint="Call it from the machine it runs on, or add your network to LIMBECK_LOCAL_NETWORKS.",
    )
