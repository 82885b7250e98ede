"""The two user-to-user workflows of the design, and what can go otherwise."""

from __future__ import annotations

import pytest

from channels_desktop.engine import commands as ask
from channels_desktop.engine.rows import Action, PaymentState, TextState, Verification
from channels_desktop.errors import InsufficientFunds, Misuse, Refused
from tests.scenarios.people import CONSENTS, connected


async def test_they_meet_and_see_the_same_safety_number() -> None:
    async with connected() as both:
        numbers = {
            await both.alice.engine.safety_number(both.alices),
            await both.bob.engine.safety_number(both.bobs),
        }
        assert len(numbers) == 1
        assert numbers.pop().isdecimal()
        await both.alice.do(ask.CheckedSafetyNumber(both.alices, matches=True))
        row = await both.alice.conversation(lambda row: row.verification is Verification.VERIFIED)
        assert row.name == "Bob"


async def test_a_text_arrives_and_its_receipt_comes_back() -> None:
    async with connected() as both:
        sent = await both.alice.do(ask.SendText(both.alices, "Lunch was on me"))
        assert sent.state is TextState.WAITING
        arrived = await both.bob.text(both.bobs, "Lunch was on me")
        assert not arrived.mine
        await both.alice.entry(both.alices, lambda row: row.entry == sent.entry and row.state is TextState.RECEIVED)


async def test_bob_reimburses_alice() -> None:
    """1 order, 2 invoice, 3 payment, 4 acceptance, 5 proof; checked on both sides."""
    async with connected() as both:
        thread = await both.bob.do(ask.OfferPayment(both.bobs, "Lunch", 50_000, "thanks"))
        order = await both.alice.payment(both.alices, PaymentState.ORDERED)
        assert (order.thread, order.total, order.note) == (thread, 50_000, "thanks")
        assert order.actions == (Action.MAKE_INVOICE, Action.DECLINE)
        await both.alice.do(ask.Act(thread, Action.MAKE_INVOICE, order.version))
        invoice = await both.bob.payment(both.bobs, PaymentState.INVOICED)
        review = await both.bob.engine.review(thread)
        assert (review.total, review.blocked) == (50_000, "")
        assert review.you_pay == 50_000 + review.fee
        await both.bob.do(ask.Act(thread, Action.PAY, invoice.version, consents=CONSENTS))
        await both.alice.payment(both.alices, PaymentState.ACCEPTED)
        accepted = await both.bob.payment(both.bobs, PaymentState.ACCEPTED)
        assert accepted.fee == review.fee
        await both.mine()
        alices = await both.alice.payment(both.alices, PaymentState.CONFIRMED)
        bobs = await both.bob.payment(both.bobs, PaymentState.CONFIRMED)
        assert alices.block_height == bobs.block_height == both.chain.height
        assert alices.txid == bobs.txid
        assert all(step.at for step in alices.steps + bobs.steps)
        assert (await both.alice.engine.status()).wallet.total == 1_050_000
        assert (await both.bob.engine.status()).wallet.total == 1_000_000 - 50_000 - review.fee
        for who, relationship in ((both.alice, both.alices), (both.bob, both.bobs)):
            del relationship
            kinds = [row.step for row in await who.engine.evidence(thread)]
            assert kinds == ["order", "invoice", "payment", "accepted"]


async def test_signed_messages_can_be_shown_as_they_are() -> None:
    async with connected() as both:
        thread = await both.bob.do(ask.OfferPayment(both.bobs, "Lunch", 50_000))
        order = await both.alice.payment(both.alices, PaymentState.ORDERED)
        await both.alice.do(ask.Act(thread, Action.MAKE_INVOICE, order.version))
        await both.bob.payment(both.bobs, PaymentState.INVOICED)
        evidence = await both.bob.engine.evidence(thread)
        assert [(row.step, row.mine) for row in evidence] == [("order", True), ("invoice", False)]
        for row, message in zip(evidence, ("PurchaseOrder", "TransferRequest"), strict=True):
            raw = await both.bob.engine.raw(row.relationship, row.number, mine=row.mine)
            assert raw.text.startswith("signature: valid\n  public key: ")
            assert f"I invoices.{message}" in raw.text
            assert len(raw.hex) == 2 * row.size
        with pytest.raises(Misuse, match="no message 99"):
            await both.bob.engine.raw(both.bobs, 99, mine=True)


