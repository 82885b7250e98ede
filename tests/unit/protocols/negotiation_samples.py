"""Coins, offers and signatures for the tests of negotiations."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from channels_desktop.bitcoin.expanded_tx import AncestorTx, ExpandedTx
from channels_desktop.bitcoin.keys import PrivateKey, sha256
from channels_desktop.bitcoin.templates import p2pkh, p2pkh_to, p2pkh_unlocking
from channels_desktop.bitcoin.tx import Outpoint, Tx, TxInput, TxOutput, signature_hash
from channels_desktop.bitcoin.verify import verify_inputs
from channels_desktop.errors import ProtocolError
from channels_desktop.protocols.expanded_txs import ExpandedTxCode
from channels_desktop.protocols.negotiations import masks
from channels_desktop.protocols.negotiations.checks import signing_type
from channels_desktop.protocols.negotiations.status import Needs, Scenario, bitcoin_tx

SEND, RECEIVE, EXCHANGE = Scenario
REJECTED = ExpandedTxCode.REJECTED
I_KEY, C_KEY = PrivateKey(sha256(b"initiator")), PrivateKey(sha256(b"counterparty"))
I_SCRIPT, C_SCRIPT = p2pkh_to(I_KEY.public), p2pkh_to(C_KEY.public)


def refused(code: ExpandedTxCode, words: str) -> Any:
    return pytest.raises(ProtocolError, match=f"ETX:{code:d} .*{words}")


def coins(script: bytes, *values: int) -> AncestorTx:
    """Return an ancestor with an output of each value."""
    seed = TxInput(Outpoint(sha256(script), sum(values)), b"\x51")
    return AncestorTx(tx=Tx(1, (seed,), tuple(TxOutput(value, script) for value in values)))


def spends(ancestor: AncestorTx, index: int = 0) -> TxInput:
    assert ancestor.tx is not None
    return TxInput(Outpoint(ancestor.tx.txid, index))


def offer(tx: Tx, *ancestors: AncestorTx) -> ExpandedTx:
    return ExpandedTx(tx=tx, ancestors=ancestors)


def with_inputs(offered: ExpandedTx, *inputs: TxInput) -> ExpandedTx:
    tx = bitcoin_tx(offered)
    return replace(offered, tx=replace(tx, inputs=(*tx.inputs, *inputs)))


def with_outputs(offered: ExpandedTx, *outputs: TxOutput) -> ExpandedTx:
    tx = bitcoin_tx(offered)
    return replace(offered, tx=replace(tx, outputs=(*tx.outputs, *outputs)))


def without_masked_outputs(offered: ExpandedTx) -> ExpandedTx:
    return replace(offered, tx=masks.without_masked_outputs(bitcoin_tx(offered)))


def signed(
    offered: ExpandedTx, key: PrivateKey, *positions: int, scenario: Scenario = SEND, kind: int = 0
) -> ExpandedTx:
    """Sign inputs with the type that `scenario` asks for, or with `kind`."""
    tx = bitcoin_tx(offered)
    kind = kind or signing_type(scenario, tx)
    for position in positions:
        spent = offered.spent(position)
        assert spent is not None
        digest = signature_hash(tx, position, spent.satoshis, spent.locking_script, kind)
        tx = tx.with_unlocking(position, p2pkh_unlocking(key.sign(digest) + bytes((kind,)), key.public))
    return replace(offered, tx=tx)


def check_verified(final: ExpandedTx) -> None:
    tx = bitcoin_tx(final)
    spent = [final.spent(position) for position in range(len(tx.inputs))]
    verify_inputs(tx, [output for output in spent if output is not None])


# -- Send: 100,000 satoshis

I_COIN = coins(I_SCRIPT, 123_000)
OFFER = offer(Tx(1, (spends(I_COIN),), (masks.masked_output(23_000),)), I_COIN)
ANSWER = with_outputs(OFFER, TxOutput(100_000, C_SCRIPT))

# -- Exchange: tokens for tokens

DATA = b"\x00\x6a" + bytes(320)
"""As large as the token transfer of the published exchange; no program here reads those."""
TOKENS = Needs.RECEIVERS | Needs.SENDERS
SMALL_COINS, C_COIN = coins(I_SCRIPT, 1, 800), coins(C_SCRIPT, 1, 988)
_AGENTS = (TxOutput(158, p2pkh(b"\x01" * 20)), TxOutput(100, p2pkh(b"\x02" * 20)), TxOutput(0, DATA))
_OFFERED = offer(
    Tx(1, (spends(SMALL_COINS, 0), spends(SMALL_COINS, 1)), (*_AGENTS, TxOutput(78, _AGENTS[0].locking_script))),
    SMALL_COINS,
)


def exchange() -> tuple[ExpandedTx, ExpandedTx, ExpandedTx, ExpandedTx]:
    """Return the four steps. The amounts are those of the end, which the published token terms reach on the way."""
    opening = with_outputs(_OFFERED, masks.masked_output(465))
    answer = with_inputs(opening, masks.masked_input(108, 1, masks.COUNTERPARTY))
    unsigned = with_outputs(without_masked_outputs(answer), TxOutput(419, I_SCRIPT))
    frozen = signed(unsigned, I_KEY, 0, 1, scenario=EXCHANGE)
    real = masks.unmask(bitcoin_tx(frozen), 2, spends(C_COIN).outpoint)
    return opening, answer, frozen, signed(offer(real, SMALL_COINS, C_COIN), C_KEY, 2, scenario=EXCHANGE)
