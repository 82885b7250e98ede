"""Where the user writes: Enter sends, Shift+Enter makes a new line, and what was typed is never lost."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QSize, Qt, QTimer, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QPlainTextEdit, QSizePolicy

from channels_desktop.ui.plain import IconButton
from channels_desktop.ui.words import tr

if TYPE_CHECKING:
    from PySide6.QtGui import QKeyEvent, QResizeEvent

    from channels_desktop.ui.theme import Theme

DRAFT_MILLISECONDS = 700
MOST_LINES = 6


class TextBox(QPlainTextEdit):
    """A text box that grows with its text, up to six lines."""

    entered = Signal()

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self.setTabChangesFocus(True)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.document().documentLayout().documentSizeChanged.connect(self._grow)
        theme.changed.connect(self._grow)
        self._grow()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Report Enter; leave every other key to the box."""
        enter = event.key() in {Qt.Key.Key_Return, Qt.Key.Key_Enter}
        if enter and event.modifiers() in {Qt.KeyboardModifier.NoModifier, Qt.KeyboardModifier.KeypadModifier}:
            self.entered.emit()
        else:
            super().keyPressEvent(event)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Count the lines anew: they may wrap otherwise now."""
        super().resizeEvent(event)
        self._grow()

    def sizeHint(self) -> QSize:
        """Ask for the room of the text."""
        return QSize(self._theme.px(120), self.height())

    def height_of(self, lines: int) -> int:
        """Return the height of the box around so many lines."""
        # QSS padding, border and the document's own margin lie around the lines.
        around = 2 * self._theme.px(6) + 4 + round(2 * self.document().documentMargin())
        return lines * self.fontMetrics().lineSpacing() + around

    def _grow(self) -> None:
        lines = round(self.document().size().height())
        shown = max(1, min(MOST_LINES, lines))
        self.setFixedHeight(self.height_of(shown))
        many = Qt.ScrollBarPolicy.ScrollBarAsNeeded if lines > MOST_LINES else Qt.ScrollBarPolicy.ScrollBarAlwaysOff
        self.setVerticalScrollBarPolicy(many)


class Composer(QFrame):
    """The box and its Send button. `sent` carries a text, `drafted` what is typed within a second."""

    sent = Signal(str)
    drafted = Signal(str)

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self.setObjectName("footer")
        self.box = TextBox(theme)
        self.box.setObjectName("composer")
        self._send = IconButton(theme, "send-horizontal", tr("Send"), "send", "on_accent")
        self._send.setProperty("kind", "primary")
        self._draft = QTimer(self)
        self._draft.setSingleShot(True)
        self._draft.setInterval(DRAFT_MILLISECONDS)
        row = QHBoxLayout(self)
        row.setContentsMargins(16, 8, 16, 12)
        row.setSpacing(8)
        row.addWidget(self.box, 1)
        row.addWidget(self._send, 0, Qt.AlignmentFlag.AlignBottom)
        self._draft.timeout.connect(lambda: self.drafted.emit(self.text))
        self.box.textChanged.connect(self._typed)
        self.box.entered.connect(self.send)
        self._send.clicked.connect(self.send)
        theme.changed.connect(self._restyled)
        self._restyled()
        self._typed()
        self._draft.stop()

    @property
    def text(self) -> str:
        """Return what is typed, letter for letter: `toPlainText` would make common blanks of non-breaking ones."""
        return self.box.document().toRawText().replace("\u2029", "\n").replace("\u2028", "\n")

    def open(self, text: str, name: str) -> None:
        """Begin with the draft `text` of the conversation with `name`."""
        self.box.setPlainText(text)
        self.box.setPlaceholderText(tr("Message {name}", name=name))
        self.box.setAccessibleName(tr("Message to {name}", name=name))
        self.box.moveCursor(self.box.textCursor().MoveOperation.End)
        self._draft.stop()

    def flush(self) -> None:
        """Report a draft that was not reported yet."""
        if self._draft.isActive():
            self._draft.stop()
            self.drafted.emit(self.text)

    def send(self) -> None:
        """Report the text, unless it is empty, and start a new one. Its first line keeps its indentation."""
        text = self.text.rstrip().lstrip("\n")
        if text:
            self.box.setPlainText("")
            self._draft.stop()
            self.sent.emit(text)

    def put_back(self, text: str) -> None:
        """Give back a text that could not be sent, in front of what was typed since."""
        self.box.setPlainText(f"{text}\n{self.text}".rstrip("\n"))

    def _restyled(self) -> None:
        side = self.box.height_of(1)
        self._send.setFixedSize(side, side)

    def _typed(self) -> None:
        ready = bool(self.text.strip())
        self._send.setEnabled(ready)
        self._send.set_icon("send-horizontal", "on_accent" if ready else "secondary")
        if not self._draft.isActive():
            self._draft.start()
