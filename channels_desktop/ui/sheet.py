"""The frame of every dialog: a heading, a body that scrolls, and buttons at the bottom. Opened, never executed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, QTimer
from PySide6.QtWidgets import (
    QDialog,
    QFrame,
    QHBoxLayout,
    QLabel,
    QLayout,
    QLineEdit,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from channels_desktop.ui.flow import FlowLayout
from channels_desktop.ui.plain import ElidedLabel, PlainLabel, polish

if TYPE_CHECKING:
    from PySide6.QtGui import QKeyEvent, QShowEvent

    from channels_desktop.ui.theme import Theme

LEAST_HEIGHT = 300


class Sheet(QDialog):
    """A dialog of at most the screen's height. Enter in a field never presses a button; Esc closes."""

    def __init__(self, parent: QWidget | None, theme: Theme, title: str, width: int = 460) -> None:
        super().__init__(parent)
        self.theme = theme
        self._width = width
        self.setWindowTitle(title)
        self.setModal(True)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.heading = ElidedLabel(title, "title")
        self.head = QHBoxLayout()
        self.head.setContentsMargins(20, 16, 20, 8)
        self.head.setSpacing(8)
        self.head.addWidget(self.heading, 1)
        self._inner = QWidget()
        self._inner.setObjectName("sheetBody")
        self._whole = QVBoxLayout(self._inner)
        self._whole.setContentsMargins(0, 0, 0, 0)
        self.body = QVBoxLayout()
        self._whole.addLayout(self.body)
        self._whole.addStretch()
        self.body.setContentsMargins(20, 4, 20, 16)
        self.body.setSpacing(8)
        self._scroll = QScrollArea()
        self._scroll.setWidgetResizable(True)
        self._scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._scroll.setWidget(self._inner)
        self._footer = QFrame()
        self._footer.setObjectName("sheetFooter")
        self.buttons = QHBoxLayout(self._footer)
        self.buttons.setContentsMargins(20, 10, 20, 12)
        self.buttons.setSpacing(8)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addLayout(self.head)
        column.addWidget(self._scroll, 1)
        column.addWidget(self._footer)

    def showEvent(self, event: QShowEvent) -> None:
        """Take the size of the content, as far as window and screen have room."""
        self.fit()
        parent = self.parentWidget()
        if parent is not None:  # not every window manager centres a dialog over its window
            self.move(parent.window().frameGeometry().center() - self.rect().center())
        super().showEvent(event)

    def fit(self) -> None:
        """Take the size of the content again."""
        room = self.screen().availableGeometry()
        parent = self.parentWidget()
        above = parent.window().size() if parent is not None else room.size()
        width = min(self.theme.px(self._width), room.width() - 32, max(above.width() - 48, 320))
        polish(self)
        for layout in self._inner.findChildren(QLayout):
            layout.invalidate()
        tall = self.body.hasHeightForWidth()
        body = self.body.heightForWidth(width) if tall else self.body.sizeHint().height()
        around = self.head.sizeHint().height() + self._footer.sizeHint().height()
        highest = min(room.height() - 48, max(above.height() - 32, LEAST_HEIGHT))
        self.resize(width, min(body + around + 4, highest))
        below = self.frameGeometry().bottom() - room.bottom()
        if self.isVisible() and below > 0:
            self.move(self.x(), max(room.top(), self.y() - below))

    def fit_soon(self) -> None:
        """Take the size of the content as soon as what was added to it has its place."""
        QTimer.singleShot(0, self, self.fit)

    def reveal(self, widget: QWidget) -> None:
        """Scroll to `widget` as soon as it has its place: what was just said must be seen."""
        QTimer.singleShot(0, widget, lambda: self._scroll.ensureWidgetVisible(widget))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Close on Esc; let Enter do nothing, so that no button is pressed by somebody who types."""
        if event.key() == Qt.Key.Key_Escape:
            self.reject()

    def field(self, words: str, box: QWidget, hint: str = "") -> PlainLabel:
        """Add a labelled field with a line for live checks under it; return that line."""
        label = PlainLabel(words, "caption", "secondary")
        label.setBuddy(box)
        box.setAccessibleName(words)
        below = PlainLabel(hint, "caption", "secondary", wrap=True)
        below.setVisible(bool(hint))
        group = QVBoxLayout()
        group.setSpacing(3)
        group.addWidget(label)
        group.addWidget(box)
        group.addWidget(below)
        self.body.addLayout(group)
        return below

    def fill_with(self, widget: QWidget) -> None:
        """Add a widget that scrolls by itself and takes all the room there is."""
        self.body.addWidget(widget, 1)
        self._whole.setStretch(0, 1)

    def add_text(self, text: str, tone: str = "secondary") -> PlainLabel:
        """Add a paragraph."""
        label = PlainLabel(text, tone=tone, wrap=True)
        self.body.addWidget(label)
        return label


def line_edit(name: str, placeholder: str = "", longest: int = 200) -> QLineEdit:
    """Return a one-line field."""
    box = QLineEdit()
    box.setObjectName(name)
    box.setPlaceholderText(placeholder)
    box.setMaxLength(longest)
    return box


def check(label: QLabel, text: str, tone: str) -> None:
    """Show a live check under its field; hide it where there is nothing to say."""
    label.setText(text)
    if isinstance(label, PlainLabel):
        label.set_tone(tone)
    label.setVisible(bool(text))


def button_flow() -> tuple[QWidget, FlowLayout]:
    """Return a row of buttons that wraps."""
    holder = QWidget()
    return holder, FlowLayout(holder)
