"""Opens the dialogs over the window and turns their answers into commands. One dialog at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, Signal

from channels_desktop.engine.commands import (
    Act,
    CheckedSafetyNumber,
    CreateInvite,
    RemoveContact,
    RemoveInvite,
    UseInvite,
    WithdrawInvite,
)
from channels_desktop.engine.rows import (
    Action,
    ContactState,
    ConversationRow,
    EvidenceRow,
    PaymentRow,
    PaymentState,
    ReviewRow,
    Verification,
    WalletRow,
)
from channels_desktop.ui import payment_words
from channels_desktop.ui.contacts import SHARE, USE, AddContact
from channels_desktop.ui.host_form import HostDialog
from channels_desktop.ui.jump import JumpDialog
from channels_desktop.ui.payment import DeclineForm, Draft, PayForm, RequestForm
from channels_desktop.ui.raw import RawDialog
from channels_desktop.ui.review import ReviewDialog
from channels_desktop.ui.safety import ConfirmDialog, SafetyDialog
from channels_desktop.ui.words import name, refusal, sat, tr

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from PySide6.QtWidgets import QWidget

    from channels_desktop.engine.rows import InvitePreview
    from channels_desktop.ui.bridge import Bridge
    from channels_desktop.ui.message_bar import MessageBar
    from channels_desktop.ui.sheet import Sheet
    from channels_desktop.ui.theme import Theme


class Doors(QObject):
    """What the window's buttons lead to."""

    jumped = Signal(int)  # the relationship to be opened
    connected = Signal(int)  # the relationship that answering an invite made
    host_added = Signal()
    removed = Signal()  # a contact was removed, and may have left the list

    def __init__(self, window: QWidget, bridge: Bridge, theme: Theme, bar: MessageBar) -> None:
        super().__init__(window)
        self._window, self._bridge, self._theme, self._bar = window, bridge, theme, bar
        self.sheet: Sheet | None = None
        self._drafts: dict[tuple[int, str], Draft] = {}  # by contact, and "pay", "request" or the thread begun anew
        self.wallet: WalletRow | None = None
        self.hosted = True

    # --------------------------------------------------------------------------------------------------------- payments

    def pay(self, row: ConversationRow, again: PaymentRow | None = None) -> None:
        """Open Pay…, filled with a payment that came to nothing where it begins one `again`."""
        if self._is_locked(row):
            return
        draft = self._draft(row, "pay", again)
        self._begin(PayForm(self._window, self._theme, row, draft, self.wallet), draft)

    def request(self, row: ConversationRow, again: PaymentRow | None = None) -> None:
        """Open Request…, filled as above."""
        if self._is_locked(row):
            return
        draft = self._draft(row, "request", again)
        self._begin(RequestForm(self._window, self._theme, row, draft), draft)

    def act(self, payment: PaymentRow, action: Action, row: ConversationRow) -> None:
        """Do what a card's button says, through a dialog where one is due."""
        match action:
            case Action.PAY:
                self.review(payment.thread)
            case Action.DECLINE:
                self._decline(payment, row.name)
            case Action.ACCEPT_ANYWAY:
                self._accept_late(payment, row.name)
            case Action.ORDER_AGAIN:
                self.pay(row, payment)
            case Action.INVOICE_AGAIN:
                self.request(row, payment)
            case Action.WITHDRAW:
                words = tr("{kind} #{n} will be taken back.", kind=payment_words.kind(payment), n=payment.number)
                self._bar.undoable(words, lambda: self._act(payment, action))
            case _:
                self._act(payment, action)

    def review(self, thread: str) -> None:
        """Open the review of a payment."""
        self._bridge.ask(self._bridge.engine.review(thread), self._show_review)

    def payment_changed(self, row: PaymentRow) -> None:
        """Bring an open review up to date: what was on the screen may no longer be paid."""
        sheet = self.sheet
        if not (isinstance(sheet, ReviewDialog) and sheet.payment == row.thread):
            return
        if row.state is not PaymentState.INVOICED:
            sheet.show_ended(row)
        elif sheet.version != row.version:
            sheet.show_blocked(tr("This changed in the meantime. Review again."))
            self._bridge.ask(self._bridge.engine.review(row.thread), self._refresh_review)

    def _show_review(self, row: ReviewRow) -> None:
        sheet = ReviewDialog(self._window, self._theme, row, self._bridge.now)
        sheet.approved.connect(
            lambda thread, version, ticked: self._bridge.submit(Act(thread, Action.PAY, version, consents=ticked)),
        )
        sheet.decline_wanted.connect(lambda _thread: self._decline_reviewed(row))
        self._open(sheet)

    def _refresh_review(self, row: ReviewRow) -> None:
        if isinstance(self.sheet, ReviewDialog) and self.sheet.payment == row.thread:
            self.sheet.show_review(row)

    def _decline_reviewed(self, row: ReviewRow) -> None:
        self._close()
        self._ask_reason(row.thread, row.version, tr("Decline invoice #{n}", n=row.thread[:4].upper()), name(row.name))

    def _decline(self, payment: PaymentRow, other: str) -> None:
        title = tr("Decline {kind} #{n}", kind=payment_words.kind(payment).lower(), n=payment.number)
        self._ask_reason(payment.thread, payment.version, title, name(other))

    def _accept_late(self, payment: PaymentRow, other: str) -> None:
        amount = sat(payment.total)
        sheet = ConfirmDialog(
            self._window,
            self._theme,
            tr("Accept {amount} from {name}?", amount=amount, name=name(other)),
            tr("The payment is checked again and published. It can't be given back from here."),
            tr("Accept {amount}", amount=amount),
        )
        sheet.confirmed.connect(lambda: self._act(payment, Action.ACCEPT_ANYWAY))
        self._open(sheet)

    def _ask_reason(self, thread: str, version: int, title: str, other: str) -> None:
        form = DeclineForm(self._window, self._theme, title, other)
        form.declined.connect(lambda note: self._bridge.submit(Act(thread, Action.DECLINE, version, note)))
        self._open(form)

    def _act(self, payment: PaymentRow, action: Action) -> None:
        self._bridge.submit(Act(payment.thread, action, payment.version))

    def _is_locked(self, row: ConversationRow) -> bool:
        """Say that nothing may begin with a contact whose safety number differs: the engine would refuse it."""
        locked = row.verification is Verification.MISMATCH
        if locked:
            self._bar.tell(refusal("mismatch"), "danger")
        return locked

    def _draft(self, row: ConversationRow, door: str, again: PaymentRow | None) -> Draft:
        key = (row.relationship, door if again is None else again.thread)
        return self._drafts.setdefault(key, Draft() if again is None else Draft.again(again))

    def _begin(self, form: PayForm | RequestForm, draft: Draft) -> None:
        def taken(_thread: object) -> None:
            self._drafts = {key: kept for key, kept in self._drafts.items() if kept is not draft}
            if self.sheet is form:
                form.accept()

        def refused(problem: str) -> None:
            if self.sheet is form:
                form.show_refused(problem)
            else:
                self._bar.tell(problem, "danger")

        form.wanted.connect(lambda command: self._bridge.submit(command, taken, refused))
        self._open(form)

    def raw(self, message: EvidenceRow, title: str) -> None:
        """Show a signed message as it is."""
        self._bridge.ask(
            self._bridge.engine.raw(message.relationship, message.number, mine=message.mine),
            lambda row: self._open(RawDialog(self._window, self._theme, title, row)),
        )

    # --------------------------------------------------------------------------------------------------------- contacts

    def jump(self, rows: Sequence[ConversationRow]) -> None:
        """Open the list of conversations to jump to."""
        sheet = JumpDialog(self._window, self._theme, rows)
        sheet.chosen.connect(self.jumped)
        self._open(sheet)

    def verify(self, row: ConversationRow) -> None:
        """Open the comparison of safety numbers."""

        def show(number: str) -> None:
            sheet = SafetyDialog(self._window, self._theme, row, number)
            sheet.answered.connect(
                lambda matches: self._bridge.submit(CheckedSafetyNumber(row.relationship, matches)),
            )
            sheet.remove_wanted.connect(lambda: self.remove(row))
            self._open(sheet)

        self._bridge.ask(self._bridge.engine.safety_number(row.relationship), show)

    def remove(self, row: ConversationRow) -> None:
        """Ask once more, then end the relationship, or take one off the list that never came to be."""
        other = name(row.name)
        words = tr("{name} is told that the connection has ended. Messages and payments are kept here.", name=other)
        if row.state is not ContactState.ACTIVE:
            words = tr("{name} is taken off your list. Should an answer come all the same, it isn't used.", name=other)
        title, verb = tr("Remove {name}?", name=other), tr("Remove contact")
        sheet = ConfirmDialog(self._window, self._theme, title, words, verb)
        command = RemoveContact(row.relationship)
        sheet.confirmed.connect(lambda: self._bridge.submit(command, lambda _: self.removed.emit()))
        self._open(sheet)

    def add_contact(self, *, use: bool = False) -> None:
        """Open Add contact; where there is no host yet, ask for that first."""
        if not self.hosted:
            why = tr("To connect with somebody you need a channel host first.")
            self.add_host(why, lambda: self.add_contact(use=use))
            return
        sheet = AddContact(self._window, self._theme, self._bridge.now, USE if use else SHARE)
        problem = self._guarded(sheet, sheet.share.show_problem)
        sheet.create_wanted.connect(
            lambda note, span: self._bridge.submit(
                CreateInvite(note, span), self._guarded(sheet, sheet.show_created), problem
            ),
        )
        sheet.withdraw_wanted.connect(
            lambda relationship: self._bridge.submit(WithdrawInvite(relationship), on_error=problem)
        )
        sheet.remove_wanted.connect(
            lambda relationship: self._bridge.submit(RemoveInvite(relationship), on_error=problem)
        )
        sheet.preview_wanted.connect(lambda link: self._preview(sheet, link))
        sheet.connect_wanted.connect(lambda link: self._connect(sheet, link))
        self._open(sheet)
        self._bridge.ask(self._bridge.engine.invites(), self._guarded(sheet, sheet.show_invites))

    def add_host(self, why: str = "", then: Callable[[], None] | None = None) -> None:
        """Ask for the host that the account lacks; go on with `then` once it has one."""
        sheet = HostDialog(self._window, self._theme, why)

        def done(_: None) -> None:
            self.hosted = True
            self.host_added.emit()
            if self.sheet is sheet:
                self._close()
                if then is not None:
                    then()

        def add(host: str, access: str) -> None:
            adding = self._bridge.engine.add_host(host, access)
            self._bridge.ask(adding, done, self._guarded(sheet, sheet.show_problem))

        sheet.wanted.connect(add)
        self._open(sheet)

    def invites_changed(self, rows: tuple[object, ...]) -> None:
        """Bring an open list of invites up to date."""
        if isinstance(self.sheet, AddContact):
            self.sheet.share.show_invites(rows)  # type: ignore[arg-type]  # the bridge sends InviteRows

    def _preview(self, sheet: AddContact, link: str) -> None:
        def show(preview: InvitePreview) -> None:
            sheet.use.show_preview(link, preview)
            sheet.fit_soon()

        self._bridge.ask(
            self._bridge.engine.preview(link), self._guarded(sheet, show), self._guarded(sheet, sheet.use.show_problem)
        )

    def _connect(self, sheet: AddContact, link: str) -> None:
        def done(relationship: int) -> None:
            if self.sheet is sheet:
                self._close()
            self.connected.emit(relationship)

        self._bridge.submit(UseInvite(link), done, self._guarded(sheet, sheet.use.show_problem))

    # ----------------------------------------------------------------------------------------------------------- sheets

    def _guarded(self, sheet: Sheet, then: Callable[[Any], None]) -> Callable[[Any], None]:
        """Return `then` for answers that come while `sheet` is still open."""
        return lambda answer: then(answer) if self.sheet is sheet else None

    def _open(self, sheet: Sheet) -> None:
        self._close()
        self.sheet = sheet
        sheet.finished.connect(lambda _: self._closed(sheet))
        sheet.open()

    def _close(self) -> None:
        if self.sheet is not None:
            self.sheet.reject()

    def _closed(self, sheet: Sheet) -> None:
        if self.sheet is sheet:
            self.sheet = None
