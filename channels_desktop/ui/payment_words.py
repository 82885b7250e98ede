"""What a payment card says, after the table of ux C7: title, badge, copy, buttons, steps, and its accessible name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from channels_desktop.engine.rows import Action, NeedRow, PaymentRow, PaymentState, Role, Step
from channels_desktop.ui import refusal_words
from channels_desktop.ui.words import HOUR, duration, exactly, line, sat, tr

if TYPE_CHECKING:
    from channels_desktop.engine.rows import CheckRow, OutputLine, ReviewRow, StepRow

STEPS = tuple(Step)
ENDED = frozenset(
    {
        PaymentState.DECLINED,
        PaymentState.WITHDRAWN,
        PaymentState.EXPIRED,
        PaymentState.REFUSED,
        PaymentState.FAILED,
    }
)


def step_name(step: Step) -> str:
    """Return one of the five words that are the same everywhere."""
    return {
        Step.ORDER: tr("Order"),
        Step.INVOICE: tr("Invoice"),
        Step.PAYMENT: tr("Payment"),
        Step.ACCEPTED: tr("Accepted"),
        Step.CONFIRMED: tr("Confirmed"),
    }[step]


def kind(row: PaymentRow) -> str:
    """Return what the card is: an order as long as there is no invoice."""
    return tr("Order") if row.state is PaymentState.ORDERED or not _has(row, Step.INVOICE) else tr("Invoice")


def mine(row: PaymentRow) -> bool:
    """Tell whether the document on the card is ours: the payer writes orders, the payee invoices."""
    is_order = row.state is PaymentState.ORDERED or not _has(row, Step.INVOICE)
    return (row.role is Role.PAYER) is is_order


def title(row: PaymentRow, name: str) -> str:
    """Return the card's heading: "Invoice from Bob · #7F2A"."""
    whose = tr("{kind} to {name} · #{number}") if mine(row) else tr("{kind} from {name} · #{number}")
    return whose.format(kind=kind(row), name=name, number=row.number)


def badge(row: PaymentRow, name: str, now: int) -> tuple[str, str]:
    """Return the badge's words and tone."""
    if row.gone and row.state not in ENDED:
        return tr("Not sent"), "danger"
    if row.sending and row.state not in ENDED:
        return tr("Waiting to send"), "plain"
    waiting = tr("Waiting for you"), "warning"
    theirs = tr("Waiting for {name}", name=name), "plain"
    if _is_locked(row):
        return tr("Payments locked"), "danger"
    match row.state:
        case PaymentState.ORDERED:
            return theirs if row.role is Role.PAYER else waiting
        case PaymentState.INVOICED:
            if 0 < row.expiry - now < HOUR:
                return tr("Expires in {time}", time=duration(row.expiry - now)), "warning"
            return waiting if row.role is Role.PAYER else theirs
        case PaymentState.PAID:
            return theirs if row.role is Role.PAYER else (tr("New payment"), "accent")
        case PaymentState.ACCEPTED:
            return tr("Paid, not yet in a block"), "accent"
        case PaymentState.CONFIRMED:
            return tr("✓ Confirmed"), "success"
        case PaymentState.DECLINED:
            return tr("Declined"), "plain"
        case PaymentState.WITHDRAWN:
            return tr("Withdrawn"), "plain"
        case PaymentState.EXPIRED:
            return tr("Expired"), "plain"
        case PaymentState.REFUSED:
            return tr("Payment refused"), "danger"
        case PaymentState.FAILED:
            return tr("Problem"), "danger"
        case PaymentState.LATE:
            return waiting


