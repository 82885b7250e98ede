"""The rail at the left: the account on top, the sections of the window below."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QButtonGroup, QFrame, QSizePolicy, QToolButton, QVBoxLayout

from channels_desktop.ui.plain import IconButton, PlainLabel, tip
from channels_desktop.ui.words import initials, name, tr

if TYPE_CHECKING:
    from channels_desktop.ui.theme import Theme

CHATS, WALLET, SERVICES, SETTINGS = range(4)


class Rail(QFrame):
    """The rail. `chosen` carries the number of a section."""

    chosen = Signal(int)

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self.setObjectName("rail")
        self._theme = theme
        self._face = PlainLabel("", "strong")
        self._group = QButtonGroup(self)
        column = QVBoxLayout(self)
        column.setContentsMargins(6, 10, 6, 10)
        column.setSpacing(6)
        column.addWidget(self._face, 0, Qt.AlignmentFlag.AlignHCenter)
        column.addStretch()
        self.buttons = []
        for number, (icon, words) in enumerate(
            (
                ("message-circle", tr("Chats")),
                ("wallet", tr("Wallet")),
                ("store", tr("Services")),
                ("settings", tr("Settings")),
            )
        ):
            button = IconButton(theme, icon, words, f"section-{number}", "secondary", 22)
            button.setText(words)
            button.setToolTip(f"{words} (Ctrl+{number + 1})")
            button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextUnderIcon)
            button.setCheckable(True)
            button.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
            button.toggled.connect(lambda on, b=button, i=icon: b.set_icon(i, "accent" if on else "secondary"))
            self._group.addButton(button, number)
            self.buttons.append(button)
            column.addWidget(button)
        self._group.idClicked.connect(self.chosen)
        self.show_section(CHATS)
        theme.changed.connect(self._restyled)
        self._restyled()

    def show_account(self, account: str) -> None:
        """Show whose account this is."""
        self._face.setText(initials(account))
        self._face.setToolTip(tip(name(account)))
        self._face.setAccessibleName(tr("Account {name}", name=name(account)))

    def show_section(self, number: int) -> None:
        """Mark the section that is shown."""
        self.button(number).setChecked(True)

    def button(self, number: int) -> QToolButton:
        """Return the button of a section."""
        return self.buttons[number]

    def _restyled(self) -> None:
        size = min(self._theme.px(44), 56)  # a larger one would crowd the sections out of a small window
        self._face.setFixedSize(size, size)
        self._face.setAlignment(Qt.AlignmentFlag.AlignCenter)
        tokens = self._theme.tokens
        self._face.setStyleSheet(
            f"background: {tokens.accent}; color: {tokens.on_accent}; border-radius: {size // 2}px; font-weight: 600;"
        )
        self.setFixedWidth(self._theme.px(72))
