"""What may be paid, computed from the transaction that is shown, and what the user has to say to it first."""

from __future__ import annotations

from dataclasses import replace

import pytest

from channels_desktop.bitcoin.expanded_tx import ExpandedTx
from channels_desktop.bitcoin.templates import p2pkh
from channels_desktop.bitcoin.tx import Outpoint, Tx, TxOutput
from channels_desktop.engine import payments, wallet
from channels_desktop.engine.commands import Act, OfferPayment, RequestPayment
from channels_desktop.engine.records import OwnCoin
from channels_desktop.engine.reviews import Inputs, review_row
from channels_desktop.engine.rows import Action, PaymentState, ReviewRow, Verification
from channels_desktop.engine.turn import Turn
from channels_desktop.errors import InsufficientFunds, Refused
from channels_desktop.protocols.fee_requirements import FeeRequirement
from channels_desktop.protocols.ids import Uuid
from channels_desktop.protocols.invoices import deal as states
from channels_desktop.protocols.invoices.messages import (
    Invoice,
    InvoiceItem,
    Price,
    TransferRequest,
    invoice_script,
)
from channels_desktop.protocols.response import Response
from tests.unit.engine.street import OK, THEIRS, Street, street
from tests.unit.protocols.samples import AT, EXPIRY, FEES, ORDER, REQUEST
from tests.unit.protocols.samples import invoice as invoice_of

LUNCH, AGAIN, DINNER = b"\x0b" * 16, b"\x0c" * 16, b"\x0d" * 16
DAY = 24 * 3600 * 10**9
ELSEWHERE = p2pkh(b"\x09" * 20)


async def review(at: Street, uuid: bytes = LUNCH, inputs: Inputs = Inputs.NONE) -> ReviewRow:
    def read(reader: object) -> ReviewRow:
        return review_row(reader, reader.threads.get(uuid), at.it.at, inputs)  # type: ignore[attr-defined, arg-type]

    return await at.it.store.query(read)


async def press_pay(at: Street, uuid: bytes, consents: frozenset[str], inputs: Inputs = Inputs.NONE) -> None:
    thread = await at.it.store.query(lambda reader: reader.threads.get(uuid))
    assert thread is not None
    act = Act(uuid.hex(), Action.PAY, thread.version, consents=consents)
    await at.it.turn(lambda turn: payments.act(turn, act, inputs))


async def refused(at: Street, reason: str, uuid: bytes = LUNCH, inputs: Inputs = Inputs.NONE) -> None:
    """Both doors say it: what the dialog shows, and what the command meets."""
    row = await review(at, uuid, inputs)
    assert row.blocked == reason
    with pytest.raises((Refused, InsufficientFunds)) as caught:
        await press_pay(at, uuid, frozenset(row.consents), inputs)
    if isinstance(caught.value, Refused):
        assert caught.value.reason == reason


async def become(at: Street, **parts: object) -> None:
    def work(turn: Turn) -> None:
        turn.tx.contacts.save(replace(turn.tx.contacts.get(at.it.peer), **parts))

    await at.it.turn(work)


async def test_a_good_request_passes_all_checks_and_asks_for_what_is_not_known() -> None:
    async with street() as at:
        await at.money(100_000)
        await at.asked(LUNCH)
        row = await review(at)
        assert (row.blocked, [check.passed for check in row.checks]) == ("", [True] * 4)
        assert row.consents == ("unverified",)
        with pytest.raises(Refused, match="unconsented"):
            await press_pay(at, LUNCH, frozenset())
        await become(at, verification=Verification.VERIFIED)
        assert (await review(at)).consents == ()
        await press_pay(at, LUNCH, frozenset())


async def test_a_request_whose_message_is_not_theirs_any_more_is_not_payable() -> None:
    """The check is made on the stored message and the state, not remembered."""
    async with street() as at:
        await at.money(100_000)
        await at.asked(LUNCH)

        def forge(turn: Turn) -> None:
            thread = turn.tx.threads.get(LUNCH)
            assert thread is not None
            state = states.Reviewing.from_bytes(thread.state)
            assert state.deal.request is not None
            other = replace(state.deal.request, fees=(FeeRequirement(fee_type=0, satoshis=99, bytes=1000),))
            forged = replace(state, deal=replace(state.deal, request=other))
            turn.tx.threads.save(replace(thread, state=forged.to_bytes(), version=thread.version + 1))

        await at.it.turn(forge)
        assert not (await review(at)).checks[0].passed
        await refused(at, "unauthenticated")


