"""Transactions, proofs, headers, watches and the wallet's history."""

from __future__ import annotations

from dataclasses import replace

import pytest

from channels_desktop.adapters.repositories.records import Records
from channels_desktop.bitcoin.tx import Outpoint, Tx, TxInput, TxOutput, txid_text
from channels_desktop.engine.records import Watch
from channels_desktop.errors import Misuse
from tests.unit.adapters.repositories.samples import hash_of, history

TXID, OTHER = hash_of(1), hash_of(2)
ONE, TWO, THREE = (Outpoint(hash_of(100), index) for index in range(3))


def spending(*outpoints: Outpoint, satoshis: int = 1) -> Tx:
    return Tx(1, tuple(map(TxInput, outpoints)), (TxOutput(satoshis, b"\x51"),))


LUNCH, DINNER = spending(ONE, TWO), spending(THREE)


def test_a_transaction_is_kept_once(records: Records) -> None:
    assert records.chain.tx(TXID) is None
    records.chain.add_tx(TXID, b"raw", 1)
    records.chain.set_height(TXID, 5)
    records.chain.add_tx(TXID, b"other", 2)
    assert records.chain.tx(TXID) == b"raw"
    assert records.chain.heights() == ((TXID, 5),)


def test_a_transaction_has_one_proof_for_each_block(records: Records) -> None:
    assert records.chain.proofs(TXID) == ()
    for txid, block, raw in (
        (TXID, hash_of(12), b"one"),
        (TXID, hash_of(11), b"two"),
        (TXID, hash_of(12), b"again"),
        (OTHER, hash_of(11), b"other"),
    ):
        records.chain.add_proof(txid, block, raw, 7)
    assert records.chain.proofs(TXID) == ((hash_of(12), b"one"), (hash_of(11), b"two"))


def test_heights_come_lowest_first_and_can_be_lost_again(records: Records) -> None:
    for number, height in ((1, 9), (2, 4), (3, 6), (4, 0)):
        records.chain.add_tx(hash_of(number), b"raw", 1)
        records.chain.set_height(hash_of(number), height)
    records.chain.set_height(hash_of(3), 0)
    assert records.chain.heights() == ((hash_of(2), 4), (hash_of(1), 9))


def test_an_unknown_transaction_has_no_height(records: Records) -> None:
    with pytest.raises(Misuse):
        records.chain.set_height(TXID, 5)


def test_headers_come_in_the_order_they_were_added(records: Records) -> None:
    first, second, third = (bytes([number]) * 80 for number in (3, 1, 2))
    records.chain.add_headers([first, second])
    records.chain.add_headers([])
    records.chain.add_headers([third])
    assert records.chain.headers() == (first, second, third)


def test_a_transaction_is_watched_once(records: Records) -> None:
    assert records.chain.watch_of(LUNCH.txid) is None
    records.chain.watch(LUNCH, b"u" * 16, 5)
    records.chain.watch(DINNER, b"u" * 16, 6)
    records.chain.watch(LUNCH, b"v" * 16, 7)
    fresh = Watch(
        LUNCH.txid,
        b"u" * 16,
        LUNCH.to_bytes(),
        to_broadcast=False,
        attempts=0,
        next_at=0,
        seen=False,
        block=b"",
        height=0,
        searched=5,
    )
    assert records.chain.watch_of(LUNCH.txid) == fresh
    assert records.chain.watches() == (
        fresh,
        replace(fresh, txid=DINNER.txid, raw=DINNER.to_bytes(), searched=6),
    )
    assert records.chain.watches_of(b"u" * 16) == records.chain.watches()
    assert records.chain.watches_of(b"v" * 16) == ()


def test_what_spends_the_same_is_a_rival_and_what_spends_its_outputs_a_child(records: Records) -> None:
    twice = spending(TWO, TWO)
    child = spending(Outpoint(LUNCH.txid, 0), THREE)
    for tx in (LUNCH, twice, child, DINNER):
        records.chain.watch(tx, b"", 0)
    assert [watch.txid for watch in records.chain.rivals(LUNCH.txid)] == [twice.txid]
    assert [watch.txid for watch in records.chain.rivals(twice.txid)] == [LUNCH.txid]
    assert [watch.txid for watch in records.chain.rivals(child.txid)] == [DINNER.txid]
    assert records.chain.rivals(hash_of(7)) == ()
    assert [watch.txid for watch in records.chain.children(LUNCH.txid)] == [child.txid]
    assert records.chain.children(child.txid) == ()


