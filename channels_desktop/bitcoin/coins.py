"""Choosing coins for a transaction and splitting its change, as plain functions (channels.md 6.5)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from channels_desktop.bitcoin.fees import (
    P2PKH_INPUT_SIZE,
    P2PKH_OUTPUT_SIZE,
    ByteCounts,
    FeeRate,
    funding_fee,
    signed_counts,
)
from channels_desktop.bitcoin.keys import sha256
from channels_desktop.bitcoin.tx import Outpoint, Tx
from channels_desktop.errors import InsufficientFunds, Misuse

LEAST_PART = 10_000
"""Change is not split into parts of fewer satoshis than this on average."""
MOST_PARTS = 5
_UNCONFIRMED = 1 << 62


@dataclass(frozen=True, slots=True)
class Coin:
    """A P2PKH output of ours. `height` is that of its block, None while it is in none."""

    outpoint: Outpoint
    satoshis: int
    locking_script: bytes
    height: int | None = None


@dataclass(frozen=True, slots=True)
class Selection:
    """What to add to a draft: the `coins` as inputs in order, and `change` satoshis over `change_outputs` outputs.

    Coins + satoshis provided by others = outputs of the draft + change + fee.
    """

    coins: tuple[Coin, ...]
    change: int
    change_outputs: int
    fee: int


@dataclass(frozen=True, slots=True)
class _Draft:
    """What a transaction needs before and after coins are added."""

    tx: Tx
    needed: int
    rates: Sequence[FeeRate]
    change_outputs: int

    def fee(self, inputs: int, outputs: int) -> int:
        return funding_fee(signed_counts(self.tx, more_inputs=inputs, more_outputs=outputs), self.rates)

    def left_over(self, coins: Sequence[Coin]) -> int:
        """Return the satoshis that remain if nothing comes back as change; negative: not enough."""
        return sum(c.satoshis for c in coins) - self.needed - self.fee(len(coins), 0)

    def finish(self, coins: tuple[Coin, ...]) -> Selection:
        left = self.left_over(coins)
        fee = self.fee(len(coins), 0)
        if left <= _cost(P2PKH_OUTPUT_SIZE + P2PKH_INPUT_SIZE, self.rates):
            return Selection(coins, 0, 0, fee + left)
        outputs = max(1, min(self.change_outputs, left // LEAST_PART))
        total = left + fee
        fee = self.fee(len(coins), outputs)
        return Selection(coins, total - fee, outputs, fee)


def _cost(size: int, rates: Sequence[FeeRate]) -> int:
    return funding_fee(ByteCounts(size), rates)


def select(
    coins: Sequence[Coin], draft: Tx, rates: Sequence[FeeRate], *, provided: int = 0, change_outputs: int = 1
) -> Selection:
    """Return the coins that pay for `draft`: oldest confirmed first, or one coin that fits without change.

    `provided` are the satoshis of inputs the draft has already; those not signed yet count as P2PKH. Change is kept
    only if it is worth more than creating and spending it. Raises InsufficientFunds.
    """
    if not 1 <= change_outputs <= MOST_PARTS:
        raise Misuse(f"{change_outputs} change outputs")
    plan = _Draft(draft, sum(o.satoshis for o in draft.outputs) - provided, rates, change_outputs)
    unique = {coin.outpoint: coin for coin in coins}.values()
    worthy = [coin for coin in unique if coin.satoshis > _cost(P2PKH_INPUT_SIZE, rates)]
    ordered = sorted(worthy, key=lambda coin: _UNCONFIRMED if coin.height is None else coin.height)
    if plan.left_over(()) >= 0:
        return plan.finish(())
    exact = _exact_match(plan, ordered)
    if exact is not None:
        return plan.finish((exact,))
    count = _how_many(plan, ordered)
    if count is None:
        available = sum(coin.satoshis for coin in unique)
        raise InsufficientFunds(plan.needed + plan.fee(max(1, len(ordered)), 0), available)
    return plan.finish(tuple(ordered[:count]))


def _exact_match(plan: _Draft, coins: Sequence[Coin]) -> Coin | None:
    """Return the coin that alone pays with the least left over, if that is too little to be change."""
    target = plan.needed + plan.fee(1, 0)
    most = target + _cost(P2PKH_OUTPUT_SIZE + P2PKH_INPUT_SIZE, plan.rates)
    fitting = [coin for coin in coins if target <= coin.satoshis <= most]
    return min(fitting, key=lambda coin: coin.satoshis, default=None)


def _how_many(plan: _Draft, coins: Sequence[Coin]) -> int | None:
    total = 0
    for count, coin in enumerate(coins, 1):
        total += coin.satoshis
        if total >= plan.needed + plan.fee(count, 0):
            return count
    return None


def split_change(total: int, parts: int, seed: bytes) -> tuple[int, ...]:
    """Return `total` satoshis in at most `parts` amounts, in an order and of sizes that follow from `seed` alone.

    All but one are round (1, 2 or 5 times a power of ten), half of those moved by up to 10 %, so that change does not
    stand out; what is too small to split stays whole.
    """
    if not 1 <= parts <= MOST_PARTS:
        raise Misuse(f"{parts} change outputs")
    average = total // parts
    if parts == 1 or average < LEAST_PART:
        return (total,)
    digits = iter(_digits(seed))
    rounds = [m * LEAST_PART * 10**k for k in range(len(str(average))) for m in (1, 2, 5)]
    fitting = [amount for amount in rounds if amount <= average][-6:]  # not far below the average
    amounts: list[int] = []
    for _ in range(parts - 1):
        amount = fitting[next(digits) % len(fitting)]
        if next(digits) % 2:
            amount += amount // 10 * (next(digits) % 2001 - 1000) // 1000
        amounts.append(amount)
    amounts.insert(next(digits) % parts, total - sum(amounts))
    return tuple(amounts)


def _digits(seed: bytes) -> list[int]:
    """Return 24 numbers below 2^32 that follow from `seed`."""
    stream = b"".join(sha256(seed + bytes((block,))) for block in range(3))
    return [int.from_bytes(stream[at : at + 4], "big") for at in range(0, len(stream), 4)]