async def test_a_newer_request_that_was_refused_accuses_nobody() -> None:
    async with street() as at:
        await at.money(100_000)
        await at.asked(LUNCH)
        thread = await at.it.store.query(lambda reader: reader.threads.get(LUNCH))
        assert thread is not None
        record = TxOutput(0, invoice_script(invoice_of(60_000)))
        never = Tx(2, (), (TxOutput(60_000, THEIRS), record))
        await at.receive(Uuid(uuid=LUNCH), TransferRequest(tx=ExpandedTx(tx=never), fees=FEES))
        row = await review(at)
        assert (row.blocked, row.total, row.checks[0].passed) == ("", 50_000, True)


async def test_a_request_that_another_key_signed_is_not_payable() -> None:
    async with street() as at:
        await at.money(100_000)
        await at.asked(LUNCH)
        await become(at, their_key=b"\x02" * 33)
        await refused(at, "unauthenticated")


async def test_a_request_that_does_more_than_its_invoice_says_is_not_payable() -> None:
    """One that an older version of this program let in."""
    async with street() as at:
        await at.money(500_000)
        await at.asked(LUNCH)

        def swell(turn: Turn) -> None:
            thread = turn.tx.threads.get(LUNCH)
            assert thread is not None
            state = states.Reviewing.from_bytes(thread.state)
            assert state.deal.request is not None
            expanded = state.deal.request.tx
            assert expanded is not None
            assert expanded.tx is not None
            pays, record = expanded.tx.outputs
            swollen = replace(record, locking_script=record.locking_script + bytes(300_000))
            asked = replace(state.deal.request, tx=replace(expanded, tx=replace(expanded.tx, outputs=(pays, swollen))))
            swelled = replace(state, deal=replace(state.deal, request=asked))
            turn.tx.threads.save(replace(thread, state=swelled.to_bytes(), version=thread.version + 1))

        await at.it.turn(swell)
        row = await review(at)
        assert row.checks[2].passed is False
        await refused(at, "unauthenticated")


async def test_what_is_locked_expired_or_too_dear_is_not_payable() -> None:
    async with street() as at:
        await at.asked(LUNCH)
        await refused(at, "not_enough")
        await at.money(100_000)
        at.it.at = EXPIRY
        await refused(at, "expired")
        await become(at, verification=Verification.MISMATCH)
        await refused(at, "mismatch")


@pytest.mark.parametrize(
    ("satoshis", "size", "reason"),
    [(201, 1000, "fee_high"), (200, 1000, ""), (2, 10, ""), (0, 1000, ""), (1, 1, "fee_high")],
)
async def test_a_quote_far_above_what_miners_ask_for_is_not_paid(satoshis: int, size: int, reason: str) -> None:
    async with street() as at:
        await at.money(100_000)
        fees = (FeeRequirement(fee_type=0, satoshis=satoshis, bytes=size),)
        await at.receive(Uuid(uuid=LUNCH), TransferRequest(tx=REQUEST.tx, fees=fees))
        row = await review(at)
        assert row.blocked == reason
        assert row.checks[3].passed == (reason == "")


@pytest.mark.parametrize(("lines", "each", "reason"), [(35, 1, ""), (45, 1, "fee_high"), (45, 1000, "")])
async def test_a_record_may_cost_a_thousand_satoshis_or_a_twentieth_and_no_more(
    lines: int, each: int, reason: str
) -> None:
    async with street() as at:
        await at.money(100_000)
        items = tuple(
            InvoiceItem(id=number.to_bytes(1, "big") * 220, price=Price(quantity=each)) for number in range(lines)
        )
        record = TxOutput(0, invoice_script(Invoice(items=items, timestamp=AT, expiration=EXPIRY)))
        tx = Tx(1, (), (TxOutput(lines * each, ELSEWHERE), record))
        await at.receive(Uuid(uuid=LUNCH), TransferRequest(tx=ExpandedTx(tx=tx), fees=REQUEST.fees))
        row = await review(at)
        assert (row.blocked, row.checks[3].passed) == (reason, reason == "")


