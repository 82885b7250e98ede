"""Masks: inputs and outputs that stand in for real ones while a negotiation lasts (channels.md 4.10).

A masked input spends nothing (zero txid, index 0); its unlocking script is an envelope of UL, which never unlocks
anything, and says how large the real one will be, what it spends and whose it is. A masked output (`OP_TRUE
OP_RETURN`) balances an offer of the initiator, who takes it out before signing.
"""

from __future__ import annotations

from dataclasses import replace

from channels_desktop.bitcoin.fees import ByteCounts, signed_counts
from channels_desktop.bitcoin.keys import HASH_SIZE
from channels_desktop.bitcoin.tx import Outpoint, Tx, TxInput, TxOutput
from channels_desktop.errors import Misuse, WireError
from channels_desktop.protocols.expanded_txs import ExpandedTxCode, refuse
from channels_desktop.protocols.unlocking_data import UnlockingData, masked_script, read_masked
from channels_desktop.wire.varints import varint_size

INITIATOR, COUNTERPARTY = 0, 1
"""Parties as written here. Published examples call the initiator 1, so what is read decides nothing."""
NOTHING = Outpoint(bytes(HASH_SIZE), 0)
"""What masked inputs spend."""
_MASKED_OUTPUT = b"\x51\x6a"


def masked_input(size: int, value: int, party: int) -> TxInput:
    """Return the mask of an input worth `value` satoshis whose unlocking script will take `size` bytes."""
    return TxInput(NOTHING, masked_script(size, value, party))


def mask_of(item: TxInput) -> UnlockingData | None:
    """Return what a masked input says, or None where the input is no mask; refuse a garbled one."""
    try:
        return read_masked(item.unlocking_script) if item.outpoint == NOTHING else None
    except WireError:
        raise refuse(ExpandedTxCode.PARSE, "a masked input is garbled", status=2) from None


def has_masked_inputs(tx: Tx) -> bool:
    """Return whether any input is masked."""
    return any(mask_of(item) is not None for item in tx.inputs)


def unmask(tx: Tx, position: int, outpoint: Outpoint) -> Tx:
    """Return `tx` with an unsigned input that spends `outpoint` in place of the mask at `position`."""
    if mask_of(tx.inputs[position]) is None:
        raise Misuse(f"input {position} is no mask")
    real = replace(tx.inputs[position], outpoint=outpoint, unlocking_script=b"")
    return replace(tx, inputs=(*tx.inputs[:position], real, *tx.inputs[position + 1 :]))


def masked_output(satoshis: int) -> TxOutput:
    """Return a masked output."""
    return TxOutput(satoshis, _MASKED_OUTPUT)


def is_masked_output(output: TxOutput) -> bool:
    """Return whether an output only balances an offer."""
    return output.locking_script == _MASKED_OUTPUT


def without_masked_outputs(tx: Tx) -> Tx:
    """Return `tx` without its masked outputs."""
    return replace(tx, outputs=tuple(output for output in tx.outputs if not is_masked_output(output)))


def completed_counts(tx: Tx) -> ByteCounts:
    """Return the bytes of `tx` once masked inputs have their declared size and empty ones are unlocked as P2PKH."""
    counts = signed_counts(tx)
    grown = 0
    for item in tx.inputs:
        mask = mask_of(item)
        if mask is not None:
            now = len(item.unlocking_script)
            grown += mask.size + varint_size(mask.size) - now - varint_size(now)
    return ByteCounts(counts.standard + grown, counts.data)
