"""Where a client may connect to: base URLs come from strangers, so they must not reach into private networks.

Rule of channels.md 8.9: https only, no loopback, private or link-local address, no redirect. The check is made on the
addresses that a name resolves to, at the moment of connecting, so that a name cannot change in between.
"""

from __future__ import annotations

import ipaddress
import socket
from urllib.parse import urlsplit

from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver

from channels_desktop.errors import TransportError

_LOCAL_NAMES = {"localhost"}


def check_url(base_url: str, *, allow_loopback: bool) -> None:
    """Raise TransportError unless `base_url` may be connected to, as far as the text tells."""
    try:
        parts = urlsplit(base_url)
        name, _ = parts.hostname or "", parts.port
    except ValueError:
        raise TransportError("the host's address is no URL", gone=True) from None
    local = name in _LOCAL_NAMES or not _is_allowed(name, allow_loopback=False)
    allowed = allow_loopback if name in _LOCAL_NAMES else _is_allowed(name, allow_loopback=allow_loopback)
    if not name or parts.username is not None or not allowed:
        raise TransportError("the host's address is not a public one", gone=True)
    if parts.scheme != "https" and not (parts.scheme == "http" and local):
        raise TransportError("the host's address is not https", gone=True)


class PublicResolver(AbstractResolver):
    """A resolver that leaves out addresses which `check_url` would refuse."""

    def __init__(self, *, allow_loopback: bool) -> None:
        self._inner = ThreadedResolver()
        self._allow_loopback = allow_loopback

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Return the allowed addresses of `host`; raise OSError where there is none."""
        found = await self._inner.resolve(host, port, family)
        allowed = [item for item in found if _is_allowed(item["host"], allow_loopback=self._allow_loopback)]
        if not allowed:
            raise OSError(None, "no public address")
        return allowed

    async def close(self) -> None:
        """Let go of the inner resolver."""
        await self._inner.close()


def _is_allowed(host: str, *, allow_loopback: bool) -> bool:
    """Whether a literal address may be connected to; a name is left to the resolver."""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return True
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    if address.is_link_local or address.is_multicast or address.is_unspecified:
        return False
    return address.is_global or (allow_loopback and address.is_private)
