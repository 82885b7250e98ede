"""The labels and buttons that every view is made of. A label shows plain text only, never markup."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtWidgets import (
    QButtonGroup,
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from channels_desktop.ui.flow import FlowLayout
from channels_desktop.ui.words import plain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from PySide6.QtGui import QKeyEvent, QMouseEvent, QResizeEvent

    from channels_desktop.ui.theme import Theme


class PlainLabel(QLabel):
    """A label that never interprets its text; control and bidi marks are shown as escapes (ux R5)."""

    def __init__(self, text: str = "", role: str = "body", tone: str = "", *, wrap: bool = False) -> None:
        super().__init__()
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setProperty("role", role)
        self.setProperty("tone", tone)
        self.setWordWrap(wrap)
        self.setText(text)

    def setText(self, text: str) -> None:
        """Show `text` as it is."""
        super().setText(plain(text))

    def set_tone(self, tone: str) -> None:
        """Colour the text by purpose: `secondary`, `accent`, `success`, `warning`, `danger` or nothing."""
        restyle(self, "tone", tone)

    def selectable(self) -> PlainLabel:
        """Let the text be marked and copied; return the label."""
        self.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
        return self


class ElidedLabel(PlainLabel):
    """One line that ends in "…" where the room is short; a screen reader still has it whole."""

    def __init__(self, text: str = "", role: str = "body", tone: str = "") -> None:
        self._whole = ""
        super().__init__(text, role, tone)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Preferred)

    def setText(self, text: str) -> None:
        """Keep the whole of `text` and show what fits."""
        self._whole = plain(text)
        self.setAccessibleName(self._whole)
        self._fit()
        self.updateGeometry()

    def sizeHint(self) -> QSize:
        """Ask for the room of the whole text."""
        width = self.fontMetrics().horizontalAdvance(self._whole) + 2
        return QSize(width, super().sizeHint().height())

    def minimumSizeHint(self) -> QSize:
        """Do with the room of a few letters."""
        whole = self.sizeHint()
        return QSize(min(whole.width(), self.fontMetrics().horizontalAdvance("MMM…")), whole.height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Fit the text anew."""
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        width = max(self.width(), 1)
        QLabel.setText(self, self.fontMetrics().elidedText(self._whole, Qt.TextElideMode.ElideRight, width))


class Chip(PlainLabel):
    """A small coloured badge; the words carry the meaning, the colour only helps."""

    def __init__(self, text: str = "", tone: str = "plain") -> None:
        super().__init__(text, "chip")
        self.setProperty("chip", tone)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)

    def show_state(self, text: str, tone: str) -> None:
        """Change words and colour."""
        self.setText(text)
        restyle(self, "chip", tone)


class Button(QPushButton):
    """A push button that Enter never presses by accident; `kind` is primary, danger, quiet, choice or nothing."""

    def __init__(self, text: str, kind: str = "", name: str = "") -> None:
        super().__init__()
        self.setText(text)
        self.setProperty("kind", kind)
        self.setAutoDefault(False)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setObjectName(name)

    def setText(self, text: str) -> None:
        """Show `text` as it is: an ampersand is no shortcut here."""
        super().setText(plain(text).replace("&", "&&"))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Let Enter press the button that has the focus, as the space bar does."""
        if event.key() in {Qt.Key.Key_Return, Qt.Key.Key_Enter} and not event.isAutoRepeat():
            self.click()
        else:
            super().keyPressEvent(event)


class IconButton(QToolButton):
    """A button that shows an icon; its words are its accessible name and its tooltip."""

    def __init__(
        self, theme: Theme, icon: str, words: str, name: str = "", colour: str = "text", size: int = 20
    ) -> None:
        super().__init__()
        self._theme, self._icon, self._colour, self._size = theme, icon, colour, size
        self.setObjectName(name)
        self.setAccessibleName(words)
        self.setToolTip(words)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        theme.changed.connect(self.redraw)
        self.redraw()

    def redraw(self) -> None:
        """Take the icon's colour and size from the theme again."""
        self.setIcon(self._theme.icon(self._icon, self._colour))
        size = self._theme.px(self._size)
        self.setIconSize(QSize(size, size))

    def set_icon(self, icon: str, colour: str) -> None:
        """Show another icon."""
        self._icon, self._colour = icon, colour
        self.redraw()


