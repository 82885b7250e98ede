"""Transactions as immutable values, their bytes, and the hashes that signatures cover.

Hashes and txids are in wire order; `txid_text` gives the reversed hex that people see. Money is in satoshis.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Self

from channels_desktop.bitcoin.keys import HASH_SIZE, PrivateKey, hash256
from channels_desktop.bitcoin.templates import p2pkh_unlocking
from channels_desktop.errors import Misuse, WireError
from channels_desktop.wire.varints import read_varint, take, varint_size, write_varint

FINAL = 0xFFFFFFFF
MOST_SATOSHIS = 21_000_000 * 100_000_000
"""All there will ever be."""
"""The sequence of an input that waits for nothing."""
ALL_FORKID = 0x41
"""The signature hash type this wallet signs with: all inputs and outputs, with fork id (BIP 143 form)."""
_ANYONE_CAN_PAY = 0x80
_BASE_TYPE = 0x1F
_ALL, _NONE, _SINGLE = 1, 2, 3
_NEVER_VALID = b"\x00\x6a"
_ZEROS = bytes(HASH_SIZE)
_SINGLE_WITHOUT_OUTPUT = b"\x01" + bytes(31)
_U32, _U64 = struct.Struct("<I"), struct.Struct("<Q")


def txid_text(txid: bytes) -> str:
    """Return the reversed hex of a hash, as people and JSON write it."""
    return txid[::-1].hex()


def txid_bytes(text: str) -> bytes:
    """Return the hash in wire order from its reversed hex; WireError("invalid_txid") if it is none."""
    try:
        txid = bytes.fromhex(text)[::-1]
    except ValueError:
        raise WireError("invalid_txid") from None
    if len(txid) != HASH_SIZE:
        raise WireError("invalid_txid")
    return txid


@dataclass(frozen=True, slots=True, order=True)
class Outpoint:
    """An output named by its transaction and its place there."""

    txid: bytes
    index: int

    def __bytes__(self) -> bytes:
        return self.txid + _U32.pack(self.index)

    def __str__(self) -> str:
        return f"{txid_text(self.txid)}:{self.index}"

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Return the outpoint of 36 bytes; WireError("wrong_size") for another length."""
        if len(data) != HASH_SIZE + 4:
            raise WireError("wrong_size", "an outpoint has 36 bytes")
        return cls(data[:HASH_SIZE], *_U32.unpack(data[HASH_SIZE:]))


@dataclass(frozen=True, slots=True)
class TxInput:
    """What is spent, the script that unlocks it (empty: not signed yet), and the sequence number."""

    outpoint: Outpoint
    unlocking_script: bytes = b""
    sequence: int = FINAL

    def to_bytes(self) -> bytes:
        """Return the input as it stands in a transaction."""
        script = self.unlocking_script
        return b"".join((bytes(self.outpoint), write_varint(len(script)), script, _U32.pack(self.sequence)))

    @property
    def is_unlocked(self) -> bool:
        """Whether there is a script that may unlock it: one that is no mask (channels.md 4.10)."""
        return bool(self.unlocking_script) and not self.unlocking_script.startswith(_NEVER_VALID)


@dataclass(frozen=True, slots=True)
class TxOutput:
    """An amount in satoshis and the script that locks it."""

    satoshis: int
    locking_script: bytes

    def to_bytes(self) -> bytes:
        """Return the output as it stands in a transaction."""
        return _U64.pack(self.satoshis) + write_varint(len(self.locking_script)) + self.locking_script

    @property
    def size(self) -> int:
        """How many bytes it takes."""
        return _U64.size + varint_size(len(self.locking_script)) + len(self.locking_script)


