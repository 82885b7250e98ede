"""What is shown where the program cannot start: a sentence, and a button that ends it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from channels_desktop.ui.plain import Button, Callout
from channels_desktop.ui.sheet import Sheet
from channels_desktop.ui.words import tr

if TYPE_CHECKING:
    from channels_desktop.ui.theme import Theme


class ProblemDialog(Sheet):
    """Says what happened and what to do next."""

    def __init__(self, theme: Theme, sentence: str) -> None:
        super().__init__(None, theme, tr("Channels Desktop can't start"), 460)
        callout = Callout(sentence, "danger")
        callout.label.selectable()
        self.body.addWidget(callout)
        close = Button(tr("Close"), "primary", "close")
        self.buttons.addStretch()
        self.buttons.addWidget(close)
        close.clicked.connect(self.reject)
        close.setFocus()
