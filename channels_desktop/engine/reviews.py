"""What approving a payment would sign, computed from the transaction itself, and whether it may be approved.

The same answer that the approval dialog shows is asked again when the user has pressed Pay: limits hold where the
signing is done, not where the button is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from channels_desktop.bitcoin.fees import P2PKH_OUTPUT_SIZE, byte_counts, required_fee
from channels_desktop.bitcoin.templates import is_data_script
from channels_desktop.engine.advance import thaw
from channels_desktop.engine.payment_rows import item_rows
from channels_desktop.engine.remote_text import clean
from channels_desktop.engine.rows import CheckRow, OutputLine, ReviewRow, Verification
from channels_desktop.engine.wallet import plan
from channels_desktop.errors import InsufficientFunds, Refused, WireError
from channels_desktop.protocols.fee_requirements import rates_of
from channels_desktop.protocols.invoices import deal as states
from channels_desktop.protocols.invoices.checks import charged, find_invoice
from channels_desktop.wire.bsor import present

if TYPE_CHECKING:
    from channels_desktop.bitcoin.coins import Selection
    from channels_desktop.bitcoin.expanded_tx import ExpandedTx
    from channels_desktop.bitcoin.tx import Tx
    from channels_desktop.engine.records import Thread
    from channels_desktop.engine.repositories import Reader
    from channels_desktop.protocols.fee_requirements import FeeRequirement
    from channels_desktop.protocols.invoices.messages import Invoice, InvoiceItem

HIGHEST_RATE = 1  # satoshis for a byte; above it a quote is not paid without asking (channels.md 4.4)
LEAST_CEILING = 1000  # satoshis of fee that are never too much, nor is a twentieth of the payment
SHARE_CEILING = 20


@dataclass(frozen=True, slots=True)
class _Case:
    """A request under review and the coins that would pay it, or what those that there are lack."""

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


def review_row(reader: Reader, thread: Thread, at: int) -> ReviewRow:
    """Return what approving a payment would sign; raise Refused("stale") where nothing is to be approved."""
    case = _case(reader, thread)
    contact = reader.contacts.get(thread.relationship)
    record = find_invoice(case.tx)
    you_pay = case.total + case.fee
    return ReviewRow(
        thread=thread.uuid.hex(),
        version=thread.version,
        name=contact.name,
        verification=contact.verification,
        items=item_rows(case.invoice.items),
        total=case.total,
        fee=case.fee,
        record_bytes=case.tx.outputs[record[0]].size if record is not None else 0,
        you_pay=you_pay,
        left_after=reader.coins.sums()[0] - you_pay,
        order_items=item_rows(case.order_items),
        note=clean(case.invoice.notes or ""),
        expiry=case.invoice.expiration,
        coins_in=len(case.chosen.coins) if case.chosen is not None else 0,
        outputs=_outputs(case),
        checks=_checks(case, at),
        blocked=_blocked(case, contact.verification, at),
        needed=case.needed,
        available=case.available,
    )


def refuse_blocked(reader: Reader, thread: Thread, at: int) -> None:
    """Raise InsufficientFunds or Refused where a payment may not be approved."""
    case = _case(reader, thread)
    reason = _blocked(case, reader.contacts.get(thread.relationship).verification, at)
    if reason == "not_enough":
        raise InsufficientFunds(case.needed, case.available)
    if reason:
        raise Refused(reason)


def _case(reader: Reader, thread: Thread) -> _Case:
    state = thaw(thread)
    if not isinstance(state, states.Reviewing):
        raise Refused("stale")
    deal = state.deal
    request, invoice = deal.request, deal.invoice
    if request is None or request.tx is None or request.tx.tx is None or invoice is None:
        raise Refused("stale")
    chosen, needed, available = None, 0, 0
    fees = present(request.fees)
    try:
        chosen = plan(reader, request.tx, fees).selection
    except InsufficientFunds as error:
        needed, available = error.needed, error.available
    except WireError:
        raise Refused("bad_request") from None
    ordered = deal.order.items if deal.order is not None else ()
    return _Case(request.tx, request.tx.tx, fees, invoice, ordered, chosen, needed, available)


def _checks(case: _Case, at: int) -> tuple[CheckRow, ...]:
    """Return what was checked: signature, sums and outputs when the invoice came, the rest now."""
    return (
        CheckRow("signed", passed=True),
        CheckRow("not_expired", passed=case.invoice.expiration > at),
        CheckRow("outputs_explained", passed=True),
        CheckRow("fee_fair", passed=_is_fair(case)),
    )


def _is_fair(case: _Case) -> bool:
    """Say whether the quoted rate is sane and the fee near the quote."""
    if any(fee.satoshis > HIGHEST_RATE * fee.bytes for fee in case.fees):
        return False
    if case.chosen is None:
        return True
    quoted = required_fee(byte_counts(case.tx), rates_of(case.fees))
    return case.chosen.fee <= max(LEAST_CEILING, 2 * quoted, case.total // SHARE_CEILING)


def _blocked(case: _Case, verification: Verification, at: int) -> str:
    if verification is Verification.MISMATCH:
        return "mismatch"
    if case.invoice.expiration <= at:
        return "expired"
    if case.chosen is None:
        return "not_enough"
    return "" if _is_fair(case) else "fee_high"


def _outputs(case: _Case) -> tuple[OutputLine, ...]:
    lines = [
        OutputLine("record" if is_data_script(output.locking_script) else "them", output.satoshis, output.size)
        for output in case.tx.outputs
    ]
    if case.chosen is not None and case.chosen.change:
        count = case.chosen.change_outputs
        lines.append(OutputLine("us", case.chosen.change, P2PKH_OUTPUT_SIZE * count, count))
    return tuple(lines)
