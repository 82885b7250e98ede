"""NOTE: a text for the person on the other side, around any message (channels.md 2.2)."""

from __future__ import annotations

from channels_desktop.protocols.protocol import Protocol
from channels_desktop.wire import limits
from channels_desktop.wire.bsor import Message, field
from channels_desktop.wire.kinds import Words


class Note(Message, bare=True):
    """The text; never empty."""

    note: Words = field(1, most=limits.NOTE_BYTES)


PROTOCOL = Protocol(id=b"NOTE", package="channels", messages={None: Note}, wraps=True, minimum=3)
