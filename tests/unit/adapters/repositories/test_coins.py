"""The wallet's outputs and keys."""

from __future__ import annotations

from dataclasses import replace

import pytest

from channels_desktop.adapters.repositories.records import Records
from channels_desktop.bitcoin.tx import Outpoint
from channels_desktop.engine.records import OwnCoin
from channels_desktop.errors import Misuse
from tests.unit.adapters.repositories.samples import coin, hash_of

THREAD = b"t" * 16
PAYMENT = hash_of(900)


def state_of(records: Records, kept: OwnCoin) -> tuple[str, bytes, bytes]:
    found = records.coins.get(kept.outpoint)
    assert found is not None
    return found.state, found.reserved_by, found.spent_by


def test_key_numbers_count_from_zero_in_each_context(records: Records) -> None:
    assert [records.coins.next_index(context) for context in (b"a", b"a", b"b", b"a")] == [0, 1, 0, 2]


def test_a_script_of_ours_is_known_with_its_key(records: Records) -> None:
    records.coins.add_script(b"script", b"context", 4)
    records.coins.add_script(b"script", b"other", 5)
    assert records.coins.owner_of(b"script") == (b"context", 4)
    assert records.coins.owner_of(b"other script") is None


def test_a_coin_comes_back_as_it_was_first_kept(records: Records) -> None:
    first = replace(coin(1, 2), reserved_by=THREAD, spent_by=PAYMENT)
    records.coins.add(first)
    records.coins.add(coin(1, 2, satoshis=5))
    assert records.coins.get(first.outpoint) == first
    assert records.coins.get(Outpoint(hash_of(1), 3)) is None


@pytest.mark.parametrize(
    "wrong",
    [
        coin(1, state="lost"),
        coin(1, satoshis=-1),
        coin(1, satoshis=2_100_000_000_000_001),
        replace(coin(1), reserved_by=THREAD),
        replace(coin(1), outpoint=Outpoint(b"short", 0)),
    ],
)
def test_a_coin_that_cannot_be_is_misuse(records: Records, wrong: OwnCoin) -> None:
    with pytest.raises(Misuse):
        records.coins.add(wrong)
    assert records.coins.sums() == (0, 0, 0, 0)


def test_coins_are_spent_oldest_confirmed_first(records: Records) -> None:
    coins = [coin(1, at=9), coin(2, at=1), coin(3, at=3), coin(4, at=2), coin(4, 1, at=2), coin(5, at=1)]
    for each in coins:
        records.coins.add(each)
    for number in (1, 2, 3, 5):
        records.chain.add_tx(hash_of(number), b"raw", 1)
    for number, height in ((1, 100), (2, 200), (3, 100)):
        records.chain.set_height(hash_of(number), height)
    assert records.coins.spendable() == (
        replace(coins[2], height=100),
        replace(coins[0], height=100),
        replace(coins[1], height=200),
        coins[5],
        coins[3],
        coins[4],
    )
    records.chain.set_height(hash_of(3), 0)
    found = records.coins.get(coins[2].outpoint)
    assert found is not None
    assert found.height == 0


def test_only_free_coins_are_spendable(records: Records) -> None:
    for each in (
        coin(1, state="pending"),
        coin(2, state="cancelled"),
        replace(coin(3), reserved_by=THREAD, spent_by=PAYMENT),
        replace(coin(4), spent_by=PAYMENT),
        coin(5),
    ):
        records.coins.add(each)
    assert records.coins.spendable() == (coin(5),)


def test_a_free_coin_is_given_to_one_payment(records: Records) -> None:
    records.coins.add(coin(1))
    records.coins.add(coin(2))
    records.coins.commit(coin(1).outpoint, THREAD, PAYMENT)
    assert state_of(records, coin(1)) == ("safe", THREAD, PAYMENT)
    assert records.coins.spendable() == (coin(2),)
    with pytest.raises(Misuse):
        records.coins.commit(coin(1).outpoint, b"other thread", hash_of(901))
    assert state_of(records, coin(1)) == ("safe", THREAD, PAYMENT)


@pytest.mark.parametrize(
    "kept", [coin(1, state="pending"), coin(1, state="cancelled"), replace(coin(1), spent_by=hash_of(5)), None]
)
def test_a_coin_that_is_not_free_cannot_be_given_away(records: Records, kept: OwnCoin | None) -> None:
    if kept is not None:
        records.coins.add(kept)
    with pytest.raises(Misuse):
        records.coins.commit(coin(1).outpoint, THREAD, PAYMENT)
    assert records.coins.get(coin(1).outpoint) == kept


