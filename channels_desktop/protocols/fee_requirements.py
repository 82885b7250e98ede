"""FEES: the miner fee a transaction must pay, by kind of byte (channels.md 6.4)."""

from __future__ import annotations

from channels_desktop.protocols.protocol import Protocol
from channels_desktop.wire.bsor import Message, field
from channels_desktop.wire.kinds import U8, U64


class FeeRequirement(Message):
    """`satoshis` for each `bytes` bytes of a kind: 0 standard, 1 data."""

    fee_type: U8 = field(1, shown_as="feeType")
    satoshis: U64 = field(2)
    bytes: U64 = field(3)


class FeeRequirements(Message, bare=True, named="FeeRequirementsMessage"):
    """The requirements."""

    fees: tuple[FeeRequirement | None, ...] = field(1)


PROTOCOL = Protocol(id=b"FEES", package="channels", messages={None: FeeRequirements}, wraps=True)
