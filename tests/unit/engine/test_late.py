"""A payment that comes to us after the deadline, or while locked, waits for the user (channels.md 4.12)."""

from __future__ import annotations

import pytest

from channels_desktop.engine.rows import Action, PaymentState, Verification
from channels_desktop.errors import Refused
from tests.unit.engine.desk import SECOND, wake_due
from tests.unit.engine.street import street
from tests.unit.engine.test_adoption import ask_for_lunch, pay_us
from tests.unit.engine.test_reviews import become


async def test_a_payment_to_us_while_locked_is_kept_unpublished_until_the_user_decides() -> None:
    async with street() as at:
        uuid = await ask_for_lunch(at)
        request = (await at.it.sent())[-1].messages[-1].tx.tx
        await become(at, verification=Verification.MISMATCH)
        sent = len(await at.it.outbox())
        payment = await pay_us(at, uuid, request)
        await at.look()
        assert await at.state(uuid) is PaymentState.LATE
        assert (len(at.chain.pool), len(await at.it.outbox())) == (0, sent)
        assert await at.sums() == (0, 0, 0)
        with pytest.raises(Refused, match="mismatch"):
            await at.act(uuid, Action.ACCEPT_ANYWAY)
        assert (await at.card(uuid)).actions == (Action.DECLINE,)
        await become(at, verification=Verification.VERIFIED)
        await at.act(uuid, Action.ACCEPT_ANYWAY)
        await at.look()
        assert await at.state(uuid) is PaymentState.ACCEPTED
        assert payment.txid in at.chain.pool


async def test_a_payment_that_comes_after_the_deadline_is_kept_and_may_be_taken() -> None:
    async with street() as at:
        uuid = await ask_for_lunch(at)
        request = (await at.it.sent())[-1].messages[-1].tx.tx
        at.it.at += 400 * 86_400 * SECOND
        await at.it.turn(wake_due)
        assert await at.state(uuid) is PaymentState.EXPIRED
        payment = await pay_us(at, uuid, request)
        card = await at.card(uuid)
        assert (card.state, card.reason) == (PaymentState.LATE, "late")
        assert card.actions == (Action.ACCEPT_ANYWAY, Action.DECLINE)
        assert not at.chain.pool
        await at.act(uuid, Action.ACCEPT_ANYWAY)
        await at.look()
        assert await at.state(uuid) is PaymentState.ACCEPTED
        assert payment.txid in at.chain.pool


async def test_a_late_payment_that_is_refused_counts_if_it_is_mined_all_the_same() -> None:
    async with street() as at:
        uuid = await ask_for_lunch(at)
        request = (await at.it.sent())[-1].messages[-1].tx.tx
        await become(at, verification=Verification.MISMATCH)
        payment = await pay_us(at, uuid, request)
        await at.act(uuid, Action.DECLINE)
        assert await at.state(uuid) is PaymentState.DECLINED
        at.chain.submit(payment.to_bytes())
        await at.mine()
        assert await at.state(uuid) is PaymentState.CONFIRMED
        assert await at.sums() == (50_000, 0, 0)
