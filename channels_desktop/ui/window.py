"""The main window: sections, shortcuts, and who hears of what."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QRect, QSize, Qt, Signal
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import QHBoxLayout, QMainWindow, QStackedWidget, QVBoxLayout, QWidget

from channels_desktop.engine.commands import AnswerRequest
from channels_desktop.engine.rows import Action, ContactState, Link, NeedRow, PaymentRow
from channels_desktop.ui.chats import Chats
from channels_desktop.ui.details import REMOVABLE
from channels_desktop.ui.doors import Doors
from channels_desktop.ui.message_bar import MessageBar
from channels_desktop.ui.pages import Services, Settings
from channels_desktop.ui.plain import scrolled
from channels_desktop.ui.rail import CHATS, SETTINGS, WALLET, Rail
from channels_desktop.ui.status import StatusBar, TestBar
from channels_desktop.ui.wallet import Wallet
from channels_desktop.ui.words import name, tr

if TYPE_CHECKING:
    from PySide6.QtGui import QCloseEvent

    from channels_desktop.engine.events import EngineFailed
    from channels_desktop.engine.rows import ConversationRow, EntryRow, ProfileRow, StatusRow
    from channels_desktop.ui.bridge import Bridge
    from channels_desktop.ui.preferences import Preferences
    from channels_desktop.ui.theme import Mode, Theme

FRAME = 4, 40  # pixels that a window manager may put beside and above a window


class MainWindow(QMainWindow):
    """The window. `closed` says that the user closed it, `restart_wanted` that a failed engine should be restarted."""

    closed = Signal()
    restart_wanted = Signal()

    def __init__(self, bridge: Bridge, theme: Theme, preferences: Preferences) -> None:
        super().__init__()
        self.bridge = self._bridge = bridge
        self._theme, self._preferences = theme, preferences
        self.setWindowTitle(tr("Channels Desktop"))
        self.resize(1280, 800)
        self.rail = Rail(theme)
        self.test_bar = TestBar()
        self.message_bar = MessageBar(theme)
        self.status_bar = StatusBar()
        self.chats = Chats(bridge, theme)
        self.wallet = Wallet(theme, bridge.now)
        self.settings = Settings(theme)
        self.sections = QStackedWidget()
        for page in (self.chats, scrolled(self.wallet), scrolled(Services(theme)), self.settings):
            self.sections.addWidget(page)
        self.doors = Doors(self, bridge, theme, self.message_bar)
        self._payment: PaymentRow | None = None
        self._build()
        self._connect_views()
        self._connect_bridge()
        self._add_shortcuts()
        self._restore()

    def load(self) -> None:
        """Fill every view from the engine."""
        engine = self._bridge.engine
        self._bridge.ask(engine.profile(), self.show_profile)
        self._bridge.ask(engine.conversations(), self.fill_conversations)
        self._bridge.ask(engine.status(), self._show_status)
        self._load_history()
        self.chats.list.view.setFocus()

    def open_conversation(self, relationship: int) -> None:
        """Show a conversation of the list."""
        row = self.chats.list.model.row_of(relationship)
        if row is None:
            return
        self._show_section(CHATS)
        self.chats.list.show_current(relationship)
        if self.chats.pane.row is None or self.chats.pane.row.relationship != relationship:
            self._close_details()
            self.chats.pane.open(row)
        self.chats.show_conversation()
        if row.state is not ContactState.ACTIVE:
            self.chats.list.view.setFocus()
        elif not self.chats.list.view.hasFocus():
            self.chats.pane.composer.box.setFocus()

    def closeEvent(self, event: QCloseEvent) -> None:
        """Keep drafts and measures; do at once what waited to be undone."""
        self.chats.pane.composer.flush()
        self.message_bar.settle()
        self._preferences.keep_measures(geometry=self.saveGeometry(), splitter=self.chats.splitter.saveState())
        super().closeEvent(event)
        self.closed.emit()

    # --------------------------------------------------------------------------------------------------------- building

    def _build(self) -> None:
        whole = QWidget()
        column = QVBoxLayout(whole)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        middle = QHBoxLayout()
        middle.setSpacing(0)
        right = QVBoxLayout()
        right.setSpacing(0)
        right.addWidget(self.message_bar)
        right.addWidget(self.sections, 1)
        middle.addWidget(self.rail)
        middle.addLayout(right, 1)
        column.addWidget(self.test_bar)
        column.addLayout(middle, 1)
        column.addWidget(self.status_bar)
        self.setCentralWidget(whole)

    def _connect_views(self) -> None:
        chats, pane = self.chats, self.chats.pane
        self.rail.chosen.connect(self._show_section)
        chats.list.chosen.connect(self.open_conversation)
        chats.list.view.clicked.connect(self._wait_for_words)  # the arrow keys stay in the list
        chats.list.contact_wanted.connect(self.doors.add_contact)
        chats.nobody.pressed.connect(self.doors.add_contact)
        chats.nobody.also_pressed.connect(lambda: self.doors.add_contact(use=True))
        pane.header.pay_wanted.connect(self._pay)
        pane.header.request_wanted.connect(self._request)
        pane.header.verify_wanted.connect(self._verify)
        pane.header.details_wanted.connect(self._toggle_details)
        pane.acted.connect(self._act)
        pane.need_wanted.connect(self._meet_need)
        pane.details_wanted.connect(self.show_payment)
        pane.answered.connect(lambda *answer: self._bridge.submit(AnswerRequest(*answer)))
        chats.details.close_wanted.connect(self._close_details)
        chats.details.verify_wanted.connect(self._verify)
        chats.details.remove_wanted.connect(self._remove)
        pane.remove_wanted.connect(self._remove)
        chats.details.raw_wanted.connect(self.doors.raw)
        self.wallet.entry_wanted.connect(self._show_entry)
        self.settings.look_changed.connect(self.apply_look)
        self.settings.host_wanted.connect(self.doors.add_host)
        self.doors.connected.connect(self._connected)
        self.doors.host_added.connect(self._host_added)
        self.doors.jumped.connect(self._jumped)
        self.doors.removed.connect(self._reload_conversations)

    def _connect_bridge(self) -> None:
        bridge = self._bridge
        bridge.conversations.connect(self._conversations_changed)
        bridge.entries.connect(self._entries_changed)
        bridge.removed.connect(self.chats.pane.drop_entries)
        bridge.invites.connect(self.doors.invites_changed)
        bridge.status.connect(self._show_status)
        bridge.problem.connect(lambda text: self.message_bar.tell(text, "danger"))
        bridge.failed.connect(self._engine_failed)

    def _add_shortcuts(self) -> None:
        step = self._step
        keys = {
            "Ctrl+K": lambda: self.doors.jump(self.chats.list.model.everybody()),
            "Ctrl+F": self._search,
            "Ctrl+N": self.doors.add_contact,
            "Alt+Up": lambda: step(-1),
            "Alt+Down": lambda: step(1),
            "Ctrl+PgUp": lambda: step(-1),
            "Ctrl+PgDown": lambda: step(1),
            "Ctrl+Shift+P": self._pay,
            "Ctrl+Shift+R": self._request,
            "Ctrl+Shift+N": lambda: self.open_conversation(self.chats.list.next_need()),
            "Ctrl+I": self._toggle_details,
            "Ctrl+,": lambda: self._show_section(SETTINGS),
            "Ctrl++": lambda: self._zoom(10),
            "Ctrl+=": lambda: self._zoom(10),
            "Ctrl+-": lambda: self._zoom(-10),
            "Ctrl+0": lambda: self._zoom(0),
            "Ctrl+Q": self.close,
            "F6": self._next_pane,
            "Esc": self._escape,
        }
        keys |= {f"Ctrl+{n + 1}": partial(self._show_section, n) for n in range(self.sections.count())}
        for key, then in keys.items():
            QShortcut(QKeySequence(key), self).activated.connect(then)

    def _restore(self) -> None:
        geometry, splitter = (self._preferences.measure(key) for key in ("geometry", "splitter"))
        if not geometry.isEmpty():
            self.restoreGeometry(geometry)
        if not splitter.isEmpty():
            self.chats.splitter.restoreState(splitter)
        self._fit(self.screen().availableGeometry())

    def _fit(self, room: QRect) -> None:
        """Keep the whole window within `room`, its frame included, whatever it was sized for before."""
        most = room.size() - QSize(*FRAME)
        self.setMinimumSize(QSize(720, 480).boundedTo(most))
        if not self.isMaximized() and not self.isFullScreen():
            self.resize(self.size().boundedTo(most))

    # ------------------------------------------------------------------------------------------------------ engine news

    def show_profile(self, profile: ProfileRow) -> None:
        """Show whose account this is, and on which network."""
        self.setWindowTitle(tr("Channels Desktop — {name}", name=name(profile.name)))
        self.rail.show_account(profile.name)
        self.test_bar.show_profile(profile)
        self.settings.show_profile(profile)

    def fill_conversations(self, rows: tuple[ConversationRow, ...]) -> None:
        """Show these conversations and no others."""
        self.chats.list.fill(rows)
        self.chats.show_people(any_known=bool(rows))

    def _conversations_changed(self, rows: tuple[ConversationRow, ...]) -> None:
        self.chats.list.change(rows)
        self.chats.show_people(any_known=len(self.chats.list.model) > 0)
        for row in rows:
            self.chats.pane.change(row)

    def _entries_changed(self, rows: tuple[EntryRow, ...]) -> None:
        self.chats.pane.take_entries(rows)
        payments = [row for row in rows if isinstance(row, PaymentRow)]
        for row in payments:
            self.doors.payment_changed(row)
            if self._payment is not None and row.thread == self._payment.thread and self.chats.details.isVisible():
                self.show_payment(row)
        if payments and self.sections.currentIndex() == WALLET:
            self._load_history()

    def _show_status(self, row: StatusRow) -> None:
        self.status_bar.show_status(row)
        self.wallet.show_wallet(row.wallet)
        self.doors.wallet = row.wallet
        self.doors.hosted = row.link is not Link.NO_HOST

    def _engine_failed(self, failure: EngineFailed) -> None:
        task = failure.task.value
        text = tr("A part of this program fails ({task}). It is tried again; your data is kept.", task=task)
        self.message_bar.offer(text, tr("Restart"), self.restart_wanted.emit)

    def _load_history(self) -> None:
        self._bridge.ask(self._bridge.engine.history(), self.wallet.show_history)

    # ----------------------------------------------------------------------------------------------------------- clicks

    def apply_look(self, mode: Mode, text_size: int) -> None:
        """Show and remember a theme and a text size."""
        self._theme.apply(mode, text_size)
        self._preferences.keep_look(self._theme.mode, self._theme.text_size)

    def _zoom(self, step: int) -> None:
        self.apply_look(self._theme.mode, self._theme.text_size + step if step else 100)

    def _show_section(self, number: int) -> None:
        self.rail.show_section(number)
        self.sections.setCurrentIndex(number)
        if number == WALLET:
            self._load_history()

    def _pay(self) -> None:
        row = self._active()
        if row is not None:
            self.doors.pay(row)

    def _request(self) -> None:
        row = self._active()
        if row is not None:
            self.doors.request(row)

    def _verify(self) -> None:
        row = self._active()
        if row is not None:
            self.doors.verify(row)

    def _remove(self) -> None:
        row = self.chats.pane.row
        if row is not None and row.state in REMOVABLE:
            self.doors.remove(row)

    def _reload_conversations(self) -> None:
        self._bridge.ask(self._bridge.engine.conversations(), self._reloaded)

    def _reloaded(self, rows: tuple[ConversationRow, ...]) -> None:
        self.fill_conversations(rows)
        shown = self.chats.pane.row
        if shown is not None and self.chats.list.model.row_of(shown.relationship) is None:
            self._close_details()
            self.chats.pane.open(None)

    def _active(self) -> ConversationRow | None:
        row = self.chats.pane.row
        return row if row is not None and row.state is ContactState.ACTIVE else None

    def _act(self, payment: PaymentRow, action: Action) -> None:
        row = self.chats.pane.row
        if row is not None:
            self.doors.act(payment, action, row)

    def _meet_need(self, need: NeedRow) -> None:
        """Do what the action bar says: through the review for money, else as the card's own button does."""
        row = self.chats.pane.row
        if row is None:
            return
        payment = self.chats.pane.model.payment(need.thread) or row.payment
        if need.code == "mailbox_gone":
            self._remove()
        elif need.code == Action.PAY.value:
            self.doors.review(need.thread)
        elif payment is not None and payment.thread == need.thread:
            action = next((action for action in payment.actions if action.value == need.code), None)
            if action is None:
                self.show_payment(payment)
            else:
                self.doors.act(payment, action, row)

    def _host_added(self) -> None:
        self.message_bar.tell(tr("The channel host is there. Now people can write to you."), "success")
        self._bridge.ask(self._bridge.engine.profile(), self.show_profile)

    def _jumped(self, relationship: int) -> None:
        self.open_conversation(relationship)
        self.chats.pane.composer.box.setFocus()

    def _connected(self, relationship: int) -> None:
        self.message_bar.tell(tr("Invite answered. You can write as soon as it is accepted."), "success")
        self.open_conversation(relationship)

    # ---------------------------------------------------------------------------------------------------------- details

    def show_payment(self, payment: PaymentRow) -> None:
        """Open the details of a payment."""
        self._payment = payment
        row = self.chats.pane.row
        other = name(row.name) if row is not None else ""

        def show(evidence: tuple[object, ...]) -> None:
            if self._payment is payment:
                self.chats.details.show_payment(payment, other, evidence)  # type: ignore[arg-type]  # EvidenceRows
                self.chats.pane.timeline.mark_chosen(payment.entry)
                self.chats.show_details(shown=True)

        self._bridge.ask(self._bridge.engine.evidence(payment.thread), show)

    def _toggle_details(self) -> None:
        row = self.chats.pane.row
        if self.chats.details.isVisible() or row is None:
            self._close_details()
        else:
            self.chats.details.show_contact(row)
            self.chats.show_details(shown=True)

    def _close_details(self) -> None:
        self._payment = None
        self.chats.pane.timeline.mark_chosen(0)
        self.chats.show_details(shown=False)

    def _show_entry(self, relationship: int, entry: int) -> None:
        self.open_conversation(relationship)
        self.chats.pane.show_entry(entry)

    # --------------------------------------------------------------------------------------------------------- keyboard

    def _wait_for_words(self) -> None:
        self.chats.pane.composer.box.setFocus()

    def _search(self) -> None:
        self._show_section(CHATS)
        self.chats.show_list()
        self.chats.list.search.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.chats.list.search.selectAll()

    def _step(self, step: int) -> None:
        self.open_conversation(self.chats.list.neighbour(step))

    def _next_pane(self) -> None:
        stops = [self.chats.list.view, self.chats.pane.timeline, self.chats.pane.composer.box, self.rail.button(CHATS)]
        shown = [stop for stop in stops if stop.isVisible()]
        focused = next((at for at, stop in enumerate(shown) if stop.hasFocus()), -1)
        shown[(focused + 1) % len(shown)].setFocus(Qt.FocusReason.TabFocusReason)

    def _escape(self) -> None:
        if self.chats.details.isVisible():
            self._close_details()
        elif self.chats.list.search.text():
            self.chats.list.search.clear()
