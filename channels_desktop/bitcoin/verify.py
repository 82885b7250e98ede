"""Do the scripts of a transaction unlock what it spends? bitcoinx's interpreter decides."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import bitcoinx

from channels_desktop.bitcoin.keys import hash160, parse_der, verify, write_der
from channels_desktop.bitcoin.templates import p2pkh_hash, read_p2pkh_unlocking
from channels_desktop.bitcoin.tx import ALL_FORKID, Tx, TxOutput, signature_hash
from channels_desktop.errors import Misuse, TxRejected, WireError

_STACK_BYTES = 20_000


class _SharedHashesTx(bitcoinx.Tx):  # type: ignore[misc] # bitcoinx is published without types
    """bitcoinx hashes all inputs and outputs anew for each signature; this one takes the hashes made once."""

    shared_hashes: tuple[bytes, bytes, bytes]

    def _hash_prevouts(self) -> bytes:
        return self.shared_hashes[0]

    def _hash_sequence(self) -> bytes:
        return self.shared_hashes[1]

    def _hash_outputs(self) -> bytes:
        return self.shared_hashes[2]


class _BoundedLimits(bitcoinx.InterpreterLimits):  # type: ignore[misc] # bitcoinx is published without types
    """bitcoinx looks at the memory an item takes once it is made, and OP_NUM2BIN makes items of 2 GB."""

    item_size = _STACK_BYTES


_LIMITS = _BoundedLimits(
    bitcoinx.MinerPolicy(
        max_script_size=100_000,
        max_script_num_length=64,
        max_stack_memory_usage=_STACK_BYTES,
        max_ops_per_script=1000,  # signatures are what costs time: 16 keys for each operation are half a second
        max_pubkeys_per_multisig=16,
    ),
    is_genesis_enabled=True,
    is_consensus=False,
)


def verify_input(tx: Tx, index: int, spent: TxOutput) -> None:
    """Raise TxRejected unless input `index` unlocks the output `spent`; the reason is the interpreter's.

    Rules after the Genesis upgrade, as a careful miner applies them: a script of 100,000 bytes, 1000 operations.
    """
    if not 0 <= index < len(tx.inputs):
        raise Misuse(f"no input {index}")
    if not _is_plain_payment(tx, index, spent):
        _interpret(_theirs(tx), index, spent)


def verify_inputs(tx: Tx, spent: Sequence[TxOutput]) -> None:
    """Raise TxRejected unless every input unlocks its output in `spent` (same order)."""
    if len(spent) != len(tx.inputs):
        raise Misuse("one output for each input")
    theirs = None
    for index, output in enumerate(spent):
        if not _is_plain_payment(tx, index, output):
            theirs = theirs or _theirs(tx)
            _interpret(theirs, index, output)


def _is_plain_payment(tx: Tx, index: int, spent: TxOutput) -> bool:
    """Return whether this is P2PKH, signed as wallets do, and good; whatever is not is left to the interpreter."""
    key_hash = p2pkh_hash(spent.locking_script)
    pushes = read_p2pkh_unlocking(tx.inputs[index].unlocking_script)
    if key_hash is None or pushes is None or pushes[0][-1] != ALL_FORKID or hash160(pushes[1]) != key_hash:
        return False
    der, public = pushes[0][:-1], pushes[1]
    try:
        strict = write_der(*parse_der(der)) == der
        return strict and verify(public, signature_hash(tx, index, spent.satoshis, spent.locking_script), der)
    except WireError:
        return False


def _theirs(tx: Tx) -> Any:  # noqa: ANN401 - bitcoinx is published without types
    theirs = _SharedHashesTx.from_bytes(tx.to_bytes())
    theirs.shared_hashes = tx.shared_hashes
    return theirs


def _interpret(theirs: Any, index: int, spent: TxOutput) -> None:  # noqa: ANN401 - as above
    output = bitcoinx.TxOutput(spent.satoshis, bitcoinx.Script(spent.locking_script))
    context = bitcoinx.TxInputContext(theirs, index, output)
    try:
        unlocked = context.verify_input(_LIMITS, is_utxo_after_genesis=True)
    except (bitcoinx.ScriptError, ValueError, OverflowError, MemoryError) as error:
        raise TxRejected(f"input {index}: {error or type(error).__name__}") from None
    if not unlocked:
        raise TxRejected(f"input {index}: the script ends false")
