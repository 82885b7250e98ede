"""RE: an answer, alone or around its content (channels.md 2.2, 2.5).

1. A request is answered by exactly one Response that repeats its UUID.
2. Status 0 around a message is the answer; status 1 and above, alone, is a refusal with the code of a protocol.
3. A Response is never answered with a Response.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Any

from channels_desktop.protocols.protocol import Protocol
from channels_desktop.wire import limits
from channels_desktop.wire.bsor import Message, field
from channels_desktop.wire.kinds import U32, U64
from channels_desktop.wire.plain_form import plain_fields


class Status(IntEnum):
    """The class of an answer (wire-format 9)."""

    OK = 0
    REJECT = 1
    INVALID = 2
    UNAUTHORIZED = 3
    UNSUPPORTED_PROTOCOL = 4
    UNWANTED = 5
    NEED_PAYMENT = 6
    IN_USE = 7
    SYSTEM_ISSUE = 8


class ResponseCode(IntEnum):
    """Response codes of RE."""

    PARSE = 0
    MESSAGE_NOT_FOUND = 1
    WRONG_MESSAGE = 2


class Response(Message):
    """The answer's status; `code` belongs to the protocol `protocol_id`."""

    # Field 1 is the 2022 client's number of the message it answers: read, never written (channels.md 2.5).
    message_id: U64 | None = field(1)
    status: U32 = field(2)
    protocol_id: bytes = field(3, most=limits.PROTOCOL_ID_BYTES)
    code: U32 = field(4)
    note: str = field(5, most=limits.NOTE_BYTES)

    def to_json(self) -> dict[str, Any]:
        """Return the fields; the reference knows the first of them no more, so it is shown only where it is set."""
        shown = plain_fields(self)
        if self.message_id is None:
            del shown["message_id"]
        return shown


PROTOCOL = Protocol(id=b"RE", package="channels", messages={None: Response}, wraps=True, codes=ResponseCode)