async def test_alice_asks_to_be_paid() -> None:
    async with connected() as both:
        thread = await both.alice.do(ask.RequestPayment(both.alices, "Concert", 45_000))
        invoice = await both.bob.payment(both.bobs, PaymentState.INVOICED)
        assert invoice.actions == (Action.PAY, Action.DECLINE)
        await both.bob.do(ask.Act(thread, Action.PAY, invoice.version, consents=CONSENTS))
        await both.bob.payment(both.bobs, PaymentState.ACCEPTED)
        await both.mine()
        await both.bob.payment(both.bobs, PaymentState.CONFIRMED)
        await both.alice.payment(both.alices, PaymentState.CONFIRMED)


async def test_a_second_click_is_refused() -> None:
    async with connected() as both:
        thread = await both.alice.do(ask.RequestPayment(both.alices, "Concert", 45_000))
        invoice = await both.bob.payment(both.bobs, PaymentState.INVOICED)
        await both.bob.do(ask.Act(thread, Action.PAY, invoice.version, consents=CONSENTS))
        with pytest.raises(Refused, match="stale"):
            await both.bob.do(ask.Act(thread, Action.PAY, invoice.version, consents=CONSENTS))


async def test_declining_an_order_and_an_invoice() -> None:
    async with connected() as both:
        thread = await both.bob.do(ask.OfferPayment(both.bobs, "Lunch", 50_000))
        order = await both.alice.payment(both.alices, PaymentState.ORDERED)
        await both.alice.do(ask.Act(thread, Action.DECLINE, order.version, "not mine"))
        declined = await both.bob.payment(both.bobs, PaymentState.DECLINED)
        assert (declined.reason_note, declined.ended_by_us) == ("not mine", False)
        second = await both.alice.do(ask.RequestPayment(both.alices, "Concert", 45_000))
        invoice = await both.bob.payment(both.bobs, PaymentState.INVOICED, thread=second)
        await both.bob.do(ask.Act(second, Action.DECLINE, invoice.version, "too much"))
        row = await both.alice.payment(both.alices, PaymentState.DECLINED, thread=second)
        assert row.reason_note == "too much"


async def test_withdrawing_an_order_and_an_invoice() -> None:
    async with connected() as both:
        thread = await both.bob.do(ask.OfferPayment(both.bobs, "Lunch", 50_000))
        order = await both.bob.payment(both.bobs, PaymentState.ORDERED)
        await both.bob.do(ask.Act(thread, Action.WITHDRAW, order.version))
        await both.alice.payment(both.alices, PaymentState.WITHDRAWN)
        second = await both.alice.do(ask.RequestPayment(both.alices, "Concert", 45_000))
        asked = await both.alice.payment(both.alices, PaymentState.INVOICED, thread=second)
        await both.alice.do(ask.Act(second, Action.WITHDRAW, asked.version))
        await both.bob.payment(both.bobs, PaymentState.WITHDRAWN, thread=second)


async def test_too_little_money_changes_nothing() -> None:
    async with connected(funds=20_000) as both:
        thread = await both.alice.do(ask.RequestPayment(both.alices, "Concert", 45_000))
        invoice = await both.bob.payment(both.bobs, PaymentState.INVOICED)
        review = await both.bob.engine.review(thread)
        assert review.blocked == "not_enough"
        with pytest.raises(InsufficientFunds):
            await both.bob.do(ask.Act(thread, Action.PAY, invoice.version, consents=CONSENTS))
        again = await both.bob.payment(both.bobs, PaymentState.INVOICED)
        assert again.version == invoice.version
