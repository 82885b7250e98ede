"""Do the scripts of a transaction unlock what it spends? bitcoinx's interpreter decides."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import bitcoinx

from channels_desktop.bitcoin.keys import hash160, parse_der, verify, write_der
from channels_desktop.bitcoin.templates import p2pkh_hash, read_p2pkh_unlocking
from channels_desktop.bitcoin.tx import ALL_FORKID, Tx, TxOutput, signature_hash
from channels_desktop.errors import Misuse, TxRejected, WireError
from channels_desktop.wire import limits

_SCRIPT_FAILURES = (bitcoinx.ScriptError, ValueError, OverflowError, MemoryError)


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
    """Rules after the Genesis upgrade, with bounds on scripts, on what they keep in memory and on their operations."""

    def __init__(
        self, script_bytes: int, stack_bytes: int, item_bytes: int, operations: int, flags: object = "standard"
    ) -> None:
        policy = bitcoinx.MinerPolicy(
            max_script_size=script_bytes,
            max_script_num_length=64,
            max_stack_memory_usage=stack_bytes,
            max_ops_per_script=operations,
            max_pubkeys_per_multisig=16,
        )
        super().__init__(policy, is_genesis_enabled=True, is_consensus=False, base_flags=flags)
        # bitcoinx itself weighs an item once it is made, and OP_NUM2BIN makes items of 2 GB.
        self.item_size = item_bytes

    def cleanup_script_code(self, signature: bytes, script_code: object) -> object:
        """Return the script as it is: no signature that counts today is cut out of what it covers."""
        del signature
        return script_code


# Within these, the worst that was found takes three quarters of a second: pushes inside hundreds of conditions, shifts
# of the largest items, signatures of 16 keys for each operation.
_SCRIPT_BYTES = 50_000
_LIMITS = _BoundedLimits(script_bytes=_SCRIPT_BYTES, stack_bytes=20_000, item_bytes=5_000, operations=1000)
_AUTHORIZATION_LIMITS = _BoundedLimits(  # what scripts had before the Genesis upgrade
    script_bytes=10_000,
    stack_bytes=20_000,
    item_bytes=520,
    operations=500,
    flags=bitcoinx.InterpreterFlags.REQUIRE_MINIMAL_PUSH,
)


def verify_input(tx: Tx, index: int, spent: TxOutput) -> None:
    """Raise TxRejected unless input `index` unlocks the output `spent`; the reason is the interpreter's.

    Rules after the Genesis upgrade, as a careful miner applies them: scripts of 50,000 bytes, items of 5000 bytes,
    1000 operations.
    """
    if not 0 <= index < len(tx.inputs):
        raise Misuse(f"no input {index}")
    if not _is_plain_payment(tx, index, spent):
        _interpret(_theirs(tx), index, spent)


def verify_inputs(tx: Tx, spent: Sequence[TxOutput]) -> None:
    """Raise TxRejected unless every input unlocks its output in `spent` (same order)."""
    if len(spent) != len(tx.inputs):
        raise Misuse("one output for each input")
    others = [index for index, output in enumerate(spent) if not _is_plain_payment(tx, index, output)]
    if len(others) > limits.SCRIPT_INPUTS:
        raise TxRejected(f"{len(others)} inputs are no plain payments, more than are looked into")
    theirs = _theirs(tx) if others else None
    for index in others:
        _interpret(theirs, index, spent[index])


def unlocks(locking_script: bytes, unlocking_script: bytes, digest: bytes) -> bool:
    """Return whether one script unlocks the other where each signature covers the 32 bytes `digest`, no transaction.

    A signature may have any type byte, a high s and bytes after its end, as in the reference (wire-format 7). Stricter
    than there: the unlocking script holds pushes only; no script has more than 10,000 bytes, items of 520 bytes, 500
    operations.
    """
    state = bitcoinx.InterpreterState(_AUTHORIZATION_LIMITS, _Digest(digest))
    unlocking = bitcoinx.Script(unlocking_script)
    try:
        state.evaluate_script(unlocking)
        if not unlocking.is_push_only():
            return False
        state.evaluate_script(bitcoinx.Script(locking_script))
    except _SCRIPT_FAILURES:
        return False
    return bool(state.stack) and bool(bitcoinx.cast_to_bool(state.stack[-1]))


class _Digest:
    """What signatures are checked against where there is no transaction."""

    def __init__(self, digest: bytes) -> None:
        self._digest = digest

    def check_sig(self, signature: bytes, public: bytes, script_code: object) -> bool:
        """Return whether a signature with its type byte is by a key; the interpreter calls this."""
        del script_code
        try:
            return verify(public, self._digest, signature[:-1])
        except WireError:
            return False


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
    if len(theirs.inputs[index].script_sig) > _SCRIPT_BYTES:
        raise TxRejected(f"input {index}: the script is too long")  # bitcoinx reads all of it before it looks
    output = bitcoinx.TxOutput(spent.satoshis, bitcoinx.Script(spent.locking_script))
    context = bitcoinx.TxInputContext(theirs, index, output)
    try:
        unlocked = context.verify_input(_LIMITS, is_utxo_after_genesis=True)
    except _SCRIPT_FAILURES as error:
        raise TxRejected(f"input {index}: {error or type(error).__name__}") from None
    if not unlocked:
        raise TxRejected(f"input {index}: the script ends false")
