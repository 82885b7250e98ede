"""Adding a contact: share an invite of ours as link and QR code, or use one that somebody sent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QBoxLayout, QFileDialog, QHBoxLayout, QPlainTextEdit, QTabBar, QVBoxLayout, QWidget

from channels_desktop.engine.rows import InvitePreview, InviteRow
from channels_desktop.ui import invite_words
from channels_desktop.ui.card import clear
from channels_desktop.ui.plain import Button, Callout, Choice, ElidedLabel, PlainLabel, rule
from channels_desktop.ui.qr import QrCode, qr_image
from channels_desktop.ui.sheet import Sheet, button_flow, line_edit
from channels_desktop.ui.words import DAY, HOUR, tr

if TYPE_CHECKING:
    from collections.abc import Callable

    from PySide6.QtGui import QResizeEvent

    from channels_desktop.ui.theme import Theme

SHARE, USE = 0, 1
SAVED_SCALE = 10
LEAST_LINK = 320  # pixels left for the link beside its code


class AddContact(Sheet):
    """The dialog; it asks by signals and is shown the answers."""

    create_wanted = Signal(str, object)  # note, nanoseconds of validity
    withdraw_wanted = Signal(int)
    remove_wanted = Signal(int)
    preview_wanted = Signal(str)
    connect_wanted = Signal(str)

    def __init__(self, parent: QWidget, theme: Theme, clock: Callable[[], int], tab: int = SHARE) -> None:
        super().__init__(parent, theme, tr("Add contact"), 640)
        self.tabs = QTabBar()
        self.tabs.setDrawBase(False)
        self.tabs.setExpanding(False)
        self.tabs.setAccessibleName(tr("Add contact"))
        self._loaded = False
        self.share = ShareTab(theme, clock)
        self.use = UseTab(clock)
        self.tabs.addTab(tr("Share my invite"))
        self.tabs.addTab(tr("Use an invite"))
        for widget in (self.tabs, rule(), self.share, self.use):
            self.body.addWidget(widget)
        close = Button(tr("Close"), name="close")
        self.buttons.addStretch()
        self.buttons.addWidget(close)
        close.clicked.connect(self.accept)
        self.share.create_wanted.connect(self.create_wanted)
        self.share.withdraw_wanted.connect(self.withdraw_wanted)
        self.share.remove_wanted.connect(self.remove_wanted)
        self.use.preview_wanted.connect(self.preview_wanted)
        self.use.connect_wanted.connect(self.connect_wanted)
        self.share.grown.connect(self.fit_soon)
        self.tabs.currentChanged.connect(self._show_tab)
        self.tabs.setCurrentIndex(tab)
        self._show_tab(tab)

    def show_invites(self, rows: tuple[InviteRow, ...]) -> None:
        """Show the invites there are; the Share tab has one to copy at once."""
        self._loaded = True
        self.share.show_invites(rows)
        self._show_tab(self.tabs.currentIndex())

    def _show_tab(self, tab: int) -> None:
        self.share.setVisible(tab == SHARE)
        self.use.setVisible(tab == USE)
        if tab == SHARE and self._loaded:
            self.share.offer()
        self.fit_soon()

    def show_created(self, row: InviteRow) -> None:
        """Show the invite that was just made."""
        self.share.show_created(row)
        self.fit_soon()


class ShareTab(QWidget):
    """Makes an invite, shows it, and lists those that were made before."""

    create_wanted = Signal(str, object)
    withdraw_wanted = Signal(int)
    remove_wanted = Signal(int)
    grown = Signal()

    def __init__(self, theme: Theme, clock: Callable[[], int]) -> None:
        super().__init__()
        self._clock = clock
        self._link, self._asked = "", False
        self._rows: dict[int, InviteRow] = {}
        self.note = line_edit("inviteNote", tr("Note to myself: who is it for?"), 80)
        self.note.setAccessibleName(tr("Note to myself"))
        spans = ((tr("1 hour"), HOUR), (tr("1 day"), DAY), (tr("7 days"), 7 * DAY), (tr("30 days"), 30 * DAY))
        self._valid_for = Choice(tr("Valid for"), spans, 7 * DAY)
        self._create = Button(tr("Create invite link"), "primary", "createInvite")
        self._qr = QrCode(theme, "", tr("Invite as a QR code"), 240)
        self.link = line_edit("inviteLink", "", 4000)
        self.link.setReadOnly(True)
        self.link.setAccessibleName(tr("Invite link"))
        self._copied = PlainLabel("", "caption", "success")
        self._problem = Callout("", "danger")
        self._theme = theme
        self._shown = QWidget()
        self._across = QBoxLayout(QBoxLayout.Direction.LeftToRight, self._shown)
        self._list = QWidget()
        self._lines = QVBoxLayout(self._list)
        self._build()
        self._create.clicked.connect(
            lambda: self.create_wanted.emit(self.note.text().strip(), self._valid_for.value),
        )

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Put the link under the code where there is no room beside it."""
        super().resizeEvent(event)
        down, across = QBoxLayout.Direction.TopToBottom, QBoxLayout.Direction.LeftToRight
        self._across.setDirection(down if self.window().width() < self._theme.px(260) + LEAST_LINK else across)

    def offer(self) -> None:
        """Show the newest invite that still waits, or ask for one: people come here for a link to copy."""
        if self._link:
            return
        waiting = [row for row in self._rows.values() if row.state == "waiting"]
        if waiting:
            self.show_created(max(waiting, key=lambda row: row.created))
        elif not self._asked:
            self._asked = True
            self.create_wanted.emit("", self._valid_for.value)

    def show_problem(self, problem: str) -> None:
        """Say why an invite was not made, or not withdrawn; it may be tried again."""
        self._problem.show_text(problem, "danger")
        self.grown.emit()

    def show_created(self, row: InviteRow) -> None:
        """Show link and code of a new invite."""
        self._problem.hide()
        self._link = row.link
        self.link.setText(row.link)
        self.link.setCursorPosition(0)
        self._qr.show_text(row.link)
        self._copied.setText("")
        self._shown.show()
        self.note.clear()
        self._create.setText(tr("Create another link"))
        self.show_invites((row,))

    def show_invites(self, rows: tuple[InviteRow, ...]) -> None:
        """Add or replace invites in the list."""
        self._rows.update({row.relationship: row for row in rows})
        self._rows = {number: row for number, row in self._rows.items() if row.state != "removed"}
        clear(self._lines)
        for row in sorted(self._rows.values(), key=lambda row: -row.created):
            self._lines.addWidget(self._line(row))
        self._list.setVisible(bool(self._rows))
        if all(row.link != self._link or row.state != "waiting" for row in self._rows.values()):
            self._link = ""
            self._shown.hide()
        self.grown.emit()

    def _build(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 12, 0, 0)
        column.setSpacing(10)
        column.addWidget(self.note)
        valid = QHBoxLayout()
        valid.addWidget(PlainLabel(tr("Valid for"), "caption", "secondary"))
        valid.addWidget(self._valid_for, 1)
        column.addLayout(valid)
        column.addWidget(self._create, 0, Qt.AlignmentFlag.AlignLeft)
        column.addWidget(self._problem)
        column.addWidget(self._shown)
        column.addWidget(self._list)
        column.addStretch()
        self._lines.setContentsMargins(0, 0, 0, 0)
        self._lines.setSpacing(4)
        self._list.hide()
        self._problem.hide()
        self._build_shown()

    def _build_shown(self) -> None:
        copy = Button(tr("Copy link"), "primary", "copyLink")
        save = Button(tr("Save image…"), name="saveImage")
        holder, flow = button_flow()
        flow.addWidget(copy)
        flow.addWidget(save)
        right = QVBoxLayout()
        right.setSpacing(8)
        right.addWidget(self.link)
        right.addWidget(holder)
        right.addWidget(self._copied)
        text = tr("Whoever opens this link first can connect as your contact. Check the safety number before you pay.")
        right.addWidget(PlainLabel(text, "caption", "secondary", wrap=True))
        right.addStretch()
        row = self._across
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(16)
        row.addWidget(self._qr, 0, Qt.AlignmentFlag.AlignTop)
        row.addLayout(right, 1)
        copy.clicked.connect(self._copy)
        save.clicked.connect(self._save)
        self._shown.hide()

    def _copy(self) -> None:
        QGuiApplication.clipboard().setText(self._link)
        self._copied.setText(tr("✓ Copied"))

    def _save(self) -> None:
        dialog = QFileDialog(self, tr("Save image"), "invite.png", tr("Pictures (*.png)"))
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.fileSelected.connect(self._save_to)
        dialog.open()

    def _save_to(self, file: str) -> None:
        saved = qr_image(self._link, SAVED_SCALE).save(file, "PNG")  # type: ignore[call-overload]  # a format's name
        self._copied.setText(tr("✓ Saved") if saved else tr("The picture couldn't be saved there."))

    def _line(self, row: InviteRow) -> QWidget:
        line = QWidget()
        across = QHBoxLayout(line)
        across.setContentsMargins(0, 0, 0, 0)
        across.addWidget(ElidedLabel(invite_words.title(row)), 1)
        state, tone = invite_words.state(row, self._clock())
        across.addWidget(PlainLabel(state, "caption", tone))
        if row.state == "waiting":
            copy = Button(tr("Copy link"), "quiet", f"copy-{row.relationship}")
            copy.setAccessibleName(tr("Copy the link of {invite}", invite=invite_words.title(row)))
            copy.clicked.connect(lambda: QGuiApplication.clipboard().setText(row.link))
            withdraw = Button(tr("Withdraw"), "quiet", f"withdraw-{row.relationship}")
            withdraw.setAccessibleName(tr("Withdraw {invite}", invite=invite_words.title(row)))
            withdraw.clicked.connect(lambda: self.withdraw_wanted.emit(row.relationship))
            across.addWidget(copy)
            across.addWidget(withdraw)
        else:
            remove = Button(tr("Remove"), "quiet", f"removeInvite-{row.relationship}")
            remove.setAccessibleName(tr("Remove {invite} from the list", invite=invite_words.title(row)))
            remove.clicked.connect(lambda: self.remove_wanted.emit(row.relationship))
            across.addWidget(remove)
        return line


