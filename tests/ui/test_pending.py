"""Contacts that never came to be, invites that are over, and mailboxes that are gone: said, and removed by a button."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton, QWidget
from pytestqt.qtbot import QtBot

from channels_desktop.engine.commands import CreateInvite, RemoveContact, RemoveInvite, WithdrawInvite
from channels_desktop.engine.rows import (
    ContactState,
    ConversationRow,
    InviteRow,
    Link,
    NeedRow,
    PaymentState,
    StatusRow,
    TextRow,
    TextState,
    WalletRow,
)
from channels_desktop.ui import entry_words, payment_words, words
from channels_desktop.ui.plain import PlainLabel
from channels_desktop.ui.window import MainWindow
from tests.ui.conftest import heard, payment, settle
from tests.ui.scripted_engine import NOW, ScriptedEngine, contact

LEFT = Qt.MouseButton.LeftButton
DAY = 86_400 * 10**9
PENDING = {
    "waits": (contact(2, "Eve", state=ContactState.SENT, last_at=NOW), "Invite answered"),
    "waits long": (contact(2, "Eve", state=ContactState.SENT, last_at=NOW - 2 * DAY), "No answer for 2 days"),
    "gone": (contact(2, "Eve", state=ContactState.SENT, last_at=NOW, gone=True), "This invite can't be used any more"),
    "refused": (contact(2, "Eve", state=ContactState.REJECTED, last_at=NOW), "Eve didn't accept"),
    "turned down": (
        contact(2, "Eve", state=ContactState.REJECTED, last_at=NOW, ended="declined_by_us"),
        "You declined this request",
    ),
}


def pressed(inside: QWidget, name: str) -> None:
    found = inside.findChild(QAbstractButton, name)
    assert found is not None, name
    QTest.mouseClick(found, LEFT)


async def shown(window: MainWindow, engine: ScriptedEngine, row: ConversationRow) -> None:
    known = heard(window.bridge.conversations)
    engine.change(row)
    await known
    window.open_conversation(row.relationship)
    await settle()


@pytest.mark.parametrize("name", PENDING)
@pytest.mark.parametrize("from_details", [False, True])
async def test_who_never_became_a_contact_is_said_to_be_that_and_can_be_removed(
    qtbot: QtBot, window: MainWindow, engine: ScriptedEngine, name: str, *, from_details: bool
) -> None:
    row, title = PENDING[name]
    await shown(window, engine, row)
    pane = window.chats.pane
    assert title in [label.text() for label in pane.findChildren(PlainLabel) if label.isVisible()]
    assert entry_words.last_line(row, NOW) not in {"", "Connected"}
    if from_details:
        pressed(window, "toggleDetails")
        pressed(window.chats.details, "removeContact")
    else:
        pressed(pane, "emptyAction")
    assert engine.commands == []
    assert window.doors.sheet is not None
    removed = heard(window.doors.removed)
    pressed(window.doors.sheet, "confirm")
    await removed
    await settle()
    assert engine.commands == [RemoveContact(2)]
    assert window.chats.list.model.row_of(2) is None
    assert pane.row is None


async def test_invites_that_are_over_are_taken_off_the_list(
    qtbot: QtBot, window: MainWindow, engine: ScriptedEngine
) -> None:
    engine.made = {
        1: InviteRow(1, "", "used one", NOW, NOW + DAY, "used", "Eve"),
        2: InviteRow(2, "", "expired one", NOW, NOW - 1, "expired"),
        3: InviteRow(3, "", "open one", NOW, NOW + DAY, "waiting"),
    }
    window.doors.add_contact()
    await settle()
    dialog = window.doors.sheet
    assert dialog is not None
    assert dialog.findChild(QAbstractButton, "removeInvite-3") is None
    pressed(dialog, "removeInvite-1")
    changed = heard(window.bridge.invites)
    assert await engine.command(RemoveInvite) == RemoveInvite(1)
    await changed
    await settle()
    assert dialog.findChild(QAbstractButton, "removeInvite-2") is not None
    assert 1 not in dialog.share._rows  # type: ignore[attr-defined]  # noqa: SLF001 - it is the AddContact dialog
    assert not [c for c in engine.commands if isinstance(c, CreateInvite | WithdrawInvite)]


async def test_a_mailbox_that_is_gone_for_a_day_asks_what_to_do(
    qtbot: QtBot, window: MainWindow, engine: ScriptedEngine
) -> None:
    await shown(window, engine, contact(2, "Eve", gone=True, needs=(NeedRow("mailbox_gone"),)))
    bar = window.chats.pane.action_bar
    assert bar.isVisible()
    pressed(bar, "actionBarButton")
    assert window.doors.sheet is not None
    pressed(window.doors.sheet, "confirm")
    assert await engine.command(RemoveContact) == RemoveContact(2)


def test_what_was_not_sent_says_why() -> None:
    text = TextRow(1, 1, True, "hello", NOW, TextState.WAITING, reason="gone")
    assert entry_words.text_state(text, "Bob") == ("circle-alert", "Not sent: Bob's mailbox is gone")
    card = payment(state=PaymentState.PAID, sending=True, gone=True)
    assert payment_words.badge(card, "Bob", NOW) == ("Not sent", "danger")
    assert "Bob's mailbox is gone" in payment_words.copy(card, "Bob", NOW)
    reasons = {entry_words.not_sent(reason, "Bob") for reason in ("gone", "removed", "too_large", "bad_request", "")}
    assert len(reasons) == 5
    needs = payment_words.need(NeedRow("mailbox_gone"), "Bob"), payment_words.need_line(NeedRow("mailbox_gone"), NOW)
    assert needs[0][1] == "Remove contact…"
    assert needs[1] == "Mailbox is gone"


@pytest.mark.parametrize(("gone", "part"), [(1, "▲ 1 contact's mailbox is gone"), (3, "▲ 3 mailboxes are gone")])
def test_the_status_says_that_mailboxes_are_gone(gone: int, part: str) -> None:
    row = StatusRow(Link.LISTENING, 14, 0, 0, 0, 5, True, WalletRow(5, 0, 0), gone=gone)
    assert part in words.status(row)
