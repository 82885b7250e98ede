"""What two people live through when somebody sets the clock, or the computer sleeps: dates jump, and no wait grows."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from channels_desktop.engine import commands as ask
from channels_desktop.engine.ports import MailboxAddress
from channels_desktop.engine.rows import Link, PaymentState
from channels_desktop.engine.timers import LONGEST_NAP
from channels_desktop.protocols.invoices.payee import GRACE
from tests.faults.mortals import PATIENCE, SECOND, MortalChannels, Pair, mortals

HOUR, YEAR = 3600 * SECOND, 365 * 86_400 * SECOND
JUMPS = {"two hours ahead": 2 * HOUR, "ten years ahead": 10 * YEAR, "a day back": -24 * HOUR, "nowhere": 0}
LONG = 2 * HOUR
"""What nothing may take: as long as the least of the jumps. The clock runs on while a slow machine works, so that what
should take a minute may take many."""


class Losing(MortalChannels):
    """Peer channels that lose the next `losses` posts although the host said it stored them."""

    losses = 0

    async def leave(self, to: MailboxAddress, payload: bytes) -> None:
        if self.losses:
            self.losses -= 1
        else:
            await super().leave(to, payload)


async def at_once(pair: Pair, look: Callable[[], Awaitable[bool]]) -> None:
    """Wait until `look` finds what it looks for, while no time goes by."""
    async with asyncio.timeout(PATIENCE):
        while not await look():
            await pair.news.wait()
            pair.news.clear()


async def settle_soon(pair: Pair) -> None:
    """Wait until both have everything the other wrote; see that it took no hours."""
    began = pair.clock.elapsed()
    await pair.settle_texts()
    assert pair.clock.elapsed() - began < LONG
    await pair.check_texts()
    await pair.check_numbers()


async def states(pair: Pair, what: str) -> list[PaymentState]:
    rows = [await who.payment(what) for who in (pair.alice, pair.bob)]
    return [row.state for row in rows if row is not None]


async def are_over(pair: Pair) -> bool:
    return await states(pair, "lunch") == [PaymentState.EXPIRED] * 2


@pytest.mark.parametrize("jump", JUMPS.values(), ids=JUMPS)
async def test_mail_goes_out_soon_after_a_clock_that_was_wrong_is_set(tmp_path: Path, jump: int) -> None:
    async with mortals(tmp_path) as pair:
        pair.clock.set(pair.clock.now() + jump)
        pair.alice.host.go_offline()
        for who in (pair.alice, pair.bob):
            await who.do(ask.SendText(who.relationship, f"{who.name} says"))

        async def given_up_for_now() -> bool:
            tried = [await who.sql("SELECT 1 FROM message WHERE attempts >= 3") for who in (pair.alice, pair.bob)]
            lines = [(await who.engine.status()).link for who in (pair.alice, pair.bob)]
            return all(tried) and lines == [Link.WAITING] * 2

        await pair.until(given_up_for_now)
        pair.clock.set(pair.clock.now() - jump)
        pair.alice.host.come_back()
        await settle_soon(pair)


@pytest.mark.parametrize("jump", JUMPS.values(), ids=JUMPS)
async def test_mail_that_waited_in_a_program_that_ended_goes_out_at_the_next_start(tmp_path: Path, jump: int) -> None:
    async with mortals(tmp_path) as pair:
        pair.clock.set(pair.clock.now() + jump)
        pair.alice.host.go_offline()
        await pair.alice.do(ask.SendText(pair.alice.relationship, "Alice says"))

        async def tried() -> bool:
            return bool(await pair.alice.sql("SELECT 1 FROM message WHERE attempts >= 5"))

        await pair.until(tried)
        pair.clock.set(pair.clock.now() - jump)
        pair.alice.host.come_back()
        await pair.alice.rise()

        async def out() -> bool:
            return (await pair.alice.engine.status()).waiting_to_send == 0

        await at_once(pair, out)
        await settle_soon(pair)


@pytest.mark.parametrize("jump", JUMPS.values(), ids=JUMPS)
async def test_what_is_missing_is_asked_for_soon_whatever_the_date(tmp_path: Path, jump: int) -> None:
    async with mortals(tmp_path, Losing) as pair:
        pair.clock.set(pair.clock.now() + jump)
        pair.bob.channels.losses = 1
        for text in ("lost", "not lost"):
            await pair.bob.do(ask.SendText(pair.bob.relationship, text))

        async def missed() -> bool:
            return bool(await pair.alice.sql("SELECT 1 FROM relationship WHERE gap_since <> 0"))

        await pair.until(missed)
        pair.clock.set(pair.clock.now() - jump)
        await settle_soon(pair)


async def test_an_invoice_expires_by_its_date_however_that_comes(tmp_path: Path) -> None:
    async with mortals(tmp_path) as pair:
        await pair.alice.do(ask.RequestPayment(pair.alice.relationship, "lunch", 1000, valid_for=3 * HOUR))

        async def asked() -> bool:
            return await states(pair, "lunch") == [PaymentState.INVOICED] * 2

        await pair.until(asked)
        for jump in (2 * HOUR, -10 * YEAR):  # it is not over yet, whatever goes by meanwhile
            pair.clock.set(pair.clock.now() + jump)
            for _ in range(3):
                pair.clock.advance(LONGEST_NAP)
                await pair.pass_time()
            assert await asked()
            pair.clock.set(pair.clock.now() - jump)
        pair.clock.set(pair.clock.now() + 3 * HOUR + GRACE)
        pair.clock.advance(LONGEST_NAP)
        await at_once(pair, lambda: are_over(pair))


async def test_a_computer_that_slept_does_at_once_what_became_due(tmp_path: Path) -> None:
    async with mortals(tmp_path, Losing) as pair:
        await pair.alice.do(ask.RequestPayment(pair.alice.relationship, "lunch", 1000, valid_for=3 * HOUR))
        await pair.settle_texts()
        pair.bob.channels.losses = 1
        for text in ("lost", "not lost"):
            await pair.bob.do(ask.SendText(pair.bob.relationship, text))

        async def asked_and_missed() -> bool:
            missed = await pair.alice.sql("SELECT 1 FROM relationship WHERE gap_since <> 0")
            return bool(missed) and await states(pair, "lunch") == [PaymentState.INVOICED] * 2

        await pair.until(asked_and_missed)
        pair.clock.advance(8 * HOUR)
        await at_once(pair, lambda: are_over(pair))
        await settle_soon(pair)