@dataclass(frozen=True)
class Tx:
    """A transaction. Its bytes, its txid and what its signatures share are computed once."""

    version: int
    inputs: tuple[TxInput, ...]
    outputs: tuple[TxOutput, ...]
    locktime: int = field(default_factory=int)  # no class attribute, which would hide what is not read yet

    @classmethod
    def from_bytes(cls, data: bytes, *, strict: bool = True) -> Self:
        """Return the transaction at the start of `data`; with `strict` nothing may follow it.

        Raises WireError: "eof", "unexpected_eof", "bad_varint", or "trailing_bytes". Without `strict`, `size` tells
        how many bytes were read. There is no segwit form.
        """
        end = _end_of(data)
        if strict and end != len(data):
            raise WireError("trailing_bytes")
        tx = object.__new__(cls)
        tx.__dict__["_raw"] = data[:end]  # only one form of a transaction is accepted: these are its bytes
        return tx

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the field holds
        """Read the fields from the bytes when one of them is first asked for: many transactions only travel."""
        if name not in _FIELDS:
            raise AttributeError(name)
        self.__dict__.update(_read_fields(self._raw))
        return self.__dict__[name]

    @cached_property
    def _raw(self) -> bytes:
        parts = [self.version.to_bytes(4, "little", signed=True), write_varint(len(self.inputs))]
        parts += [i.to_bytes() for i in self.inputs]
        parts.append(write_varint(len(self.outputs)))
        parts += [o.to_bytes() for o in self.outputs]
        parts.append(_U32.pack(self.locktime))
        return b"".join(parts)

    def to_bytes(self) -> bytes:
        """Return the usual serialization."""
        return self._raw

    @cached_property
    def txid(self) -> bytes:
        """The double SHA-256 of the bytes, in wire order."""
        return hash256(self._raw)

    @cached_property
    def unsigned_txid(self) -> bytes:
        """The txid with all unlocking scripts empty: what a transaction is called before it is signed."""
        return replace(self, inputs=tuple(replace(spent, unlocking_script=b"") for spent in self.inputs)).txid

    @property
    def has_signatures(self) -> bool:
        """Whether any input is unlocked, as far as one can see without the outputs they spend."""
        return any(spent.is_unlocked for spent in self.inputs)

    @property
    def is_signed(self) -> bool:
        """Whether there are inputs and all are unlocked, as far as one can see."""
        return self.has_signatures and all(spent.is_unlocked for spent in self.inputs)

    def to_json(self) -> str:
        """Return the bytes in hex."""
        return self._raw.hex()

    @property
    def size(self) -> int:
        """The number of bytes."""
        return len(self._raw)

    @cached_property
    def shared_hashes(self) -> tuple[bytes, bytes, bytes]:
        """The hashes of all outpoints, all sequences and all outputs (BIP 143); no unlocking script changes them."""
        return (
            hash256(b"".join(bytes(i.outpoint) for i in self.inputs)),
            hash256(b"".join(_U32.pack(i.sequence) for i in self.inputs)),
            hash256(b"".join(o.to_bytes() for o in self.outputs)),
        )

    def with_unlocking(self, index: int, script: bytes) -> Tx:
        """Return the transaction with the unlocking script of one input replaced."""
        signed = replace(self.inputs[index], unlocking_script=script)
        tx = replace(self, inputs=(*self.inputs[:index], signed, *self.inputs[index + 1 :]))
        tx.__dict__["shared_hashes"] = self.shared_hashes
        return tx


def check_sound(tx: Tx) -> None:
    """Raise WireError where no network takes `tx`, or none of its proofs proves anything, whatever its scripts say.

    "bad_amount": an output, or all of them, of more satoshis than there will ever be. "bad_size": 64 bytes, which two
    hashes in a merkle tree have as well, so that what is proved may be no transaction.
    """
    if tx.size == _TWO_HASHES:
        raise WireError("bad_size", "a transaction of 64 bytes")
    if sum(output.satoshis for output in tx.outputs) > MOST_SATOSHIS:
        raise WireError("bad_amount", "outputs of more satoshis than there will ever be")


_FIELDS = ("version", "inputs", "outputs", "locktime")
_TWO_HASHES = 2 * HASH_SIZE
_TWO_BYTE_MARK = 0xFD


def _end_of(data: bytes) -> int:
    """Return where the transaction at the start of `data` ends; raise WireError where none is there."""
    try:
        end = _usual_end(data)
    except IndexError:
        end = 0
    if 0 < end <= len(data):
        return end
    fields = _read_fields(data)
    return len(Tx(**fields).to_bytes())


def _usual_end(data: bytes) -> int:
    """Return where a transaction ends whose counts are below 253 and whose scripts below 65,536; 0 for all others."""
    at = 4
    for before, after in ((HASH_SIZE + 4, 4), (8, 0)):  # an input, an output: bytes before and after its script
        count = data[at]
        if count >= _TWO_BYTE_MARK:
            return 0
        at += 1
        for _ in range(count):
            at += before
            size = data[at]
            if size >= _TWO_BYTE_MARK:
                if size > _TWO_BYTE_MARK or not (data[at + 2] or data[at + 1] >= _TWO_BYTE_MARK):
                    return 0
                size = data[at + 1] + 256 * data[at + 2]
                at += 2
            at += 1 + size + after
    return at + 4


