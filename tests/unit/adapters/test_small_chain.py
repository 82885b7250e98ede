"""The small chain's own rules; what it has in common with real nodes is in tests/contract/test_chain.py."""

from __future__ import annotations

from dataclasses import replace

import pytest

from channels_desktop.adapters.small_chain import MATURITY, MOST_HEADERS, SmallChain
from channels_desktop.bitcoin.headers import HeaderChain, ProofState, check_proof
from channels_desktop.bitcoin.keys import PrivateKey, sha256
from channels_desktop.bitcoin.templates import p2pkh_to
from channels_desktop.bitcoin.tx import Outpoint, Tx, TxInput, TxOutput, sign_input
from channels_desktop.engine.ports import TxPlace
from channels_desktop.errors import Misuse, TxRejected

KEY = PrivateKey(sha256(b"a miner"))
SCRIPT = p2pkh_to(KEY.public)
SUBSIDY = 50 * 100_000_000


@pytest.fixture(name="chain")
def _chain() -> SmallChain:
    chain = SmallChain()
    chain.mine(MATURITY, SCRIPT)
    return chain


def spending(parent: Tx, *satoshis: int) -> Tx:
    outputs = tuple(TxOutput(amount, SCRIPT) for amount in satoshis)
    return sign_input(Tx(2, (TxInput(Outpoint(parent.txid, 0)),), outputs), 0, KEY, parent.outputs[0])


def coinbase(chain: SmallChain, height: int) -> Tx:
    return chain.blocks[height].txs[0]


def test_a_coinbase_waits_a_hundred_blocks(chain: SmallChain) -> None:
    assert coinbase(chain, 1).outputs == (TxOutput(SUBSIDY, SCRIPT),)
    chain.submit(spending(coinbase(chain, 1), 1000).to_bytes())
    with pytest.raises(TxRejected, match="premature-spend-of-coinbase"):
        chain.submit(spending(coinbase(chain, 2), 1000).to_bytes())


def test_the_miner_gets_the_fees_of_chained_payments(chain: SmallChain) -> None:
    first = spending(coinbase(chain, 1), SUBSIDY - 700)
    second = spending(first, SUBSIDY - 1000)
    for tx in (first, second):
        assert chain.submit(tx.to_bytes()) == tx.txid
    chain.mine(1, SCRIPT)
    assert [tx.txid for tx in chain.blocks[-1].txs[1:]] == [first.txid, second.txid]
    assert coinbase(chain, MATURITY + 1).outputs[0].satoshis == SUBSIDY + 1000


def test_the_subsidy_halves_as_on_regtest(chain: SmallChain) -> None:
    chain.mine(50, SCRIPT)
    assert [coinbase(chain, height).outputs[0].satoshis for height in (149, 150)] == [SUBSIDY, SUBSIDY // 2]


def test_amounts_beyond_all_bitcoin_are_refused(chain: SmallChain) -> None:
    with pytest.raises(TxRejected, match="toolarge"):
        chain.submit(spending(coinbase(chain, 1), (1 << 64) - 1, 2).to_bytes())


@pytest.mark.parametrize(
    ("locktime", "final"), [(MATURITY, True), (MATURITY + 1, False), (1_000_000_000, True), (2_000_000_000, False)]
)
def test_a_locktime_is_waited_for(chain: SmallChain, locktime: int, final: bool) -> None:  # noqa: FBT001 - a table
    parent = coinbase(chain, 1)
    draft = Tx(2, (TxInput(Outpoint(parent.txid, 0), b"", 0),), (TxOutput(1, SCRIPT),), locktime)
    tx = sign_input(draft, 0, KEY, parent.outputs[0])
    if final:
        chain.submit(tx.to_bytes())
        return
    with pytest.raises(TxRejected, match="non-final"):
        chain.submit(tx.to_bytes())


def test_an_input_counts_once_and_there_must_be_one(chain: SmallChain) -> None:
    tx = spending(coinbase(chain, 1), 1000)
    for bad in (replace(tx, inputs=tx.inputs * 2), replace(tx, outputs=()), Tx(1, (), (TxOutput(0, b""),))):
        with pytest.raises(TxRejected, match="bad-txns-inputs"):
            chain.submit(bad.to_bytes())


def test_the_same_calls_give_the_same_chain(chain: SmallChain) -> None:
    again = SmallChain()
    again.mine(MATURITY, SCRIPT)
    assert again.blocks == chain.blocks
    assert len({block.header.hash for block in chain.blocks}) == MATURITY + 1


def test_a_reorg_gives_other_blocks_and_keeps_payments_waiting(chain: SmallChain) -> None:
    kept, lost = spending(coinbase(chain, 1), 1000, 2000), None
    chain.submit(kept.to_bytes())
    chain.mine(1, SCRIPT)
    before = chain.blocks[-1]
    lost = spending(coinbase(chain, 2), 1000)
    chain.submit(lost.to_bytes())
    chain.mine(1, SCRIPT)
    new = chain.reorg(2)
    assert [header.height for header in new] == [MATURITY + 1, MATURITY + 2, MATURITY + 3]
    assert chain.block_of(before.header.hash) is None
    assert (chain.place(kept.txid), chain.place(lost.txid)) == (TxPlace.MEMPOOL, TxPlace.MEMPOOL)
    chain.mine(1, SCRIPT)
    assert chain.place(kept.txid) is chain.place(lost.txid) is TxPlace.MINED
    first = {header.hash for header in new}
    assert first.isdisjoint(header.hash for header in chain.reorg(4))


def test_a_reorg_loses_what_spent_a_lost_coinbase(chain: SmallChain) -> None:
    chain.mine(MATURITY, SCRIPT)
    young = spending(coinbase(chain, MATURITY + 1), 1000)
    chain.submit(young.to_bytes())
    chain.reorg(MATURITY)
    assert chain.place(young.txid) is TxPlace.UNKNOWN
    for depth in (0, chain.height + 1):
        with pytest.raises(Misuse):
            chain.reorg(depth)


def test_every_transaction_of_a_block_is_proven(chain: SmallChain) -> None:
    chain.submit(spending(coinbase(chain, 1), 1000).to_bytes())
    chain.mine(1, SCRIPT)
    headers = HeaderChain("regtest")
    headers.connect(chain.headers_after(headers.locator()))
    for tx in chain.blocks[-1].txs:
        proof = chain.proof(tx.txid)
        assert proof is not None
        assert check_proof(proof, headers).state is ProofState.CONFIRMED
    assert chain.proof(bytes(32)) is None


def test_headers_come_in_portions() -> None:
    chain = SmallChain()
    chain.mine(MOST_HEADERS + 5)
    headers = HeaderChain("regtest")
    assert len(headers.connect(chain.headers_after(headers.locator())).new) == MOST_HEADERS
    assert len(headers.connect(chain.headers_after(headers.locator())).new) == 5