def test_blocks_that_are_replaced_are_to_be_searched_again(records: Records) -> None:
    records.chain.watch(LUNCH, b"", 5)
    records.chain.watch(DINNER, b"", 9)
    records.chain.search_from(7)
    assert [watch.searched for watch in records.chain.watches()] == [5, 7]


def test_a_watch_is_saved_whole(records: Records) -> None:
    records.chain.watch(LUNCH, b"u" * 16, 0)
    changed = Watch(
        LUNCH.txid,
        b"v" * 16,
        b"new",
        to_broadcast=True,
        attempts=3,
        next_at=4,
        seen=True,
        block=hash_of(9),
        height=5,
        searched=6,
    )
    records.chain.save_watch(changed)
    assert records.chain.watches() == (changed,)
    with pytest.raises(Misuse):
        records.chain.save_watch(replace(changed, txid=OTHER))


def test_a_broadcast_that_is_asked_for_is_due_at_once(records: Records) -> None:
    records.chain.watch(LUNCH, b"u" * 16, 0)
    kept = Watch(
        LUNCH.txid, b"u" * 16, b"raw", to_broadcast=False, attempts=3, next_at=4, seen=True, block=hash_of(9), height=5
    )
    records.chain.save_watch(kept)
    records.chain.ask_broadcast(LUNCH.txid)
    assert records.chain.watch_of(LUNCH.txid) == replace(kept, to_broadcast=True, attempts=0, next_at=0)
    with pytest.raises(Misuse):
        records.chain.ask_broadcast(OTHER)


def test_history_is_replaced_by_txid_and_comes_newest_first(records: Records) -> None:
    for number, at in ((1, 10), (2, 30), (3, 10)):
        records.chain.add_history(history(number), at)
    records.chain.add_history(history(1, what="dinner"), 10)
    assert records.chain.history() == (history(2, at=30), history(3, at=10), history(1, at=10, what="dinner"))


def test_what_nobody_has_seen_yet_stands_first_in_the_history(records: Records) -> None:
    under_way = replace(history(1), txid=txid_text(LUNCH.txid))
    records.chain.add_history(under_way, 1)
    records.chain.add_history(history(2, at=30), 30)
    records.chain.watch(LUNCH, b"", 0)
    assert records.chain.history() == (replace(under_way, seen=False), history(2, at=30))
    watch = records.chain.watch_of(LUNCH.txid)
    assert watch is not None
    records.chain.save_watch(replace(watch, seen=True))
    assert records.chain.history() == (history(2, at=30), under_way)
    for _ in range(2):
        records.chain.drop_history(LUNCH.txid)
    assert records.chain.history() == (history(2, at=30),)


def test_history_tells_the_height_of_its_transaction(records: Records) -> None:
    records.chain.add_history(replace(history(1), block_height=99), 1)
    assert records.chain.history()[0].block_height == 0
    records.chain.add_tx(TXID, b"raw", 1)
    records.chain.set_height(TXID, 7)
    assert records.chain.history() == (replace(history(1), block_height=7),)


def test_of_proofs_that_lead_nowhere_yet_the_newest_are_held(records: Records) -> None:
    records.chain.add_proof(hash_of(1), hash_of(50), b"known", 7)
    for number in range(1, 7):
        records.chain.hold_proof(hash_of(1), hash_of(number), b"held %d" % number, 3)
    records.chain.hold_proof(hash_of(2), hash_of(1), b"other", 3)
    assert [raw for _, raw in records.chain.proofs(hash_of(1))] == [b"known", b"held 4", b"held 5", b"held 6"]
    records.chain.add_proof(hash_of(1), hash_of(5), b"good", 9)
    for number in range(7, 10):
        records.chain.hold_proof(hash_of(1), hash_of(number), b"held %d" % number, 3)
    held = [b"held 7", b"held 8", b"held 9"]
    assert [raw for _, raw in records.chain.proofs(hash_of(1))] == [b"known", b"good", *held], "what counts stays"
