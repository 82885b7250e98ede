"""Somebody at a window: finds real buttons, clicks them, types, and waits until something is there."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from PySide6.QtCore import QModelIndex, QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton, QCheckBox, QLabel, QLineEdit, QListView, QPlainTextEdit, QWidget

from channels_desktop import headless
from channels_desktop.engine.rows import PaymentRow, PaymentState, TextRow
from channels_desktop.ui.card import PaymentCard
from channels_desktop.ui.window import MainWindow

T = TypeVar("T")
PATIENCE = 60


@dataclass
class User:
    """A person, their running account and their window."""

    name: str
    account: headless.Account
    window: MainWindow

    def button(self, wanted: str) -> QAbstractButton | None:
        """Return the visible, enabled button with an object name or text."""
        for button in self.window.findChildren(QAbstractButton):
            if (
                wanted in (button.objectName(), button.text().replace("&&", "&"))
                and button.isVisible()
                and button.isEnabled()
            ):
                return button
        return None

    async def press(self, wanted: str) -> None:
        """Click a button as soon as it can be clicked."""
        button = await self.until(lambda: self.button(wanted), wanted)
        # A tick is hit on its box: the widget may be wider than its words.
        place = QPoint(10, button.height() // 2) if isinstance(button, QCheckBox) else button.rect().center()
        QTest.mouseClick(button, Qt.MouseButton.LeftButton, pos=place)

    async def type_into(self, wanted: str, text: str) -> None:
        """Type into a field."""
        field = await self.until(lambda: self.field(wanted), wanted)
        field.setFocus()
        QTest.keyClicks(field, text)

    def field(self, wanted: str) -> QWidget | None:
        """Return the visible text field with an object name."""
        for kind in (QLineEdit, QPlainTextEdit):
            for field in self.window.findChildren(kind, wanted):
                if field.isVisible():
                    return field
        return None

    async def write(self, text: str) -> None:
        """Send a text with Enter."""
        await self.type_into("composer", text)
        QTest.keyClick(self.field("composer"), Qt.Key.Key_Return)

    async def choose(self, other: str) -> None:
        """Click a contact in the list, as soon as it is there."""
        people = self.window.findChild(QListView, "conversations")

        def look() -> QModelIndex | None:
            model = people.model()
            for index in (model.index(row, 0) for row in range(model.rowCount())):
                if other in str(index.data() or index.data(Qt.ItemDataRole.AccessibleTextRole)):
                    return index
            return None

        index = await self.until(look, other)
        place = people.visualRect(index).center()
        QTest.mouseClick(people.viewport(), Qt.MouseButton.LeftButton, pos=place)

    def texts(self) -> list[str]:
        """Return the texts in the open conversation."""
        rows = self.window.chats.pane.timeline.model().rows
        return [row.text for row in rows if isinstance(row, TextRow)]

    def payment(self) -> PaymentRow | None:
        """Return what the newest payment card on the screen shows."""
        cards = [card for card in self.window.findChildren(PaymentCard) if card.row is not None and card.isVisible()]
        return max((card.row for card in cards if card.row), key=lambda row: row.entry, default=None)

    async def sees(self, *states: PaymentState) -> PaymentRow:
        """Wait until the newest card shows one of some states."""

        def look() -> PaymentRow | None:
            row = self.payment()
            return row if row is not None and row.state in states else None

        return await self.until(look, f"{self.name} sees {states}")

    def reads(self, text: str) -> bool:
        """Say whether a label on the screen says something."""
        labels = self.window.findChildren(QLabel)
        return any(text in label.text() for label in labels if label.isVisible())

    async def until(self, look: Callable[[], T | None], what: str) -> T:
        """Return what `look` finds, as soon as it finds something; look whenever the window may have changed."""
        changed = asyncio.Event()
        leave = self.account.engine.subscribe(lambda _: changed.set())
        try:
            async with asyncio.timeout(PATIENCE):
                while not (found := look()):
                    changed.clear()
                    loop = asyncio.get_running_loop()
                    turn = loop.call_later(0.05, changed.set)
                    await changed.wait()
                    turn.cancel()
                return found
        except TimeoutError:
            raise AssertionError(f"{self.name} waited in vain for: {what}") from None
        finally:
            leave()
