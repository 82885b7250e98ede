"""What a pane shows while it is empty: a sentence and the next step, in the middle."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QVBoxLayout, QWidget

from channels_desktop.ui.flow import FlowLayout
from channels_desktop.ui.plain import Button, PlainLabel

if TYPE_CHECKING:
    from channels_desktop.ui.theme import Theme


class EmptyState(QFrame):
    """The sentence, with up to two buttons."""

    pressed = Signal()
    also_pressed = Signal()

    def __init__(self, theme: Theme, icon: str, also: str = "") -> None:
        super().__init__()
        self.setObjectName("page")
        self._theme, self._icon = theme, icon
        self._picture = PlainLabel()
        self._picture.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._title = PlainLabel("", "title", wrap=True)
        self._text = PlainLabel("", tone="secondary", wrap=True)
        self._buttons = QFrame()
        self.button = Button("", "primary", "emptyAction")
        self.also = Button(also, name="emptyAlso")
        self.also.setVisible(bool(also))
        flow = FlowLayout(self._buttons)
        flow.addWidget(self.button)
        flow.addWidget(self.also)
        self._holder = QWidget()
        column = QVBoxLayout(self._holder)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        for label in (self._picture, self._title, self._text):
            label.setAlignment(Qt.AlignmentFlag.AlignCenter)
            column.addWidget(label)
        column.addSpacing(8)
        column.addWidget(self._buttons, 0, Qt.AlignmentFlag.AlignHCenter)
        across = QHBoxLayout()
        across.addStretch(1)
        across.addWidget(self._holder, 8)
        across.addStretch(1)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(12, 16, 12, 16)
        whole.addStretch(2)
        whole.addLayout(across)
        whole.addStretch(3)
        self.button.clicked.connect(self.pressed)
        self.also.clicked.connect(self.also_pressed)
        theme.changed.connect(self._restyled)
        self._restyled()

    def show_words(self, title: str, text: str, button: str = "") -> None:
        """Show a heading, a sentence and the words of the next step."""
        self._title.setText(title)
        self._text.setText(text)
        self.button.setText(button)
        self.button.setVisible(bool(button))
        self._buttons.setVisible(bool(button))

    def _restyled(self) -> None:
        size = self._theme.px(48)
        self._picture.setPixmap(self._theme.pixmap(self._icon, "edge", size, self.devicePixelRatio()))
        self._holder.setMaximumWidth(self._theme.px(420))
