"""Merkle proofs: the binary form of the wire, the node's TSC JSON, and the root they lead to.

Rules: wire-format 8, channels.md 4.8. Hashes are in wire order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

from channels_desktop.bitcoin.keys import HASH_SIZE, hash256
from channels_desktop.bitcoin.tx import Tx, txid_bytes
from channels_desktop.errors import Misuse, WireError
from channels_desktop.wire import limits
from channels_desktop.wire.varints import read_varint, take, write_varint

HEADER_SIZE = 80
_HAS_TX, _HAS_HEADER, _HAS_ROOT = 1, 2, 4
_HASH_NODE, _DUPLICATE_NODE = 0, 1
_WRAP = 1 << 64
_HALF = _WRAP >> 1
_ROOT_IN_HEADER = slice(36, 68)


@dataclass(frozen=True, slots=True)
class MerkleProof:
    """The way from a transaction up to the merkle root of its block.

    `nodes` are the siblings from the bottom; None stands for a duplicate of the own hash. The target is `header` (80
    bytes), `merkle_root` or `block_hash`; of several that are set the first of these counts, and it alone is written.
    `tx` is the transaction itself where it came along. `index` is -1 where the place in the block is unknown.
    """

    index: int
    txid: bytes
    nodes: tuple[bytes | None, ...]
    block_hash: bytes = b""
    header: bytes = b""
    merkle_root: bytes = b""
    tx: Tx | None = None

    def __post_init__(self) -> None:
        hashes = (self.txid, self.merkle_root or self.txid, self.block_hash or self.txid, *self.nodes)
        sizes = {len(item) for item in hashes if item is not None}
        if sizes != {HASH_SIZE} or len(self.header) not in (0, HEADER_SIZE) or not self._target:
            raise WireError("invalid_merkle_proof", "a hash or target is missing or of a wrong size")
        if not -_HALF <= self.index < _HALF:
            raise WireError("invalid_merkle_proof", "an index of more than 64 bits")

    @property
    def _target(self) -> bytes:
        return self.header or self.merkle_root or self.block_hash

    @classmethod
    def from_wire(cls, data: bytes) -> Self:
        """Read the binary form; unknown flags and trailing bytes are ignored. Raises WireError."""
        flags, at = take(data, 0, 1)
        index, at = read_varint(data, at)
        tx = None
        if flags[0] & _HAS_TX:
            size, at = read_varint(data, at)
            raw, at = take(data, at, size)
            tx = Tx.from_bytes(raw, strict=False)
            txid = tx.txid
        else:
            txid, at = take(data, at, HASH_SIZE)
        kind = "header" if flags[0] & _HAS_HEADER else "merkle_root" if flags[0] & _HAS_ROOT else "block_hash"
        target, at = take(data, at, HEADER_SIZE if kind == "header" else HASH_SIZE)
        nodes = _read_nodes(data, at)
        return cls(index - _WRAP if index >= _HALF else index, txid, nodes, tx=tx, **{kind: target})

    def to_wire(self) -> bytes:
        """Return the binary form; WireError("merkle_bad_index") where a hash meets itself on the wrong side.

        A proof of unknown index is written as it came; nothing can be checked with it.
        """
        if self.index >= 0:
            self.root()
        flags = (_HAS_TX if self.tx else 0) | (_HAS_HEADER if self.header else _HAS_ROOT if self.merkle_root else 0)
        raw = self.tx.to_bytes() if self.tx else b""
        parts = [bytes((flags,)), write_varint(self.index % _WRAP)]
        parts += [write_varint(len(raw)), raw] if self.tx else [self.txid]
        parts += [self._target, write_varint(len(self.nodes))]
        for node in self.nodes:
            parts.append(bytes((_DUPLICATE_NODE,)) if node is None else bytes((_HASH_NODE,)) + node)
        return b"".join(parts)

    def root(self) -> bytes:
        """Return the root that the nodes lead to; WireError("merkle_bad_index") if the index cannot be."""
        return root_from(self.txid, self.index, self.nodes)

    def check(self) -> None:
        """Raise WireError unless the root fits the target: "merkle_bad_index", "merkle_wrong_root".

        A bare block hash cannot be checked without its header: "merkle_not_verifiable". This proves nothing yet: the
        header must also be one of the best chain (`headers.check_proof`).
        """
        root = self.root()
        target = self.header[_ROOT_IN_HEADER] or self.merkle_root
        if not target:
            raise WireError("merkle_not_verifiable")
        if root != target:
            raise WireError("merkle_wrong_root")

    def to_json(self) -> dict[str, Any]:
        """Return all fields, bytes in hex and hashes in wire order; what is not set is None.

        `path` has the nodes that are hashes; `duplicated_layers` the places of the others, from 1 at the bottom.
        """
        return {
            "index": self.index,
            "tx": self.tx.to_json() if self.tx else None,
            "txid": self.txid.hex(),
            "path": [node.hex() for node in self.nodes if node is not None],
            "block_header": self.header.hex() or None,
            "block_hash": self.block_hash.hex() or None,
            "merkle_root": self.merkle_root.hex() or None,
            "duplicated_layers": [layer for layer, node in enumerate(self.nodes, 1) if node is None],
        }

    @classmethod
    def from_tsc(cls, proof: Any) -> Self:  # noqa: ANN401 - any JSON
        """Read the JSON form of the TSC standard, as a node gives it; WireError("invalid_merkle_proof")."""
        try:
            index, tx_or_id, target = (proof[key] for key in ("index", "txOrId", "target"))
            kind = proof.get("targetType", "hash")
            texts = proof.get("nodes") or []
            nodes = tuple(None if text == "*" else txid_bytes(text) for text in texts)
            tx = None if len(tx_or_id) == 2 * HASH_SIZE else Tx.from_bytes(bytes.fromhex(tx_or_id))
            txid = tx.txid if tx else txid_bytes(tx_or_id)
            known = {"header": "header", "merkleRoot": "merkle_root", "merkleroot": "merkle_root"}.get(
                kind, "block_hash"
            )
            where = bytes.fromhex(target) if known == "header" else txid_bytes(target)
            if not isinstance(index, int) or index < -1:
                raise WireError("invalid_merkle_proof", "index")
            return cls(index, txid, nodes, tx=tx, **{known: where})
        except (KeyError, TypeError, ValueError, AttributeError):
            raise WireError("invalid_merkle_proof", "not a TSC proof") from None


def _read_nodes(data: bytes, at: int) -> tuple[bytes | None, ...]:
    nodes: list[bytes | None] = []
    count, at = read_varint(data, at)
    if count > limits.MERKLE_NODES:
        raise WireError("invalid_merkle_proof", f"{count} nodes")
    end = at + count * (1 + HASH_SIZE)
    if end <= len(data) and not any(data[at : end : 1 + HASH_SIZE]):  # no duplicates: usual, and read at once
        return tuple(data[start : start + HASH_SIZE] for start in range(at + 1, end, 1 + HASH_SIZE))
    while len(nodes) < count:
        kind, at = take(data, at, 1)
        if kind[0] > _DUPLICATE_NODE:
            raise WireError("merkle_bad_node_type")
        if kind[0] == _DUPLICATE_NODE:
            nodes.append(None)
        else:
            node, at = take(data, at, HASH_SIZE)
            nodes.append(node)
    return tuple(nodes)


def root_from(txid: bytes, index: int, nodes: Sequence[bytes | None]) -> bytes:
    """Return the merkle root above `txid` at place `index`.

    A hash on the right equal to its left sibling would be a copy: WireError("merkle_bad_index"), as for index -1.
    """
    if index < 0:
        raise WireError("merkle_bad_index")
    own = txid
    for node in nodes:
        if index % 2 == 0:
            own = hash256(own + (own if node is None else node))
        elif node is None or node == own:
            raise WireError("merkle_bad_index")
        else:
            own = hash256(node + own)
        index //= 2
    return own


def merkle_nodes(txids: Sequence[bytes], index: int) -> tuple[bytes | None, ...]:
    """Return the nodes that prove the transaction at place `index` of a block with these `txids`."""
    if not 0 <= index < len(txids):
        raise Misuse(f"no transaction {index}")
    level, nodes = list(txids), []
    while len(level) > 1:
        sibling = index ^ 1
        nodes.append(level[sibling] if sibling < len(level) else None)
        pairs = zip(level[::2], [*level[1::2], level[-1]], strict=False)
        level = [hash256(left + right) for left, right in pairs]
        index //= 2
    return tuple(nodes)
