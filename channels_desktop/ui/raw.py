"""A signed message as it is: what support asks for, and what a quarrel is settled with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QGuiApplication, QTextOption
from PySide6.QtWidgets import QPlainTextEdit

from channels_desktop.ui.plain import Button, PlainLabel
from channels_desktop.ui.sheet import Sheet
from channels_desktop.ui.theme import mono_font
from channels_desktop.ui.words import digits, plain, tr

if TYPE_CHECKING:
    from PySide6.QtWidgets import QWidget

    from channels_desktop.engine.rows import RawRow
    from channels_desktop.ui.theme import Theme

MOST_SHOWN = 100_000
"""Letters: more than a person reads, and laid out before anybody notices."""
WIDTH, HEIGHT = 720, 440


class RawDialog(Sheet):
    """Shows the tree of a message; it is copied whole, as text or as the hex of its bytes."""

    def __init__(self, parent: QWidget, theme: Theme, title: str, row: RawRow) -> None:
        super().__init__(parent, theme, title, WIDTH)
        self.box = _Tree(theme, title, row.text[:MOST_SHOWN])
        self.fill_with(self.box)
        if len(row.text) > MOST_SHOWN:
            self.add_text(tr("Only the first {n} letters are shown. Copy takes all.", n=digits(MOST_SHOWN)))
        self._copied = PlainLabel("", "caption", "success")
        close = Button(tr("Close"), name="close")
        self._add_copy(tr("Copy as text"), "copyText", row.text)
        self._add_copy(tr("Copy as hex"), "copyHex", row.hex)
        self.buttons.addWidget(self._copied, 1)
        self.buttons.addWidget(close)
        close.clicked.connect(self.accept)
        self.box.setFocus()

    def _add_copy(self, words: str, name: str, content: str) -> None:
        button = Button(words, name=name)
        button.clicked.connect(lambda: self._copy(content))
        self.buttons.addWidget(button)

    def _copy(self, content: str) -> None:
        QGuiApplication.clipboard().setText(content)
        self._copied.setText(tr("✓ Copied"))


class _Tree(QPlainTextEdit):
    """Lines in letters of one width; long ones go on in the next."""

    def __init__(self, theme: Theme, title: str, text: str) -> None:
        super().__init__()
        self._height = theme.px(HEIGHT)
        self.setObjectName("rawText")
        self.setAccessibleName(title)
        self.setReadOnly(True)
        self.setUndoRedoEnabled(False)
        self.setTabChangesFocus(True)
        self.setWordWrapMode(QTextOption.WrapMode.WrapAnywhere)
        self.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
        mono = mono_font(theme.font("caption"))
        self.setFont(mono)
        self.setStyleSheet(f"font-size: {mono.pointSizeF():.2f}pt; font-family: monospace;")
        self.setPlainText(plain(text))

    def sizeHint(self) -> QSize:
        """Ask for the room of some thirty lines."""
        return QSize(super().sizeHint().width(), self._height)
