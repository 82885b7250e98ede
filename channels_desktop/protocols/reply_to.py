"""RT: where to answer, when that is not the relationship's own mailbox (channels.md 2.2)."""

from __future__ import annotations

from functools import lru_cache
from typing import Annotated, Any

from channels_desktop.protocols.channel_url import channel_fields, read_channel_url
from channels_desktop.protocols.protocol import Protocol
from channels_desktop.wire import limits
from channels_desktop.wire.bsor import Message, field
from channels_desktop.wire.kinds import Coded
from channels_desktop.wire.plain_form import plain_fields, text_form

_SHORT = 512


def _read(data: bytes) -> str:
    return _read_again(data) if len(data) <= _SHORT else _read_once(data)


def _read_once(data: bytes) -> str:
    text = data.decode("utf-8", "surrogateescape")
    read_channel_url(text)
    return text


# A peer names the same few channels in message after message, and taking a URL apart costs more than all the rest.
_read_again = lru_cache(maxsize=1024)(_read_once)


def channel_url(text: str) -> bytes:
    """Return the bytes of a channel URL as they came."""
    return text.encode("utf-8", "surrogateescape")


ChannelText = Annotated[str, Coded(channel_url, _read)]


def shown_channel(text: str | None) -> dict[str, Any]:
    """Return the field of a channel as the reference shows it."""
    fields = None if text is None else {name: text_form(part) for name, part in channel_fields(text).items()}
    return {"peer_channel": fields}


class ReplyTo(Message):
    """A peer channel as URL text with its write token, or a handle."""

    peer_channel: ChannelText | None = field(1, most=limits.URL_LENGTH)
    handle: str | None = field(2, most=limits.IDENTITY_BYTES)

    def to_json(self) -> dict[str, Any]:
        """Return the fields, the channel with its parts."""
        return plain_fields(self) | shown_channel(self.peer_channel)


PROTOCOL = Protocol(id=b"RT", package="channels", messages={None: ReplyTo}, wraps=True)