def copy(row: PaymentRow, name: str, now: int) -> str:
    """Return the sentence under the amount: what is known, and never more."""
    if standing := _stands_still(row, name):
        return standing
    payer = row.role is Role.PAYER
    match row.state:
        case PaymentState.ORDERED:
            amount, what = sat(row.total), _what(row)
            if payer:
                return tr("You offered {amount} for {what}.", amount=amount, what=what)
            return tr("{name} offers to pay you {amount} for {what}.", name=name, amount=amount, what=what)
        case PaymentState.INVOICED:
            return _invoice_terms(row, now)
        case PaymentState.PAID:
            return _paid(row, name, now)
        case PaymentState.ACCEPTED:
            accepted = _at(row, Step.ACCEPTED)
            if payer and not accepted:
                return tr("It isn't in a block yet.")
            at = exactly(accepted or row.at, now)
            if payer:  # by the word of the payee, or because our own source shows it
                return tr("Accepted {at}. It isn't in a block yet.", at=at)
            return tr("You accepted it {at}. It isn't in a block yet.", at=at)
        case PaymentState.CONFIRMED:
            return tr("In block {n}. Proof checked on this computer.", n=f"{row.block_height:,}")
        case PaymentState.WITHDRAWN:
            if row.ended_by_us:
                return tr("You took this back before payment.")
            return tr("{name} took this back before payment.", name=name)
        case PaymentState.EXPIRED:
            if payer:
                return tr("This invoice expired unpaid. Nothing was sent.")
            return tr("This invoice expired before a payment came.")
        case PaymentState.FAILED:
            return problem(row.reason, name)
        case PaymentState.DECLINED:
            return _declined(row, name)
        case PaymentState.REFUSED:
            return _refused(row, name)
        case PaymentState.LATE:
            return _late(row, name)


def _late(row: PaymentRow, name: str) -> str:
    if row.reason == "late":
        return tr("{name} paid after the invoice had expired. Nothing is published yet.", name=name)
    return tr("{name} paid while payments with this contact were locked. Nothing is published yet.", name=name)


def _is_locked(row: PaymentRow) -> bool:
    """Say that the user cannot agree to what a payment waits for."""
    return row.locked and row.state in {PaymentState.ORDERED, PaymentState.INVOICED, PaymentState.LATE}


def _stands_still(row: PaymentRow, name: str) -> str:
    """Return what keeps a payment from going on, whatever its state; empty where nothing does."""
    if _is_locked(row):
        late = tr(" It was paid all the same; nothing is published.") if row.state is PaymentState.LATE else ""
        return tr("The safety numbers differ: payments with {name} are locked until you check again.", name=name) + late
    if row.reason == "contested":
        return problem(row.reason, name)
    if row.gone and row.state not in ENDED:
        return tr("{name}'s mailbox is gone. It is kept and tried again; ask {name} for a new invite.", name=name)
    if row.sending and row.state not in ENDED:
        return tr("Goes out when we're online.")
    return ""


def problem(reason: str, name: str) -> str:
    """Return the sentence of a refusal ("I:6", "S:2") or of a problem of our own ("conflict")."""
    own = {
        "conflict": tr("These coins were spent in another transaction."),
        "contested": tr("Another transaction spends the same coins. The next block decides between the two."),
        "not_sent": tr("This couldn't be sent. Nothing was paid."),
        "": "",
    }
    return own[reason] if reason in own else refusal_words.refusal(reason, name)


def action(code: Action, row: PaymentRow | None = None) -> str:
    """Return a button's words; an ellipsis says that a dialog comes first."""
    order = row is not None and row.state is PaymentState.ORDERED
    declined = row is not None and row.state is PaymentState.DECLINED
    return {
        Action.MAKE_INVOICE: tr("Make invoice"),
        Action.PAY: tr("Review & pay…"),
        Action.DECLINE: tr("Decline…"),
        Action.WITHDRAW: tr("Withdraw order") if order else tr("Withdraw"),
        Action.ORDER_AGAIN: tr("New order…") if declined else tr("Ask for a new one…"),
        Action.INVOICE_AGAIN: tr("Edit & send again…") if declined else tr("Send again…"),
        Action.SEND_AGAIN: tr("Send again (same payment)"),
        Action.ACCEPT_ANYWAY: tr("Accept anyway…"),
    }[code]


def action_spoken(code: Action, row: PaymentRow) -> str:
    """Return a button's accessible name, which names its card: "Review and pay invoice 7F2A"."""
    what = f"{kind(row).lower()} {row.number}"
    return {
        Action.MAKE_INVOICE: tr("Make invoice for {what}", what=what),
        Action.PAY: tr("Review and pay {what}", what=what),
        Action.DECLINE: tr("Decline {what}", what=what),
        Action.WITHDRAW: tr("Withdraw {what}", what=what),
        Action.ORDER_AGAIN: tr("Ask for a new one instead of {what}", what=what),
        Action.INVOICE_AGAIN: tr("Send {what} again", what=what),
        Action.SEND_AGAIN: tr("Send the same payment of {what} again", what=what),
        Action.ACCEPT_ANYWAY: tr("Accept the payment of {what} anyway", what=what),
    }[code]


