"""One quiet line for errors and news, never a popup; and the place to undo what has not gone out yet."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QFrame, QHBoxLayout

from channels_desktop.ui.plain import Button, IconButton, PlainLabel, restyle
from channels_desktop.ui.words import tr

if TYPE_CHECKING:
    from collections.abc import Callable

    from channels_desktop.ui.theme import Theme

SHOWN_MILLISECONDS = 10_000
UNDO_MILLISECONDS = 5_000


class MessageBar(QFrame):
    """The line. A newer message takes the place of an older one."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self.setObjectName("messageBar")
        self._label = PlainLabel(wrap=True)
        self._button = Button("", "quiet", "messageAction")
        self._close = IconButton(theme, "x", tr("Close message"), "closeMessage", size=16)
        self._then: Callable[[], None] | None = None
        self._pressed: Callable[[], None] | None = None
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        row = QHBoxLayout(self)
        row.setContentsMargins(16, 4, 8, 4)
        row.addWidget(self._label, 1)
        row.addWidget(self._button)
        row.addWidget(self._close)
        self._timer.timeout.connect(self.settle)
        self._close.clicked.connect(self.settle)
        self._button.clicked.connect(self._press)
        self.hide()

    def tell(self, text: str, tone: str = "plain") -> None:
        """Show a sentence for ten seconds; `tone` is plain, success or danger."""
        self._show(text, tone, SHOWN_MILLISECONDS)

    def offer(self, text: str, button: str, on_press: Callable[[], None]) -> None:
        """Show a sentence with a button until it is closed."""
        self._show(text, "danger", 0)
        self._pressed = on_press
        self._button.setText(button)
        self._button.show()

    def undoable(self, text: str, then: Callable[[], None]) -> None:
        """Show a sentence with Undo for five seconds; do `then` unless it was pressed."""
        self._show(text, "plain", UNDO_MILLISECONDS)
        self._then = then
        self._button.setText(tr("Undo"))
        self._button.show()

    def settle(self) -> None:
        """Do at once what waits to be undone, and hide."""
        then, self._then = self._then, None
        self._timer.stop()
        self.hide()
        if then is not None:
            then()

    def _show(self, text: str, tone: str, milliseconds: int) -> None:
        self.settle()
        self._pressed = None
        self._button.hide()
        self._label.setText(text)
        restyle(self, "tone", tone)
        self.setAccessibleName(text)
        if milliseconds:
            self._timer.start(milliseconds)
        self.show()

    def _press(self) -> None:
        pressed, self._pressed, self._then = self._pressed, None, None
        self.settle()
        if pressed is not None:
            pressed()
