"""The evidence of a payment: each signed message can be seen as it is, copied, and left again by the keyboard alone."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QPushButton, QWidget

from channels_desktop.engine.rows import EvidenceRow, PaymentRow, RawRow, Step
from channels_desktop.ui.raw import MOST_SHOWN, RawDialog
from channels_desktop.ui.window import MainWindow
from tests.ui.conftest import THREAD, payment, settle
from tests.ui.scripted_engine import NOW, ScriptedEngine

ORDER = EvidenceRow(Step.ORDER.value, mine=True, at=NOW, relationship=1, number=5, size=183)
INVOICE = EvidenceRow(Step.INVOICE.value, mine=False, at=NOW, relationship=1, number=3, size=1301)
TREE = "signature: valid\nS channels.Signature\n" + 'signature: "30"\n' * 60
HEX = "006a02bd01"


@pytest.fixture
def row(engine: ScriptedEngine) -> PaymentRow:
    engine.proofs[THREAD] = (ORDER, INVOICE)
    engine.raws[1, 5, True] = RawRow(TREE, HEX)
    engine.raws[1, 3, False] = RawRow("a" * MOST_SHOWN + "b", HEX)
    return payment()


def button(widget: QWidget, name: str) -> QPushButton:
    found = widget.findChild(QPushButton, name)
    assert found is not None, name
    return found


async def opened(window: MainWindow, row: PaymentRow, number: int) -> RawDialog:
    window.show_payment(row)
    await settle()
    QTest.mouseClick(button(window.chats.details, f"raw-{number}"), Qt.MouseButton.LeftButton)
    await settle()
    assert isinstance(window.doors.sheet, RawDialog)
    return window.doors.sheet


async def test_each_signed_message_has_a_button_that_says_what_it_shows(window: MainWindow, row: PaymentRow) -> None:
    window.show_payment(row)
    await settle()
    buttons = [button(window.chats.details, f"raw-{number}") for number in range(2)]
    assert [one.text() for one in buttons] == ["Raw", "Raw"]
    assert [one.accessibleName() for one in buttons] == ["Raw order", "Raw invoice"]
    assert all(one.focusPolicy() & Qt.FocusPolicy.TabFocus for one in buttons)


async def test_the_message_is_shown_and_copied_whole(window: MainWindow, row: PaymentRow) -> None:
    sheet = await opened(window, row, 0)
    assert sheet.windowTitle() == "Raw order of #7F2A"
    assert (sheet.box.toPlainText(), sheet.box.isReadOnly()) == (TREE, True)
    assert not sheet.box.font().family().startswith("Inter")
    for name, copied in (("copyText", TREE), ("copyHex", HEX)):
        QTest.mouseClick(button(sheet, name), Qt.MouseButton.LeftButton)
        assert QGuiApplication.clipboard().text() == copied
    QTest.mouseClick(button(sheet, "close"), Qt.MouseButton.LeftButton)
    assert window.doors.sheet is None


async def test_the_keyboard_is_enough(window: MainWindow, row: PaymentRow) -> None:
    sheet = await opened(window, row, 0)
    passed = []
    sheet.box.setFocus()
    for _ in range(4):
        focused = QApplication.focusWidget()
        assert focused is not None
        passed.append(focused.objectName())
        QTest.keyClick(focused, Qt.Key.Key_Tab)
    assert passed == ["rawText", "copyText", "copyHex", "close"]
    sheet.box.setFocus()
    QTest.keyClick(sheet.box, Qt.Key.Key_Escape)
    assert window.doors.sheet is None


async def test_it_fits_the_smallest_window_and_scrolls(window: MainWindow, row: PaymentRow) -> None:
    window.resize(720, 480)
    sheet = await opened(window, row, 0)
    assert sheet.width() <= 720 - 48
    assert sheet.height() <= 480 - 32
    assert sheet.box.verticalScrollBar().maximum() > 0
    for name in ("rawText", "copyText", "close"):
        part = sheet.findChild(QWidget, name)
        assert part is not None
        assert sheet.rect().contains(part.mapTo(sheet, part.rect().bottomRight())), name


async def test_a_huge_message_is_cut_on_the_screen_alone(window: MainWindow, row: PaymentRow) -> None:
    sheet = await opened(window, row, 1)
    assert sheet.box.toPlainText() == "a" * MOST_SHOWN
    QTest.mouseClick(button(sheet, "copyText"), Qt.MouseButton.LeftButton)
    assert QGuiApplication.clipboard().text() == "a" * MOST_SHOWN + "b"


async def test_nothing_hidden_is_left_in_it(window: MainWindow, row: PaymentRow, engine: ScriptedEngine) -> None:
    engine.raws[1, 5, True] = RawRow('note: "<b>\u202e"', HEX)
    sheet = await opened(window, row, 0)
    assert sheet.box.toPlainText() == 'note: "<b>[U+202E]"'
