"""What must hold of a partial transaction before it is answered or signed (channels.md 4.10).

Each check refuses with an error of ETX. They look at the bytes alone: which coins and keys are ours the wallet knows,
and whether a script unlocks what it spends `bitcoin/verify.py` finds out.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from channels_desktop.bitcoin.fees import byte_counts, is_enough, required_fee
from channels_desktop.bitcoin.templates import is_data_script
from channels_desktop.bitcoin.tx import ALL_FORKID, MOST_SATOSHIS, Tx
from channels_desktop.protocols.expanded_txs import ExpandedTxCode, refuse
from channels_desktop.protocols.negotiations.masks import NOTHING, has_masked_inputs, is_masked_output, mask_of
from channels_desktop.protocols.negotiations.status import (
    ALL_FORKID_ANYONE_CAN_PAY,
    Needs,
    Scenario,
    apparent_fee,
    bitcoin_tx,
    fee_rates,
    input_value,
    signature_type,
    step_of,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from channels_desktop.bitcoin.expanded_tx import ExpandedTx
    from channels_desktop.protocols.fee_requirements import FeeRequirement

MOST_RECEIVERS = 10
"""Outputs a peer may add in one step."""
MOST_UNLOCKING_BYTES = 10_000
"""What a mask may claim: whoever fixes the fee pays for it."""
_NO_TX = Tx(1, (), ())


def check_opening(opening: ExpandedTx, known_data: Collection[bytes] = ()) -> None:
    """Refuse a thread that opens with what nobody should answer; `known_data` are data scripts understood by us."""
    _check_additions(_NO_TX, bitcoin_tx(opening), known_data)


def check_returned(
    sent: ExpandedTx, returned: ExpandedTx, *, initiator: bool, known_data: Collection[bytes] = ()
) -> None:
    """Refuse an answer that is not what we sent and more, masks apart.

    Inputs and outputs stand in the same order, as often as before, and what was signed is untouched. Masked inputs may
    be gone: what they brought in shows in the apparent fee. Masked outputs are the initiator's: who is no `initiator`
    sees them go, who is keeps them, since whoever took them out would take what they hold back.
    """
    before, after = bitcoin_tx(sent), bitcoin_tx(returned)
    _check_same_form(before, after)
    _check_inputs(sent, returned)
    others = iter(after.outputs)
    if not all(output in others for output in before.outputs if initiator or not is_masked_output(output)):
        raise refuse(ExpandedTxCode.REJECTED, "an output is missing or changed")
    _check_additions(before, after, known_data)


def check_unmasked(sent: ExpandedTx, returned: ExpandedTx) -> None:
    """Refuse an answer to our open signatures that does more than put real inputs in place of the masks (step 4).

    Outputs are the same; each mask became an input of the value it named, in its place, and further inputs may follow.
    """
    before, after = bitcoin_tx(sent), bitcoin_tx(returned)
    _check_same_form(before, after)
    if before.outputs != after.outputs:
        raise refuse(ExpandedTxCode.REJECTED, "an output was changed after it was signed for")
    if len(after.inputs) < len(before.inputs):
        raise refuse(ExpandedTxCode.REJECTED, "an input is missing")
    for position, (old, new) in enumerate(zip(before.inputs, after.inputs, strict=False)):
        mask = mask_of(old)
        if mask is None and old != new:
            raise refuse(ExpandedTxCode.REJECTED, "an input was changed")
        if mask is not None and (new.outpoint == NOTHING or new.sequence != old.sequence):
            raise refuse(ExpandedTxCode.REJECTED, "a masked input is still masked, or was changed")
        if mask is not None and input_value(returned, position) != mask.value:
            raise refuse(ExpandedTxCode.REJECTED, "an input is not worth what its mask said")
    _check_additions(before, after, ())


def check_step(scenario: Scenario, step: int, tx: ExpandedTx, token_terms: Needs = Needs.COMPLETE) -> None:
    """Refuse a transaction that is at another step: in a Send, say, one that takes more or less than was offered."""
    if step_of(scenario, tx, token_terms) != step:
        raise refuse(ExpandedTxCode.REJECTED, f"it is not step {step} of {scenario.value}")


def check_final(tx: ExpandedTx, fees: Iterable[FeeRequirement | None] = ()) -> None:
    """Refuse a transaction that the network would not take: masked, unsigned, or with too low a fee."""
    final = bitcoin_tx(tx)
    if has_masked_inputs(final) or any(map(is_masked_output, final.outputs)):
        raise refuse(ExpandedTxCode.REJECTED, "something is still masked")
    if not final.is_signed:
        raise refuse(ExpandedTxCode.REJECTED, "an input is not signed")
    if not is_enough(apparent_fee(tx), required_fee(byte_counts(final), fee_rates(fees))):
        raise refuse(ExpandedTxCode.FEE_TOO_LOW, "the fee is too low")


def signing_type(scenario: Scenario, tx: Tx) -> int:
    """Return the signature hash type for our inputs of `tx`: 0x41, or 0xC1 in an exchange with inputs still masked.

    Refuses a masked output always, since a signature is for final outputs, and masked inputs where none belong.
    """
    if any(map(is_masked_output, tx.outputs)):
        raise refuse(ExpandedTxCode.REJECTED, "an output is still masked")
    if not has_masked_inputs(tx):
        return ALL_FORKID
    if scenario is not Scenario.EXCHANGE:
        raise refuse(ExpandedTxCode.REJECTED, "an input is still masked")
    return ALL_FORKID_ANYONE_CAN_PAY


def check_signature_types(scenario: Scenario, tx: Tx) -> None:
    """Refuse P2PKH inputs signed with another type than their step asks for; scripts of other kinds are not read."""
    allowed = {signing_type(scenario, tx)}
    if scenario is Scenario.EXCHANGE:
        allowed.add(ALL_FORKID_ANYONE_CAN_PAY)
    if not {kind for kind in map(signature_type, tx.inputs) if kind is not None} <= allowed:
        raise refuse(ExpandedTxCode.REJECTED, "an input is signed with another signature hash type")


def _check_same_form(before: Tx, after: Tx) -> None:
    if (before.version, before.locktime) != (after.version, after.locktime):
        raise refuse(ExpandedTxCode.REJECTED, "version or lock time were changed")


def _check_inputs(sent: ExpandedTx, returned: ExpandedTx) -> None:
    others = iter(enumerate(bitcoin_tx(returned).inputs))
    for position, item in enumerate(bitcoin_tx(sent).inputs):
        if mask_of(item) is not None:
            continue
        same = (at for at, other in others if (other.outpoint, other.sequence) == (item.outpoint, item.sequence))
        found = next(same, None)
        if found is None:
            raise refuse(ExpandedTxCode.REJECTED, "an input is missing")
        if item.is_unlocked and bitcoin_tx(returned).inputs[found].unlocking_script != item.unlocking_script:
            raise refuse(ExpandedTxCode.REJECTED, "a signed input was changed")
        if len({input_value(sent, position), input_value(returned, found)} - {None}) > 1:
            raise refuse(ExpandedTxCode.REJECTED, "an input is said to be worth something else")


def _check_additions(before: Tx, after: Tx, known_data: Collection[bytes]) -> None:
    real = [item.outpoint for item in after.inputs if mask_of(item) is None]
    if len(set(real)) != len(real) or NOTHING in real:
        raise refuse(ExpandedTxCode.REJECTED, "an input stands twice, or spends nothing")
    masks = [mask for mask in map(mask_of, after.inputs) if mask is not None]
    if any(mask.size > MOST_UNLOCKING_BYTES or mask.value > MOST_SATOSHIS for mask in masks):
        raise refuse(ExpandedTxCode.REJECTED, "a mask claims too much")
    if sum(output.satoshis for output in after.outputs) > MOST_SATOSHIS:
        raise refuse(ExpandedTxCode.REJECTED, "the amounts are not possible")
    added = list((Counter(after.outputs) - Counter(before.outputs)).elements())
    data = [output for output in added if is_data_script(output.locking_script)]
    if any(output.locking_script not in known_data for output in data):
        raise refuse(ExpandedTxCode.REJECTED, "there is data in it that is not understood")
    if len(added) - len(data) > MOST_RECEIVERS:
        raise refuse(ExpandedTxCode.REJECTED, f"more than {MOST_RECEIVERS} outputs were added")
