"""Every button of a payment, in every state and on both sides, pressed in a window over a real engine.

What a button says is what has to come of it. A button that the table below does not name fails the test of its state.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QAbstractButton, QCheckBox, QPlainTextEdit
from pytestqt.qtbot import QtBot

from channels_desktop.engine import commands as ask
from channels_desktop.engine.rows import Action, ContactState, PaymentRow, PaymentState
from channels_desktop.ui.payment import DeclineForm, PayForm, RequestForm
from channels_desktop.ui.raw import RawDialog
from channels_desktop.ui.review import ReviewDialog
from channels_desktop.ui.safety import ConfirmDialog, SafetyDialog
from channels_desktop.ui.theme import Theme
from tests.scenarios.test_hard_times import until_states
from tests.ui.conftest import heard
from tests.ui.seats import (
    PAYEE,
    PAYER,
    WHAT,
    S,
    Seat,
    Stage,
    accepted,
    confirmed,
    expired,
    failed,
    invoice_declined,
    invoice_withdrawn,
    invoiced,
    late,
    order_declined,
    order_withdrawn,
    ordered,
    paid,
    refused,
    requested,
    seated,
)

pytestmark = pytest.mark.slow

AGAIN = "lunch again"

BUTTONS: dict[tuple[Stage, str], tuple[Action, ...]] = {
    (ordered, PAYER): (Action.WITHDRAW,),
    (ordered, PAYEE): (Action.MAKE_INVOICE, Action.DECLINE),
    (invoiced, PAYER): (Action.PAY, Action.DECLINE),
    (invoiced, PAYEE): (Action.WITHDRAW,),
    (requested, PAYER): (Action.PAY, Action.DECLINE),
    (requested, PAYEE): (Action.WITHDRAW,),
    (paid, PAYER): (Action.SEND_AGAIN,),
    (paid, PAYEE): (),
    (late, PAYER): (Action.SEND_AGAIN,),
    (late, PAYEE): (Action.ACCEPT_ANYWAY, Action.DECLINE),
    (refused, PAYER): (Action.SEND_AGAIN,),
    (refused, PAYEE): (Action.WITHDRAW,),
    (accepted, PAYER): (),
    (accepted, PAYEE): (),
    (confirmed, PAYER): (),
    (confirmed, PAYEE): (),
    (order_declined, PAYER): (Action.ORDER_AGAIN,),
    (order_declined, PAYEE): (Action.INVOICE_AGAIN,),
    (invoice_declined, PAYER): (Action.ORDER_AGAIN,),
    (invoice_declined, PAYEE): (Action.INVOICE_AGAIN,),
    (order_withdrawn, PAYER): (),
    (order_withdrawn, PAYEE): (),
    (invoice_withdrawn, PAYER): (),
    (invoice_withdrawn, PAYEE): (),
    (expired, PAYER): (Action.ORDER_AGAIN,),
    (expired, PAYEE): (Action.INVOICE_AGAIN,),
    (failed, PAYER): (),
    (failed, PAYEE): (),
}


def named(case: object) -> str:
    return case.__name__ if callable(case) else case.value if isinstance(case, Action) else str(case)


# -- what comes of each button ----------------------------------------------------------------------------------------


async def makes_invoice(seat: Seat) -> None:
    await until_states(seat.pair, WHAT, [S.INVOICED] * 2)


async def pays(seat: Seat) -> None:
    dialog = await seat.sheet(ReviewDialog)
    assert isinstance(dialog, ReviewDialog)
    for tick in dialog.findChildren(QCheckBox):
        tick.setChecked(True)
    if dialog.dead_time.isActive():
        await heard(dialog.dead_time.timeout)
    await seat.press(dialog, "payNow")
    await until_states(seat.pair, WHAT, [S.ACCEPTED] * 2)


async def declines(seat: Seat) -> None:
    """Say no; who has signed a payment sees that it was refused, for it could still be published."""
    row = await seat.other.payment(WHAT)
    assert row is not None
    theirs = S.REFUSED if row.state is S.PAID else S.DECLINED
    form = await seat.sheet(DeclineForm)
    await seat.press(form, "decline")
    states = [theirs, S.DECLINED] if seat.who is seat.pair.bob else [S.DECLINED, theirs]
    rows = await until_states(seat.pair, WHAT, states)
    assert [row.reason_note for row in rows] == ["Wrong amount"] * 2


async def withdraws(seat: Seat) -> None:
    """Take it back; a payer whose signed payment was refused still sees that first of all."""
    row = await seat.other.payment(WHAT)
    assert row is not None
    theirs = row.state if row.state is S.REFUSED else S.WITHDRAWN
    assert "will be taken back" in seat.window.message_bar.accessibleName()
    await seat.press(seat.window, "closeMessage")
    states = [theirs, S.WITHDRAWN] if seat.who is seat.pair.bob else [S.WITHDRAWN, theirs]
    await until_states(seat.pair, WHAT, states)


async def orders_again(seat: Seat) -> None:
    form = await seat.sheet(PayForm)
    await begin_anew(seat, form, S.ORDERED)


async def invoices_again(seat: Seat) -> None:
    form = await seat.sheet(RequestForm)
    await begin_anew(seat, form, S.INVOICED)


async def begin_anew(seat: Seat, form: object, state: PaymentState) -> None:
    assert isinstance(form, PayForm | RequestForm)
    assert (form.what.text(), form.amount.satoshis) == (WHAT, 1000)
    form.what.setText(AGAIN)
    await seat.press(form, "sendForm")
    await until_states(seat.pair, AGAIN, [state] * 2)
    assert seat.window.doors.sheet is None


async def accepts_anyway(seat: Seat) -> None:
    dialog = await seat.sheet(ConfirmDialog)
    await seat.press(dialog, "confirm")
    await until_states(seat.pair, WHAT, [S.ACCEPTED] * 2)


async def sends_again(seat: Seat) -> None:
    async def arrived() -> bool:
        sql = "SELECT count(*) FROM message WHERE kind = 'Transfer' AND outgoing = 0"
        found = await seat.pair.alice.sql(f"{sql} AND state = 'processed'")
        return bool(found[0][0])

    await seat.pair.until(arrived)
    posted = len(seat.who.posts)

    async def posted_again() -> bool:
        return len(seat.who.posts) > posted

    await seat.press(await seat.card(), Action.SEND_AGAIN.value)
    await seat.pair.until(posted_again)


OUTCOMES: dict[Action, Callable[[Seat], Awaitable[None]]] = {
    Action.MAKE_INVOICE: makes_invoice,
    Action.PAY: pays,
    Action.DECLINE: declines,
    Action.WITHDRAW: withdraws,
    Action.ORDER_AGAIN: orders_again,
    Action.INVOICE_AGAIN: invoices_again,
    Action.SEND_AGAIN: sends_again,
    Action.ACCEPT_ANYWAY: accepts_anyway,
}


def test_every_action_is_pressed() -> None:
    assert set(OUTCOMES) == set(Action) == {action for actions in BUTTONS.values() for action in actions}


@pytest.mark.parametrize(("stage", "side"), BUTTONS, ids=named)
async def test_a_card_and_its_details_in_every_state(
    qtbot: QtBot, theme: Theme, tmp_path: Path, stage: Stage, side: str
) -> None:
    """The card has the buttons of the table and no others; each button of its details does what it says."""
    async with seated(theme, tmp_path, stage, side) as seat:
        card = await seat.card()
        assert card.row is not None
        assert card.row.actions == BUTTONS[stage, side]
        shown = [b.objectName() for b in card.findChildren(QAbstractButton) if b.isVisibleTo(card)]
        assert shown == [*(action.value for action in card.row.actions), "details"]
        await seat.press(card, "details")
        await press_details(seat, card.row)


async def press_details(seat: Seat, row: PaymentRow) -> None:
    details = seat.window.chats.details

    async def open_now() -> bool:
        return details.isVisible()

    await seat.pair.until(open_now)
    buttons = [b.objectName() for b in details.findChildren(QAbstractButton) if b.isVisibleTo(details)]
    raws = [name for name in buttons if name.startswith("raw-")]
    assert raws, "there is a signed message in every state"
    assert ("copyTxid" in buttons) is bool(row.txid)
    if row.txid:
        await seat.press(details, "copyTxid")
        assert QGuiApplication.clipboard().text() == row.txid
    for name in raws:
        await seat.press(details, name)
        dialog = await seat.sheet(RawDialog)
        assert isinstance(dialog, RawDialog)
        assert dialog.findChild(QPlainTextEdit, "rawText").toPlainText().startswith("signature: valid")  # type: ignore[union-attr]  # it has one
        for copying in ("copyText", "copyHex"):
            QGuiApplication.clipboard().clear()
            await seat.press(dialog, copying)
            assert QGuiApplication.clipboard().text()
        await seat.press(dialog, "close")
        assert seat.window.doors.sheet is None
    assert set(buttons) <= {"closeDetails", "copyTxid", *raws}
    await seat.press(details, "closeDetails")
    assert not details.isVisible()


PRESSES = [(stage, side, action) for (stage, side), actions in BUTTONS.items() for action in actions]


@pytest.mark.parametrize(("stage", "side", "action"), PRESSES, ids=named)
async def test_what_a_button_says_happens(
    qtbot: QtBot, theme: Theme, tmp_path: Path, stage: Stage, side: str, action: Action
) -> None:
    async with seated(theme, tmp_path, stage, side) as seat:
        if action is not Action.SEND_AGAIN:
            await seat.press(await seat.card(), action.value)
        await OUTCOMES[action](seat)
        assert seat.window.message_bar.property("tone") != "danger"


@pytest.mark.parametrize(
    ("stage", "side", "outcome"),
    [(ordered, PAYEE, makes_invoice), (invoiced, PAYER, pays), (requested, PAYER, pays)],
    ids=named,
)
async def test_the_action_bar_does_the_same(
    qtbot: QtBot, theme: Theme, tmp_path: Path, stage: Stage, side: str, outcome: Callable[[Seat], Awaitable[None]]
) -> None:
    async with seated(theme, tmp_path, stage, side) as seat:
        await seat.card()
        await seat.press(seat.window.chats.pane.action_bar, "actionBarButton")
        await outcome(seat)


@pytest.mark.parametrize(("stage", "side"), [(ordered, PAYEE), (requested, PAYER)], ids=named)
async def test_a_lock_takes_what_agrees_from_a_card_that_is_open_and_gives_it_back(
    qtbot: QtBot, theme: Theme, tmp_path: Path, stage: Stage, side: str
) -> None:
    async with seated(theme, tmp_path, stage, side) as seat:
        for matches in (False, True):
            await seat.who.do(ask.CheckedSafetyNumber(seat.who.relationship, matches=matches))
            card = await seat.card()
            shown = [b.objectName() for b in card.findChildren(QAbstractButton) if b.isVisibleTo(card)]
            actions = BUTTONS[stage, side] if matches else (Action.DECLINE,)
            assert shown == [*(action.value for action in actions), "details"]
            assert card.height() == card.height_at(card.width()), "it has the room that it needs"


async def test_the_review_is_left_and_declines(qtbot: QtBot, theme: Theme, tmp_path: Path) -> None:
    async with seated(theme, tmp_path, requested, PAYER) as seat:
        card = await seat.card()
        await seat.press(card, Action.PAY.value)
        dialog = await seat.sheet(ReviewDialog)
        await seat.press(dialog, "cancel")
        assert seat.window.doors.sheet is None
        await seat.press(card, Action.PAY.value)
        dialog = await seat.sheet(ReviewDialog)
        await seat.press(dialog, "declineReview")
        await declines(seat)


async def test_a_review_of_what_was_taken_back_says_so_and_is_closed(
    qtbot: QtBot, theme: Theme, tmp_path: Path
) -> None:
    async with seated(theme, tmp_path, requested, PAYER) as seat:
        await seat.press(await seat.card(), Action.PAY.value)
        dialog = await seat.sheet(ReviewDialog)
        assert isinstance(dialog, ReviewDialog)
        await seat.other.act(WHAT, Action.WITHDRAW)
        await until_states(seat.pair, WHAT, [S.WITHDRAWN] * 2)
        await seat.card()
        shown = [b.text() for b in dialog.findChildren(QAbstractButton) if b.isVisibleTo(dialog)]
        assert shown == ["Close"]
        assert dialog.reason.label.text() == "alice took this back before payment."
        await seat.press(dialog, "cancel")
        assert seat.window.doors.sheet is None


async def test_a_withdrawal_is_undone(qtbot: QtBot, theme: Theme, tmp_path: Path) -> None:
    async with seated(theme, tmp_path, ordered, PAYER) as seat:
        card = await seat.card()
        await seat.press(card, Action.WITHDRAW.value)
        await seat.press(seat.window, "messageAction")
        for _ in range(3):
            await seat.pair.pass_time()
        await until_states(seat.pair, WHAT, [S.ORDERED] * 2)


async def test_the_contact_s_details_do_what_they_say(qtbot: QtBot, theme: Theme, tmp_path: Path) -> None:
    async with seated(theme, tmp_path, None, PAYER) as seat:
        window = seat.window
        await seat.press(window, "toggleDetails")
        buttons = {b.objectName() for b in window.chats.details.findChildren(QAbstractButton)}
        assert {name for name in buttons if not name.startswith("qt_")} == {
            "closeDetails",
            "detailsVerify",
            "removeContact",
        }
        await seat.press(window.chats.details, "detailsVerify")
        await seat.press(await seat.sheet(SafetyDialog), "match")
        await seat.press(window.chats.details, "removeContact")
        await seat.press(await seat.sheet(ConfirmDialog), "confirm")

        async def ended() -> bool:
            (row,) = await seat.other.engine.conversations()
            return row.state is ContactState.TERMINATED

        await seat.pair.until(ended)


# -- a request ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "ours", "theirs"),
    [
        ("acceptRequest", ContactState.ACTIVE, ContactState.ACTIVE),
        ("declineRequest", ContactState.REJECTED, ContactState.REJECTED),
        ("ignoreRequest", ContactState.REJECTED, ContactState.SENT),
    ],
)
async def test_a_request_card_does_what_it_says(
    qtbot: QtBot, theme: Theme, tmp_path: Path, name: str, ours: ContactState, theirs: ContactState
) -> None:
    async with seated(theme, tmp_path, None, PAYEE) as seat:
        invite = await seat.who.engine.submit(ask.CreateInvite())
        number = await seat.other.engine.submit(ask.UseInvite(invite.link))

        async def card_is_there() -> bool:
            row = seat.window.chats.list.model.row_of(invite.relationship)
            return row is not None and row.state is ContactState.RECEIVED

        async def answered() -> bool:
            rows = {row.relationship: row for row in await seat.who.engine.conversations()}
            return rows[invite.relationship].state is ours

        async def heard_of() -> bool:
            rows = {row.relationship: row for row in await seat.other.engine.conversations()}
            return rows[number].state is theirs

        await seat.pair.until(card_is_there)
        seat.window.open_conversation(invite.relationship)
        card = seat.window.chats.pane.request
        buttons = [b.objectName() for b in card.findChildren(QAbstractButton)]
        assert buttons == ["acceptRequest", "declineRequest", "ignoreRequest"]
        posts = len(seat.who.posts)
        await seat.press(card, name)
        await seat.pair.until(answered)
        for _ in range(5):
            await seat.pair.pass_time()
        await seat.pair.until(heard_of)
        assert (len(seat.who.posts) > posts) is (theirs is not ContactState.SENT)
