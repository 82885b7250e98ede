"""The section of conversations: list, open conversation and details side by side, or one at a time when narrow."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QSplitter, QStackedWidget, QWidget

from channels_desktop.ui.conversation import ConversationPane
from channels_desktop.ui.conversation_list import ConversationList
from channels_desktop.ui.details import DetailsPanel
from channels_desktop.ui.empty import EmptyState
from channels_desktop.ui.words import tr

if TYPE_CHECKING:
    from PySide6.QtGui import QResizeEvent

    from channels_desktop.ui.bridge import Bridge
    from channels_desktop.ui.theme import Theme

NARROW, WIDE = 760, 1100


class Chats(QWidget):
    """The section; widths are those of the whole window, which is `rail` wider than this."""

    def __init__(self, bridge: Bridge, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self.list = ConversationList(theme, bridge.now)
        self.pane = ConversationPane(bridge, theme)
        self.details = DetailsPanel(theme, bridge.now)
        self.nobody = EmptyState(theme, "message-circle", tr("Paste an invite"))
        self.nobody.show_words(
            tr("No one here yet"), tr("Send an invite link to someone you know."), tr("Create invite")
        )
        self._right = QStackedWidget()
        self._right.addWidget(self.pane)
        self._right.addWidget(self.nobody)
        self.splitter = QSplitter(Qt.Orientation.Horizontal)
        self.splitter.setChildrenCollapsible(False)
        self.splitter.setHandleWidth(1)
        self.splitter.addWidget(self.list)
        self.splitter.addWidget(self._right)
        self.splitter.setStretchFactor(1, 1)
        self.splitter.setSizes([320, 700])
        self._row = QHBoxLayout(self)
        self._row.setContentsMargins(0, 0, 0, 0)
        self._row.setSpacing(0)
        self._row.addWidget(self.splitter, 1)
        self._row.addWidget(self.details)
        self.details.hide()
        self.pane.header.back_wanted.connect(self.show_list)
        self._opened = False
        theme.changed.connect(self._arrange)
        self._arrange()

    def show_people(self, *, any_known: bool) -> None:
        """Show the open conversation, or, where nobody is known yet, how to begin."""
        self._right.setCurrentWidget(self.pane if any_known else self.nobody)
        self._arrange()

    def show_conversation(self) -> None:
        """In a narrow window, show the conversation in place of the list."""
        self._opened = True
        self._arrange()

    def show_list(self) -> None:
        """In a narrow window, show the list in place of the conversation."""
        self._opened = False
        self._arrange()

    def show_details(self, *, shown: bool) -> None:
        """Open or close the panel at the right."""
        self.details.setVisible(shown)
        self._arrange()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Arrange the panes for the new width."""
        super().resizeEvent(event)
        self._arrange()

    def _arrange(self) -> None:
        width = self.width() + self._theme.px(72)
        narrow = width < max(NARROW, self._theme.px(640))
        nobody = self._right.currentWidget() is self.nobody
        self.list.setVisible(not narrow or not (self._opened or nobody))
        self._right.setVisible(not narrow or self._opened or nobody)
        self.pane.header.back.setVisible(narrow)
        self.list.setMaximumWidth(16_777_215 if narrow else self._theme.px(360))
        overlay = width < max(WIDE, self._theme.px(1000))
        panel = min(self._theme.px(300), self.width())
        self.details.setFixedWidth(panel)
        if overlay and self._row.indexOf(self.details) >= 0:
            self._row.removeWidget(self.details)
        elif not overlay and self._row.indexOf(self.details) < 0:
            self._row.addWidget(self.details)
        if overlay:
            self.details.setGeometry(self.width() - panel, 0, panel, self.height())
            self.details.raise_()