def test_a_settled_payment_spends_for_good_and_makes_its_change_safe(records: Records) -> None:
    change, other = OwnCoin(Outpoint(PAYMENT, 1), 300, b"s", b"c", 0, "pending", 2), coin(3, state="pending")
    for each in (coin(1), change, other):
        records.coins.add(each)
    records.coins.commit(coin(1).outpoint, THREAD, PAYMENT)
    for _ in range(2):
        records.coins.settle(PAYMENT)
        assert state_of(records, coin(1)) == ("safe", b"", PAYMENT)
        assert state_of(records, change) == ("safe", b"", b"")
        assert state_of(records, other) == ("pending", b"", b"")
        assert records.coins.spendable() == (replace(change, state="safe"),)


def test_the_outputs_of_a_cancelled_payment_count_no_more_until_it_is_expected_again(records: Records) -> None:
    change, other = OwnCoin(Outpoint(PAYMENT, 1), 300, b"s", b"c", 0, "pending", 2), coin(3, state="pending")
    for each in (coin(1), change, other):
        records.coins.add(each)
    records.coins.commit(coin(1).outpoint, THREAD, PAYMENT)
    for _ in range(2):
        records.coins.cancel(PAYMENT)
        assert state_of(records, change) == ("cancelled", b"", b"")
        assert state_of(records, other) == ("pending", b"", b"")
        assert state_of(records, coin(1)) == ("safe", THREAD, PAYMENT), "who spends it is another question"
    for _ in range(2):
        records.coins.expect(PAYMENT)
        assert state_of(records, change) == ("pending", b"", b"")
    records.coins.cancel(PAYMENT)
    records.coins.settle(PAYMENT)
    assert state_of(records, change) == ("safe", b"", b""), "the network has the last word"


def test_what_was_seen_is_pending_again_where_nothing_spends_it(records: Records) -> None:
    for index in (1, 2):
        records.coins.add(OwnCoin(Outpoint(PAYMENT, index), 300, b"s", b"c", 0, "safe", 2))
    records.coins.commit(Outpoint(PAYMENT, 2), THREAD, hash_of(901))
    records.coins.expect(PAYMENT)
    found = [records.coins.get(Outpoint(PAYMENT, index)) for index in (1, 2)]
    assert [kept.state for kept in found if kept] == ["pending", "safe"]


def test_a_coin_moves_from_one_spender_to_another_and_back(records: Records) -> None:
    records.coins.add(coin(1))
    records.coins.commit(coin(1).outpoint, THREAD, PAYMENT)
    assert records.coins.spent_in(PAYMENT) == (replace(coin(1), reserved_by=THREAD, spent_by=PAYMENT),)
    records.coins.move(coin(1).outpoint, PAYMENT, hash_of(901))
    assert state_of(records, coin(1)) == ("safe", b"", hash_of(901))
    records.coins.move(coin(1).outpoint, hash_of(901), b"")
    assert records.coins.spendable() == (coin(1),)
    records.coins.move(coin(1).outpoint, b"", PAYMENT, THREAD)
    assert state_of(records, coin(1)) == ("safe", THREAD, PAYMENT)
    assert records.coins.spent_in(hash_of(901)) == ()
    with pytest.raises(Misuse):
        records.coins.move(coin(1).outpoint, hash_of(901), b"")


def test_whom_we_paid_is_remembered_with_the_newest_thread(records: Records) -> None:
    assert records.coins.paid_in(b"script") is None
    records.coins.note_paid(b"script", THREAD)
    records.coins.note_paid(b"script", b"v" * 16)
    assert records.coins.paid_in(b"script") == b"v" * 16


def test_the_sums_follow_a_payment(records: Records) -> None:
    assert records.coins.sums() == (0, 0, 0, 0)
    records.coins.add(coin(1, satoshis=1_000))
    records.coins.add(coin(2, satoshis=200))
    records.coins.add(coin(3, satoshis=7, state="pending"))
    records.coins.add(coin(4, satoshis=11, state="cancelled"))
    records.chain.add_tx(hash_of(1), b"raw", 1)
    records.chain.set_height(hash_of(1), 50)
    records.chain.add_tx(hash_of(2), b"raw", 1)
    assert records.coins.sums() == (1_200, 0, 0, 200)

    records.coins.commit(coin(1).outpoint, THREAD, PAYMENT)
    records.coins.add(OwnCoin(Outpoint(PAYMENT, 1), 300, b"s", b"c", 0, "pending", 2))
    assert records.coins.sums() == (200, 1_000, 300, 200)
    records.coins.settle(PAYMENT)
    assert records.coins.sums() == (500, 0, 0, 500)
