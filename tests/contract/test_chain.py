"""The Chain port: in memory, over a socket to the small node, and with a real Bitcoin SV node."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio

from channels_desktop.bitcoin.headers import HeaderChain, ProofState, check_proof
from channels_desktop.bitcoin.keys import PrivateKey, sha256
from channels_desktop.bitcoin.templates import p2pkh_to
from channels_desktop.bitcoin.tx import Outpoint, Tx, TxInput, TxOutput, sign_input
from channels_desktop.engine.ports import TxPlace
from channels_desktop.errors import TransportError, TxRejected
from tests.contract.chain_ports import World, memory_world, real_node_world, small_node_world

KEY = PrivateKey(sha256(b"the wallet"))
SCRIPT = p2pkh_to(KEY.public)
WORLDS = {"memory": memory_world, "small_node": small_node_world, "real_node": real_node_world}


@pytest_asyncio.fixture(params=["memory", "small_node", pytest.param("real_node", marks=pytest.mark.node)])
async def world(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[World]:
    async with WORLDS[request.param](tmp_path / "node") as world:
        yield world


async def funded(world: World, satoshis: int = 100_000) -> Tx:
    raw, _ = await world.faucet.pay(SCRIPT, satoshis)
    return Tx.from_bytes(raw)


def spending(parent: Tx, satoshis: int, key: PrivateKey = KEY) -> Tx:
    draft = Tx(2, (TxInput(Outpoint(parent.txid, 0)),), (TxOutput(satoshis, SCRIPT),))
    return sign_input(draft, 0, key, parent.outputs[0])


async def synced(world: World) -> HeaderChain:
    headers = HeaderChain(world.chain.network)
    headers.connect(await world.chain.headers(headers.locator()))
    return headers


async def test_a_payment_of_the_faucet_is_proven(world: World) -> None:
    raw, proof = await world.faucet.pay(SCRIPT, 25_000)
    tx = Tx.from_bytes(raw)
    assert tx.outputs[0] == TxOutput(25_000, SCRIPT)
    assert proof.txid == tx.txid
    proof.check()  # it carries the header, so that a peer can check it
    headers = await synced(world)
    assert headers.tip.height == 102
    verdict = check_proof(proof, headers)
    assert (verdict.state, verdict.header) == (ProofState.CONFIRMED, headers.tip)
    assert await world.chain.place(tx.txid) is TxPlace.MINED
    assert await world.chain.output(Outpoint(tx.txid, 0)) == tx.outputs[0]


async def test_a_transaction_goes_from_unknown_to_mined(world: World) -> None:
    tx = spending(await funded(world), 99_000)
    assert await world.chain.place(tx.txid) is TxPlace.UNKNOWN
    await world.chain.broadcast(tx.to_bytes())
    assert await world.chain.place(tx.txid) is TxPlace.MEMPOOL
    assert await world.chain.proof(tx.txid) is None
    assert await world.chain.output(tx.inputs[0].outpoint) is None
    assert await world.chain.output(Outpoint(tx.txid, 0)) == tx.outputs[0]
    assert await world.chain.output(Outpoint(tx.txid, 1)) is None
    await world.faucet.mine(1)
    assert await world.chain.place(tx.txid) is TxPlace.MINED
    proof = await world.chain.proof(tx.txid)
    assert proof is not None
    assert check_proof(proof, await synced(world)).state is ProofState.CONFIRMED


async def test_who_spends_an_output_is_found_in_the_mempool_and_in_blocks(world: World) -> None:
    parent, other = await funded(world), await funded(world)
    place, elsewhere = Outpoint(parent.txid, 0), Outpoint(other.txid, 0)
    start = (await synced(world)).tip.height
    assert await world.chain.spenders([place, elsewhere], start) == ((), start)
    tx = spending(parent, 99_000)
    await world.chain.broadcast(tx.to_bytes())
    assert await world.chain.spenders([place], start) == ((tx,), start)
    assert await world.chain.spenders([elsewhere], start) == ((), start)
    await world.faucet.mine(1)
    assert await world.chain.spenders([elsewhere, place], start) == ((tx,), start + 1)
    assert await world.chain.spenders([place], start + 1) == ((), start + 1), "that block was searched"
    found, searched = await world.chain.spenders([place], 0)
    assert 0 < searched <= start + 1
    while not found and searched <= start:
        found, searched = await world.chain.spenders([place], searched)
    assert found == (tx,), "a bounded number of blocks each time, and on from there"


async def test_what_is_known_already_is_no_error(world: World) -> None:
    parent = await funded(world)
    tx = spending(parent, 99_000)
    child = spending(tx, 98_000)
    await world.chain.broadcast(tx.to_bytes())
    await world.chain.broadcast(tx.to_bytes())
    await world.chain.broadcast(child.to_bytes())
    await world.faucet.mine(1)
    for known in (parent, tx, child):  # the outputs of the first two are spent
        await world.chain.broadcast(known.to_bytes())


async def test_a_double_spend_is_rejected(world: World) -> None:
    parent = await funded(world)
    await world.chain.broadcast(spending(parent, 99_000).to_bytes())
    with pytest.raises(TxRejected, match="txn-mempool-conflict"):
        await world.chain.broadcast(spending(parent, 98_000).to_bytes())
    await world.faucet.mine(1)
    with pytest.raises(TxRejected, match="Missing inputs"):
        await world.chain.broadcast(spending(parent, 98_000).to_bytes())


async def test_what_breaks_the_rules_is_rejected(world: World) -> None:
    parent = await funded(world)
    stranger = spending(parent, 99_000, PrivateKey(sha256(b"a stranger")))
    changed = replace(spending(parent, 99_000), outputs=(TxOutput(98_999, SCRIPT),))
    orphan = spending(stranger, 90_000)
    cases = {
        "script-verify-flag-failed": (stranger, changed),
        "Missing inputs": (orphan,),
        "bad-txns-in-belowout": (spending(parent, 100_001),),
    }
    for reason, txs in cases.items():
        for tx in txs:
            with pytest.raises(TxRejected, match=reason):
                await world.chain.broadcast(tx.to_bytes())
            assert await world.chain.place(tx.txid) is TxPlace.UNKNOWN
    for raw in (b"", b"\x01", spending(parent, 99_000).to_bytes()[:-1]):
        with pytest.raises(TxRejected):
            await world.chain.broadcast(raw)


async def test_headers_come_after_the_newest_common_block(world: World) -> None:
    await world.faucet.mine(5)
    headers = await synced(world)
    assert headers.tip.height == 5
    assert await world.chain.headers(headers.locator()) == ()
    await world.faucet.mine(3)
    foreign = sha256(b"no block")
    new = await world.chain.headers((foreign, *headers.locator()))
    change = headers.connect(new)
    assert [header.height for header in change.added] == [6, 7, 8]


async def test_a_reorg_takes_the_block_and_not_the_payment(world: World) -> None:
    tx = spending(await funded(world), 99_000)
    await world.chain.broadcast(tx.to_bytes())
    await world.faucet.mine(2)
    headers = await synced(world)
    old = await world.chain.proof(tx.txid)
    assert old is not None
    await world.miner.reorg(2)
    change = headers.connect(await world.chain.headers(headers.locator()))
    assert len(change.detached) == 2
    assert change.tip.height >= 105
    assert check_proof(old, headers).state is ProofState.NOT_BEST
    assert await world.chain.place(tx.txid) is not TxPlace.UNKNOWN
    await world.miner.mine(1, SCRIPT)
    headers.connect(await world.chain.headers(headers.locator()))
    new = await world.chain.proof(tx.txid)
    assert new is not None
    assert new.header != old.header
    await funded(world)  # the faucet has seen that some of its coins are gone
    assert check_proof(new, headers).state is ProofState.CONFIRMED


async def test_a_chain_that_cannot_be_reached_may_be_asked_again_later(world: World) -> None:
    await world.chain.close()
    await world.chain.close()
    for call in (
        world.chain.broadcast(bytes(60)),
        world.chain.place(bytes(32)),
        world.chain.proof(bytes(32)),
        world.chain.headers((bytes(32),)),
        world.chain.output(Outpoint(bytes(32), 0)),
        world.chain.spenders((Outpoint(bytes(32), 0),), 0),
    ):
        with pytest.raises(TransportError):
            await call
