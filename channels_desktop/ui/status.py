"""The line at the bottom: the connection, the chain, the wallet; and above all the bar that says TEST MONEY."""

from __future__ import annotations

from dataclasses import replace

from PySide6.QtCore import QElapsedTimer, Qt, QTimer
from PySide6.QtWidgets import QFrame, QHBoxLayout

from channels_desktop.engine.rows import Link, ProfileRow, StatusRow
from channels_desktop.ui import host_words, words
from channels_desktop.ui.plain import ElidedLabel, PlainLabel, tip
from channels_desktop.ui.words import tr

_TONES = {Link.LISTENING: "success", Link.WAITING: "warning"}


class StatusBar(QFrame):
    """The line at the bottom."""

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("statusBar")
        self._since = QElapsedTimer()
        self._row: StatusRow | None = None
        self._line = PlainLabel(tr("◐ Starting…"), "caption", "secondary")
        self._rest = ElidedLabel("", "caption", "secondary")
        row = QHBoxLayout(self)
        row.setContentsMargins(12, 4, 12, 4)
        row.setSpacing(0)
        row.addWidget(self._line)
        row.addWidget(self._rest, 1)
        self._tick = QTimer(self)
        self._tick.setInterval(1000)
        self._tick.timeout.connect(self._show)

    def show_status(self, row: StatusRow) -> None:
        """Show the newest status; while reconnecting, count the seconds down."""
        self._row = row
        self._since.start()
        self._show()
        if row.link is Link.WAITING:
            self._tick.start()
        else:
            self._tick.stop()

    def _show(self) -> None:
        if self._row is None:
            return
        left = max(0, self._row.retry_in - self._since.elapsed() * 10**6)
        link, *rest = words.status(replace(self._row, retry_in=left))
        self._line.setText(link)
        tone = _TONES.get(self._row.link, "secondary")
        self._line.set_tone("danger" if words.trouble(self._row) else tone)
        self._rest.setText("".join(f"  ·  {part}" for part in rest))
        spoken = tr("Connection: {state}", state=link[2:].lower())
        self.setAccessibleName(spoken)
        why = "" if self._row.cause is None else host_words.problem(self._row.cause, host_words.Place.LISTENING)
        self._line.setToolTip(why)
        self._line.setAccessibleName(spoken)


class TestBar(QFrame):
    """The orange bar: this money is worth nothing, and which chain runs behind it."""

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("testBar")
        self._label = ElidedLabel("", "strong", "test")
        self._label.setAlignment(Qt.AlignmentFlag.AlignCenter)
        row = QHBoxLayout(self)
        row.setContentsMargins(12, 3, 12, 3)
        row.addWidget(self._label)
        self.hide()

    def show_profile(self, profile: ProfileRow) -> None:
        """Show the bar on every network but the main one."""
        self.setVisible(profile.network != "main")
        chain = words.line(profile.chain) or words.line(profile.network)
        sentence = tr("TEST MONEY – worth nothing. Running on {chain}.", chain=chain)
        self._label.setText(sentence)
        self._label.setToolTip(tip(sentence))