class UseTab(QWidget):
    """Takes a pasted invite, says what it is, and connects."""

    preview_wanted = Signal(str)
    connect_wanted = Signal(str)

    def __init__(self, clock: Callable[[], int]) -> None:
        super().__init__()
        self._clock = clock
        self.box = QPlainTextEdit()
        self.box.setObjectName("inviteBox")
        self.box.setPlaceholderText(tr("Paste an invite link here"))
        self.box.setAccessibleName(tr("Invite link"))
        self.box.setTabChangesFocus(True)
        self.box.setFixedHeight(84)
        paste = Button(tr("Paste"), name="paste")
        self._problem = Callout("", "danger")
        self._problem.hide()
        self._facts = QWidget()
        self._facts_column = QVBoxLayout(self._facts)
        self._facts_column.setContentsMargins(0, 0, 0, 0)
        self._facts.hide()
        self.connect_button = Button(tr("Connect"), "primary", "connect")
        self.connect_button.setEnabled(False)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 12, 0, 0)
        column.setSpacing(10)
        column.addWidget(PlainLabel(tr("Somebody sent you an invite? Nothing happens before you press Connect."),
                                    tone="secondary", wrap=True))  # fmt: skip
        for widget in (self.box, paste, self._problem, self._facts, self.connect_button):
            align = Qt.AlignmentFlag.AlignLeft if isinstance(widget, Button) else Qt.AlignmentFlag(0)
            column.addWidget(widget, 0, align)
        column.addStretch()
        paste.clicked.connect(self._paste)
        self.box.textChanged.connect(self._changed)
        self.connect_button.clicked.connect(self._connect)

    @property
    def link(self) -> str:
        """Return what was pasted."""
        return self.box.toPlainText().strip()

    def show_preview(self, link: str, preview: InvitePreview) -> None:
        """Say what `link` is, unless another one was pasted since."""
        if link != self.link:
            return
        clear(self._facts_column)
        problem = invite_words.problem(preview, self._clock())
        self._problem.show_text(problem, "danger")
        self.connect_button.setEnabled(not preview.problem)
        self._facts.setVisible(not preview.problem)
        if not preview.problem:
            self._facts_column.addWidget(rule())
            for what, value in invite_words.facts(preview, self._clock()):
                row = QWidget()
                across = QHBoxLayout(row)
                across.setContentsMargins(0, 0, 0, 0)
                across.addWidget(PlainLabel(what, "caption", "secondary"))
                across.addWidget(ElidedLabel(value), 1)
                self._facts_column.addWidget(row)

    def show_problem(self, problem: str) -> None:
        """Say why connecting did not work; it may be tried again."""
        self._problem.show_text(problem, "danger")
        self.connect_button.setEnabled(True)
        self.connect_button.setText(tr("Connect"))

    def _changed(self) -> None:
        self.connect_button.setEnabled(False)
        self._facts.hide()
        self._problem.hide()
        if self.link:
            self.preview_wanted.emit(self.link)

    def _paste(self) -> None:
        self.box.setPlainText(QGuiApplication.clipboard().text())

    def _connect(self) -> None:
        self.connect_button.setEnabled(False)
        self.connect_button.setText(tr("Connecting…"))
        self.connect_wanted.emit(self.link)
