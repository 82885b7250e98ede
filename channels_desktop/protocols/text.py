"""TXT: text messages (channels.md 9.2).

1. A Message is named by its UUID wrapper and dated by its T wrapper; it is not answered.
2. The receiving app sends a Receipt that covers all message numbers up to one.
3. Edit and Delete name a message of their own sender, Reaction any message; each has a UUID, and errors alone are
   answered.
4. Typing carries an EXP at most 10 s ahead; it is neither kept nor sent again, nor answered.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Annotated

from channels_desktop.protocols.protocol import Protocol
from channels_desktop.wire import limits
from channels_desktop.wire.bsor import Message, field
from channels_desktop.wire.kinds import U8, U64, Exact, Hash32

Target = Annotated[bytes, Exact(size=16)]


class ReceiptKind(IntEnum):
    """What a receipt says."""

    DELIVERED = 1
    READ = 2


class TextCode(IntEnum):
    """Response codes of TXT."""

    PARSE = 0
    TARGET_NOT_FOUND = 1
    TOO_LARGE = 2
    NOT_THE_AUTHOR = 3
    ATTACHMENT_REFUSED = 4
    ATTACHMENT_MISMATCH = 5


class Attachment(Message):
    """A file sent with a text, inside it or stored elsewhere."""

    name: str = field(1, most=limits.NAME_BYTES)
    mime_type: str = field(2, most=limits.NAME_BYTES)
    size: U64 = field(3)
    hash: Hash32 = field(4)
    data: bytes | None = field(5, most=limits.ATTACHMENT_BYTES)
    locator: bytes | None = field(6, most=limits.PLACE_BYTES)
    key: bytes | None = field(7, most=limits.NAME_BYTES)


class TextMessage(Message):
    """What somebody wrote."""

    text: str = field(1)
    reply_to: Target | None = field(2)
    attachments: tuple[Attachment | None, ...] = field(3)


class TextEdit(Message):
    """New words for the message whose UUID is `target`."""

    target: Target = field(1)
    text: str = field(2)


class TextDelete(Message):
    """Take back the message whose UUID is `target`."""

    target: Target = field(1)


class TextReaction(Message):
    """What somebody feels about the message whose UUID is `target`; `remove` takes that feeling back."""

    target: Target = field(1)
    emoji: str = field(2, most=limits.NAME_BYTES)
    remove: bool = field(3)


class TextReceipt(Message):
    """All messages up to a number have arrived (or were read)."""

    kind: U8 = field(1)
    up_to: U64 = field(2)


class TextTyping(Message):
    """Somebody is writing, until the time of the EXP around it."""


PROTOCOL = Protocol(
    id=b"TXT",
    package="text",
    messages={1: TextMessage, 2: TextEdit, 3: TextDelete, 4: TextReaction, 5: TextReceipt, 6: TextTyping},
    codes=TextCode,
)
