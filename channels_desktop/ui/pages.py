"""The sections Services and Settings, as far as they go today, and the frame that all pages share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QScrollArea, QSlider, QVBoxLayout, QWidget

from channels_desktop.engine.rows import ProfileRow
from channels_desktop.ui.empty import EmptyState
from channels_desktop.ui.plain import Button, Choice, PlainLabel, fact, rule
from channels_desktop.ui.theme import LARGEST_TEXT, SMALLEST_TEXT, Mode
from channels_desktop.ui.words import line, name, tr

if TYPE_CHECKING:
    from channels_desktop.ui.theme import Theme


class Page(QScrollArea):
    """A section with a heading; its `column` scrolls where the window is small."""

    def __init__(self, title: str) -> None:
        super().__init__()
        self.setWidgetResizable(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)  # what is in it takes the focus
        inner = QWidget()
        inner.setObjectName("page")
        outer = QHBoxLayout(inner)
        outer.setContentsMargins(24, 16, 24, 24)
        self.column = QVBoxLayout()
        self.column.setSpacing(10)
        holder = QWidget()
        holder.setMaximumWidth(900)
        holder.setLayout(self.column)
        outer.addWidget(holder, 1)
        outer.addStretch(0)
        self.setWidget(inner)
        self.column.addWidget(PlainLabel(title, "amount"))

    def fact(self, what: str) -> PlainLabel:
        """Add a named fact; return the label of its value."""
        pair, value = fact(what, "")
        self.column.addLayout(pair)
        return value


class Services(EmptyState):
    """Says honestly that there is nothing yet."""

    def __init__(self, theme: Theme) -> None:
        super().__init__(theme, "store")
        self.show_words(
            tr("No services yet"),
            tr("Services are things like channel hosting, storage or block data, paid over the same channels."),
        )


class Settings(Page):
    """Appearance, and the facts of the account. `look_changed` carries the theme's mode and the text size."""

    look_changed = Signal(object, int)
    host_wanted = Signal()

    def __init__(self, theme: Theme) -> None:
        super().__init__(tr("Settings"))
        self._theme = theme
        modes = ((tr("System"), Mode.SYSTEM), (tr("Light"), Mode.LIGHT), (tr("Dark"), Mode.DARK))
        self._mode = Choice(tr("Theme"), modes, theme.mode)
        self._size = QSlider(Qt.Orientation.Horizontal)
        self._size.setObjectName("textSize")
        self._size.setAccessibleName(tr("Text size in percent"))
        self._size.setRange(SMALLEST_TEXT // 10, LARGEST_TEXT // 10)
        self._size.setMaximumWidth(420)
        self._shown_size = PlainLabel("", "strong")
        self.column.addWidget(PlainLabel(tr("Appearance"), "title"))
        self.column.addWidget(PlainLabel(tr("Theme"), "caption", "secondary"))
        self.column.addWidget(self._mode)
        self.column.addWidget(PlainLabel(tr("Text size (Ctrl + and Ctrl −)"), "caption", "secondary"))
        row = QHBoxLayout()
        row.addWidget(self._size, 1)
        row.addWidget(self._shown_size)
        row.addStretch(1)
        self.column.addLayout(row)
        self.column.addWidget(rule())
        self.column.addWidget(PlainLabel(tr("Account"), "title"))
        self._name = self.fact(tr("Name that contacts see"))
        self._host = self.fact(tr("Channel host"))
        self._add_host = Button(tr("Add a channel host…"), "primary", "addHostWanted")
        self._add_host.hide()
        self._add_host.clicked.connect(self.host_wanted)
        self.column.addWidget(self._add_host, 0, Qt.AlignmentFlag.AlignLeft)
        self._network = self.fact(tr("Network"))
        self._chain = self.fact(tr("Block data from"))
        self.column.addStretch()
        self._show_look()
        self._mode.chosen.connect(lambda mode: self.look_changed.emit(mode, theme.text_size))
        self._size.valueChanged.connect(self._resized)
        theme.changed.connect(self._show_look)

    def show_profile(self, profile: ProfileRow) -> None:
        """Show the facts of the account."""
        self._name.setText(name(profile.name))
        self._host.setText(line(profile.host) or tr("None yet: nobody can write to you."))
        self._add_host.setVisible(not profile.host)
        real = tr("Bitcoin SV, real money")
        test = tr("{network}: test money, worth nothing", network=line(profile.network))
        self._network.setText(real if profile.network == "main" else test)
        self._chain.setText(line(profile.chain))

    def _resized(self, tens: int) -> None:
        if tens * 10 != self._theme.text_size:
            self.look_changed.emit(self._theme.mode, tens * 10)

    def _show_look(self) -> None:
        self._size.setValue(self._theme.text_size // 10)
        self._shown_size.setText(f"{self._theme.text_size} %")
