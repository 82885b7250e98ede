"""The whole window over a scripted engine: what is clicked becomes a command, what happens is seen."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton, QLabel, QLineEdit, QPlainTextEdit, QPushButton, QWidget
from pytestqt.qtbot import QtBot

from channels_desktop.engine.commands import (
    Act,
    AnswerRequest,
    CheckedSafetyNumber,
    CreateInvite,
    MarkSeen,
    OfferPayment,
    RemoveContact,
    SaveDraft,
    SendText,
    UseInvite,
    WithdrawInvite,
)
from channels_desktop.engine.events import EngineFailed
from channels_desktop.engine.rows import (
    Action,
    ContactState,
    HistoryRow,
    InvitePreview,
    NeedRow,
    TextRow,
    TextState,
)
from channels_desktop.engine.troubles import Task
from channels_desktop.errors import Refused
from channels_desktop.ui.composer import DRAFT_MILLISECONDS
from channels_desktop.ui.preferences import Preferences
from channels_desktop.ui.rail import SETTINGS, WALLET
from channels_desktop.ui.theme import Mode
from channels_desktop.ui.window import MainWindow
from tests.ui.conftest import THREAD, button, heard, payment, review, settle, sheet, with_payment
from tests.ui.scripted_engine import LINK, NOW, ScriptedEngine, contact

LEFT = Qt.MouseButton.LeftButton


async def test_the_window_names_account_network_and_status(window: MainWindow) -> None:
    assert window.windowTitle() == "Channels Desktop — Alice"
    assert window.test_bar.isVisible()
    assert window.status_bar.accessibleName() == "Connection: listening on 14 channels"
    assert window.minimumSize().width() == 720
    assert window.minimumSize().height() == 480


@pytest.mark.parametrize("text", ["  indented\n    more", "third\ttabbed\tcolumns", "10\u00a0km"])
async def test_a_text_is_sent_as_it_was_typed(window: MainWindow, engine: ScriptedEngine, text: str) -> None:
    box = window.chats.pane.composer.box
    box.setPlainText(f"\n{text}\n")
    QTest.keyClick(box, Qt.Key.Key_Return)
    assert (await engine.command(SendText)).text == text


async def test_enter_sends_and_shift_enter_does_not(qtbot: QtBot, window: MainWindow, engine: ScriptedEngine) -> None:
    box = window.chats.pane.composer.box
    shown = heard(window.chats.pane.model.rowsInserted)
    QTest.keyClicks(box, "two")
    QTest.keyClick(box, Qt.Key.Key_Return, Qt.KeyboardModifier.ShiftModifier)
    QTest.keyClicks(box, "lines")
    QTest.keyClick(box, Qt.Key.Key_Return)
    assert (await engine.command(SendText)).text == "two\nlines"
    assert box.toPlainText() == ""
    await shown


async def test_a_text_that_was_refused_comes_back(qtbot: QtBot, window: MainWindow, engine: ScriptedEngine) -> None:
    engine.refusing = Refused("not_active")
    told = heard(window.bridge.problem)
    QTest.keyClicks(window.chats.pane.composer.box, "hello")
    QTest.mouseClick(button(window, "send"), LEFT)
    await told
    assert window.chats.pane.composer.text == "hello"
    assert window.message_bar.isVisible()


async def test_a_draft_is_saved_within_a_second(qtbot: QtBot, window: MainWindow, engine: ScriptedEngine) -> None:
    assert DRAFT_MILLISECONDS < 1000
    QTest.keyClicks(window.chats.pane.composer.box, "about the")
    assert (await engine.command(SaveDraft)).text == "about the"


async def test_a_draft_survives_another_conversation(qtbot: QtBot, window: MainWindow, engine: ScriptedEngine) -> None:
    known = heard(window.bridge.conversations)
    engine.change(contact(2, "Carol"))
    await known
    QTest.keyClicks(window.chats.pane.composer.box, "about the")
    saved = heard(window.bridge.conversations)
    window.open_conversation(2)
    await saved
    assert window.chats.pane.composer.text == ""
    window.open_conversation(1)
    assert window.chats.pane.composer.text == "about the"


async def test_a_click_in_the_list_opens_and_waits_for_words(window: MainWindow, engine: ScriptedEngine) -> None:
    known = heard(window.bridge.conversations)
    engine.change(contact(2, "Carol"))
    await known
    view = window.chats.list.view
    place = view.visualRect(window.chats.list.model.index_of(2)).center()
    QTest.mouseClick(view.viewport(), LEFT, Qt.KeyboardModifier.NoModifier, place)
    row = window.chats.pane.row
    assert row is not None
    assert row.relationship == 2
    assert window.focusWidget() is window.chats.pane.composer.box


async def test_a_card_is_paid_through_the_review(qtbot: QtBot, window: MainWindow, engine: ScriptedEngine) -> None:
    engine.reviews[THREAD] = review()
    await with_payment(window, engine, payment())
    card = window.chats.pane.timeline.card(4)
    assert card is not None
    QTest.mouseClick(button(card, "pay"), LEFT)
    await settle()
    await heard(sheet(window).dead_time.timeout)  # type: ignore[attr-defined]  # it is a ReviewDialog
    QTest.mouseClick(button(sheet(window), "payNow"), LEFT)
    assert await engine.command(Act) == Act(THREAD, Action.PAY, 2)


async def test_an_invoice_that_changes_under_review_is_shown_anew(
    qtbot: QtBot, window: MainWindow, engine: ScriptedEngine
) -> None:
    engine.reviews[THREAD] = review()
    await with_payment(window, engine, payment())
    window.doors.review(THREAD)
    await settle()
    engine.reviews[THREAD] = review(version=3, you_pay=99_999, verification=review().verification)
    await with_payment(window, engine, payment(version=3))
    assert "99,999" in button(sheet(window), "payNow").text()
    assert not button(sheet(window), "payNow").isEnabled()


async def test_decline_carries_the_reason(qtbot: QtBot, window: MainWindow, engine: ScriptedEngine) -> None:
    await with_payment(window, engine, payment())
    card = window.chats.pane.timeline.card(4)
    assert card is not None
    QTest.mouseClick(button(card, "decline"), LEFT)
    QTest.mouseClick(button(sheet(window), "decline"), LEFT)
    assert await engine.command(Act) == Act(THREAD, Action.DECLINE, 2, "Wrong amount")


async def test_withdrawing_may_be_undone(qtbot: QtBot, window: MainWindow, engine: ScriptedEngine) -> None:
    await with_payment(window, engine, payment(actions=(Action.WITHDRAW,)))
    card = window.chats.pane.timeline.card(4)
    assert card is not None
    QTest.mouseClick(button(card, "withdraw"), LEFT)
    QTest.mouseClick(button(window, "messageAction"), LEFT)
    QTest.mouseClick(button(card, "withdraw"), LEFT)
    QTest.mouseClick(button(window, "closeMessage"), LEFT)
    await engine.command(Act)
    await settle()
    assert [c for c in engine.commands if isinstance(c, Act)] == [Act(THREAD, Action.WITHDRAW, 2)]


@pytest.mark.parametrize("action", [Action.MAKE_INVOICE, Action.SEND_AGAIN])
async def test_the_other_actions_go_out_at_once(
    qtbot: QtBot, window: MainWindow, engine: ScriptedEngine, action: Action
) -> None:
    await with_payment(window, engine, payment(actions=(action,)))
    card = window.chats.pane.timeline.card(4)
    assert card is not None
    QTest.mouseClick(button(card, action.value), LEFT)
    assert await engine.command(Act) == Act(THREAD, action, 2)


async def test_card_list_and_action_bar_agree(qtbot: QtBot, window: MainWindow, engine: ScriptedEngine) -> None:
    row = payment(actions=(Action.MAKE_INVOICE,))
    await with_payment(window, engine, row)
    changed = heard(window.bridge.conversations)
    engine.change(contact(1, "Bob Martin", needs=(NeedRow("make_invoice", THREAD, 12_400),), payment=row))
    await changed
    assert window.chats.pane.action_bar.isVisible()
    assert window.chats.list.model.index(0).data() == "Needs you · 1"
    QTest.mouseClick(button(window, "actionBarButton"), LEFT)
    assert await engine.command(Act) == Act(THREAD, Action.MAKE_INVOICE, 2)
    changed = heard(window.bridge.conversations)
    engine.change(contact(1, "Bob Martin"))
    await changed
    assert not window.chats.pane.action_bar.isVisible()


async def test_pay_sends_an_order(qtbot: QtBot, window: MainWindow, engine: ScriptedEngine) -> None:
    QTest.mouseClick(window.chats.pane.header.pay, LEFT)
    form = sheet(window)
    for name, text in (("what", "Lunch"), ("amount", "12000")):
        field = form.findChild(QLineEdit, name)
        assert field is not None
        QTest.keyClicks(field, text)
    QTest.mouseClick(button(form, "sendForm"), LEFT)
    assert await engine.command(OfferPayment) == OfferPayment(1, "Lunch", 12_000)


async def test_an_invite_is_made_shown_and_withdrawn(qtbot: QtBot, window: MainWindow, engine: ScriptedEngine) -> None:
    QTest.mouseClick(button(window, "addContact"), LEFT)
    dialog = sheet(window)
    await engine.command(CreateInvite)
    await settle()
    link = dialog.findChild(QLineEdit, "inviteLink")
    assert link is not None
    assert link.text() == LINK + "100", "there is a link to copy at once"
    QTest.mouseClick(button(dialog, "close"), LEFT)
    QTest.mouseClick(button(window, "addContact"), LEFT)
    dialog = sheet(window)
    await settle()
    link = dialog.findChild(QLineEdit, "inviteLink")
    assert link is not None
    assert link.text() == LINK + "100", "the one that waits is offered again"
    QTest.mouseClick(button(dialog, "createInvite"), LEFT)
    await engine.command(CreateInvite)
    await settle()
    assert link.text() == LINK + "101"
    QTest.mouseClick(button(dialog, "withdraw-100"), LEFT)
    assert (await engine.command(WithdrawInvite)).relationship == 100


async def test_an_invite_that_is_not_made_says_why_in_the_dialog(
    qtbot: QtBot, window: MainWindow, engine: ScriptedEngine
) -> None:
    engine.refusing = Refused("no_mailbox")
    window.doors.add_contact()
    await engine.command(CreateInvite)
    await settle()
    shown = [label.text() for label in sheet(window).findChildren(QLabel) if label.isVisible()]
    assert any(text.startswith("No invite was made") for text in shown)
    assert not window.message_bar.isVisible()
    engine.refusing = None
    QTest.mouseClick(button(sheet(window), "createInvite"), LEFT)
    await engine.command(CreateInvite, 1)
    await settle()
    shown = [label.text() for label in sheet(window).findChildren(QLabel) if label.isVisible()]
    assert not any(text.startswith("No invite was made") for text in shown)


async def test_an_invite_is_read_and_used(qtbot: QtBot, window: MainWindow, engine: ScriptedEngine) -> None:
    engine.previews[LINK] = InvitePreview("Carol", "host.example", "02ab", NOW + 10**15, "regtest")
    window.doors.add_contact(use=True)
    dialog = sheet(window)
    box = dialog.findChild(QPlainTextEdit, "inviteBox")
    assert box is not None
    assert not button(dialog, "connect").isEnabled()
    box.setPlainText("nonsense")
    await settle()
    assert not button(dialog, "connect").isEnabled()
    box.setPlainText(LINK)
    await settle()
    QTest.mouseClick(button(dialog, "connect"), LEFT)
    assert await engine.command(UseInvite) == UseInvite(LINK)


@pytest.mark.parametrize(
    ("name", "accept", "silently"),
    [("acceptRequest", True, False), ("declineRequest", False, False), ("ignoreRequest", False, True)],
)
async def test_a_request_is_answered(
    qtbot: QtBot, window: MainWindow, engine: ScriptedEngine, name: str, *, accept: bool, silently: bool
) -> None:
    known = heard(window.bridge.conversations)
    engine.change(contact(2, "Eve", state=ContactState.RECEIVED, needs=(NeedRow("answer_request"),)))
    await known
    window.open_conversation(2)
    assert not window.chats.pane.composer.isVisible()
    QTest.mouseClick(button(window, name), LEFT)
    assert await engine.command(AnswerRequest) == AnswerRequest(2, accept, silently)


async def test_the_chip_leads_to_the_safety_number(qtbot: QtBot, window: MainWindow, engine: ScriptedEngine) -> None:
    QTest.mouseClick(window.chats.pane.header.chip, LEFT)
    await settle()
    QTest.mouseClick(button(sheet(window), "match"), LEFT)
    assert await engine.command(CheckedSafetyNumber) == CheckedSafetyNumber(1, True)


async def test_a_contact_is_removed_only_after_a_question(
    qtbot: QtBot, window: MainWindow, engine: ScriptedEngine
) -> None:
    QTest.mouseClick(button(window, "toggleDetails"), LEFT)
    QTest.mouseClick(button(window.chats.details, "removeContact"), LEFT)
    assert engine.commands == []
    QTest.mouseClick(button(sheet(window), "confirm"), LEFT)
    assert await engine.command(RemoveContact) == RemoveContact(1)


async def test_details_show_steps_and_follow_the_card(window: MainWindow, engine: ScriptedEngine) -> None:
    await with_payment(window, engine, payment())
    window.show_payment(payment())
    await settle()
    assert window.chats.details.isVisible()
    await with_payment(window, engine, payment(version=3, txid="ab" * 32, block_height=7))
    texts = [label.text() for label in window.chats.details.findChildren(QWidget) if hasattr(label, "text")]
    assert any("abab abab" in text for text in texts)


async def test_reading_is_told_only_once_it_was_seen(qtbot: QtBot, window: MainWindow, engine: ScriptedEngine) -> None:
    changed = heard(window.bridge.conversations)
    engine.add(TextRow(5, 1, False, "hello", NOW, TextState.INCOMING))
    engine.change(contact(1, "Bob Martin", unread=1))
    await changed
    window.activateWindow()
    assert await engine.command(MarkSeen) == MarkSeen(1, 5)


async def test_an_engine_that_failed_offers_a_restart(qtbot: QtBot, window: MainWindow, engine: ScriptedEngine) -> None:
    told, restart = heard(window.bridge.failed), heard(window.restart_wanted)
    engine.publish(EngineFailed(Task.OUTBOX))
    await told
    QTest.mouseClick(button(window, "messageAction"), LEFT)
    await restart


@pytest.mark.parametrize(("width", "panes"), [(1280, (True, True)), (740, (False, True))])
async def test_panes_follow_the_width(window: MainWindow, width: int, panes: tuple[bool, bool]) -> None:
    window.resize(width, 600)
    await settle()
    assert (window.chats.list.isVisible(), window.chats.pane.isVisible()) == panes
    assert window.chats.pane.header.back.isVisible() is not panes[0]


async def test_a_narrow_window_goes_back_to_the_list(qtbot: QtBot, window: MainWindow) -> None:
    window.resize(740, 600)
    await settle()
    QTest.mouseClick(window.chats.pane.header.back, LEFT)
    assert window.chats.list.isVisible()
    assert not window.chats.pane.isVisible()


async def test_look_and_measures_are_remembered(qtbot: QtBot, window: MainWindow, tmp_path: Path) -> None:
    window.apply_look(Mode.DARK, 120)
    window.close()
    kept = Preferences(tmp_path / "window.ini")
    assert (kept.mode, kept.text_size) == (Mode.DARK, 120)
    assert not kept.measure("geometry").isEmpty()


async def test_wallet_and_settings_show_the_engine(window: MainWindow, engine: ScriptedEngine) -> None:
    engine.past = (HistoryRow("ab" * 32, NOW, "Bob", "Lunch", -12_412, 12, 0, 1, 4),)
    filled = heard(window.wallet.model.modelReset)
    window.rail.button(WALLET).click()
    await filled
    cells = [window.wallet.model.index(0, column).data() for column in range(6)]
    assert cells[1:] == ["Bob", "Lunch", "−12,412", "12", "Not yet in a block"]
    window.rail.button(SETTINGS).click()
    assert window.settings.isVisible()


async def test_nobody_known_offers_an_invite(qtbot: QtBot, window: MainWindow, engine: ScriptedEngine) -> None:
    window.fill_conversations(())
    assert window.chats.nobody.isVisible()
    QTest.mouseClick(window.chats.nobody.button, LEFT)
    assert sheet(window).isVisible()


async def test_everything_that_takes_the_focus_has_a_name(window: MainWindow, engine: ScriptedEngine) -> None:
    await with_payment(window, engine, payment())
    window.doors.add_contact()
    await settle()
    nameless = [
        f"{type(widget).__name__} {widget.objectName()}"
        for widget in window.findChildren(QWidget)
        if isinstance(widget, QAbstractButton | QLineEdit | QPlainTextEdit)
        and widget.isVisibleTo(widget.window())
        and not (widget.accessibleName() or (isinstance(widget, QPushButton) and widget.text()))
        and not widget.objectName().startswith("qt_")
        and not isinstance(widget.parent(), QLineEdit)
        and type(widget.parent()).__name__ != "QTabBar"
    ]
    assert nameless == []


async def test_a_changed_contact_locks_payments(window: MainWindow, engine: ScriptedEngine) -> None:
    changed = heard(window.bridge.conversations)
    row = contact(1, "Bob Martin")
    engine.change(replace(row, verification=type(row.verification).MISMATCH))
    await changed
    assert not window.chats.pane.header.pay.isEnabled()