def _read_fields(data: bytes) -> dict[str, Any]:
    version, at = take(data, 0, 4)
    inputs, at = _read_inputs(data, at)
    outputs, at = _read_outputs(data, at)
    locktime, at = take(data, at, 4)
    version_number = int.from_bytes(version, "little", signed=True)
    return {"version": version_number, "inputs": inputs, "outputs": outputs, "locktime": _U32.unpack(locktime)[0]}


def _read_inputs(data: bytes, at: int) -> tuple[tuple[TxInput, ...], int]:
    inputs: list[TxInput] = []
    count, at = read_varint(data, at)
    while len(inputs) < count:  # every input takes bytes, so a false count ends at the end of the data
        outpoint, at = take(data, at, HASH_SIZE + 4)
        size, at = read_varint(data, at)
        script, at = take(data, at, size)
        sequence, at = take(data, at, 4)
        inputs.append(TxInput(Outpoint.from_bytes(outpoint), script, int.from_bytes(sequence, "little")))
    return tuple(inputs), at


def _read_outputs(data: bytes, at: int) -> tuple[tuple[TxOutput, ...], int]:
    outputs: list[TxOutput] = []
    count, at = read_varint(data, at)
    while len(outputs) < count:
        satoshis, at = take(data, at, 8)
        size, at = read_varint(data, at)
        script, at = take(data, at, size)
        outputs.append(TxOutput(int.from_bytes(satoshis, "little"), script))
    return tuple(outputs), at


def signature_preimage(tx: Tx, index: int, satoshis: int, locking_script: bytes, sighash: int = ALL_FORKID) -> bytes:
    """Return the bytes whose double SHA-256 a signature of input `index` covers (BIP 143 form; wire-format 10).

    `satoshis` and `locking_script` are those of the output being spent. An undefined base type covers no outputs, as
    the reference does and nodes do not: never sign that. SINGLE without an output of the same index is Misuse. What
    all inputs share is hashed once per transaction.
    """
    if not 0 <= index < len(tx.inputs):
        raise Misuse(f"no input {index}")
    base = sighash & _BASE_TYPE
    outpoints, sequences, outputs = tx.shared_hashes
    if base == _SINGLE:
        if index >= len(tx.outputs):
            raise Misuse(f"no output {index} for a signature of that alone")
        outputs = hash256(tx.outputs[index].to_bytes())
    elif base != _ALL:
        outputs = _ZEROS
    if sighash & _ANYONE_CAN_PAY:
        outpoints = sequences = _ZEROS
    elif base in (_NONE, _SINGLE):
        sequences = _ZEROS
    spent = tx.inputs[index]
    parts = (
        tx.version.to_bytes(4, "little", signed=True),
        outpoints,
        sequences,
        bytes(spent.outpoint),
        write_varint(len(locking_script)),
        locking_script,
        _U64.pack(satoshis),
        _U32.pack(spent.sequence),
        outputs,
        _U32.pack(tx.locktime),
        _U32.pack(sighash),
    )
    return b"".join(parts)


def signature_hash(tx: Tx, index: int, satoshis: int, locking_script: bytes, sighash: int = ALL_FORKID) -> bytes:
    """Return the hash of `signature_preimage`; SINGLE without an output of the same index gives 01 00..00."""
    if sighash & _BASE_TYPE == _SINGLE and len(tx.outputs) <= index < len(tx.inputs):
        return _SINGLE_WITHOUT_OUTPUT
    return hash256(signature_preimage(tx, index, satoshis, locking_script, sighash))


def sign_input(tx: Tx, index: int, key: PrivateKey, output: TxOutput, sighash: int = ALL_FORKID) -> Tx:
    """Return `tx` with input `index` signed for a P2PKH `output`, covering what `sighash` says: all, by default.

    Raises Misuse where there is nothing to cover: SINGLE without an output of the same index.
    """
    digest = hash256(signature_preimage(tx, index, output.satoshis, output.locking_script, sighash))
    return tx.with_unlocking(index, p2pkh_unlocking(key.sign(digest) + bytes((sighash,)), key.public))
