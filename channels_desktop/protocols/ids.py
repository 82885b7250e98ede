"""ID, UUID, SID and TxID: the wrappers that say which message this is and what it belongs to (channels.md 2.2, 2.5).

1. Every message of a relationship carries ID, the sender's own count from 0.
2. A request carries a UUID; its answer repeats it, and so does every further message of that dialogue.
3. SID groups dialogues; TxID names a transaction.
"""

from __future__ import annotations

import uuid
from enum import IntEnum

from channels_desktop.protocols.protocol import Protocol
from channels_desktop.wire import limits
from channels_desktop.wire.bsor import Message, field
from channels_desktop.wire.kinds import U64, TxId32, Uuid16, Words


class MessageId(Message, bare=True, named="MessageID"):
    """The sender's number of this message in its direction."""

    message_id: U64 = field(1)


class Uuid(Message, bare=True, named="UUID"):
    """The 16 bytes that name a dialogue."""

    uuid: Uuid16 = field(1)

    def to_json(self) -> dict[str, str]:
        """Return the text that people write, and the bytes."""
        return {"uuid": str(uuid.UUID(bytes=self.uuid)), "bytes": self.uuid.hex()}


class StringId(Message, bare=True, named="StringID"):
    """A thread's name."""

    thread_id: Words = field(1, most=limits.NAME_BYTES)


class TxId(Message, bare=True, named="TxID"):
    """A transaction's id in wire order."""

    txid: TxId32 = field(1)

    def to_json(self) -> str:
        """Return the bytes alone."""
        return self.txid.hex()


class IdCode(IntEnum):
    """Response codes of ID (channels.md 9.9): ours, unknown to the reference."""

    PARSE = 0
    OUT_OF_SEQUENCE = 1
    CONFLICTING = 2


MESSAGE_ID = Protocol(id=b"ID", package="channels", messages={None: MessageId}, wraps=True, minimum=3, codes=IdCode)
UUID = Protocol(id=b"UUID", package="channels", messages={None: Uuid}, wraps=True)
STRING_ID = Protocol(id=b"SID", package="channels", messages={None: StringId}, wraps=True, minimum=3)
TX_ID = Protocol(id=b"TxID", package="channels", messages={None: TxId}, wraps=True)
