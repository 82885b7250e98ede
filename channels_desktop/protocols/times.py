"""T and EXP: when a message was made and until when it counts (channels.md 2.2)."""

from __future__ import annotations

from channels_desktop.protocols.protocol import Protocol
from channels_desktop.wire.bsor import Message, field
from channels_desktop.wire.kinds import Nanoseconds


class Time(Message, bare=True, named="TimeMessage"):
    """Nanoseconds since 1970 on the sender's clock."""

    at: Nanoseconds = field(1)

    def to_json(self) -> int:
        """Return the number alone."""
        return self.at


class Expiry(Message, bare=True, named="ExpiryMessage"):
    """Nanoseconds since 1970."""

    at: Nanoseconds = field(1)

    def to_json(self) -> int:
        """Return the number alone."""
        return self.at


TIME = Protocol(id=b"T", package="channels", messages={None: Time}, wraps=True)
EXPIRY = Protocol(id=b"EXP", package="channels", messages={None: Expiry}, wraps=True)