async def test_a_quote_of_nothing_is_paid_at_what_miners_take() -> None:
    async with street() as at:
        await at.money(100_000)
        fees = (FeeRequirement(fee_type=0, satoshis=0, bytes=1000), FeeRequirement(fee_type=1, satoshis=0, bytes=1000))
        await at.receive(Uuid(uuid=LUNCH), TransferRequest(tx=REQUEST.tx, fees=fees))
        tx = await at.pay(LUNCH)
        fee = (await at.card(LUNCH)).fee or 0
        assert tx.size * 100 // 1000 <= fee <= tx.size * 100 // 1000 + 3


async def test_a_quote_too_low_for_a_payment_that_is_mined_is_not_paid() -> None:
    """The payee refuses more than five times its quote, or 2500 satoshis; here mining costs more."""
    async with street() as at:
        for _ in range(300):
            await at.it.turn(lambda turn: _coin(turn, 200))
        fees = (FeeRequirement(fee_type=0, satoshis=1, bytes=1000), FeeRequirement(fee_type=1, satoshis=1, bytes=1000))
        await at.receive(Uuid(uuid=LUNCH), TransferRequest(tx=REQUEST.tx, fees=fees))
        await refused(at, "fee_quote_low")


async def test_many_small_coins_are_told_and_need_a_tick_but_do_not_lock_the_wallet() -> None:
    async with street() as at:
        for _ in range(300):
            await at.it.turn(lambda turn: _coin(turn, 200))
        await at.asked(LUNCH)
        row = await review(at)
        assert (row.blocked, row.coins_in > 250) == ("", True)
        assert "small_coins" in row.consents
        assert row.fee_ours > 2500
        with pytest.raises(Refused, match="unconsented"):
            await press_pay(at, LUNCH, frozenset({"unverified"}))
        await press_pay(at, LUNCH, frozenset(row.consents))


_COINS = iter(range(1, 10_000))


def _coin(turn: Turn, satoshis: int) -> None:
    script = wallet.receive_script(turn)
    owner = turn.tx.coins.owner_of(script)
    assert owner is not None
    place = Outpoint(next(_COINS).to_bytes(32, "big"), 0)
    turn.tx.coins.add(OwnCoin(place, satoshis, script, *owner, "safe", AT))


async def test_the_same_request_under_a_second_number_is_not_paid_twice() -> None:
    async with street() as at:
        await at.money(200_000)
        await at.asked(LUNCH)
        await at.asked(AGAIN)
        assert (await review(at, AGAIN)).blocked == "", "nothing is paid yet"
        ours = await at.pay(LUNCH)
        await refused(at, "already_waiting", AGAIN)
        at.chain.submit(ours.to_bytes())
        await at.look()
        await refused(at, "already_paid", AGAIN)
        await at.mine()
        await refused(at, "already_paid", AGAIN)


async def test_what_could_not_be_paid_may_be_paid_again() -> None:
    async with street() as at:
        coin, _ = await at.money(60_000), await at.money(60_000)
        await at.asked(LUNCH)
        await at.asked(AGAIN)
        await at.pay(LUNCH)
        at.chain.submit((await at.rival(coin)).to_bytes())
        await at.mine()
        assert await at.state(LUNCH) is PaymentState.FAILED
        assert (await review(at, AGAIN)).blocked == ""


async def test_the_same_for_the_same_contact_needs_a_tick_for_a_day_or_while_it_is_open() -> None:
    async with street() as at:
        for _ in range(3):
            await at.money(100_000)
        await at.asked(LUNCH)
        await at.asked(AGAIN, lock=ELSEWHERE)
        ours = await at.pay(LUNCH)
        row = await review(at, AGAIN)
        assert (row.blocked, row.consents, row.similar) == ("", ("unverified", "similar"), LUNCH.hex())
        with pytest.raises(Refused, match="unconsented"):
            await press_pay(at, AGAIN, frozenset({"unverified"}))
        await at.asked(DINNER, 60_000, lock=p2pkh(b"\x0a" * 20))
        assert (await review(at, DINNER)).similar == "", "it is for something else"
        at.chain.submit(ours.to_bytes())
        await at.mine()
        assert (await review(at, AGAIN)).similar == LUNCH.hex()
        at.it.at = AT + DAY
        assert (await review(at, AGAIN)).similar == "", "a coffee every day asks no questions"


