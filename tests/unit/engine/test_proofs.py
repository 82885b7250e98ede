"""Proofs of the other side: used where they lead to our best chain, held, or refused (channels.md 4.8)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from channels_desktop.adapters.small_chain import SmallChain
from channels_desktop.bitcoin.merkle import MerkleProof
from channels_desktop.engine import proofs
from channels_desktop.engine.records import Thread
from channels_desktop.engine.turn import Turn
from channels_desktop.errors import Misuse, WireError
from channels_desktop.protocols.merkle_proofs import ProofMessage
from tests.unit.engine.desk import AT, Desk, desk, write


async def mined(it: Desk) -> tuple[SmallChain, MerkleProof]:
    """Return a chain of two blocks and the proof of a transaction of the first, which we watch for nobody."""
    chain = SmallChain()
    chain.mine(2)
    tx = chain.blocks[1].txs[0]
    proof = chain.proof(tx.txid)
    assert proof is not None

    def work(turn: Turn) -> None:
        turn.tx.chain.add_tx(tx.txid, tx.to_bytes(), AT)
        turn.tx.chain.watch(tx, b"", 0)

    await it.turn(work)
    return chain, replace(proof, header=b"", block_hash=chain.blocks[1].header.hash)


async def height(it: Desk, txid: bytes) -> int:
    return dict(await it.store.query(lambda reader: reader.chain.heights())).get(txid, 0)


async def headers(it: Desk, chain: SmallChain) -> None:
    await it.turn(lambda turn: proofs.connect(turn, chain.headers_after(it.headers.locator())))


async def test_a_proof_in_our_best_chain_counts_whoever_sends_it() -> None:
    async with desk() as it:
        chain, proof = await mined(it)
        await headers(it, chain)
        for number in (1, 2):
            await it.receive(write(number, ProofMessage(merkle_proof=proof)))
        assert await height(it, proof.txid) == 1
        assert await it.sent() == []
        assert await it.notices() == []


async def test_a_proof_whose_header_is_not_known_yet_waits_for_it() -> None:
    async with desk() as it:
        chain, proof = await mined(it)
        await it.receive(write(1, ProofMessage(merkle_proof=proof)))
        assert await height(it, proof.txid) == 0
        await headers(it, chain)
        assert await height(it, proof.txid) == 1


async def test_a_proof_for_what_we_do_not_know_is_answered() -> None:
    async with desk() as it:
        chain, _ = await mined(it)
        other = chain.proof(chain.blocks[2].txs[0].txid)
        await it.receive(write(1, ProofMessage(merkle_proof=other)))
        assert await it.answers() == [(2, "RE", 1)]
        assert await it.notices() == ["out_of_turn"]


async def test_a_proof_that_is_wrong_is_refused() -> None:
    async with desk() as it:
        chain, proof = await mined(it)
        await headers(it, chain)
        wrong = replace(proof, block_hash=chain.blocks[2].header.hash)
        await it.receive(write(1, ProofMessage(merkle_proof=wrong)))
        assert await it.answers() == [(2, "MP", 0)]
        assert await height(it, proof.txid) == 0


async def test_a_reorganisation_takes_a_proof_back() -> None:
    async with desk() as it:
        chain, proof = await mined(it)
        await headers(it, chain)
        await it.receive(write(1, ProofMessage(merkle_proof=proof)))
        chain.reorg(2)
        await headers(it, chain)
        assert await height(it, proof.txid) == 0
        assert not await it.turn(lambda turn: proofs.found(turn, proof))


async def test_headers_that_are_none_are_refused_and_an_unwatched_transaction_is_our_mistake() -> None:
    async with desk() as it:
        with pytest.raises(WireError):
            await it.turn(lambda turn: proofs.connect(turn, [bytes(80)]))
        with pytest.raises(Misuse):
            await it.turn(lambda turn: proofs.seen(turn, b"\x01" * 32))


async def test_proofs_that_lead_nowhere_are_held_in_bounds_and_without_their_transaction() -> None:
    async with desk() as it:
        chain, proof = await mined(it)
        for number in range(1, 12):
            odd = replace(proof, block_hash=number.to_bytes(32, "big"), tx=chain.blocks[1].txs[0])
            await it.receive(write(number, ProofMessage(merkle_proof=odd)))
        kept = await it.store.query(lambda reader: reader.chain.proofs(proof.txid))
        assert len(kept) == proofs.HELD_PROOFS
        assert all(MerkleProof.from_wire(raw).tx is None for _, raw in kept)
        await headers(it, chain)
        await it.receive(write(12, ProofMessage(merkle_proof=proof)))
        assert await height(it, proof.txid) == 1


async def test_nobody_can_crowd_out_the_proofs_of_another_s_payment() -> None:
    async with desk() as it:
        chain, proof = await mined(it)
        other = await it.add_contact()
        uuid = b"\x0c" * 16

        def work(turn: Turn) -> None:
            turn.tx.threads.add(Thread(uuid, other, 0, 0, b"", 0, AT))
            watch = turn.tx.chain.watch_of(proof.txid)
            turn.tx.chain.save_watch(replace(watch, block=b""))
            turn.tx.connection.execute("UPDATE watch SET uuid = ?", (uuid,))

        await it.turn(work)
        odd = replace(proof, block_hash=b"\x09" * 32)
        await it.receive(write(1, ProofMessage(merkle_proof=odd)))
        assert await it.answers() == [(2, "RE", 1)]
        assert await it.store.query(lambda reader: reader.chain.proofs(proof.txid)) == ()
        await headers(it, chain)
        await it.turn(lambda turn: turn.tx.connection.execute("UPDATE watch SET uuid = x''"))
        await it.receive(write(2, ProofMessage(merkle_proof=proof)))
        assert await height(it, proof.txid) == 1, "what leads to our chain counts whoever sends it"
