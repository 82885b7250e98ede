"""One open conversation: who it is with, the timeline, what waits for the user, and where to write."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QElapsedTimer, QTimer, Signal
from PySide6.QtWidgets import QApplication, QFrame, QHBoxLayout, QStackedWidget, QVBoxLayout, QWidget

from channels_desktop.engine.commands import DeleteText, MarkSeen, RetryText, SaveDraft, SendText
from channels_desktop.engine.rows import ContactState, ConversationRow, NeedRow, NoticeRow
from channels_desktop.ui import entry_words, payment_words
from channels_desktop.ui.composer import Composer
from channels_desktop.ui.conversation_header import ConversationHeader
from channels_desktop.ui.empty import EmptyState
from channels_desktop.ui.plain import Button, PlainLabel, scrolled
from channels_desktop.ui.request_card import RequestCard
from channels_desktop.ui.rows import FIRST_PAGE, NEXT_PAGE, TimelineModel, began
from channels_desktop.ui.timeline import TimelineView
from channels_desktop.ui.words import name, tr

if TYPE_CHECKING:
    from collections.abc import Callable

    from PySide6.QtCore import QEvent, QObject

    from channels_desktop.engine.rows import EntryRow
    from channels_desktop.ui.bridge import Bridge
    from channels_desktop.ui.theme import Theme

SEEN_AFTER_MILLISECONDS = 1000
ATTENTIVE_MILLISECONDS = 60_000
PENDING = frozenset({ContactState.SENT, ContactState.REJECTED})
"""States of a contact who never became one."""
BEGINNINGS = frozenset({"connected", "verified"})
"""Grey rows that leave a conversation empty: the hint says more than they."""


class ActionBar(QFrame):
    """What waits for the user, above the composer. `wanted` carries the NeedRow."""

    wanted = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("actionBar")
        self._need: NeedRow | None = None
        self._label = PlainLabel(wrap=True)
        self._button = Button("", "primary", "actionBarButton")
        row = QHBoxLayout(self)
        row.setContentsMargins(12, 6, 6, 6)
        row.addWidget(self._label, 1)
        row.addWidget(self._button)
        self._button.clicked.connect(lambda: self.wanted.emit(self._need))

    def show_need(self, need: NeedRow | None, other: str) -> None:
        """Show the first thing that waits, or nothing."""
        self._need = need
        self.setVisible(need is not None)
        if need is not None:
            sentence, words = payment_words.need(need, other)
            self._label.setText(sentence)
            self._button.setText(words)
            self._button.setAccessibleName(f"{words.rstrip('…')}. {sentence}")


class ConversationPane(QFrame):
    """The pane. It reads its rows through the bridge and reports clicks; the window opens the dialogs."""

    acted = Signal(object, object)  # PaymentRow, Action
    need_wanted = Signal(object)  # NeedRow
    details_wanted = Signal(object)  # PaymentRow
    answered = Signal(int, bool, bool)  # the relationship, whether it is accepted, whether nothing is sent
    remove_wanted = Signal()

    def __init__(self, bridge: Bridge, theme: Theme) -> None:
        super().__init__()
        self.setObjectName("timelinePane")
        self._bridge, self._theme = bridge, theme
        self._row: ConversationRow | None = None
        self._shown = 0  # up to this entry everything has been on the screen
        self._due = 0  # what was so when the screen was looked at before
        self._seen = 0  # what the engine was told
        self._untold = ""  # why it could not keep that, the last time
        self._loading = False
        self._reading = 0  # counts what was read, so that an answer that comes too late is none
        self._attention = QElapsedTimer()
        self._attention.start()
        self.header = ConversationHeader(theme)
        self.model = TimelineModel(bridge.now)
        self.timeline = TimelineView(theme, self.model, bridge.now)
        self.action_bar = ActionBar()
        self.composer = Composer(theme)
        self.request = RequestCard(theme)
        self._hint = EmptyState(theme, "message-circle")
        self._ended = PlainLabel("", tone="secondary", wrap=True)
        self._stack = QStackedWidget()
        self._build()
        self._connect()
        self.open(None)

    @property
    def row(self) -> ConversationRow | None:
        """Return the conversation that is open."""
        return self._row

    def open(self, row: ConversationRow | None) -> None:
        """Show a conversation, or that none is chosen."""
        self.composer.flush()
        self._row = row
        self._shown = self._due = self._seen = 0
        self._reading += 1
        self._loading = False
        self.model.fill((), "")
        if row is None:
            self._show_frame(None)
            return
        self.composer.open(row.draft, name(row.name))
        if row.first_unread:
            self._load_around(row.first_unread, row.first_unread)
        else:
            self._load_newest()
        self._show_frame(row)

    def show_entry(self, entry: int) -> None:
        """Bring an entry of the open conversation into view, however far back it is."""
        if self.model.index_of(entry).isValid():
            self.timeline.show_entry(entry)
        else:
            self._load_around(entry, self.model.new_from)

    def change(self, row: ConversationRow) -> None:
        """Show the newer state of the open conversation."""
        if self._row is not None and row.relationship == self._row.relationship:
            self._row = row
            self._show_frame(row)

    def take_entries(self, rows: tuple[EntryRow, ...]) -> None:
        """Show entries that are new or changed; what the user began comes into view."""
        if self._row is None:
            return
        last = self.model.rows[-1].entry if self.model.rows else 0
        own = [row for row in rows if row.relationship == self._row.relationship]
        self.model.change(own)
        if self.model.rows and any(row.entry > last and began(row) for row in own):
            self.timeline.show_newest()

    def drop_entries(self, pairs: tuple[tuple[int, int], ...]) -> None:
        """Take entries away."""
        for relationship, entry in pairs:
            if self._row is not None and relationship == self._row.relationship:
                self.model.remove(entry)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Note that the user is at the keyboard or mouse: only then is a message read."""
        if event.type() in {event.Type.KeyPress, event.Type.MouseButtonPress, event.Type.MouseMove, event.Type.Wheel}:
            self._attention.restart()
        return False

    # ---------------------------------------------------------------------------------------------------------- loading

    def _load_newest(self) -> None:
        if self._row is not None:
            other = self._row.name
            self._read(lambda rows: self.timeline.fill(rows, other), count=FIRST_PAGE)

    def _load_around(self, entry: int, new_from: int) -> None:
        """Show the conversation from `entry` on, with what went before above it."""
        if self._row is None:
            return
        other = self._row.name

        def go_on(older: tuple[EntryRow, ...]) -> None:
            self._read(
                lambda newer: self.timeline.fill_around(older, newer, other, new_from),
                after=entry - 1,
                count=NEXT_PAGE,
            )

        self._read(go_on, before=entry, count=NEXT_PAGE)

    def _show_unread(self) -> None:
        if self._row is not None:
            self._load_around(self._row.first_unread, self._row.first_unread)

    def _load_page(self, *, older: bool) -> None:
        if self._loading or not self.model.rows:
            return
        if older:
            self._read(self.timeline.prepend, before=self.model.rows[0].entry, count=NEXT_PAGE)
        else:
            self._read(self.timeline.append_newer, after=self.model.rows[-1].entry, count=NEXT_PAGE)

    def _read(self, show: Callable[[tuple[EntryRow, ...]], None], **page: int) -> None:
        """Read a page of the open conversation and show it, unless something else was read since."""
        row = self._row
        if row is None:
            return
        self._loading = True
        self._reading += 1
        reading = self._reading

        def take(rows: tuple[EntryRow, ...]) -> None:
            if reading != self._reading:
                return
            show(rows)
            if reading == self._reading:  # nothing else is read now
                self._loading = False
                self._show_frame(self._row)
                self._note_shown()

        def fail(problem: str) -> None:
            if reading == self._reading:
                self._loading = False
                self._bridge.problem.emit(problem)

        self._bridge.ask(self._bridge.engine.entries(row.relationship, **page), take, fail)

    # ---------------------------------------------------------------------------------------------------------- reading

    def look(self) -> None:
        """Once a second: tell the engine what was on the screen a second ago, while the user was there."""
        row, due = self._row, self._due
        self._note_shown()
        self._due = self._shown
        if row is not None and row.unread and due >= row.first_unread and due > self._seen:
            self._mark_seen(row.relationship, due)

    def _mark_seen(self, relationship: int, entry: int) -> None:
        """Tell the engine how far the user has read; what it cannot keep is told it again at the next look."""
        self._seen = entry

        def keep(_: object) -> None:
            self._untold = ""

        def try_again(problem: str) -> None:
            self._seen = 0
            if problem != self._untold:  # said once: the message bar is needed for other things, too
                self._bridge.problem.emit(problem)
            self._untold = problem

        self._bridge.submit(MarkSeen(relationship, entry), keep, try_again)

    def _note_shown(self) -> None:
        """Note how far everything has been on the screen: what was jumped over has not."""
        row = self._row
        attentive = self._attention.elapsed() < ATTENTIVE_MILLISECONDS
        if row is None or not attentive or not self.isActiveWindow() or not self.timeline.isVisible():
            return
        above, newest = self.timeline.on_screen()
        if above < row.first_unread or above <= self._shown:
            self._shown = max(self._shown, newest)

    # --------------------------------------------------------------------------------------------------------- building

    def _build(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        self._bar_place = QWidget()
        around = QVBoxLayout(self._bar_place)
        around.setContentsMargins(16, 8, 16, 0)
        around.addWidget(self.action_bar)
        self._stack.setMinimumHeight(1)  # what has no room is scrolled, before header or composer are cut
        self._ended.setContentsMargins(16, 12, 16, 12)
        self._places: dict[QWidget, QWidget] = {
            self.timeline: self.timeline,
            self.request: scrolled(self.request),
            self._hint: scrolled(self._hint),
        }
        for place in self._places.values():
            self._stack.addWidget(place)
        column.addWidget(self.header)
        column.addWidget(self._stack, 1)
        column.addWidget(self._bar_place)
        column.addWidget(self._ended)
        column.addWidget(self.composer)

    def _connect(self) -> None:
        self.timeline.acted.connect(self.acted)
        self.timeline.chosen.connect(self.details_wanted)
        self.timeline.older_wanted.connect(lambda: self._load_page(older=True))
        self.timeline.newer_wanted.connect(lambda: self._load_page(older=False))
        self.timeline.newest_wanted.connect(self._load_newest)
        self.timeline.unread_wanted.connect(self._show_unread)
        self.timeline.verticalScrollBar().valueChanged.connect(self._note_shown)
        self.timeline.retry_wanted.connect(lambda entry: self._bridge.submit(RetryText(entry)))
        self.timeline.delete_wanted.connect(lambda entry: self._bridge.submit(DeleteText(entry)))
        self.action_bar.wanted.connect(self.need_wanted)
        self.composer.sent.connect(self._send)
        self.composer.drafted.connect(self._save_draft)
        self.request.answered.connect(self._answer)
        self._hint.pressed.connect(self._take_hint)
        QApplication.instance().installEventFilter(self)  # type: ignore[union-attr]  # a widget has its application
        self._watch = QTimer(self)
        self._watch.setInterval(SEEN_AFTER_MILLISECONDS)
        self._watch.timeout.connect(self.look)
        self._watch.start()

    def _show_frame(self, row: ConversationRow | None) -> None:
        active = row is not None and row.state is ContactState.ACTIVE
        ended = row is not None and row.state is ContactState.TERMINATED
        self.header.show_conversation(row)
        self.timeline.show_unread(row.first_unread if row else 0, row.unread if row else 0)
        self.composer.setVisible(active)
        other = name(row.name) if row else ""
        needs = [need for need in (row.needs if row else ()) if need.code != "answer_request"]
        self.action_bar.show_need(needs[0] if needs and active else None, other)
        self._bar_place.setVisible(bool(needs) and active)
        self._ended.setText(entry_words.ended(row) if row else "")
        self._ended.setVisible(ended)
        self._stack.setCurrentWidget(self._places[self._body(row)])

    def _body(self, row: ConversationRow | None) -> QWidget:
        if row is None:
            self._hint.show_words(tr("Choose a conversation"), tr("Press Ctrl+K to jump to one by name."))
            return self._hint
        other = name(row.name)
        if row.state is ContactState.RECEIVED:
            self.request.show_request(row)
            return self.request
        if row.state in PENDING:
            self._hint.show_words(*entry_words.pending(row, self._bridge.now()), tr("Remove…"))
            return self._hint
        if all(isinstance(entry, NoticeRow) and entry.code in BEGINNINGS for entry in self.model.rows):
            self._hint.show_words(
                tr("You and {name} are connected", name=other),
                tr("You can now write and pay each other. Check the safety number before the first payment."),
                tr("Check now"),
            )
            return self._hint if row.state is ContactState.ACTIVE and not self._loading else self.timeline
        return self.timeline

    # ----------------------------------------------------------------------------------------------------------- clicks

    def _send(self, text: str) -> None:
        if self._row is None:
            return
        self._bridge.submit(SendText(self._row.relationship, text), on_error=lambda why: self._not_sent(text, why))
        self.timeline.show_newest()

    def _not_sent(self, text: str, problem: str) -> None:
        self.composer.put_back(text)
        self._bridge.problem.emit(problem)

    def _save_draft(self, text: str) -> None:
        if self._row is not None:
            self._bridge.submit(SaveDraft(self._row.relationship, text))

    def _take_hint(self) -> None:
        if self._row is not None and self._row.state in PENDING:
            self.remove_wanted.emit()
        else:
            self.header.chip.click()

    def _answer(self, accept: bool, silently: bool) -> None:  # noqa: FBT001 - a signal carries them
        if self._row is not None:
            self.answered.emit(self._row.relationship, accept, silently)
