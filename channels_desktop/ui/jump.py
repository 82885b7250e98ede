"""Jump to a conversation by a few letters of its name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QObject, Qt, Signal
from PySide6.QtWidgets import QListWidget, QListWidgetItem, QWidget

from channels_desktop.engine.rows import ConversationRow
from channels_desktop.ui.entry_words import contact_state
from channels_desktop.ui.plain import PlainLabel
from channels_desktop.ui.sheet import Sheet, line_edit
from channels_desktop.ui.words import escaped, name, tr

if TYPE_CHECKING:
    from collections.abc import Sequence

    from PySide6.QtGui import QKeyEvent

    from channels_desktop.ui.theme import Theme

MOST_SHOWN = 50
_MOVES = {Qt.Key.Key_Up, Qt.Key.Key_Down, Qt.Key.Key_PageUp, Qt.Key.Key_PageDown}
_ENTER = {Qt.Key.Key_Return, Qt.Key.Key_Enter}


class JumpDialog(Sheet):
    """Letters narrow the list, arrows move in it, Enter jumps. `chosen` carries the relationship.

    `rows` are in the order of the list; names that begin with the letters, or one of whose words does, come first.
    """

    chosen = Signal(int)

    def __init__(self, parent: QWidget, theme: Theme, rows: Sequence[ConversationRow]) -> None:
        super().__init__(parent, theme, tr("Jump to a conversation"), 420)
        self._rows = rows
        self.letters = line_edit("jumpLetters", tr("A few letters of a name"), 100)
        self.letters.setAccessibleName(tr("A few letters of a name"))
        self.list = QListWidget()
        self.list.setObjectName("jumpList")
        self.list.setAccessibleName(tr("Conversations"))
        self.list.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.list.setMinimumHeight(theme.px(220))
        self._nobody = PlainLabel("", tone="secondary", wrap=True)
        self.body.addWidget(self.letters)
        self.body.addWidget(self._nobody)
        self.fill_with(self.list)
        self.buttons.addWidget(PlainLabel(tr("Arrows choose, Enter jumps, Esc closes."), "caption", "secondary"))
        self.letters.textChanged.connect(self._narrow)
        self.letters.installEventFilter(self)
        self.list.itemClicked.connect(self._choose)
        self._narrow("")
        self.letters.setFocus()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Let the arrow keys move in the list while letters are typed, and Enter jump."""
        if event.type() is not QEvent.Type.KeyPress:
            return False
        pressed: QKeyEvent = event  # type: ignore[assignment]  # that type of event
        if pressed.key() in _MOVES:
            self.list.keyPressEvent(pressed)
        elif pressed.key() in _ENTER:
            self._choose(self.list.currentItem())
        else:
            return False
        return True

    def _narrow(self, letters: str) -> None:
        wanted = letters.strip().casefold()
        found = sorted((row for row in self._rows if wanted in row.name.casefold()), key=lambda r: _rank(r, wanted))
        self.list.clear()
        for row in found[:MOST_SHOWN]:
            words = name(row.name) if row.since else f"{name(row.name)} – {contact_state(row)}"
            item = QListWidgetItem(words, self.list)
            item.setData(Qt.ItemDataRole.UserRole, row.relationship)
        self.list.setCurrentRow(0)
        self.list.setVisible(bool(found))
        self._nobody.setVisible(not found)
        self._nobody.setText(tr("Nobody is called “{letters}”.", letters=escaped(letters.strip())))

    def _choose(self, item: QListWidgetItem | None) -> None:
        if item is not None:
            self.accept()
            self.chosen.emit(item.data(Qt.ItemDataRole.UserRole))


def _rank(row: ConversationRow, wanted: str) -> int:
    whole = row.name.casefold()
    if whole.startswith(wanted):
        return 0
    return 1 if any(word.startswith(wanted) for word in whole.split()) else 2
