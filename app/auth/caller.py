"""Who is behind a request: the holder of a key or, without one, somebody of the local networks."""

from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Network, ip_address
from typing import cast

from app.auth.models import ApiKey
from app.errors import Unauthorized
from app.web.caller import LOCAL, SCOPES, Caller, Scope

LOCAL_ADMIN = Caller(name=LOCAL, scopes=frozenset(SCOPES), namespaces=None)


def holder(key: ApiKey) -> Caller:
    return Caller(
        name=f"key:{key.name}",
        scopes=frozenset(cast("list[Scope]", key.scopes)),
        namespaces=None if key.namespaces is None else frozenset(key.namespaces),
        key_id=key.id,
    )


def is_local(peer: str | None, local_networks: Sequence[IPv4Network | IPv6Network]) -> bool:
    """Whether a peer address is in these networks; a Unix socket (no address) always is."""
    if peer is None:
        return True
    try:
        address = ip_address(peer)
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return any((mapped or address) in network for network in local_networks)


def stranger(peer: str | None) -> Unauthorized:
    return Unauthorized(
        "auth.not_local",
        f"without a key this API answers only to its own machine, and the request came from {peer}",
        hint="Send a key as `Authorization: Bearer lbk_…` (LIMBECK_API_KEY for the commands), or "
        "add your network to LIMBECK_LOCAL_NETWORKS.",
    )


def no_key() -> Unauthorized:
    return Unauthorized(
        "auth.key",
        "this is no key of this API: it is not known, has expired or was revoked",
        hint="An admin lists and makes keys: `limbeck key list`, `limbeck key create`.",
    )
