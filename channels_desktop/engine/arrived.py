"""An authentic message on its way to whoever it is for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from channels_desktop.engine.records import StoredMessage
    from channels_desktop.protocols.response import Response
    from channels_desktop.wire.bsor import Message


@dataclass(frozen=True, slots=True)
class Arrived:
    """An authentic message in its turn.

    `sent` is the sender's clock, 0 where it says nothing. By `identity` the message is known again (`Stack.identity`).
    """

    body: Message | None
    response: Response | None
    note: str
    sent: int
    message: StoredMessage
    identity: bytes