class Choice(QWidget):
    """A few values side by side of which one is chosen."""

    chosen = Signal(object)

    def __init__(self, words: str, choices: Sequence[tuple[str, object]], start: object) -> None:
        super().__init__()
        self.setAccessibleName(words)
        self._values = [value for _, value in choices]
        self._group = QButtonGroup(self)
        row = FlowLayout(self, 6)
        for number, (text, value) in enumerate(choices):
            button = Button(text, "choice", f"choice-{number}")
            button.setAccessibleName(f"{words}: {text}")
            button.setCheckable(True)
            button.setChecked(value == start)
            self._group.addButton(button, number)
            row.addWidget(button)
        self._group.idClicked.connect(lambda number: self.chosen.emit(self._values[number]))

    @property
    def value(self) -> object:
        """Return the chosen value."""
        return self._values[self._group.checkedId()]


class Callout(QFrame):
    """A coloured box with a sentence that matters."""

    def __init__(self, text: str, tone: str = "plain") -> None:
        super().__init__()
        self.setObjectName("callout")
        self.setProperty("tone", tone)
        self.label = PlainLabel(text, tone="" if tone == "plain" else tone, wrap=True)
        row = QHBoxLayout(self)
        row.setContentsMargins(12, 8, 12, 8)
        row.addWidget(self.label, 1)

    def show_text(self, text: str, tone: str) -> None:
        """Change words and colour; hide the box where there are none."""
        self.label.setText(text)
        self.label.set_tone("" if tone == "plain" else tone)
        restyle(self, "tone", tone)
        self.setVisible(bool(text))


class ClickFrame(QFrame):
    """A frame that can be chosen with the mouse or with Enter."""

    clicked = Signal()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """Report a click."""
        super().mouseReleaseEvent(event)
        if event.button() == Qt.MouseButton.LeftButton:
            self.clicked.emit()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Report Enter and space."""
        if event.key() in {Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space}:
            self.clicked.emit()
        else:
            super().keyPressEvent(event)


def tip(text: str) -> str:
    """Return `text` for a tooltip, which takes what looks like markup for markup and needs it escaped."""
    return f"<span>{html.escape(plain(text))}</span>" if "<" in text else plain(text)


def scrolled(widget: QWidget) -> QScrollArea:
    """Return `widget` in a frame that scrolls up and down where the room is short."""
    area = QScrollArea()
    area.setWidgetResizable(True)
    area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    area.setFocusPolicy(Qt.FocusPolicy.NoFocus)  # what is in it takes the focus
    area.setWidget(widget)
    return area


def rule() -> QFrame:
    """Return a thin horizontal line."""
    line = QFrame()
    line.setObjectName("rule")
    line.setFixedHeight(1)
    return line


def fact(what: str, value: str) -> tuple[QVBoxLayout, PlainLabel]:
    """Return a named fact, its name small above its value, and the label of the value."""
    label = PlainLabel(value, wrap=True).selectable()
    label.setAccessibleName(f"{what}: {value}")
    pair = QVBoxLayout()
    pair.setSpacing(0)
    pair.addWidget(PlainLabel(what, "caption", "secondary", wrap=True))
    pair.addWidget(label)
    return pair, label


def polish(widget: QWidget) -> None:
    """Give `widget` and all in it their style before they are shown, so that they measure right."""
    for part in (widget, *widget.findChildren(QWidget)):
        part.ensurePolished()


def restyle(widget: QWidget, name: str, value: object) -> None:
    """Set a property that the style sheet looks at, and style `widget` again where it changed."""
    if widget.property(name) != value:
        widget.setProperty(name, value)
        widget.style().unpolish(widget)
        widget.style().polish(widget)
