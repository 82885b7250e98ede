"""Invites: a mailbox, a base key and a name in one link (channels.md 5.4).

`channels:?u=<mailbox URL>&k=<33 byte base key, hex>&n=<name>&e=<expiry, ns>&c=<network>`; `u` and `k` are needed, and
what is not understood is ignored, so that later programs may add to it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import sha512
from urllib.parse import parse_qsl, quote

from channels_desktop.bitcoin.keys import check_public
from channels_desktop.errors import WireError
from channels_desktop.protocols.channel_url import read_plain_channel_url, write_channel_url
from channels_desktop.wire import limits

SCHEME = "channels:"


@dataclass(frozen=True, slots=True)
class Invite:
    """What an invite says. `expires` is nanoseconds since 1970, 0 for never."""

    base_url: str
    channel_id: str
    public_key: bytes
    write_token: str = field(repr=False, default="")
    name: str = ""
    expires: int = 0
    network: str = ""

    def to_link(self) -> str:
        """Return the link."""
        url = write_channel_url(self.base_url, self.channel_id, self.write_token)
        parts = [("u", url), ("k", self.public_key.hex()), ("n", self.name)]
        parts += [("e", str(self.expires))] if self.expires else []
        parts += [("c", self.network)] if self.network else []
        return f"{SCHEME}?" + "&".join(f"{name}={quote(value, safe='')}" for name, value in parts if value)

    @classmethod
    def from_link(cls, text: str) -> Invite:
        """Read a link; raise WireError("bad_invite") where it is none."""
        link = text.strip()
        if not link.lower().startswith(SCHEME) or len(link) > limits.URL_LENGTH or not _is_text(link):
            raise WireError("bad_invite", "not an invite")
        try:
            values = dict(parse_qsl(link[len(SCHEME) :].lstrip("?/"), strict_parsing=True, max_num_fields=32))
            base_url, channel_id, token = read_plain_channel_url(values["u"])
            key = check_public(bytes.fromhex(values["k"]))
            expires = int(values.get("e", "0"))
        except (KeyError, ValueError, WireError):
            raise WireError("bad_invite", "not an invite") from None
        return cls(
            base_url=base_url,
            channel_id=channel_id,
            public_key=key,
            write_token=token,
            name=values.get("n", ""),
            expires=expires,
            network=values.get("c", ""),
        )


def _is_text(link: str) -> bool:
    """Say whether UTF-8 has a form for it: what comes from elsewhere may hold halves of surrogate pairs."""
    try:
        link.encode()
    except UnicodeEncodeError:
        return False
    return True


def safety_number(one: bytes, other: bytes) -> str:
    """Return the 60 digits that both parties compute alike from their two base keys (channels.md 3.6)."""
    digest = sha512(b"channels/verify/0" + min(one, other) + max(one, other)).digest()
    groups = (int.from_bytes(digest[5 * i : 5 * i + 5], "big") % 100_000 for i in range(12))
    return "".join(f"{group:05d}" for group in groups)
