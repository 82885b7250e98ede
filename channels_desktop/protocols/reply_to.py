"""RT: where to answer, when that is not the relationship's own mailbox (channels.md 2.2)."""

from __future__ import annotations

from typing import Annotated

from channels_desktop.protocols.channel_url import read_channel_url
from channels_desktop.protocols.protocol import Protocol
from channels_desktop.wire.bsor import Message, field
from channels_desktop.wire.kinds import Coded


def _read(data: bytes) -> str:
    text = data.decode("utf-8", "surrogateescape")
    read_channel_url(text)
    return text


def channel_url(text: str) -> bytes:
    """Return the bytes of a channel URL as they came."""
    return text.encode("utf-8", "surrogateescape")


ChannelText = Annotated[str, Coded(channel_url, _read)]


class ReplyTo(Message):
    """A peer channel as URL text with its write token, or a handle."""

    peer_channel: ChannelText | None = field(1)
    handle: str | None = field(2)


PROTOCOL = Protocol(id=b"RT", package="channels", messages={None: ReplyTo}, wraps=True)
