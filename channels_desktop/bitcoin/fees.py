"""Fee sums: bytes by kind, what they cost, and what is accepted (channels.md 6.4, wire-format 9 and 10)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from channels_desktop.bitcoin.templates import is_data_script
from channels_desktop.bitcoin.tx import Tx
from channels_desktop.errors import WireError
from channels_desktop.wire.varints import varint_size

STANDARD, DATA = 0, 1
P2PKH_UNLOCKING_SIZE = 108
P2PKH_INPUT_SIZE = 149
P2PKH_OUTPUT_SIZE = 34
_ACCEPTED_PERCENT = 98
_OVERPAID_FACTOR = 5
_OVERPAID_LEAST = 500


@dataclass(frozen=True, slots=True)
class FeeRate:
    """`satoshis` for every `bytes` bytes of one kind: 0 standard, 1 data; WireError("bad_fee_rate") if senseless."""

    kind: int
    satoshis: int
    bytes: int

    def __post_init__(self) -> None:
        if self.bytes <= 0 or self.satoshis < 0:
            raise WireError("bad_fee_rate", f"{self.satoshis} satoshis for {self.bytes} bytes")


DEFAULT_RATE = FeeRate(STANDARD, 50, 1000)
"""What a quote that names no rate stands for: as the reference computes (wire-format 10)."""
POLICY_RATE = FeeRate(STANDARD, 100, 1000)
"""What miners take where no source says otherwise (chain-sources.md 1)."""


@dataclass(frozen=True, slots=True)
class ByteCounts:
    """How many bytes of a transaction each kind of fee is asked for."""

    standard: int
    data: int = 0


def byte_counts(tx: Tx) -> ByteCounts:
    """Return the bytes of `tx` by kind: scripts of data outputs are data, all else (their lengths too) is standard."""
    data = sum(len(o.locking_script) for o in tx.outputs if is_data_script(o.locking_script))
    return ByteCounts(tx.size - data, data)


def signed_counts(tx: Tx, *, more_inputs: int = 0, more_outputs: int = 0) -> ByteCounts:
    """Return the counts of `tx` once P2PKH inputs and outputs are added and every empty unlocking script is filled."""
    unsigned = sum(not i.unlocking_script for i in tx.inputs)
    counts = byte_counts(tx)
    grown = unsigned * P2PKH_UNLOCKING_SIZE + more_inputs * P2PKH_INPUT_SIZE + more_outputs * P2PKH_OUTPUT_SIZE
    grown += varint_size(len(tx.inputs) + more_inputs) - varint_size(len(tx.inputs))
    grown += varint_size(len(tx.outputs) + more_outputs) - varint_size(len(tx.outputs))
    return ByteCounts(counts.standard + grown, counts.data)


def rate_for(kind: int, rates: Sequence[FeeRate]) -> FeeRate:
    """Return the rate for a kind: its own entry, else the standard entry, else 50 satoshis per 1000 bytes."""
    for wanted in (kind, STANDARD):
        for rate in rates:
            if rate.kind == wanted:
                return rate
    return DEFAULT_RATE


def funding_rates(quoted: Sequence[FeeRate]) -> tuple[FeeRate, ...]:
    """Return what a payer plans with: for each kind the quote, or the miners' policy where that is more.

    A quote below the policy would make a payment that nobody mines, and that the payee could still complete later.
    """
    return tuple(_dearer(rate_for(kind, quoted), POLICY_RATE, kind) for kind in (STANDARD, DATA))


def _dearer(one: FeeRate, other: FeeRate, kind: int) -> FeeRate:
    more = one if one.satoshis * other.bytes >= other.satoshis * one.bytes else other
    return FeeRate(kind, more.satoshis, more.bytes)


def required_fee(counts: ByteCounts, rates: Sequence[FeeRate]) -> int:
    """Return the satoshis asked for, rounded down for each kind."""
    parts = ((counts.standard, rate_for(STANDARD, rates)), (counts.data, rate_for(DATA, rates)))
    return sum(size * rate.satoshis // rate.bytes for size, rate in parts)


def funding_fee(counts: ByteCounts, rates: Sequence[FeeRate]) -> int:
    """Return the satoshis a payer plans for, rounded up for each kind: never less than `required_fee`."""
    parts = ((counts.standard, rate_for(STANDARD, rates)), (counts.data, rate_for(DATA, rates)))
    return sum(-(-size * rate.satoshis // rate.bytes) for size, rate in parts)


def is_enough(fee: int, required: int) -> bool:
    """Return whether a fee is accepted: 98 % of what is required, since sizes were estimates (channels.md 6.4)."""
    return fee >= required * _ACCEPTED_PERCENT // 100


def is_overpaid(fee: int, size: int, rates: Sequence[FeeRate]) -> bool:
    """Return whether a fee for a transaction of `size` bytes is so high that the payer must confirm it."""
    rate = rate_for(STANDARD, rates)
    return fee > _OVERPAID_FACTOR * max(size * rate.satoshis // rate.bytes, _OVERPAID_LEAST)