def details_spoken(row: PaymentRow) -> str:
    """Return the accessible name of the button that opens a payment's details."""
    return tr("Details of {what}", what=f"{kind(row).lower()} {row.number}")


def progress_spoken(steps: tuple[StepRow, ...]) -> str:
    """Return "Progress: 2 of 5 done, next Payment"; an invoice that nobody ordered has four steps."""
    done = [row.step for row in steps if row.at]
    unordered = Step.ORDER not in done and Step.INVOICE in done
    due = [step for step in STEPS if not (unordered and step is Step.ORDER)]
    if len(done) == len(due):
        return tr("Progress: {n} of {n} done", n=len(due))
    following = next((step for step in due[len(done) :] if step not in done), due[-1])
    return tr("Progress: {n} of {all} done, next {step}", n=len(done), all=len(due), step=step_name(following))


def spoken(row: PaymentRow, name: str, now: int) -> str:
    """Return the card's accessible name."""
    whose = tr("to {name}", name=name) if mine(row) else tr("from {name}", name=name)
    words = f"{kind(row)} {row.number} {whose}, {row.total:,} satoshi, {badge(row, name, now)[0].lower()}"
    return f"{words}, {progress_spoken(row.steps)}"


def need(row: NeedRow, name: str) -> tuple[str, str]:
    """Return the sentence of the action bar and its button's words."""
    amount = sat(row.satoshis)
    sentences = {
        "pay": (tr("{name}'s invoice for {amount} is waiting for you", name=name, amount=amount), tr("Review & pay…")),
        "make_invoice": (tr("{name} offers to pay you {amount}", name=name, amount=amount), tr("Make invoice")),
        "send_again": (tr("Your payment of {amount} wasn't answered yet", amount=amount), tr("Send again")),
        "accept_anyway": (tr("{name}'s payment of {amount} waits for you", name=name, amount=amount), tr("Show")),
        "answer_request": (tr("{name} wants to connect with you", name=name), tr("Accept")),
        "mailbox_gone": (
            tr("{name}'s mailbox has been gone for a day. Ask {name} for a new invite, or wait.", name=name),
            tr("Remove contact…"),
        ),
    }
    return sentences.get(row.code, (tr("Something waits for you"), tr("Show")))


def need_line(row: NeedRow, now: int) -> str:
    """Return the second line of a conversation that waits for the user."""
    left = row.deadline - now
    until = tr(" · {time} left", time=duration(left)) if row.deadline and left > 0 else ""
    short = {
        "pay": tr("Invoice {amount}", amount=sat(row.satoshis)),
        "make_invoice": tr("Order {amount} to invoice", amount=sat(row.satoshis)),
        "send_again": tr("Payment {amount} not answered", amount=sat(row.satoshis)),
        "accept_anyway": tr("Late payment {amount}", amount=sat(row.satoshis)),
        "answer_request": tr("Wants to connect with you"),
        "mailbox_gone": tr("Mailbox is gone"),
    }
    return short.get(row.code, tr("Waits for you")) + until


def check(row: CheckRow, name: str, expiry: int, now: int) -> str:
    """Return one line of the review's checks."""
    until = exactly(expiry, now) if expiry else ""
    good, bad = {
        "signed": (tr("Signed by {name}'s key", name=name), tr("Not signed by {name}'s key", name=name)),
        "not_expired": (tr("Valid until {until}", until=until), tr("Expired {until}", until=until)),
        "outputs_explained": (
            tr("Pays only {name}, the record and you", name=name),
            tr("Does something that the invoice doesn't explain"),
        ),
        "fee_fair": (tr("The network fee is fair"), tr("The network fee is too high")),
    }.get(row.code, (tr("Checked"), tr("A check failed")))
    return f"✓ {good}" if row.passed else f"✗ {bad}"


