"""The timeline on the screen: nothing jumps, the end is followed only by those who are there, cards stay alive."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QGuiApplication, QMouseEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QToolButton
from pytestqt.qtbot import QtBot

from channels_desktop.engine.rows import EntryRow, TextRow, TextState
from channels_desktop.ui.rows import RowRole, TimelineModel
from channels_desktop.ui.theme import Mode, Theme
from channels_desktop.ui.timeline import TimelineView
from tests.ui.conftest import payment
from tests.ui.scripted_engine import NOW


def row(entry: int) -> EntryRow:
    if entry % 10 == 0:
        return payment(entry=entry, thread=f"{entry:032x}")
    words = f"text {entry} " + "and more " * (entry % 30)
    return TextRow(entry, 1, entry % 3 == 0, words, NOW, TextState.STORED if entry % 3 == 0 else TextState.INCOMING)


@pytest.fixture
def view(qtbot: QtBot, theme: Theme) -> TimelineView:
    shown = TimelineView(theme, TimelineModel(lambda: NOW), lambda: NOW)
    qtbot.addWidget(shown)
    shown.resize(700, 600)
    shown.show()
    shown.fill([row(entry) for entry in range(801, 1001)], "Bob")
    QApplication.processEvents()
    return shown


def top(view: TimelineView, entry: int) -> int:
    model = view.model()
    assert isinstance(model, TimelineModel)
    return view.visualRect(model.index_of(entry)).top()


def first_seen(view: TimelineView) -> int:
    found: EntryRow = view.indexAt(QPoint(view.viewport().width() // 2, 60)).data(RowRole)
    return found.entry


def test_it_opens_at_the_newest_row(view: TimelineView) -> None:
    bar = view.verticalScrollBar()
    assert bar.maximum() > 0
    assert bar.value() == bar.maximum()
    assert view.on_screen()[1] == 1000


def test_an_older_page_moves_nothing(view: TimelineView) -> None:
    view.verticalScrollBar().setValue(view.verticalScrollBar().maximum() // 2)
    entry = first_seen(view)
    before = top(view, entry)
    view.prepend([row(number) for number in range(701, 801)])
    QApplication.processEvents()
    assert top(view, entry) == before


@pytest.mark.parametrize("width", [420, 1100])
def test_another_width_keeps_the_place(view: TimelineView, width: int) -> None:
    view.verticalScrollBar().setValue(view.verticalScrollBar().maximum() // 2)
    entry = first_seen(view)
    view.resize(width, 600)
    QApplication.processEvents()
    assert first_seen(view) in {entry - 1, entry, entry + 1}
    view.show_newest()
    view.resize(700, 600)
    QApplication.processEvents()
    assert view.verticalScrollBar().value() == view.verticalScrollBar().maximum()


def test_news_are_followed_at_the_end_only(view: TimelineView) -> None:
    model = view.model()
    assert isinstance(model, TimelineModel)
    model.change([row(1001)])
    QApplication.processEvents()
    bar = view.verticalScrollBar()
    assert bar.value() == bar.maximum()
    bar.setValue(bar.maximum() // 2)
    entry = first_seen(view)
    before = top(view, entry)
    model.change([row(1003)])
    QApplication.processEvents()
    assert top(view, entry) == before


def test_the_way_to_the_newest_counts_what_came(qtbot: QtBot, view: TimelineView) -> None:
    model = view.model()
    button = view.findChild(QToolButton, "newest")
    assert isinstance(model, TimelineModel)
    assert button is not None
    assert not button.isVisible()
    view.verticalScrollBar().setValue(0)
    model.change([row(1001), row(1002)])
    assert button.isVisible()
    assert button.text() == "1 new"
    button.click()
    QApplication.processEvents()
    assert view.verticalScrollBar().value() == view.verticalScrollBar().maximum()
    assert not button.isVisible()


def test_an_edge_asks_for_older_rows(qtbot: QtBot, view: TimelineView) -> None:
    with qtbot.waitSignal(view.older_wanted, timeout=0):
        view.verticalScrollBar().setValue(0)


def test_cards_live_and_change_in_place(view: TimelineView) -> None:
    model = view.model()
    assert isinstance(model, TimelineModel)
    card = view.card(1000)
    assert card is not None
    model.change([payment(entry=1000, thread=f"{1000:032x}", version=9, actions=())])
    assert view.card(1000) is card
    assert card.row is model.rows[-1]
    model.remove(1000)
    assert view.card(1000) is None


@pytest.mark.parametrize("text_size", [80, 200])
def test_cards_and_rows_follow_the_text_size(view: TimelineView, theme: Theme, text_size: int) -> None:
    theme.apply(Mode.DARK, text_size)
    QApplication.processEvents()
    card = view.card(1000)
    assert card is not None
    assert card.height() >= card.height_at(card.width())
    assert card.geometry().right() <= view.viewport().width()


def test_a_click_on_a_tall_bubble_moves_nothing(view: TimelineView) -> None:
    tall = TextRow(2000, 1, False, "\n".join(f"line {n}" for n in range(90)), NOW, TextState.INCOMING)
    model = view.model()
    assert isinstance(model, TimelineModel)
    model.change([tall])
    QApplication.processEvents()
    bar = view.verticalScrollBar()
    bar.setValue(bar.maximum() - 300)
    before = bar.value()
    QTest.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, pos=QPoint(60, 300))
    QTest.mouseDClick(view.viewport(), Qt.MouseButton.LeftButton, pos=QPoint(60, 300))
    view.executeDelayedItemsLayout()
    QApplication.processEvents()
    assert view.currentIndex() == model.index_of(2000)
    assert bar.value() == before
    assert not view.hasAutoScroll(), "it would scroll half a second after the click"


def test_keys_scroll_to_the_row_they_choose(view: TimelineView) -> None:
    view.setFocus()
    assert view.currentIndex().data(RowRole).entry == 1000, "it begins where the user looks"
    QTest.keyClick(view, Qt.Key.Key_Home)
    assert view.verticalScrollBar().value() == 0
    QTest.keyClick(view, Qt.Key.Key_End)
    assert view.verticalScrollBar().value() == view.verticalScrollBar().maximum()


@pytest.mark.parametrize("text", ["third\ttabbed\tcolumns", "  indented\n    more", "10\u00a0km", "x\u202ey"])
def test_a_text_is_copied_as_it_was_written(view: TimelineView, text: str) -> None:
    model = view.model()
    assert isinstance(model, TimelineModel)
    model.change([TextRow(2000, 1, False, text, NOW, TextState.INCOMING)])
    view.setCurrentIndex(model.index_of(2000))
    QTest.keyClick(view, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    assert QGuiApplication.clipboard().text() == text


def test_letters_are_marked_with_the_mouse_and_copied(view: TimelineView) -> None:
    model = view.model()
    assert isinstance(model, TimelineModel)
    model.change([TextRow(2000, 1, False, "\U0001f600 one two", NOW, TextState.INCOMING)])
    QApplication.processEvents()
    rect = view.visualRect(model.index_of(2000))
    first, last = QPoint(30, rect.top() + 16), QPoint(30 + 600, rect.top() + 16)
    none = Qt.KeyboardModifier.NoModifier
    QTest.mousePress(view.viewport(), Qt.MouseButton.LeftButton, none, first)
    for x in range(first.x(), last.x(), 4):
        _drag(view, QPoint(x, first.y()))
    QTest.mouseRelease(view.viewport(), Qt.MouseButton.LeftButton, none, last)
    QTest.keyClick(view, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    assert QGuiApplication.clipboard().text() == "\U0001f600 one two"
    marked = view.grab().toImage()
    QTest.mousePress(view.viewport(), Qt.MouseButton.LeftButton, none, QPoint(rect.left() + 62, first.y()))
    _drag(view, QPoint(rect.left() + 82, first.y()))
    QTest.keyClick(view, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    part = QGuiApplication.clipboard().text()
    assert part
    assert part in " one two"
    QTest.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, none, first)
    QTest.keyClick(view, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    assert QGuiApplication.clipboard().text() == "\U0001f600 one two", "nothing is marked any more"
    assert view.grab().toImage() != marked, "what is marked is seen"


def _drag(view: TimelineView, point: QPoint) -> None:
    """Move the mouse with its button down."""
    left = Qt.MouseButton.LeftButton
    place = view.viewport().mapToGlobal(point)
    event = QMouseEvent(
        QMouseEvent.Type.MouseMove, QPointF(point), QPointF(place), left, left, Qt.KeyboardModifier.NoModifier
    )
    QApplication.sendEvent(view.viewport(), event)
