"""What a partial transaction lacks, and which step of a negotiation it is at (channels.md 4.10).

A bitcoin transaction shows bitcoin alone. Whether token terms lack receivers or senders is for the caller to say
(`token_terms`), who can read them; nothing here looks for them.
"""

from __future__ import annotations

from enum import STRICT, Enum, IntFlag
from typing import TYPE_CHECKING

from channels_desktop.bitcoin.fees import FeeRate, funding_fee
from channels_desktop.bitcoin.templates import read_p2pkh_unlocking
from channels_desktop.bitcoin.tx import ALL_FORKID
from channels_desktop.errors import WireError
from channels_desktop.protocols.expanded_txs import ExpandedTxCode, refuse
from channels_desktop.protocols.fee_requirements import rates_of
from channels_desktop.protocols.negotiations.masks import completed_counts, has_masked_inputs, mask_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from channels_desktop.bitcoin.expanded_tx import ExpandedTx
    from channels_desktop.bitcoin.tx import Tx, TxInput
    from channels_desktop.protocols.fee_requirements import FeeRequirement

ALL_FORKID_ANYONE_CAN_PAY = ALL_FORKID | 0x80
"""The signature hash type that covers all outputs and leaves the other inputs open."""
_FEE_FACTOR = 5
_NEVER_VALID = b"\x00\x6a"


class Needs(IntFlag, boundary=STRICT):
    """What a transaction lacks; the bits are the reference's."""

    COMPLETE = 0
    SIGNED = 1
    OUTPUTS = 2
    INPUTS = 4
    RECEIVERS = 8
    SENDERS = 16

    @property
    def is_exchange(self) -> bool:
        """Say whether one asset is offered and another asked for."""
        pairs = (Needs.INPUTS | Needs.RECEIVERS, Needs.OUTPUTS | Needs.SENDERS, Needs.SENDERS | Needs.RECEIVERS)
        return any(pair in self for pair in pairs)

    def to_text(self) -> str:
        """Return the reference's text: `complete`, or all that is needed joined by `|`."""
        return "|".join(f"needs_{(one.name or '').lower()}" for one in self) or "complete"

    @classmethod
    def from_text(cls, text: str) -> Needs:
        """Read what `to_text` writes, in any order (the reference reads one word alone); raise WireError."""
        if text == "complete":
            return cls.COMPLETE
        words = {f"needs_{one.name}".lower(): one for one in cls}
        needs = cls.COMPLETE
        for word in text.split("|"):
            if word not in words:
                raise WireError("bad_status", f"{word!r} is no need")
            needs |= words[word]
        return needs


class Scenario(Enum):
    """What the initiator of a thread wants to do."""

    SEND = "send"
    RECEIVE = "receive"
    EXCHANGE = "exchange"


def bitcoin_tx(tx: ExpandedTx) -> Tx:
    """Return the transaction in `tx`; refuse none."""
    if tx.tx is None:
        raise refuse(ExpandedTxCode.PARSE, "there is no transaction", status=2)
    return tx.tx


def fee_rates(fees: Iterable[FeeRequirement | None]) -> tuple[FeeRate, ...]:
    """Return the rates of a message; refuse those that can not be computed."""
    try:
        return rates_of(fees)
    except WireError:
        raise refuse(ExpandedTxCode.PARSE, "a fee requirement can not be computed", status=2) from None


def input_value(tx: ExpandedTx, position: int) -> int | None:
    """Return the satoshis an input brings in, or None where they are not given; of masks and claims, as they say."""
    mask = mask_of(bitcoin_tx(tx).inputs[position])
    if mask is not None:
        return mask.value
    spent = tx.spent(position)
    return None if spent is None else spent.satoshis


def apparent_fee(tx: ExpandedTx) -> int:
    """Return the satoshis by which inputs exceed outputs, negative where they fall short; refuse unknown inputs."""
    partial = bitcoin_tx(tx)
    values = [input_value(tx, position) for position in range(len(partial.inputs))]
    known = [value for value in values if value is not None]
    if len(known) < len(values):
        raise refuse(ExpandedTxCode.MISSING_INPUTS, "an input comes without what it spends")
    return sum(known) - sum(output.satoshis for output in partial.outputs)


def signature_type(item: TxInput) -> int | None:
    """Return the signature hash type an input is signed with, or None where it is not signed as P2PKH."""
    pushes = read_p2pkh_unlocking(item.unlocking_script)
    return None if pushes is None else pushes[0][-1]


def status(tx: ExpandedTx, fees: Iterable[FeeRequirement | None] = (), token_terms: Needs = Needs.COMPLETE) -> Needs:
    """Return what `tx` needs; `token_terms` is what it needs besides, RECEIVERS and SENDERS.

    It needs outputs too where it leaves over five times the fee that is asked for, or usual if that is more.
    """
    partial, fee, rates = bitcoin_tx(tx), apparent_fee(tx), fee_rates(fees)
    counts = completed_counts(partial)
    most = _FEE_FACTOR * max(funding_fee(counts, rates), funding_fee(counts, ()))
    needs = token_terms
    if not partial.is_signed:
        needs |= Needs.SIGNED
    if not partial.outputs or fee > most:
        needs |= Needs.OUTPUTS
    if not partial.inputs or fee < 0:
        needs |= Needs.INPUTS
    return needs


def scenario_of(tx: ExpandedTx, token_terms: Needs = Needs.COMPLETE) -> Scenario:
    """Return what a thread that opens with `tx` is for; the apparent fee is the amount offered, or asked for."""
    terms = _terms(tx, token_terms)
    if terms.is_exchange:
        return Scenario.EXCHANGE
    if terms & (Needs.OUTPUTS | Needs.RECEIVERS):
        return Scenario.SEND
    if terms & (Needs.INPUTS | Needs.SENDERS):
        return Scenario.RECEIVE
    raise refuse(ExpandedTxCode.REJECTED, "it neither offers nor asks for anything")


def step_of(scenario: Scenario, tx: ExpandedTx, token_terms: Needs = Needs.COMPLETE) -> int:
    """Return the step of a thread that ends with `tx`, from 1; refuse a transaction that fits none."""
    terms = _terms(tx, token_terms)
    signed = bitcoin_tx(tx).is_signed
    match scenario:
        case Scenario.EXCHANGE:
            return _exchange_step(bitcoin_tx(tx), terms)
        case Scenario.SEND if signed:
            return 3
        case Scenario.SEND if not terms:
            return 2
        case Scenario.SEND if not terms & (Needs.INPUTS | Needs.SENDERS):
            return 1
        case Scenario.RECEIVE if signed:
            return 2
        case Scenario.RECEIVE if terms and not terms & (Needs.OUTPUTS | Needs.RECEIVERS):
            return 1
        case _:
            raise refuse(ExpandedTxCode.REJECTED, f"no step of {scenario.value} looks like this")


def _exchange_step(tx: Tx, terms: Needs) -> int:
    if tx.is_signed:
        return 4 if any(signature_type(item) == ALL_FORKID_ANYONE_CAN_PAY for item in tx.inputs) else 3
    if tx.has_signatures:
        return 3 if has_masked_inputs(tx) else 2
    return 1 if terms.is_exchange else 2


def _terms(tx: ExpandedTx, token_terms: Needs) -> Needs:
    fee = apparent_fee(tx)
    return token_terms | (Needs.OUTPUTS if fee > 0 else Needs.INPUTS if fee < 0 else Needs.COMPLETE)
