"""What approving a payment would sign, computed from the transaction itself, and whether it may be approved.

The same answer that the approval dialog shows is asked again when the user has pressed Pay: limits hold where the
signing is done, not where the button is.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from channels_desktop.bitcoin.fees import (
    P2PKH_OUTPUT_SIZE,
    POLICY_RATE,
    funding_fee,
    funding_rates,
    is_overpaid,
    signed_counts,
)
from channels_desktop.bitcoin.templates import is_data_script, pays_to_key
from channels_desktop.engine.advance import MACHINE, thaw
from channels_desktop.engine.payment_rows import item_rows
from channels_desktop.engine.remote_text import clean
from channels_desktop.engine.rows import CheckRow, OutputLine, ReviewRow, Verification
from channels_desktop.engine.wallet import plan
from channels_desktop.errors import InsufficientFunds, ProtocolError, Refused, WireError
from channels_desktop.protocols.fee_requirements import rates_of
from channels_desktop.protocols.invoices import deal as states
from channels_desktop.protocols.invoices.checks import charged, check_request, find_invoice
from channels_desktop.protocols.invoices.messages import TransferRequest
from channels_desktop.protocols.registry import REGISTRY
from channels_desktop.protocols.signed import Signature, SignatureStatus, check
from channels_desktop.wire.bsor import present

if TYPE_CHECKING:
    from channels_desktop.bitcoin.coins import Selection
    from channels_desktop.bitcoin.expanded_tx import ExpandedTx
    from channels_desktop.bitcoin.tx import Outpoint, Tx
    from channels_desktop.engine.records import Contact, Thread
    from channels_desktop.engine.repositories import Reader
    from channels_desktop.protocols.fee_requirements import FeeRequirement
    from channels_desktop.protocols.invoices.messages import Invoice, InvoiceItem

LEAST_CEILING = 1000  # satoshis of fee that are never too much, nor is a twentieth of the payment
SHARE_CEILING = 20
POLICY_FACTOR = 2  # a quote may ask for this many times what miners ask for
DAY = 24 * 3600 * 10**9
MOST_LOOKED_UP = 50  # inputs of the payee; more than these nobody asks the chain for one by one

_OUT = tuple(map(MACHINE.number_of, (states.PaymentSent(), states.PaymentRefused())))
_DONE = tuple(map(MACHINE.number_of, (states.PaymentAccepted(), states.PaymentConfirmed())))


class Inputs(Enum):
    """What the chain says of the inputs that the payee has put into its request."""

    NONE = "none"
    UNSPENT = "unspent"
    SPENT = "spent"
    UNKNOWN = "unknown"  # no source answers


@dataclass(frozen=True, slots=True)
class _Case:
    """A request under review and the coins that would pay it, or what those that there are lack."""

    thread: Thread
    contact: Contact
    asked: TransferRequest
    request: ExpandedTx
    tx: Tx
    fees: tuple[FeeRequirement, ...]
    invoice: Invoice
    order_items: tuple[InvoiceItem | None, ...]
    chosen: Selection | None
    needed: int
    available: int

    @property
    def total(self) -> int:
        """What the request takes, fee aside."""
        return charged(self.request)

    @property
    def fee(self) -> int:
        """The fee, or what it would be with enough coins."""
        return self.chosen.fee if self.chosen is not None else max(0, self.needed - self.total)

    @property
    def fee_theirs(self) -> int:
        """What the bytes of their request cost; the rest of the fee is for our own coins and change."""
        return min(self.fee, funding_fee(signed_counts(self.tx), funding_rates(rates_of(self.fees))))

    @property
    def ceiling(self) -> int:
        """Satoshis above which a fee is not fair."""
        return max(LEAST_CEILING, self.total // SHARE_CEILING)


def payee_inputs(thread: Thread) -> tuple[Outpoint, ...]:
    """Return the inputs that the payee has put into the request under review."""
    state = thaw(thread)
    request = state.deal.request if isinstance(state, states.Reviewing) else None
    tx = request.tx.tx if request is not None and request.tx is not None else None
    return tuple(item.outpoint for item in tx.inputs) if tx is not None else ()


def review_row(reader: Reader, thread: Thread, at: int, inputs: Inputs) -> ReviewRow:
    """Return what approving a payment would sign; raise Refused("stale") where nothing is to be approved."""
    case = _case(reader, thread)
    record = find_invoice(case.tx)
    you_pay = case.total + case.fee
    free, _, change, _ = reader.coins.sums()
    similar = _similar(reader, case, at)
    return ReviewRow(
        thread=thread.uuid.hex(),
        version=thread.version,
        name=case.contact.name,
        verification=case.contact.verification,
        items=item_rows(case.invoice.items),
        total=case.total,
        fee=case.fee,
        record_bytes=case.tx.outputs[record[0]].size if record is not None else 0,
        you_pay=you_pay,
        left_after=free + change - you_pay,  # once all that is under way is done
        order_items=item_rows(case.order_items),
        note=clean(case.invoice.notes or ""),
        expiry=case.invoice.expiration,
        coins_in=len(case.chosen.coins) if case.chosen is not None else 0,
        outputs=_outputs(case),
        checks=_checks(reader, case, at),
        blocked=_blocked(reader, case, at, inputs),
        needed=case.needed,
        available=case.available,
        consents=_consents(case, similar, inputs),
        similar=similar,
        fee_ours=case.fee - case.fee_theirs,
    )


def refuse_blocked(reader: Reader, thread: Thread, at: int, inputs: Inputs, consents: frozenset[str]) -> None:
    """Raise InsufficientFunds or Refused where a payment may not be approved, or not without a further consent."""
    case = _case(reader, thread)
    reason = _blocked(reader, case, at, inputs)
    if reason == "not_enough":
        raise InsufficientFunds(case.needed, case.available)
    if reason:
        raise Refused(reason)
    if not consents.issuperset(_consents(case, _similar(reader, case, at), inputs)):
        raise Refused("unconsented")


def _case(reader: Reader, thread: Thread) -> _Case:
    state = thaw(thread)
    if not isinstance(state, states.Reviewing):
        raise Refused("stale")
    deal = state.deal
    asked, invoice = deal.request, deal.invoice
    if asked is None or asked.tx is None or asked.tx.tx is None or invoice is None:
        raise Refused("stale")
    chosen, needed, available = None, 0, 0
    fees = present(asked.fees)
    try:
        chosen = plan(reader, asked.tx, fees).selection
    except InsufficientFunds as error:
        needed, available = error.needed, error.available
    except WireError:
        raise Refused("bad_request") from None
    ordered = deal.order.items if deal.order is not None else ()
    contact = reader.contacts.get(thread.relationship)
    tx = asked.tx.tx
    return _Case(thread, contact, asked, asked.tx, tx, fees, invoice, ordered, chosen, needed, available)


def _checks(reader: Reader, case: _Case, at: int) -> tuple[CheckRow, ...]:
    """Return what holds of the transaction that is shown, each computed from it now."""
    return (
        CheckRow("signed", passed=_is_signed(reader, case)),
        CheckRow("not_expired", passed=case.invoice.expiration > at),
        CheckRow("outputs_explained", passed=_is_explained(case)),
        CheckRow("fee_fair", passed=_is_fair(case)),
    )


def _is_signed(reader: Reader, case: _Case) -> bool:
    """Verify the message that brought the request once more, and that what is shown is what it says."""
    for message in reversed(reader.messages.of_thread(case.thread.uuid)):
        if message.outgoing or message.kind != "TransferRequest" or message.state != "processed":
            continue  # what could not be used, or waits for others, brought nothing
        stack = REGISTRY.read(message.script)
        signature = stack.find(Signature)
        if signature is None or stack.messages[0] is not signature or stack.find(TransferRequest) != case.asked:
            return False
        return check(signature, stack.inside(0), case.contact.their_key) is SignatureStatus.VALID
    return False


def _is_explained(case: _Case) -> bool:
    """Say whether the invoice explains every byte of the request, as when it came."""
    try:
        return check_request(case.asked, 0) == case.invoice
    except ProtocolError:
        return False


def _is_fair(case: _Case) -> bool:
    """Say whether the quoted rates are near what miners ask for, and the request's own bytes cost little of it."""
    most = POLICY_FACTOR * POLICY_RATE.satoshis
    if any(fee.satoshis * POLICY_RATE.bytes > most * fee.bytes for fee in case.fees):
        return False
    return case.fee_theirs <= case.ceiling