def blocked(row: ReviewRow, name: str) -> str:
    """Return why paying is not possible, in place of the Pay button."""
    return {
        "": "",
        "not_enough": tr(
            "Not enough: this needs {needed}, you have {free} free.", needed=sat(row.needed), free=sat(row.available)
        ),
        "expired": tr("This invoice has expired. Ask {name} for a new one.", name=name),
        "unknown_output": tr("The transaction does something that no line explains. Don't pay this."),
        "fee_high": tr("The network fee is far above what miners ask for. Ask {name} for a new invoice.", name=name),
        "fee_quote_low": tr("{name}'s fee quote is too low: nobody would mine this. Ask for a new invoice.", name=name),
        "input_spent": tr("A coin that {name} put into this is spent already. Ask for a new invoice.", name=name),
        "already_waiting": tr("Your payment for this is on its way. Nothing is paid twice."),
        "mismatch": tr("The safety numbers differ: payments with {name} are locked.", name=name),
        "already_paid": tr("You have paid this already. Nothing is paid twice."),
        "unauthenticated": tr("This invoice isn't signed by {name}'s key. Don't pay it.", name=name),
    }.get(row.blocked, tr("This can't be paid now."))


def consent(code: str, row: ReviewRow, name: str) -> str:
    """Return what the user confirms by a tick before paying."""
    return {
        "unverified": tr("I haven't checked this contact"),
        "similar": tr("I know that I paid {name} for the same (#{n})", name=name, n=row.similar[:4].upper()),
        "inputs_unseen": tr("I know that {name}'s own coins in this can't be checked now", name=name),
        "small_coins": tr(
            "I accept that {n} small coins of mine cost {amount}", n=row.coins_in, amount=sat(row.fee_ours)
        ),
    }[code]


def outputs(rows: tuple[OutputLine, ...], coins_in: int, name: str) -> str:
    """Return the line "2 coins in, 3 outputs (Bob 12,400 · record · change 37,588 to you)"."""
    parts = [
        {
            "them": tr("{name} {amount}", name=name, amount=sat(row.satoshis)),
            "record": tr("record {n} bytes", n=row.size),
            "script": tr("{amount} to a script we don't know", amount=sat(row.satoshis)),
            "us": tr("change {amount} to you", amount=sat(row.satoshis)),
        }.get(row.whose, tr("unknown {amount}", amount=sat(row.satoshis)))
        for row in rows
    ]
    coins = tr("1 coin in") if coins_in == 1 else tr("{n} coins in", n=coins_in)
    count = sum(row.count for row in rows)
    outs = tr("1 output") if count == 1 else tr("{n} outputs", n=count)
    return f"{coins}, {outs} ({' · '.join(parts)})"


def _has(row: PaymentRow, step: Step) -> bool:
    return _at(row, step) != 0


def _at(row: PaymentRow, step: Step) -> int:
    return next((done.at for done in row.steps if done.step is step), 0)


def _what(row: PaymentRow) -> str:
    return line(row.items[0].name) if len(row.items) == 1 else tr("{n} items", n=len(row.items))


def _invoice_terms(row: PaymentRow, now: int) -> str:
    parts = []
    if row.fee is not None:
        who = tr("you pay it") if row.role is Role.PAYER else tr("paid by the payer")
        parts.append(tr("Network fee {amount}, {who}", amount=sat(row.fee), who=who))
    if row.expiry:
        parts.append(tr("valid until {at}", at=exactly(row.expiry, now)))
    text = " · ".join(parts)
    return text[:1].upper() + text[1:] + "." if text else ""


def _paid(row: PaymentRow, name: str, now: int) -> str:
    at = exactly(_at(row, Step.PAYMENT) or row.at, now)
    if row.role is Role.PAYEE:
        return tr("{name} paid {at}. It is being checked and published.", name=name, at=at)
    held = tr("{amount} held until {name} completes it.", amount=sat(row.held), name=name) if row.held else ""
    return f"{tr('Sent {at}.', at=at)} {held}".rstrip()


def _declined(row: PaymentRow, name: str) -> str:
    note = line(row.reason_note)
    if row.reason and not row.ended_by_us:
        said = problem(row.reason, name)
        return f"{said} {note}".rstrip()
    who = tr("You declined") if row.ended_by_us else tr("{name} declined", name=name)
    return f"{who}: {note}" if note else f"{who}."


def _refused(row: PaymentRow, name: str) -> str:
    said = problem(row.reason, name) or tr("{name} refused the payment.", name=name)
    held = tr("{amount} of yours stay held.", amount=sat(row.held)) if row.held else ""
    return f"{said} {held}".rstrip()
