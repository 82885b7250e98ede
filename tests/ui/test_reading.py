"""Where a conversation opens, and what counts as read: only what was on the screen."""

from __future__ import annotations

from PySide6.QtWidgets import QToolButton
from pytestqt.qtbot import QtBot

from channels_desktop.engine.commands import MarkSeen
from channels_desktop.engine.rows import EntryRow, TextRow, TextState
from channels_desktop.errors import StoreCause, StoreError
from channels_desktop.ui import words
from channels_desktop.ui.rows import RowRole
from channels_desktop.ui.window import MainWindow
from tests.ui.conftest import heard, payment, settle
from tests.ui.scripted_engine import NOW, ScriptedEngine, contact

READ, UNREAD = 300, 642
FIRST, LAST = READ + 1, READ + UNREAD


def text(entry: int, *, mine: bool = False) -> TextRow:
    return TextRow(entry, 2, mine, f"text {entry}", NOW, TextState.STORED if mine else TextState.INCOMING)


async def with_carol(window: MainWindow, engine: ScriptedEngine, unread: int = UNREAD) -> None:
    """Let the window know Carol, of whose last 942 texts so many are unread, and open her conversation."""
    engine.timelines[2] = [text(entry) for entry in range(1, LAST + 1)]
    known = heard(window.bridge.conversations)
    engine.change(contact(2, "Carol", unread=unread, first_unread=LAST + 1 - unread if unread else 0))
    await known
    window.activateWindow()
    window.open_conversation(2)
    await settle()


def on_screen(window: MainWindow) -> list[int]:
    view = window.chats.pane.timeline
    room = view.viewport().rect()
    found: list[EntryRow] = [
        view.model().index(at, 0).data(RowRole)
        for at in range(view.model().rowCount())
        if room.contains(view.visualRect(view.model().index(at, 0)))
    ]
    return [row.entry for row in found]


def seen(engine: ScriptedEngine) -> list[int]:
    return [command.entry for command in engine.commands if isinstance(command, MarkSeen)]


async def look_twice(window: MainWindow) -> None:
    """Do what a timer does each second."""
    window.chats.pane.look()
    window.chats.pane.look()
    await settle()


async def test_a_conversation_opens_at_the_first_unread(window: MainWindow, engine: ScriptedEngine) -> None:
    await with_carol(window, engine)
    assert on_screen(window)[0] == FIRST
    assert window.chats.pane.model.new_from == FIRST
    await look_twice(window)
    assert seen(engine)[-1] == on_screen(window)[-1]


async def test_a_few_unread_are_all_on_the_screen(window: MainWindow, engine: ScriptedEngine) -> None:
    await with_carol(window, engine, unread=3)
    assert on_screen(window)[-1] == LAST
    assert not window.chats.pane.model.detached
    await look_twice(window)
    assert seen(engine)[-1] == LAST


async def test_what_could_not_be_kept_as_read_is_kept_later_and_the_trouble_told_once(
    window: MainWindow, engine: ScriptedEngine
) -> None:
    told: list[str] = []
    window.bridge.problem.connect(told.append)
    engine.refusing = StoreError("the disk is full", StoreCause.FULL)
    await with_carol(window, engine, unread=3)
    for _ in range(3):
        await look_twice(window)
    row = window.chats.pane.row
    assert row is not None
    assert row.unread == 3
    assert told == [words.error(engine.refusing)]
    engine.refusing = None
    engine.commands.clear()
    changed = heard(window.bridge.conversations)
    await look_twice(window)
    await changed
    assert seen(engine) == [LAST]
    row = window.chats.pane.row
    assert row is not None
    assert row.unread == 0
    await look_twice(window)
    assert seen(engine) == [LAST], "it is kept now"
    engine.refusing = StoreError("the disk is full", StoreCause.FULL)
    arrived = heard(window.bridge.entries)
    engine.add(text(LAST + 1))
    engine.change(contact(2, "Carol", unread=1, first_unread=LAST + 1))
    await arrived
    await settle()
    await look_twice(window)
    assert told == [words.error(engine.refusing)] * 2, "trouble that comes back is told again"


async def test_what_was_jumped_over_stays_unread(qtbot: QtBot, window: MainWindow, engine: ScriptedEngine) -> None:
    await with_carol(window, engine)
    first_screen = on_screen(window)[-1]  # a second may pass at any moment, and make it read
    newest = window.chats.pane.timeline.findChild(QToolButton, "newest")
    assert newest is not None
    newest.click()
    await settle()
    assert on_screen(window)[-1] == LAST
    await look_twice(window)
    assert set(seen(engine)) <= {first_screen}
    unread = window.chats.pane.timeline.findChild(QToolButton, "unread")
    assert unread is not None
    assert unread.isVisible()
    row = window.chats.pane.row
    assert row is not None
    assert row.unread >= LAST - first_screen
    assert unread.text() == f"↑ {row.unread} unread"
    unread.click()
    await settle()
    assert on_screen(window)[0] == row.first_unread
    assert not unread.isVisible()


async def test_what_was_scrolled_through_is_read(window: MainWindow, engine: ScriptedEngine) -> None:
    await with_carol(window, engine)
    bar = window.chats.pane.timeline.verticalScrollBar()
    while window.chats.pane.model.detached or bar.value() < bar.maximum():
        bar.setValue(bar.value() + bar.pageStep() // 2)
        await settle()
    await look_twice(window)
    assert seen(engine)[-1] == LAST
    newest = window.chats.pane.timeline.findChild(QToolButton, "newest")
    assert newest is not None
    assert not newest.isVisible(), "pages that were read again are no news"


async def test_nothing_is_read_in_a_window_behind_another(window: MainWindow, engine: ScriptedEngine) -> None:
    await with_carol(window, engine)
    window.doors.add_contact()  # it is modal, and so it is the active window
    await settle()
    engine.commands.clear()
    window.chats.pane._shown = window.chats.pane._due = 0  # noqa: SLF001 - forget what was seen before it opened
    await look_twice(window)
    assert seen(engine) == []


async def test_an_old_entry_is_shown_however_far_back(window: MainWindow, engine: ScriptedEngine) -> None:
    await with_carol(window, engine, unread=0)
    assert on_screen(window)[-1] == LAST
    window.wallet.entry_wanted.emit(2, 7)
    await settle()
    assert 7 in on_screen(window)


async def test_an_old_entry_of_another_conversation_is_shown(window: MainWindow, engine: ScriptedEngine) -> None:
    await with_carol(window, engine, unread=0)
    window.open_conversation(1)
    await settle()
    window.wallet.entry_wanted.emit(2, 7)
    await settle()
    assert 7 in on_screen(window)


async def test_own_orders_come_into_view_and_are_no_news(window: MainWindow, engine: ScriptedEngine) -> None:
    await with_carol(window, engine, unread=0)
    bar = window.chats.pane.timeline.verticalScrollBar()
    newest = window.chats.pane.timeline.findChild(QToolButton, "newest")
    assert newest is not None
    bar.setValue(bar.maximum() // 2)
    arrived = heard(window.bridge.entries)
    engine.add(payment(relationship=2, entry=LAST + 1, mine_first=False))
    await arrived
    await settle()
    assert newest.text() == "1 new", "theirs is"
    arrived = heard(window.bridge.entries)
    engine.add(payment(relationship=2, entry=LAST + 2, thread="ab" * 16, mine_first=True))
    await arrived
    await settle()
    assert bar.value() == bar.maximum()
    assert not newest.isVisible()
