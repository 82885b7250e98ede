"""ETX: a transaction with what is needed to check it (channels.md 2.3, 6.6)."""

from __future__ import annotations

from enum import IntEnum

from channels_desktop.bitcoin.expanded_tx import ExpandedTx
from channels_desktop.errors import ProtocolError
from channels_desktop.protocols.protocol import Protocol

ID = b"ETX"


class ExpandedTxCode(IntEnum):
    """Response codes of ETX."""

    PARSE = 0
    REJECTED = 1
    MISSING_INPUTS = 2
    MISSING_ANCESTORS = 3
    FEE_TOO_LOW = 4


def refuse(code: ExpandedTxCode, note: str, *, status: int = 1) -> ProtocolError:
    """Return the error that refuses a transaction of ETX."""
    return ProtocolError(ID, code, note, status=status)


PROTOCOL = Protocol(
    id=ID, package="expanded_tx", messages={None: ExpandedTx}, minimum=1, short_error="eof", codes=ExpandedTxCode
)
