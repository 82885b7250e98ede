"""Negotiations: the stack that travels, against the reference's bytes, and the published examples played through."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels_desktop.bitcoin.expanded_tx import AncestorTx, ExpandedTx, SpentOutput
from channels_desktop.bitcoin.fees import ByteCounts, funding_fee
from channels_desktop.bitcoin.merkle import MerkleProof
from channels_desktop.bitcoin.tx import Outpoint, Tx, TxInput, TxOutput
from channels_desktop.errors import Misuse, WireError
from channels_desktop.protocols.channel_url import read_channel_url
from channels_desktop.protocols.expanded_txs import ExpandedTxCode
from channels_desktop.protocols.fee_requirements import FeeRequirement
from channels_desktop.protocols.ids import MessageId, Uuid
from channels_desktop.protocols.negotiations import checks, masks
from channels_desktop.protocols.negotiations.capabilities import Capabilities, Options, read_option, write_option
from channels_desktop.protocols.negotiations.negotiation_tx import NegotiationTx
from channels_desktop.protocols.negotiations.status import (
    Needs,
    apparent_fee,
    bitcoin_tx,
    scenario_of,
    status,
    step_of,
)
from channels_desktop.protocols.notes import Note
from channels_desktop.protocols.registry import REGISTRY
from channels_desktop.protocols.reply_to import ReplyTo
from channels_desktop.protocols.response import Response
from channels_desktop.protocols.unlocking_data import UnlockingData
from channels_desktop.wire.bsor import Message
from tests.unit.protocols.negotiation_samples import (
    ANSWER,
    C_COIN,
    C_KEY,
    C_SCRIPT,
    DATA,
    EXCHANGE,
    I_KEY,
    I_SCRIPT,
    OFFER,
    RECEIVE,
    SEND,
    SMALL_COINS,
    TOKENS,
    check_verified,
    coins,
    exchange,
    offer,
    refused,
    signed,
    spends,
    with_inputs,
    with_outputs,
    without_masked_outputs,
)
from tests.vectors import load

VECTORS = load("channels_messages")


# -- what travels ---------------------------------------------------------------------------------------------------


def expanded(fields: dict[str, Any] | None) -> ExpandedTx | None:
    if fields is None:
        return None
    return ExpandedTx(
        tx=Tx.from_bytes(bytes.fromhex(fields["tx"])),
        ancestors=tuple(
            AncestorTx(
                tx=Tx.from_bytes(bytes.fromhex(ancestor["tx"])),
                merkle_proofs=tuple(
                    MerkleProof(
                        index=proof["index"],
                        txid=bytes.fromhex(proof["txid"]),
                        nodes=tuple(map(bytes.fromhex, proof["path"])),
                        merkle_root=bytes.fromhex(proof["merkle_root"]),
                    )
                    for proof in ancestor["merkle_proofs"] or ()
                ),
            )
            for ancestor in fields["ancestors"] or ()
        ),
        spent_outputs=tuple(
            SpentOutput(value=spent["value"], locking_script=bytes.fromhex(spent["locking_script"]))
            for spent in fields["spent_outputs"] or ()
        ),
    )


def negotiation(fields: dict[str, Any]) -> NegotiationTx:
    fees, reply, response = fields["fees"], fields["reply_to"], fields["response"]
    return NegotiationTx(
        thread_id=fields["thread_id"],
        fees=None
        if fees is None
        else tuple(
            FeeRequirement(fee_type=fee["feeType"], satoshis=fee["satoshis"], bytes=fee["bytes"]) for fee in fees
        ),
        reply_to=reply
        and ReplyTo(peer_channel=reply["peer_channel"] and reply["peer_channel"]["url"], handle=reply["handle"]),
        note=fields["note"],
        expiry=fields["expiry"],
        timestamp=fields["timestamp"],
        response=response
        and Response(
            status=response["status"],
            protocol_id=bytes.fromhex(response["protocol_id"] or ""),
            code=response["code"],
            note=response["note"],
        ),
        tx=expanded(fields["expanded_tx"]),
    )


@pytest.mark.parametrize("case", VECTORS["negotiation_transactions"], ids=lambda case: "-".join(case["protocol_ids"]))
def test_a_negotiation_is_written_and_read_as_the_reference_does(case: dict[str, Any]) -> None:
    script, back = bytes.fromhex(case["wire_hex"]), case["read_back"]
    ours = negotiation(case["fields"])
    assert REGISTRY.write(ours.to_messages()) == script
    if not back["ok"]:
        with pytest.raises(WireError) as caught:
            REGISTRY.read(script)
        assert caught.value.kind == back["error_class"]
        return
    stack = REGISTRY.read(script)
    read, unused = NegotiationTx.from_messages(stack.messages)
    assert [i.decode() for i in stack.protocol_ids] == case["protocol_ids"]
    assert (read, len(unused)) == (ours, back["unused_wrappers"])
    if "fields" in back and read.reply_to is not None and read.reply_to.peer_channel is not None:
        place = back["fields"]["reply_to"]["peer_channel"]
        assert read_channel_url(read.reply_to.peer_channel) == (place["base_url"], place["channel_id"], place["token"])
    assert REGISTRY.write(read.to_messages()) == script


FEE = st.builds(FeeRequirement, satoshis=st.integers(0, 2**62), bytes=st.integers(1, 2**62))
NUMBERS = st.integers(0, 2**63 - 1)
NEGOTIATIONS = st.builds(
    NegotiationTx,
    thread_id=st.none() | st.text(st.characters(codec="utf-8"), min_size=1),
    fees=st.none() | st.lists(FEE, max_size=3).map(tuple),
    reply_to=st.none() | st.builds(ReplyTo, handle=st.just("bob@h.example")),
    note=st.none() | st.just("for lunch"),
    expiry=st.none() | NUMBERS,
    timestamp=st.none() | NUMBERS,
    response=st.none() | st.builds(Response, status=st.integers(0, 8)),
    tx=st.just(ExpandedTx(tx=Tx(1, (), (TxOutput(5, b"\x51"),)))),
) | st.builds(NegotiationTx, note=st.none() | st.just("no"), response=st.builds(Response, status=st.integers(0, 8)))


@given(NEGOTIATIONS, st.data())
def test_wrappers_are_read_in_any_order_among_others(sent: NegotiationTx, data: st.DataObject) -> None:
    assert NegotiationTx.from_messages(REGISTRY.read(REGISTRY.write(sent.to_messages())).messages) == (sent, ())
    *around, inside = sent.to_messages()
    others: list[Message] = [MessageId(message_id=1), Uuid(uuid=bytes(16))]
    mixed = data.draw(st.permutations([*around, *others]))
    read, unused = NegotiationTx.from_messages([*mixed, inside])
    assert read == sent
    assert list(unused) == [message for message in mixed if message in others]


def test_what_is_no_negotiation_is_refused() -> None:
    with pytest.raises(Misuse):
        NegotiationTx(note="nothing else").to_messages()
    for messages in ((), (Response(), Note(note="inside"))):
        with refused(ExpandedTxCode.PARSE, "neither"):
            NegotiationTx.from_messages(messages)


def test_of_two_responses_the_outer_one_counts() -> None:
    read, _ = NegotiationTx.from_messages([Response(status=1), Response(status=2)])
    assert read.response == Response(status=1)


# -- capabilities ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("cls", "fields"), [(Capabilities, None), (Options, 1)])
def test_capabilities_are_declared_as_the_reference_does(cls: type[Message], fields: int | None) -> None:
    schema = VECTORS["schemas"]["negotiation.Capabilities"]
    declared = schema if fields is None else schema["fields"][fields]["type"]
    assert [(number, name) for number, name, _ in cls.FIELDS] == [(f["id"], f["name"]) for f in declared["fields"]]


def test_options_are_two_bytes_in_a_configuration() -> None:
    assert write_option(Options()) == b"\x01\x00"
    assert write_option(Options(send_disabled=True, four_step_exchange=True)) == b"\x01\x11"
    for mask in range(64):
        assert write_option(read_option(bytes((1, mask)))) == bytes((1, mask))
    assert read_option(b"\x01\xc4") == Options(receive=True), "bits of later versions are passed over"
    for data, kind in ((b"", "wrong_size"), (b"\x01\x01\x01", "wrong_size"), (b"\x02\x01", "other")):
        with pytest.raises(WireError) as caught:
            read_option(data)
        assert caught.value.kind == kind


# -- masks ----------------------------------------------------------------------------------------------------------


def test_a_masked_input_is_the_published_one() -> None:
    mask = masks.masked_input(149, 120, masks.COUNTERPARTY)
    assert mask.unlocking_script.hex() == "006a02bd015102554c585153510295005201785351"
    assert masks.mask_of(mask) == UnlockingData(size=149, value=120, party=1)
    assert masks.mask_of(replace(mask, outpoint=Outpoint(bytes(32), 1))) is None
    assert masks.mask_of(replace(mask, unlocking_script=b"")) is None
    with refused(ExpandedTxCode.PARSE, "garbled"):
        masks.mask_of(replace(mask, unlocking_script=bytes.fromhex("006a02bd015102554c51 59")))


def test_masks_are_replaced_and_taken_out() -> None:
    tx = Tx(1, (masks.masked_input(107, 5, masks.INITIATOR),), (masks.masked_output(4), TxOutput(1, b"\x51")))
    assert masks.without_masked_outputs(tx).outputs == (TxOutput(1, b"\x51"),)
    real = masks.unmask(tx, 0, Outpoint(b"\x07" * 32, 2))
    assert real.inputs == (TxInput(Outpoint(b"\x07" * 32, 2)),)
    with pytest.raises(Misuse):
        masks.unmask(real, 0, masks.NOTHING)


# -- what is needed -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("bits", range(32))
def test_needs_have_a_text_that_can_be_read(bits: int) -> None:
    assert Needs.from_text(Needs(bits).to_text()) == Needs(bits)


def test_the_text_of_needs_is_the_references() -> None:
    assert Needs(0).to_text() == "complete"
    assert (Needs.SIGNED | Needs.INPUTS).to_text() == "needs_signed|needs_inputs"
    assert Needs.from_text("needs_senders|needs_outputs") == Needs.SENDERS | Needs.OUTPUTS
    for text in ("", "needs_signed|", "complete|needs_signed", "needs_complete", "NEEDS_SIGNED"):
        with pytest.raises(WireError, match="bad_status"):
            Needs.from_text(text)


def test_an_exchange_offers_one_asset_and_asks_for_another() -> None:
    exchanges = {bits for bits in range(32) if Needs(bits).is_exchange}
    pairs = (Needs.INPUTS | Needs.RECEIVERS, Needs.OUTPUTS | Needs.SENDERS, Needs.SENDERS | Needs.RECEIVERS)
    assert exchanges == {bits for bits in range(32) if any(bits & pair == pair for pair in pairs)}


# -- the published examples -----------------------------------------------------------------------------------------


def test_the_published_send() -> None:
    checks.check_opening(OFFER)
    assert (scenario_of(OFFER), step_of(SEND, OFFER), apparent_fee(OFFER)) == (SEND, 1, 100_000)
    assert (status(OFFER), bitcoin_tx(OFFER).size) == (Needs.SIGNED | Needs.OUTPUTS, 62)

    checks.check_returned(OFFER, ANSWER, initiator=True)
    checks.check_step(SEND, 2, ANSWER)
    assert (apparent_fee(ANSWER), status(ANSWER), bitcoin_tx(ANSWER).size) == (0, Needs.SIGNED, 96)

    bare = without_masked_outputs(ANSWER)
    fee = funding_fee(masks.completed_counts(bitcoin_tx(with_outputs(bare, TxOutput(0, I_SCRIPT)))), ())
    assert fee == 12
    final = signed(with_outputs(bare, TxOutput(23_000 - fee, I_SCRIPT)), I_KEY, 0)
    checks.check_returned(ANSWER, final, initiator=False)
    checks.check_step(SEND, 3, final)
    checks.check_signature_types(SEND, bitcoin_tx(final))
    checks.check_final(final)
    check_verified(final)
    assert status(final) == Needs.COMPLETE


def test_the_published_receive() -> None:
    asked = (21_451, 68_543, 10_006)
    opening = offer(Tx(1, (), tuple(TxOutput(value, I_SCRIPT) for value in asked)))
    checks.check_opening(opening)
    assert (scenario_of(opening), step_of(RECEIVE, opening), apparent_fee(opening)) == (RECEIVE, 1, -100_000)
    assert (status(opening), bitcoin_tx(opening).size) == (Needs.SIGNED | Needs.INPUTS, 112)

    coin = coins(C_SCRIPT, 112_000)
    unsigned = with_outputs(with_inputs(opening, spends(coin)), TxOutput(11_985, C_SCRIPT))
    final = signed(replace(unsigned, ancestors=(coin,)), C_KEY, 0)
    checks.check_returned(opening, final, initiator=True)
    checks.check_step(RECEIVE, 2, final)
    checks.check_signature_types(RECEIVE, bitcoin_tx(final))
    checks.check_final(final, (FeeRequirement(satoshis=50, bytes=1000), None))
    check_verified(final)
    assert (apparent_fee(final), status(final)) == (15, Needs.COMPLETE)
    assert _with_longest_scripts(final) == 294
    with refused(ExpandedTxCode.FEE_TOO_LOW, "too low"):
        checks.check_final(final, (FeeRequirement(satoshis=500, bytes=1000),))


def test_the_published_exchange_in_four_steps() -> None:
    opening, answer, frozen, final = exchange()
    checks.check_opening(opening, known_data={DATA})
    assert (scenario_of(opening, TOKENS), step_of(EXCHANGE, opening, TOKENS)) == (EXCHANGE, 1)
    assert (status(opening, (), TOKENS), apparent_fee(opening)) == (Needs.SIGNED | TOKENS, 0)

    checks.check_returned(opening, answer, initiator=True)
    checks.check_step(EXCHANGE, 2, answer)
    checks.check_returned(answer, frozen, initiator=False)
    checks.check_step(EXCHANGE, 3, frozen)
    checks.check_signature_types(EXCHANGE, bitcoin_tx(frozen))
    assert checks.signing_type(EXCHANGE, bitcoin_tx(frozen)) == 0xC1

    checks.check_unmasked(frozen, final)
    checks.check_step(EXCHANGE, 4, final)
    checks.check_signature_types(EXCHANGE, bitcoin_tx(final))
    checks.check_final(final)
    check_verified(final)
    assert (apparent_fee(final), status(final)) == (47, Needs.COMPLETE)
    assert _with_longest_scripts(final) == 923
    mask, masked = bitcoin_tx(frozen).inputs[2], bitcoin_tx(frozen).size
    assert masks.completed_counts(bitcoin_tx(frozen)) == ByteCounts(
        masked - 322 + 108 - len(mask.unlocking_script), 322
    )


def test_an_exchange_in_three_steps() -> None:
    opening = exchange()[0]
    unsigned = with_outputs(
        with_inputs(replace(without_masked_outputs(opening), ancestors=(SMALL_COINS, C_COIN)), spends(C_COIN)),
        TxOutput(419, I_SCRIPT),
    )
    answer = signed(unsigned, C_KEY, 2, scenario=EXCHANGE)
    checks.check_step(EXCHANGE, 2, answer)
    final = signed(answer, I_KEY, 0, 1, scenario=EXCHANGE)
    checks.check_returned(answer, final, initiator=False)
    checks.check_step(EXCHANGE, 3, final)
    checks.check_final(final)
    check_verified(final)


def _with_longest_scripts(final: ExpandedTx) -> int:
    """Return the size with the signatures of the published transaction, all of them as long as they come."""
    tx = bitcoin_tx(final)
    return tx.size + sum(107 - len(item.unlocking_script) for item in tx.inputs)
