"""A host that loses, repeats and reorders what it said it stored; everything arrives once all the same."""

from __future__ import annotations

from itertools import cycle
from pathlib import Path

import pytest

from channels_desktop.engine import commands as ask
from channels_desktop.engine.ports import MailboxAddress
from channels_desktop.engine.rows import Action, PaymentState
from channels_desktop.engine.timers import GAP_PATIENCE
from tests.faults.mortals import SECOND, MortalChannels, Pair, mortals


class Unruly(MortalChannels):
    """Does to the posts in turn what `plan` says: pass, drop, twice, or hold until the next one is through."""

    plan: tuple[str, ...] = ("pass",)

    def __init__(self, *args: object) -> None:
        super().__init__(*args)  # type: ignore[arg-type] # as its parent
        self.left = cycle(self.plan)
        self.held: list[tuple[MailboxAddress, bytes]] = []
        self.unruly = False

    async def leave(self, to: MailboxAddress, payload: bytes) -> None:
        what = next(self.left) if self.unruly else "pass"
        if what == "hold":
            self.held.append((to, payload))
            return
        for _ in range({"pass": 1, "drop": 0, "twice": 2}[what]):
            await super().leave(to, payload)
        while self.held:
            await super().leave(*self.held.pop())


def unruly(*steps: str) -> type[Unruly]:
    return type("_".join(steps), (Unruly,), {"plan": steps})


async def settle(pair: Pair, what: str, satoshis: int) -> None:
    """Finish a payment while both chat on, since only a later message shows that an earlier one is missing."""
    await pair.bob.do(ask.OfferPayment(pair.bob.relationship, what, satoshis))
    chatter = 0

    async def step() -> bool:
        nonlocal chatter
        chatter += 1
        for who in (pair.alice, pair.bob):
            await who.do(ask.SendText(who.relationship, f"{what} {chatter} {who.name}"))
        until = pair.clock.now() + GAP_PATIENCE
        while pair.clock.now() < until:
            await pair.pass_time()
            await pair.alice.act(what, Action.MAKE_INVOICE)
            await pair.bob.act(what, Action.PAY)
            if pair.chain.pool:
                await pair.faucet.mine(1)
        rows = [await who.payment(what) for who in (pair.alice, pair.bob)]
        return [row.state for row in rows if row] == [PaymentState.CONFIRMED] * 2

    await pair.until(step)


PLANS = [
    ("twice",),
    ("hold", "pass"),
    ("drop", "pass", "pass"),
    ("pass", "drop", "twice", "hold", "pass"),
    ("drop", "drop", "pass", "hold", "twice", "pass", "pass"),
]


@pytest.mark.slow
@pytest.mark.parametrize("plan", PLANS, ids=" ".join)
async def test_everything_arrives_once_and_in_order(tmp_path: Path, plan: tuple[str, ...]) -> None:
    async with mortals(tmp_path, unruly(*plan)) as pair:
        pair.step = 10 * SECOND
        for who in (pair.alice, pair.bob):
            who.channels.unruly = True
        await settle(pair, "lunch", 1000)
        for who in (pair.alice, pair.bob):
            who.channels.unruly = False
            await who.do(ask.SendText(who.relationship, "the end"))
        await pair.settle_texts()
        await pair.check_payments(1)
        await pair.check_numbers()
        await pair.check_texts()
