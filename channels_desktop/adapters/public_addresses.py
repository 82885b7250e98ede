"""Where a client may connect to: URLs come from strangers, so they must not reach into private networks.

Rule of channels.md 8.9: https only, no loopback, private or link-local address, no redirect; the account's own host
alone may be anywhere. The text of a URL is checked before it is used, and each address at the moment a socket is made
for it: whatever a name resolves to, and however often that changes, the address that was checked is the one that is
connected to.
"""

from __future__ import annotations

import ipaddress
import socket
from urllib.parse import urlsplit

from aiohttp import AddrInfoType, SocketFactoryType
from yarl import URL

from channels_desktop.errors import Cause, TransportError

_LOCAL_NAMES = {"localhost"}
_HTTP, _HTTPS = 80, 443
_FIRST_FREE_PORT = 1024
_OTHER_PROTOCOLS = frozenset(
    {1719, 1720, 1723, 2049, 3659, 4045, 4190, 5060, 5061, 6000, 6566, *range(6665, 6670), 6679, 6697, 10080}
)
"""Ports above 1023 that browsers do not connect to either (WHATWG Fetch, "port blocking")."""

_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_LOW_32_BITS = 0xFFFFFFFF
_NOWHERE = tuple(map(ipaddress.ip_network, ("2002::/16", "64:ff9b:1::/48", "fec0::/10", "::/96")))
"""6to4, private NAT64, site-local and IPv4 in the low bits: ways into private networks that `ipaddress` counts as
global."""


def check_url(url: URL, *, allow_loopback: bool) -> None:
    """Raise TransportError unless `url` may be connected to, as far as its text tells."""
    name = (url.raw_host or "").lower()
    local = name in _LOCAL_NAMES or not _is_allowed(name, allow_loopback=False)
    allowed = allow_loopback if name in _LOCAL_NAMES else _is_allowed(name, allow_loopback=allow_loopback)
    if not name or url.raw_user is not None or url.raw_password is not None or not allowed:
        raise TransportError("the host's address is not a public one", gone=True, cause=Cause.ADDRESS)
    if url.scheme not in {"https", "wss"} and not (url.scheme in {"http", "ws"} and local):
        raise TransportError("the host's address is not https", gone=True, cause=Cause.INSECURE)
    if not local and not _is_sane(url.port):
        raise TransportError("the host's port is not one for https", gone=True, cause=Cause.ADDRESS)


def is_same_host(base_url: str, home: str) -> bool:
    """Say whether a base URL is `home` itself: the same text, or scheme, host, port and path, and nothing else.

    Other names and ports of the same computer are not it: behind them are other people's doors.
    """
    return bool(home) and (base_url == home or _plain(base_url) == _plain(home) is not None)


def _plain(base_url: str) -> tuple[str, str, int, str] | None:
    """Return what a base URL is compared by, None where it has more to it than that."""
    try:
        parts = urlsplit(base_url)
        port = parts.port or {"https": _HTTPS, "http": _HTTP}.get(parts.scheme, 0)
    except ValueError:
        return None
    more = parts.query or parts.fragment or "@" in parts.netloc or "\\" in base_url
    if more or not parts.hostname or not port:
        return None
    return parts.scheme, parts.hostname, port, parts.path.rstrip("/")


def public_sockets(*, allow_loopback: bool) -> SocketFactoryType:
    """Return what makes the sockets of a connector, and raises OSError for an address that `check_url` would refuse."""

    def make(info: AddrInfoType) -> socket.socket:
        family, kind, protocol, _, address = info
        if not _is_allowed(str(address[0]), allow_loopback=allow_loopback):
            raise OSError(None, "not a public address")
        return socket.socket(family, kind, protocol)

    return make


def _is_sane(port: int | None) -> bool:
    return port == _HTTPS or (port is not None and port >= _FIRST_FREE_PORT and port not in _OTHER_PROTOCOLS)


def _is_allowed(host: str, *, allow_loopback: bool) -> bool:
    """Whether a literal address may be connected to; a name is left to `public_sockets`."""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return True
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            address = address.ipv4_mapped
        elif address in _NAT64:
            address = ipaddress.IPv4Address(int(address) & _LOW_32_BITS)
        elif not address.is_loopback and any(address in network for network in _NOWHERE):
            return False
    if address.is_link_local or address.is_multicast or address.is_unspecified:
        return False
    return address.is_global or (allow_loopback and address.is_private)