def _is_quote_too_low(case: _Case) -> bool:
    """Say whether a fee that miners take is more than the payee would accept under its own quote."""
    if case.chosen is None:
        return False
    added = case.chosen
    counts = signed_counts(case.tx, more_inputs=len(added.coins), more_outputs=added.change_outputs)
    return is_overpaid(added.fee, counts.standard + counts.data, rates_of(case.fees))


def _blocked(reader: Reader, case: _Case, at: int, inputs: Inputs) -> str:
    twice = _paid_before(reader, case)
    reasons = {
        "mismatch": case.contact.verification is Verification.MISMATCH,
        "unauthenticated": not _is_signed(reader, case),
        "unknown_output": not _is_explained(case),
        "expired": case.invoice.expiration <= at,
        twice: bool(twice),
        "input_spent": inputs is Inputs.SPENT,
        "not_enough": case.chosen is None,
        "fee_high": not _is_fair(case),
        "fee_quote_low": _is_quote_too_low(case),
    }
    return next((reason for reason, holds in reasons.items() if holds), "")


def _consents(case: _Case, similar: str, inputs: Inputs) -> tuple[str, ...]:
    """Return what the user has to tick, each for itself."""
    wanted = {
        "unverified": case.contact.verification is Verification.UNVERIFIED,
        "similar": bool(similar),
        "inputs_unseen": inputs is Inputs.UNKNOWN,
        "small_coins": case.fee - case.fee_theirs > case.ceiling,
    }
    return tuple(consent for consent, holds in wanted.items() if holds)


