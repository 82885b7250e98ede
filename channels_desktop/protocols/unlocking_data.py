"""UL: what is known of an input whose owner does not show it yet (channels.md 4.10).

1. Who puts a masked input into a partial transaction writes, in place of its unlocking script, an envelope of UL alone:
   the bytes its real unlocking script will have, the satoshis it brings, and whose it is.
2. Its owner replaces it by the real outpoint, of the same value, before the transaction is signed. A script that begins
   like an envelope unlocks nothing, so that no mask gets into a block.
"""

from __future__ import annotations

from channels_desktop.errors import Misuse, WireError
from channels_desktop.protocols.protocol import Protocol
from channels_desktop.protocols.stack import Registry
from channels_desktop.wire.bsor import Message, field
from channels_desktop.wire.envelope import read_envelope
from channels_desktop.wire.kinds import U64
from channels_desktop.wire.script import read_unsigned, skip_items

_ID = b"UL"
_VERSION_0_ITEMS = 2
_UNREADABLE_FROM = 2**63


class UnlockingData(Message):
    """Bytes of the unlocking script, satoshis, and party: 0 who began, 1 the first counterparty, more for others."""

    size: U64 = field(1, shown_as="Size")
    value: U64 = field(2, shown_as="Value")
    party: U64 = field(3, shown_as="Party")


def _read_version_0(data: bytes, at: int) -> tuple[UnlockingData, int, int]:
    """Read a size and a value; the party was always the first counterparty."""
    try:
        skip_items(data, at, _VERSION_0_ITEMS)
    except IndexError:
        raise WireError("invalid_message", "UL version 0 is a size and a value") from None
    size, at = read_unsigned(data, at)
    value, at = read_unsigned(data, at)
    return UnlockingData(size=size, value=value, party=1), at, _VERSION_0_ITEMS


PROTOCOL = Protocol(
    id=_ID,
    package="unlocking_data",
    messages={None: UnlockingData},
    minimum=0,
    version=1,
    older={0: _read_version_0},
    lone_error="remaining_protocols",
)
_ALONE = Registry((PROTOCOL,))


def masked_script(size: int, value: int, party: int) -> bytes:
    """Return what stands in place of an unlocking script of `size` bytes that brings `value` satoshis.

    Numbers from 2^63 on ("any party" of the reference among them) raise Misuse: nobody could read them back.
    """
    if not all(0 <= number < _UNREADABLE_FROM for number in (size, value, party)):
        raise Misuse("a masked input's numbers have 63 bits")
    return _ALONE.write([UnlockingData(size=size, value=value, party=party)])


def read_masked(script: bytes) -> UnlockingData | None:
    """Return what a masked input tells, or None where `script` masks nothing; WireError for a mask that is garbled."""
    try:
        masks = read_envelope(script).protocol_ids == (_ID,)
    except WireError:
        return None
    return _ALONE.read(script).find(UnlockingData) if masks else None
