"""What falls when another transaction takes its coins, and what stands up again (payments.md 3).

Two watched transactions that spend one output are rivals, whoever made them, unless they are the same payment under two
txids. Seen rivals change nothing; one that is in a block of our best chain wins: what it did not spend itself is free
again, its outputs to us are taken in, and whatever was built on the loser falls with it. A reorganisation that takes
the winner's block back takes all of that back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from channels_desktop.bitcoin.tx import Tx
from channels_desktop.engine import wallet
from channels_desktop.engine.advance import tell
from channels_desktop.protocols import effects as do

if TYPE_CHECKING:
    from channels_desktop.engine.records import Watch
    from channels_desktop.engine.turn import Turn


def mined(turn: Turn, winner: Watch) -> None:
    """Let everything fall that spends what `winner`, now in a block, spends."""
    tx = Tx.from_bytes(winner.raw)
    for loser in turn.tx.chain.rivals(winner.txid):
        if _is_same(loser, tx):
            _fall_children(turn, loser, {winner.txid})
        else:
            _fall(turn, loser, tx, {winner.txid})
    spent = [coin for item in tx.inputs if (coin := turn.tx.coins.get(item.outpoint)) is not None]
    for coin in (freed := [coin for coin in spent if not coin.spent_by]):  # when what held it lost to another
        turn.tx.coins.move(coin.outpoint, b"", winner.txid)
    if freed:
        wallet.take_in(turn, tx, winner.uuid)


def unmined(turn: Turn, winner: Watch) -> None:
    """Let what `winner` took stand again, now that its block is replaced."""
    tx = Tx.from_bytes(winner.raw)
    lost = [loser for loser in turn.tx.chain.rivals(winner.txid) if not _is_same(loser, tx)]
    if lost:
        turn.tx.coins.cancel(winner.txid)
        turn.tx.chain.drop_history(winner.txid)
    for loser in lost:
        _stand(turn, loser, winner.txid, {winner.txid})


def _is_same(watch: Watch, tx: Tx) -> bool:
    return Tx.from_bytes(watch.raw).unsigned_txid == tx.unsigned_txid


def _fall(turn: Turn, loser: Watch, winner: Tx, done: set[bytes]) -> None:
    """Cancel `loser`: its outputs are none, and its coins are free, or spent where `winner` spends them."""
    if loser.txid in done:
        return
    done.add(loser.txid)
    taken = {item.outpoint for item in winner.inputs}
    ours = turn.tx.coins.spent_in(loser.txid)
    for coin in ours:
        turn.tx.coins.move(coin.outpoint, loser.txid, winner.txid if coin.outpoint in taken else b"")
    turn.tx.coins.cancel(loser.txid)
    turn.tx.chain.drop_history(loser.txid)
    if any(coin.outpoint in taken for coin in ours):
        wallet.take_in(turn, winner, loser.uuid)
    turn.status = True
    tell(turn, loser, do.Conflicted(tx=Tx.from_bytes(loser.raw), at=turn.at))
    _fall_children(turn, loser, done)


def _fall_children(turn: Turn, parent: Watch, done: set[bytes]) -> None:
    tx = Tx.from_bytes(parent.raw)
    nothing = Tx(tx.version, (), ())
    for child in turn.tx.chain.children(parent.txid):
        _fall(turn, child, nothing, done)


def _stand(turn: Turn, loser: Watch, winner: bytes, done: set[bytes]) -> None:
    """Let `loser` hold again what it would spend, unless something else has taken any of it meanwhile.

    What excludes it then counts, and it does not: a coin must not come back twice.
    """
    if loser.txid in done or loser.height or any(rival.height for rival in turn.tx.chain.rivals(loser.txid)):
        return
    done.add(loser.txid)
    inputs = Tx.from_bytes(loser.raw).inputs
    ours = [coin for item in inputs if (coin := turn.tx.coins.get(item.outpoint)) is not None]
    if any(coin.spent_by not in (b"", winner) for coin in ours):
        return
    for coin in ours:
        turn.tx.coins.move(coin.outpoint, coin.spent_by, loser.txid, loser.uuid)
    turn.tx.coins.expect(loser.txid)
    turn.status = True
    tell(turn, loser, do.Reopened(tx=Tx.from_bytes(loser.raw), at=turn.at))
    for child in turn.tx.chain.children(loser.txid):
        _stand(turn, child, b"", done)