def _paid_before(reader: Reader, case: _Case) -> str:
    """Say whether a payment to one of the request's scripts is done or under way: nothing is paid twice."""
    for output in case.tx.outputs:
        uuid = reader.coins.paid_in(output.locking_script) if output.satoshis else None
        other = reader.threads.get(uuid) if uuid is not None and uuid != case.thread.uuid else None
        if other is not None and other.state_number in _OUT:
            return "already_waiting"
        if other is not None and other.state_number in _DONE:
            return "already_paid"
    return ""


def _similar(reader: Reader, case: _Case, at: int) -> str:
    """Return the thread of a payment to the same contact for the same items, if one is open or not a day old."""
    items = item_rows(case.invoice.items)
    for other in reader.threads.of(case.contact.number, (*_OUT, *_DONE)):
        deal: states.Deal = thaw(other).deal  # type: ignore[attr-defined] # every state has one
        is_open = other.state_number != _DONE[-1]
        is_same = deal.invoice is not None and item_rows(deal.invoice.items) == items
        if is_same and (is_open or at - deal.steps.paid < DAY):
            return other.uuid.hex()
    return ""


def _outputs(case: _Case) -> tuple[OutputLine, ...]:
    lines = [OutputLine(_whose(output.locking_script), output.satoshis, output.size) for output in case.tx.outputs]
    if case.chosen is not None and case.chosen.change:
        count = case.chosen.change_outputs
        lines.append(OutputLine("us", case.chosen.change, P2PKH_OUTPUT_SIZE * count, count))
    return tuple(lines)


def _whose(script: bytes) -> str:
    if is_data_script(script):
        return "record"
    return "them" if pays_to_key(script) else "script"