@pytest.mark.parametrize(
    ("inputs", "blocked", "consents"),
    [
        (Inputs.UNSPENT, "", ("unverified",)),
        (Inputs.UNKNOWN, "", ("unverified", "inputs_unseen")),
        (Inputs.SPENT, "input_spent", ("unverified",)),
    ],
)
async def test_inputs_of_the_payee_are_looked_up(inputs: Inputs, blocked: str, consents: tuple[str, ...]) -> None:
    async with street() as at:
        await at.money(100_000)
        await at.asked(LUNCH, own=2_000)
        row = await review(at, LUNCH, inputs)
        assert (row.blocked, row.consents) == (blocked, consents)
        if blocked:
            await refused(at, blocked, LUNCH, inputs)


async def test_a_script_we_do_not_know_is_named_as_such() -> None:
    async with street() as at:
        await at.money(100_000)
        await at.asked(LUNCH, lock=b"\x51")
        assert [line.whose for line in (await review(at)).outputs] == ["script", "record", "us"]


# -- the lock -------------------------------------------------------------------------------------------------------


async def test_after_they_do_not_match_nothing_begins_or_is_agreed_by_any_door() -> None:
    async with street() as at:
        await at.money(100_000)
        await at.asked(LUNCH)
        await at.receive(Uuid(uuid=DINNER), ORDER)
        await become(at, verification=Verification.MISMATCH)
        sent = len(await at.it.outbox())
        for command, work in (
            (OfferPayment(at.it.peer, "lunch", 5), payments.offer),
            (RequestPayment(at.it.peer, "lunch", 5), payments.request),
        ):
            with pytest.raises(Refused, match="mismatch"):
                await at.it.turn(lambda turn, work=work, command=command: work(turn, command))
        for uuid, action in ((LUNCH, Action.PAY), (DINNER, Action.MAKE_INVOICE)):
            with pytest.raises(Refused, match="mismatch"):
                await at.act(uuid, action)
            card = await at.card(uuid)
            assert (card.locked, card.actions) == (True, (Action.DECLINE,))
        assert len(await at.it.outbox()) == sent
        await at.asked(AGAIN, lock=ELSEWHERE)
        assert await at.state(AGAIN) is PaymentState.INVOICED, "it is kept and shown"
        assert len(await at.it.outbox()) == sent, "nothing is said about the lock"
        await at.act(LUNCH, Action.DECLINE)
        assert await at.state(LUNCH) is PaymentState.DECLINED


async def test_a_lock_stops_nothing_that_settles_what_was_agreed() -> None:
    async with street() as at:
        await at.money(100_000)
        await at.asked(LUNCH)
        ours = await at.pay(LUNCH)
        await become(at, verification=Verification.MISMATCH)
        await at.act(LUNCH, Action.SEND_AGAIN)
        await at.accepted(LUNCH)
        assert await at.state(LUNCH) is PaymentState.ACCEPTED
        at.chain.submit(ours.to_bytes())
        await at.mine()
        assert await at.state(LUNCH) is PaymentState.CONFIRMED


async def test_a_complaint_is_shown_and_leaves_our_order_open() -> None:
    async with street() as at:
        uuid = bytes.fromhex(await at.it.turn(lambda turn: payments.offer(turn, OfferPayment(at.it.peer, "lunch", 5))))
        await at.receive(Uuid(uuid=uuid), Response(status=2, protocol_id=b"ID", code=2, note="odd"))
        assert await at.state(uuid) is PaymentState.ORDERED
        assert await at.it.notices() == ["refused"]
        await at.receive(Uuid(uuid=uuid), OK, TransferRequest(tx=REQUEST.tx, fees=REQUEST.fees))
        assert await at.state(uuid) is PaymentState.INVOICED
