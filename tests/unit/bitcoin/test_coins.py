"""Coin selection and change (channels.md 6.5)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels_desktop.bitcoin.coins import LEAST_PART, MOST_PARTS, Coin, Selection, select, split_change
from channels_desktop.bitcoin.fees import DEFAULT_RATE, STANDARD, FeeRate, funding_fee, signed_counts
from channels_desktop.bitcoin.templates import p2pkh
from channels_desktop.bitcoin.tx import Outpoint, Tx, TxInput, TxOutput
from channels_desktop.errors import InsufficientFunds, Misuse

RATES = (DEFAULT_RATE,)
SCRIPT = p2pkh(bytes(20))


def coin(number: int, satoshis: int, height: int | None = 100) -> Coin:
    return Coin(Outpoint(number.to_bytes(32, "little"), 0), satoshis, SCRIPT, height)


def paying(*amounts: int) -> Tx:
    return Tx(1, (), tuple(TxOutput(amount, SCRIPT) for amount in amounts))


def numbers(selection: Selection) -> list[int]:
    return [int.from_bytes(c.outpoint.txid, "little") for c in selection.coins]


def test_the_oldest_confirmed_coins_go_first() -> None:
    coins = [coin(1, 5000, None), coin(2, 5000, 30), coin(3, 5000, 10), coin(4, 5000, 20)]
    assert numbers(select(coins, paying(8000), RATES)) == [3, 4]
    assert numbers(select(coins, paying(18_000), RATES)) == [3, 4, 2, 1]


def test_a_coin_that_fits_alone_is_preferred() -> None:
    coins = [coin(1, 50_000, 1), coin(2, 10_018, 2), coin(3, 10_012, 3)]
    selection = select(coins, paying(10_000), RATES)
    assert numbers(selection) == [3]
    assert (selection.change, selection.change_outputs) == (0, 0)
    assert selection.fee == 12


def test_change_is_kept_only_if_it_is_worth_it() -> None:
    fee_without = funding_fee(signed_counts(paying(10_000), more_inputs=1), RATES)
    worth = funding_fee(signed_counts(Tx(1, (), ()), more_inputs=1, more_outputs=1), RATES)  # 10 satoshis
    spare = select([coin(1, 10_000 + fee_without + worth)], paying(10_000), RATES)
    assert (spare.change, spare.fee) == (0, fee_without + worth)
    kept = select([coin(1, 10_000 + fee_without + worth + 1)], paying(10_000), RATES)
    assert kept.change_outputs == 1
    assert kept.change > worth // 2


def test_coins_that_cost_more_than_they_bring_stay() -> None:
    dear = (FeeRate(STANDARD, 1, 1),)
    assert numbers(select([coin(1, 149), coin(2, 5000)], paying(1000), dear)) == [2]


def test_a_coin_named_twice_counts_once() -> None:
    with pytest.raises(InsufficientFunds):
        select([coin(1, 6000), coin(1, 6000)], paying(10_000), RATES)


def test_what_is_missing_is_said() -> None:
    with pytest.raises(InsufficientFunds) as caught:
        select([coin(1, 6000), coin(2, 100)], paying(10_000), RATES)
    assert caught.value.available == 6100
    assert 10_000 < caught.value.needed < 10_030


def test_inputs_of_the_other_side_count() -> None:
    draft = Tx(1, (TxInput(Outpoint(b"\x09" * 32, 0)),), (TxOutput(10_000, SCRIPT),))
    selection = select([coin(1, 8000)], draft, RATES, provided=4000)
    assert selection.change + selection.fee == 8000 + 4000 - 10_000
    paid_for = select([], draft, RATES, provided=10_010)
    assert (paid_for.coins, paid_for.fee) == ((), 10)


def test_change_is_split_only_into_useful_parts() -> None:
    assert select([coin(1, 100_000)], paying(1000), RATES, change_outputs=3).change_outputs == 3
    assert select([coin(1, 25_000)], paying(1000), RATES, change_outputs=5).change_outputs == 2
    with pytest.raises(Misuse):
        select([], paying(1), RATES, change_outputs=MOST_PARTS + 1)


@given(
    st.lists(st.integers(1, 200_000), max_size=30),
    st.lists(st.integers(1, 100_000), min_size=1, max_size=5),
    st.integers(1, MOST_PARTS),
    st.integers(0, 2000),
)
def test_the_sums_are_right_whatever_the_coins(amounts: list[int], outputs: list[int], parts: int, rate: int) -> None:
    rates = (FeeRate(STANDARD, rate, 1000),)
    coins = [coin(n, amount, n % 7 or None) for n, amount in enumerate(amounts)]
    draft = paying(*outputs)
    try:
        chosen = select(coins, draft, rates, change_outputs=parts)
    except InsufficientFunds as error:
        assert error.needed > 0  # noqa: PT017 - either outcome is fine
        return
    assert sum(c.satoshis for c in chosen.coins) == sum(outputs) + chosen.change + chosen.fee
    real = signed_counts(draft, more_inputs=len(chosen.coins), more_outputs=chosen.change_outputs)
    assert chosen.fee >= funding_fee(real, rates)
    assert (chosen.change > 0) == (chosen.change_outputs > 0)


@given(st.integers(1, 21 * 10**14), st.integers(1, MOST_PARTS), st.binary(max_size=40))
def test_parts_of_change_add_up(total: int, parts: int, seed: bytes) -> None:
    amounts = split_change(total, parts, seed)
    assert sum(amounts) == total
    assert len(amounts) <= parts
    assert amounts == split_change(total, parts, seed)
    if total // parts >= LEAST_PART:
        assert len(amounts) == parts
        assert min(amounts) >= LEAST_PART * 9 // 10 * 6 // 10


def test_the_split_follows_the_seed() -> None:
    assert len({split_change(10_000_000, 5, bytes((n,))) for n in range(20)}) > 15
    with pytest.raises(Misuse):
        split_change(1000, 0, b"")
