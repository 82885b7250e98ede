"""Merkle proofs and headers: what the chain says of the transactions we wait for (channels.md 4.8, 6.7).

These functions run inside a transaction; the background task in `chain_watch` asks the node and calls them. Whoever
delivers a proof, it counts only when it leads to a header in our own best chain.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from channels_desktop.bitcoin.headers import ProofState, check_proof
from channels_desktop.bitcoin.keys import hash256
from channels_desktop.bitcoin.merkle import MerkleProof
from channels_desktop.bitcoin.tx import Tx
from channels_desktop.engine import conflicts
from channels_desktop.engine.advance import tell
from channels_desktop.errors import Misuse, ProtocolError
from channels_desktop.protocols import effects as do
from channels_desktop.protocols.response import ResponseCode, Status

if TYPE_CHECKING:
    from collections.abc import Sequence

    from channels_desktop.engine.records import Watch
    from channels_desktop.engine.turn import Turn

HELD_PROOFS = 4
"""Proofs of a transaction that are kept until their header is known: each is tried at every new block."""


def offered(turn: Turn, relationship: int, proof: MerkleProof) -> None:
    """Use a proof the other side sent, or hold it until its header is known; refuse it where it is wrong.

    A proof that leads to our best chain counts whoever sends it. One that leads nowhere yet is held only for those with
    whom the payment is, and in bounds; the transaction itself, which we have, is not kept with it.
    """
    proof = replace(proof, tx=None)
    if turn.tx.chain.tx(proof.txid) is None:
        raise ProtocolError(
            b"RE", ResponseCode.MESSAGE_NOT_FOUND, "a proof for an unknown transaction", status=Status.INVALID
        )
    verdict = check_proof(proof, turn.headers)
    if verdict.state is ProofState.WRONG:
        raise ProtocolError(b"MP", 0, "the proof is wrong", status=Status.INVALID)
    if verdict.state is ProofState.CONFIRMED:
        found(turn, proof)
        return
    watch = turn.tx.chain.watch_of(proof.txid)
    thread = turn.tx.threads.get(watch.uuid) if watch is not None and watch.uuid else None
    if thread is not None and thread.relationship != relationship:
        raise ProtocolError(
            b"RE", ResponseCode.MESSAGE_NOT_FOUND, "a proof for somebody else's payment", status=Status.INVALID
        )
    turn.tx.chain.hold_proof(proof.txid, _target(proof), proof.to_wire(), HELD_PROOFS)


def found(turn: Turn, proof: MerkleProof) -> bool:
    """Use a proof if it leads to our best chain; return whether it does."""
    verdict = check_proof(proof, turn.headers)
    if verdict.state is not ProofState.CONFIRMED or verdict.header is None:
        return False
    header = verdict.header
    turn.tx.chain.add_proof(proof.txid, header.hash, proof.to_wire(), header.height)
    turn.tx.chain.set_height(proof.txid, header.height)
    turn.status = True
    watch = turn.tx.chain.watch_of(proof.txid)
    if watch is None or watch.block == header.hash:
        return True
    settled = replace(watch, to_broadcast=False, seen=True, block=header.hash, height=header.height)
    turn.tx.chain.save_watch(settled)
    conflicts.mined(turn, settled)
    tell(turn, settled, do.Proven(tx=Tx.from_bytes(watch.raw), proof=proof, height=header.height, at=turn.at))
    return True


def connect(turn: Turn, raw_headers: Sequence[bytes]) -> None:
    """Take new headers; let go of proofs whose blocks are replaced and try those that waited for a header."""
    turn.headers_moved = True
    change = turn.headers.connect(raw_headers)
    turn.tx.chain.add_headers([header.raw for header in change.new])
    turn.status = turn.status or bool(change.new)
    gone = {header.hash for header in change.detached}
    if gone:
        turn.tx.chain.search_from(min(header.height for header in change.detached) - 1)
    for watch in turn.tx.chain.watches():
        if watch.block in gone:
            _unprove(turn, watch)
        if not watch.height or watch.block in gone:
            for _, raw in turn.tx.chain.proofs(watch.txid):
                if found(turn, MerkleProof.from_wire(raw)):
                    break


def _unprove(turn: Turn, watch: Watch) -> None:
    """Take back that a transaction is in a block, and what fell because of it."""
    turn.tx.chain.set_height(watch.txid, 0)
    unproven = replace(watch, block=b"", height=0)
    turn.tx.chain.save_watch(unproven)
    tell(turn, unproven, do.Unproven(tx=Tx.from_bytes(watch.raw), at=turn.at))
    conflicts.unmined(turn, unproven)


def seen(turn: Turn, txid: bytes) -> None:
    """Note that our source of the chain shows the transaction."""
    watch = _update(turn, txid, seen=True)
    tell(turn, watch, do.Seen(tx=Tx.from_bytes(watch.raw), at=turn.at))


def rivals(turn: Turn, watch: Watch, found: Sequence[Tx], searched: int) -> None:
    """Watch what the source shows to spend the same as a transaction of ours, for the same thread.

    It may be the payment itself, under the txid that the signature of a payee or the hands of a miner gave it; or
    another transaction, which counts once it is in a block.
    """
    for tx in found:
        if tx.txid != watch.txid:
            turn.tx.chain.add_tx(tx.txid, tx.to_bytes(), turn.at)
            turn.tx.chain.watch(tx, watch.uuid, searched)
    known = turn.tx.chain.watch_of(watch.txid)
    if known is not None and searched > known.searched:
        turn.tx.chain.save_watch(replace(known, searched=searched))
    if found:
        turn.status = True  # the watch is to look again at once
        _show(turn, watch)


def _show(turn: Turn, watch: Watch) -> None:
    thread = turn.tx.threads.get(watch.uuid) if watch.uuid else None
    if thread is not None:
        turn.changed(thread.relationship, thread.entry)


def broadcasted(turn: Turn, txid: bytes) -> None:
    """Note that the network took the transaction."""
    tell(turn, _update(turn, txid, seen=True), do.Broadcasted(at=turn.at))


def refused(turn: Turn, txid: bytes, reason: str) -> None:
    """Note that the network refuses the transaction for good."""
    tell(turn, _update(turn, txid, seen=False), do.BroadcastRefused(reason=reason, at=turn.at))


def _update(turn: Turn, txid: bytes, *, seen: bool) -> Watch:
    """Note what was learnt, on the watch as it is now: it may have changed while the node was asked."""
    watch = turn.tx.chain.watch_of(txid)
    if watch is None:
        raise Misuse("what is watched stays watched")
    updated = replace(watch, seen=watch.seen or seen, to_broadcast=False)
    turn.tx.chain.save_watch(updated)
    return updated


def _target(proof: MerkleProof) -> bytes:
    """Return something that names the block of a proof whose header is not known yet."""
    return proof.block_hash or (hash256(proof.header) if proof.header else proof.merkle_root)
