"""FEES: the miner fee a transaction must pay, by kind of byte (channels.md 6.4)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from channels_desktop.bitcoin.fees import FeeRate
from channels_desktop.protocols.protocol import Protocol
from channels_desktop.wire.bsor import Message, field, present
from channels_desktop.wire.kinds import U8, U64
from channels_desktop.wire.plain_form import plain_fields

if TYPE_CHECKING:
    from collections.abc import Iterable


class FeeRequirement(Message):
    """`satoshis` for each `bytes` bytes of a kind: 0 standard, 1 data."""

    fee_type: U8 = field(1, shown_as="feeType")
    satoshis: U64 = field(2)
    bytes: U64 = field(3)


class FeeRequirements(Message, bare=True, named="FeeRequirementsMessage"):
    """The requirements."""

    fees: tuple[FeeRequirement | None, ...] = field(1)

    def to_json(self) -> Any:  # noqa: ANN401 - JSON
        """Return the list alone."""
        return plain_fields(self)["fees"]


def rates_of(fees: Iterable[FeeRequirement | None]) -> tuple[FeeRate, ...]:
    """Return the requirements as rates; raise WireError where one can not be computed with."""
    return tuple(FeeRate(fee.fee_type, fee.satoshis, fee.bytes) for fee in present(fees))


PROTOCOL = Protocol(id=b"FEES", package="channels", messages={None: FeeRequirements}, wraps=True)
