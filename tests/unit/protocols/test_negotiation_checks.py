"""What a partial transaction may not do between two steps, and what is never signed."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels_desktop.bitcoin.expanded_tx import ExpandedTx, SpentOutput
from channels_desktop.bitcoin.tx import Outpoint, Tx, TxInput, TxOutput
from channels_desktop.errors import ProtocolError
from channels_desktop.protocols.expanded_txs import ExpandedTxCode
from channels_desktop.protocols.fee_requirements import FeeRequirement
from channels_desktop.protocols.negotiations import checks, masks
from channels_desktop.protocols.negotiations.status import (
    Needs,
    Scenario,
    apparent_fee,
    bitcoin_tx,
    scenario_of,
    status,
    step_of,
)
from tests.unit.protocols.negotiation_samples import (
    ANSWER,
    C_COIN,
    C_SCRIPT,
    DATA,
    EXCHANGE,
    I_KEY,
    I_SCRIPT,
    OFFER,
    RECEIVE,
    REJECTED,
    SEND,
    coins,
    exchange,
    offer,
    refused,
    signed,
    spends,
    with_inputs,
    with_outputs,
)

OTHER_COIN = coins(C_SCRIPT, 7)
MASK = masks.masked_input(107, 50, masks.INITIATOR)


def changed(offered: ExpandedTx, **fields: object) -> ExpandedTx:
    return replace(offered, tx=replace(bitcoin_tx(offered), **fields))  # type: ignore[arg-type]


# -- an answer is what was sent, and more -----------------------------------------------------------------------------

SCRIPTS = st.sampled_from((I_SCRIPT, C_SCRIPT, b"\x51\x6a", b"\x52"))
OUTPUTS = st.lists(st.builds(TxOutput, st.integers(1, 99), SCRIPTS), max_size=8)
REAL = st.builds(
    TxInput, st.builds(Outpoint, st.binary(min_size=32, max_size=32).filter(any), st.integers(0, 9)), st.just(b"")
)
REALS = st.lists(REAL, max_size=5, unique_by=lambda item: item.outpoint)
INPUTS = st.tuples(REALS, st.integers(0, 2)).flatmap(lambda some: st.permutations([*some[0], *[MASK] * some[1]]))


def mixed(data: st.DataObject, kept: list[object], added: list[object]) -> list[object]:
    """Return `kept` in its order with `added` in between."""
    places = sorted(data.draw(st.lists(st.integers(0, len(kept)), min_size=len(added), max_size=len(added))))
    result = list(kept)
    for place, item in reversed(list(zip(places, added, strict=True))):
        result.insert(place, item)
    return result


@given(INPUTS, OUTPUTS, INPUTS, OUTPUTS, st.booleans(), st.data())
def test_what_was_sent_and_more_is_accepted(
    inputs: list[TxInput],
    outputs: list[TxOutput],
    more_inputs: list[TxInput],
    more_outputs: list[TxOutput],
    initiator: bool,  # noqa: FBT001 - drawn
    data: st.DataObject,
) -> None:
    known = {item.outpoint for item in inputs}
    more = [item for item in more_inputs if item == MASK or item.outpoint not in known]
    sent = offer(Tx(1, tuple(inputs), tuple(outputs)))
    all_inputs = mixed(data, list(inputs), list(more))
    all_outputs = mixed(data, list(outputs), list(more_outputs))
    if not initiator:
        all_outputs = [
            output for output in all_outputs if output not in outputs or output.locking_script != b"\x51\x6a"
        ]
    returned = changed(sent, inputs=tuple(all_inputs), outputs=tuple(all_outputs))
    checks.check_returned(sent, returned, initiator=initiator)
    without = [item for item in all_inputs if item != MASK]
    checks.check_returned(sent, changed(returned, inputs=tuple(without)), initiator=initiator)


@given(st.lists(REAL, min_size=1, max_size=4, unique_by=lambda item: item.outpoint), OUTPUTS, st.data())
def test_what_is_missing_or_changed_is_refused(
    inputs: list[TxInput], outputs: list[TxOutput], data: st.DataObject
) -> None:
    sent = offer(Tx(1, tuple(inputs), tuple(outputs)))
    place = data.draw(st.integers(0, len(inputs) - 1))
    for item in ([], [replace(inputs[place], sequence=5)]):
        fewer = (*inputs[:place], *item, *inputs[place + 1 :])
        with refused(REJECTED, "an input is missing"):
            checks.check_returned(sent, changed(sent, inputs=fewer), initiator=True)
    if outputs:
        place = data.draw(st.integers(0, len(outputs) - 1))
        less = replace(outputs[place], satoshis=outputs[place].satoshis + 100)
        for output in ([], [less]):
            others = (*outputs[:place], *output, *outputs[place + 1 :])
            with refused(REJECTED, "an output is missing or changed"):
                checks.check_returned(sent, changed(sent, outputs=others), initiator=True)


def test_the_order_stays() -> None:
    sent = with_outputs(with_inputs(OFFER, spends(OTHER_COIN)), TxOutput(1, C_SCRIPT))
    tx = bitcoin_tx(sent)
    for returned in (changed(sent, inputs=tx.inputs[::-1]), changed(sent, outputs=tx.outputs[::-1])):
        with refused(REJECTED, "is missing"):
            checks.check_returned(sent, returned, initiator=True)


def test_version_and_lock_time_stay() -> None:
    for returned in (changed(ANSWER, version=2), changed(ANSWER, locktime=1)):
        with refused(REJECTED, "version or lock time"):
            checks.check_returned(OFFER, returned, initiator=True)


def test_who_takes_the_masked_output_takes_what_it_holds_back() -> None:
    taken = changed(OFFER, outputs=(TxOutput(123_000, C_SCRIPT),))
    assert apparent_fee(taken) == apparent_fee(ANSWER) == 0, "the amounts alone do not show it"
    with refused(REJECTED, "an output is missing"):
        checks.check_returned(OFFER, taken, initiator=True)


def test_amounts_of_agents_may_not_be_raised_unasked() -> None:
    opening, answer, *_ = exchange()
    tx = bitcoin_tx(answer)
    raised = changed(answer, outputs=(replace(tx.outputs[0], satoshis=159), *tx.outputs[1:]))
    with refused(REJECTED, "an output is missing or changed"):
        checks.check_returned(opening, raised, initiator=True)


def test_what_was_signed_stays_signed() -> None:
    sent = signed(changed(OFFER, outputs=(TxOutput(122_000, C_SCRIPT),)), I_KEY, 0)
    for script in (b"", b"\x51"):
        with refused(REJECTED, "a signed input was changed"):
            checks.check_returned(sent, replace(sent, tx=bitcoin_tx(sent).with_unlocking(0, script)), initiator=True)


def claiming(offered: ExpandedTx, satoshis: int) -> ExpandedTx:
    return replace(offered, ancestors=(), spent_outputs=(SpentOutput(value=satoshis, locking_script=I_SCRIPT),))


def test_the_worth_of_an_input_is_not_for_the_other_side_to_say() -> None:
    checks.check_returned(OFFER, claiming(ANSWER, 123_000), initiator=True)
    checks.check_returned(OFFER, replace(ANSWER, ancestors=()), initiator=True)
    checks.check_returned(replace(OFFER, ancestors=()), ANSWER, initiator=True)
    with refused(REJECTED, "said to be worth"):
        checks.check_returned(OFFER, claiming(ANSWER, 124_000), initiator=True)


# -- what is added ----------------------------------------------------------------------------------------------------


def test_ten_receivers_may_be_added_in_one_step() -> None:
    many = [TxOutput(1000, C_SCRIPT)] * checks.MOST_RECEIVERS
    checks.check_returned(OFFER, with_outputs(OFFER, *many), initiator=True)
    with refused(REJECTED, "more than 10"):
        checks.check_returned(OFFER, with_outputs(OFFER, *many, TxOutput(1, I_SCRIPT)), initiator=True)
    with refused(REJECTED, "more than 10"):
        checks.check_opening(with_outputs(offer(Tx(1, (), ())), *many, TxOutput(1, I_SCRIPT)))


def test_data_that_is_not_understood_is_declined() -> None:
    opening, answer, *_ = exchange()
    with refused(REJECTED, "data"):
        checks.check_opening(opening)
    checks.check_returned(opening, answer, initiator=True)
    for script in (DATA, b"\x6a\x01\x00"):
        with refused(REJECTED, "data"):
            checks.check_returned(OFFER, with_outputs(ANSWER, TxOutput(0, script)), initiator=True)
    checks.check_returned(OFFER, with_outputs(ANSWER, TxOutput(0, DATA)), initiator=True, known_data={DATA})


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ((spends(OTHER_COIN), spends(OTHER_COIN)), "stands twice"),
        ((TxInput(masks.NOTHING, b"\x51"),), "spends nothing"),
        ((masks.masked_input(10_001, 5, masks.COUNTERPARTY),), "claims too much"),
        ((masks.masked_input(107, checks.MOST_SATOSHIS + 1, masks.COUNTERPARTY),), "claims too much"),
    ],
)
def test_impossible_inputs_are_refused(more: tuple[TxInput, ...], words: str) -> None:
    with refused(REJECTED, words):
        checks.check_returned(OFFER, with_inputs(OFFER, *more), initiator=True)


def test_impossible_amounts_are_refused() -> None:
    with refused(REJECTED, "amounts"):
        checks.check_opening(with_outputs(OFFER, TxOutput(checks.MOST_SATOSHIS, I_SCRIPT)))


# -- masks become inputs ----------------------------------------------------------------------------------------------


def test_masks_become_inputs_of_the_same_value_and_nothing_else_changes() -> None:
    _, _, frozen, final = exchange()
    checks.check_unmasked(frozen, final)
    further = replace(with_inputs(final, spends(OTHER_COIN)), ancestors=(*final.ancestors, OTHER_COIN))
    checks.check_unmasked(frozen, further)
    tx = bitcoin_tx(final)
    first, second, third = tx.inputs
    wrong = {
        "an output was changed": changed(final, outputs=(*tx.outputs[:-1], TxOutput(419, C_SCRIPT))),
        "version or lock time": changed(final, locktime=9),
        "an input is missing": changed(final, inputs=(first, second)),
        "an input was changed": changed(final, inputs=(second, first, third)),
        "still masked": frozen,
        "masked, or was changed": changed(final, inputs=(first, second, replace(third, sequence=1))),
        "not worth what its mask said": changed(final, inputs=(first, second, spends(C_COIN, 1))),
        "stands twice": changed(final, inputs=(first, second, third, third)),
    }
    for words, returned in wrong.items():
        with refused(REJECTED, words):
            checks.check_unmasked(frozen, returned)


# -- signing ----------------------------------------------------------------------------------------------------------


def test_nothing_is_signed_that_is_not_final() -> None:
    opening, answer, frozen, final = exchange()
    for scenario in Scenario:
        assert checks.signing_type(scenario, bitcoin_tx(final)) == 0x41
        with refused(REJECTED, "an output is still masked"):
            checks.signing_type(scenario, bitcoin_tx(answer))
    for scenario in (SEND, RECEIVE):
        with refused(REJECTED, "an input is still masked"):
            checks.signing_type(scenario, bitcoin_tx(frozen))
    for partial, words in ((opening, "masked"), (frozen, "masked"), (changed(ANSWER, outputs=()), "not signed")):
        with refused(REJECTED, words):
            checks.check_final(partial)


def test_signature_types_follow_the_step() -> None:
    plain = changed(OFFER, outputs=(TxOutput(122_000, C_SCRIPT),))
    for kind, scenario, good in (
        (0x41, SEND, True),
        (0xC1, SEND, False),
        (0xC1, EXCHANGE, True),
        (0x43, EXCHANGE, False),
    ):
        tx = bitcoin_tx(signed(plain, I_KEY, 0, kind=kind))
        if good:
            checks.check_signature_types(scenario, tx)
        else:
            with refused(REJECTED, "another signature hash type"):
                checks.check_signature_types(scenario, tx)
    closed = signed(exchange()[2], I_KEY, 0, kind=0x41)
    with refused(REJECTED, "another signature hash type"):
        checks.check_signature_types(EXCHANGE, bitcoin_tx(closed))
    checks.check_signature_types(SEND, bitcoin_tx(plain).with_unlocking(0, b"\x51"))


# -- steps ------------------------------------------------------------------------------------------------------------


def test_token_terms_decide_where_the_bitcoin_is_even() -> None:
    assert scenario_of(ANSWER, Needs.RECEIVERS) == SEND
    assert scenario_of(ANSWER, Needs.SENDERS) == RECEIVE
    assert scenario_of(OFFER, Needs.SENDERS) == EXCHANGE
    assert step_of(SEND, ANSWER, Needs.RECEIVERS) == 1
    assert step_of(RECEIVE, ANSWER, Needs.SENDERS) == 1
    with refused(REJECTED, "neither offers nor asks"):
        scenario_of(ANSWER)


def test_amounts_that_fit_no_step_are_refused() -> None:
    greedy = with_outputs(ANSWER, TxOutput(1, C_SCRIPT))
    with refused(REJECTED, "no step of send"):
        step_of(SEND, greedy)
    for partial in (OFFER, ANSWER):
        with refused(REJECTED, "no step of receive"):
            step_of(RECEIVE, partial)
    with refused(REJECTED, "not step 2 of send"):
        checks.check_step(SEND, 2, OFFER)


def test_a_mask_brings_what_it_says_and_does_not_sign() -> None:
    partial = offer(Tx(1, (MASK,), (TxOutput(50, C_SCRIPT),)))
    assert apparent_fee(partial) == 0
    assert status(partial) == Needs.SIGNED
    assert status(changed(partial, outputs=())) == Needs.SIGNED | Needs.OUTPUTS


def test_without_inputs_and_outputs_both_are_needed() -> None:
    assert status(offer(Tx(1, (), ()))) == Needs.SIGNED | Needs.OUTPUTS | Needs.INPUTS


def test_what_can_not_be_computed_is_refused() -> None:
    with refused(ExpandedTxCode.PARSE, "no transaction"):
        status(ExpandedTx())
    with refused(ExpandedTxCode.MISSING_INPUTS, "without what it spends"):
        status(replace(OFFER, ancestors=()))
    with refused(ExpandedTxCode.PARSE, "fee requirement"):
        status(OFFER, (FeeRequirement(satoshis=1, bytes=0),))


def test_the_fee_beyond_which_outputs_are_missing_follows_what_is_asked() -> None:
    paid = signed(changed(OFFER, outputs=(TxOutput(122_900, C_SCRIPT),)), I_KEY, 0)
    assert status(paid) == Needs.OUTPUTS
    assert status(paid, (FeeRequirement(satoshis=500, bytes=1000),)) == Needs.COMPLETE
    assert status(paid, (FeeRequirement(satoshis=0, bytes=1000),)) == Needs.OUTPUTS


SOME_SCRIPTS = st.sampled_from((b"", b"\x00\x6a", b"\x51", MASK.unlocking_script, MASK.unlocking_script[:-1] + b"\x59"))
SOME_INPUTS = st.builds(
    TxInput, st.sampled_from((masks.NOTHING, spends(OTHER_COIN).outpoint)), SOME_SCRIPTS | st.binary(max_size=30)
)
PARTIALS = st.builds(
    ExpandedTx,
    tx=st.none() | st.builds(Tx, st.just(1), st.lists(SOME_INPUTS, max_size=3).map(tuple), OUTPUTS.map(tuple)),
    ancestors=st.sampled_from(((), (None, OTHER_COIN))),
)


@given(PARTIALS, PARTIALS, st.sampled_from(Scenario), st.builds(Needs, st.sampled_from((0, 8, 16, 24))))
def test_any_transaction_is_judged_or_refused(
    sent: ExpandedTx, returned: ExpandedTx, scenario: Scenario, terms: Needs
) -> None:
    for judge in (
        lambda: status(returned, (), terms),
        lambda: scenario_of(returned, terms),
        lambda: step_of(scenario, returned, terms),
        lambda: checks.check_opening(returned),
        lambda: checks.check_returned(sent, returned, initiator=True),
        lambda: checks.check_unmasked(sent, returned),
        lambda: checks.check_signature_types(scenario, bitcoin_tx(returned)),
        lambda: checks.check_final(returned),
    ):
        with suppress(ProtocolError):
            judge()
