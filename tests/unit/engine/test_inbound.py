"""The inbound policy and the order of checks (channels.md 2.4, 2.7)."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from channels_desktop.bitcoin.expanded_tx import ExpandedTx
from channels_desktop.bitcoin.keys import parse_der, sha256
from channels_desktop.bitcoin.merkle import MerkleProof
from channels_desktop.bitcoin.tx import MOST_SATOSHIS, Outpoint, Tx, TxInput, TxOutput
from channels_desktop.engine import wallet
from channels_desktop.engine.rows import ContactState
from channels_desktop.errors import WireError
from channels_desktop.protocols.authorize import Authorize
from channels_desktop.protocols.ids import MessageId, Uuid
from channels_desktop.protocols.invoices.messages import PurchaseOrder, RequestMenu, Transfer
from channels_desktop.protocols.notes import Note
from channels_desktop.protocols.registry import REGISTRY
from channels_desktop.protocols.relationships import Configuration, Identity, Initiation, PeerChannel
from channels_desktop.protocols.response import Response, Status
from channels_desktop.protocols.signed import derivation_hash, sign
from channels_desktop.protocols.stack import Inside
from channels_desktop.protocols.text import TextMessage, TextReceipt, TextTyping
from channels_desktop.protocols.times import Expiry, Time
from channels_desktop.wire import limits
from channels_desktop.wire.envelope import Envelope, read_envelope
from channels_desktop.wire.script import number, push
from tests.unit.engine.desk import AT, PEER, SECOND, STRANGER, desk, text, write

ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
UUID = Uuid(uuid=b"\x0f" * 16)
REFUSAL = Response(status=Status.INVALID, protocol_id=b"S", code=2)


def forged(inside_of: bytes) -> bytes:
    """Return an order that the peer never made, under a signature solved for from a real one (channels.md 2.6)."""
    stack = REGISTRY.read(inside_of)
    real, covered = stack.messages[0], stack.inside(0)
    inner = [MessageId(message_id=1), TextMessage(text="pay me")]
    r, _ = parse_der(real.signature)
    digest, other = (int.from_bytes(sha256(b), "big") for b in (covered.joined, REGISTRY.inside(inner).joined))
    h = int.from_bytes(derivation_hash(PEER.public, covered), "big")
    shifted = (h + (digest - other) * pow(r, -1, ORDER)) % ORDER
    return REGISTRY.write([replace(real, derivation_hash=shifted.to_bytes(32, "big")), *inner])


def raw(ids: tuple[bytes, ...], *items: bytes) -> bytes:
    """Return a message of the peer whose signature is good and whose inside is as given."""
    inner = Envelope(ids, b"".join(items), len(items))
    covered = Inside(b"".join(ids) + inner.payload, inner.to_script())
    signature = [number(0), *sign(PEER, covered).to_items()]
    return Envelope((b"S", *ids), b"".join(signature) + inner.payload, len(signature) + inner.count).to_script()


ID_1 = (number(0), number(1))


async def test_a_text_arrives_with_a_receipt_and_is_kept_as_signed() -> None:
    async with desk() as it:
        await it.receive(write(1, UUID, Time(at=AT - 5), TextMessage(text="hello")))
        (entry,) = await it.entries()
        assert (entry.text, entry.their_clock, entry.state) == ("hello", AT - 5, "incoming")
        (receipt,) = await it.sent()
        assert receipt.find(TextReceipt) == TextReceipt(kind=1, up_to=1)
        assert await it.outcomes() == [("processed", False)]


async def test_words_that_are_no_unicode_are_stored_all_the_same() -> None:
    async with desk() as it:
        await it.receive(write(1, TextMessage(text="\udcff!")))
        assert await it.texts() == ["\ufffd!"]


async def test_a_text_that_is_too_long_costs_nothing_but_itself() -> None:
    async with desk() as it:
        await it.receive(write(1, UUID, TextMessage(text="x" * 65_537)))
        await it.receive(text(2, "short"))
        assert await it.texts() == ["short"]
        assert await it.answers() == [(2, "TXT", 2)]


# -- before the signature -------------------------------------------------------------------------------------------

GOOD = text(1, "hello")
IDS = read_envelope(GOOD).protocol_ids
UNANSWERED = {
    "nothing": b"",
    "no envelope": b"hello there",
    "no ids": raw((), *ID_1)[:-1],
    "bytes after the end": GOOD + b"\x00",
    "repeated ids": raw((b"ID", b"ID", b"TXT"), *ID_1, *ID_1, number(0), number(1), number(0)),
    "too many ids": raw(tuple(bytes((65 + n,)) for n in range(16)), *ID_1),
    "too many items": raw((b"ID",), *ID_1, *(number(0),) * 100_000),
}


@pytest.mark.parametrize("name", UNANSWERED)
async def test_what_is_no_message_is_kept_and_not_answered(name: str) -> None:
    async with desk() as it:
        await it.receive(UNANSWERED[name])
        await it.receive(GOOD)
        assert await it.outcomes() == [("quarantined", True), ("processed", False)]
        assert await it.texts() == ["hello"]
        assert await it.answers() == []
        assert await it.notices() == []


UNSIGNED = REGISTRY.write([MessageId(message_id=1), TextMessage(text="hello")])
SECOND_PLACE = REGISTRY.write(
    [MessageId(message_id=1), sign(PEER, REGISTRY.inside([TextMessage(text="a")])), TextMessage(text="a")]
)
OTHER_KEY = REGISTRY.write(
    [
        replace(sign(PEER, REGISTRY.inside([MessageId(message_id=1), UUID])), public_key=STRANGER.public),
        MessageId(message_id=1),
        UUID,
    ]
)
UNPROVEN = {
    "no signature": (UNSIGNED, (1, "S", 1)),
    "a signature further in": (SECOND_PLACE, (1, "S", 1)),
    "an unreadable signature": (Envelope((b"S", b"ID"), number(7) + number(0), 2).to_script(), (1, "S", 1)),
    "an unknown protocol and no signature": (Envelope((b"XYZ", b"ID"), b"".join(ID_1), 2).to_script(), (1, "S", 1)),
    "a stranger's signature": (write(1, TextMessage(text="hello"), key=STRANGER), (2, "S", 2)),
    "a stranger's key": (OTHER_KEY, (2, "S", 3)),
    "a forged signature": (forged(GOOD), (2, "S", 2)),
}


@pytest.mark.parametrize("name", UNPROVEN)
async def test_what_proves_no_sender_is_refused_and_takes_nobody_s_place(name: str) -> None:
    script, answer = UNPROVEN[name]
    async with desk() as it:
        await it.receive(script)
        assert await it.answers() == [answer]
        assert (await it.contact()).next_in == 1
        assert await it.entries() == ()
        await it.receive(GOOD)
        assert await it.texts() == ["hello"]


@settings(max_examples=25)
@given(st.integers(0, 8 * len(GOOD) - 1))
async def test_a_flipped_bit_is_never_read_as_what_the_peer_wrote(bit: int) -> None:
    flipped = bytearray(GOOD)
    flipped[bit // 8] ^= 1 << bit % 8
    async with desk() as it:
        await it.receive(bytes(flipped))
        assert await it.texts() in ([], ["hello"])
        if await it.texts():  # the bit is one that nothing depends on: the leading 00 of an envelope is optional
            return
        assert (await it.contact()).next_in == 1
        await it.receive(GOOD)
        assert await it.texts() == ["hello"]


# -- after the signature --------------------------------------------------------------------------------------------

UNUSABLE = {
    "an unknown protocol": (raw((b"ID", b"XYZ"), *ID_1, number(0), push(b"?")), (4, "XYZ", 0), "unknown_protocol"),
    "a protocol that is only read": (
        write(1, Authorize(locking_script=b"\x51"), TextMessage(text="hi")),
        (4, "A", 0),
        "unknown_protocol",
    ),
    "another version": (raw((b"ID", b"TXT"), *ID_1, number(1), number(1), number(0)), (2, "TXT", 0), "unreadable"),
    "an unknown field": (
        raw((b"ID", b"TXT"), *ID_1, number(0), number(1), number(1), number(9), push(b"?")),
        (2, "TXT", 0),
        "unreadable",
    ),
    "items left over": (
        raw((b"ID", b"TXT"), *ID_1, number(0), number(1), number(1), number(1), push(b"hi"), number(5)),
        (2, "TXT", 0),
        "unreadable",
    ),
    "a second introduction": (
        write(1, Initiation(data=Configuration(public_key=PEER.public))),
        (1, "RS", 2),
        "out_of_turn",
    ),
    "something not supported": (write(1, RequestMenu()), (4, "I", 0), "menu_wanted"),
    "an order of nothing": (write(1, UUID, PurchaseOrder()), (2, "I", 2), "out_of_turn"),
    "an answer to nothing": (write(1, UUID, Response(), PurchaseOrder()), (2, "RE", 1), "out_of_turn"),
    "an answer with an unknown body": (
        raw((b"ID", b"RE", b"XYZ"), *ID_1, number(0), number(0), number(0), push(b"?")),
        (4, "XYZ", 0),
        "unknown_protocol",
    ),
    "more than a peer may send": (
        write(1, Note(note="n" * (limits.NOTE_BYTES + 1)), TextMessage(text="hi")),
        (2, "NOTE", 0),
        "too_large",
    ),
    "a receipt for the future": (write(1, TextReceipt(kind=1, up_to=1)), (1, "TXT", 1), "out_of_turn"),
    "an expired message": (
        write(1, Expiry(at=AT - 121 * SECOND), TextMessage(text="late")),
        (1, "TXT", 101),
        "expired",
    ),
}


@pytest.mark.parametrize("name", UNUSABLE)
async def test_what_the_contact_signed_and_cannot_be_used_is_shown_and_answered_and_keeps_its_place(name: str) -> None:
    script, answer, notice = UNUSABLE[name]
    async with desk() as it:
        await it.receive(script)
        await it.receive(text(2, "next"))
        assert await it.notices() == [notice]
        assert await it.answers() == [answer]
        assert await it.texts() == ["next"]
        stored = await it.store.query(lambda reader: reader.messages.get(it.peer, 1, outgoing=False))
        assert (stored.state, stored.script) == ("quarantined", script)


async def test_a_sign_of_typing_is_neither_shown_nor_answered() -> None:
    async with desk() as it:
        await it.receive(write(1, Expiry(at=AT + SECOND), TextTyping()))
        await it.receive(text(2, "next"))
        assert await it.answers() == []
        assert await it.notices() == []
        assert await it.texts() == ["next"]


async def test_a_message_within_the_skew_of_clocks_has_not_expired() -> None:
    async with desk() as it:
        await it.receive(write(1, Expiry(at=AT - 120 * SECOND), TextMessage(text="just")))
        assert await it.texts() == ["just"]


async def test_a_message_without_a_number_is_shown_and_answered() -> None:
    async with desk() as it:
        await it.receive(write(None, TextMessage(text="hello")))
        assert await it.answers() == [(2, "ID", 0)]
        assert await it.notices() == ["out_of_turn"]


async def test_a_message_that_says_nothing_keeps_a_place() -> None:
    async with desk() as it:
        await it.receive(write(1, Time(at=AT)))
        await it.receive(text(2, "next"))
        assert await it.texts() == ["next"]
        assert await it.notices() == []


# -- refusals are never refused -------------------------------------------------------------------------------------

NEVER_ANSWERED = {
    "unsigned": bytes.fromhex("006a02bd015102524558005351525301535452"),  # channels.md appendix A, 2
    "signed by a stranger": write(1, REFUSAL, key=STRANGER),
    "for a dialogue that is not": write(1, UUID, REFUSAL),
    "around a body": write(1, REFUSAL, PurchaseOrder()),
    "without a number": write(None, REFUSAL),
    "behind what cannot be read": raw((b"ID", b"XYZ", b"RE"), *ID_1, number(0), number(0), number(0)),
    "an empty answer to nothing": write(1, UUID, Response()),
    "expired": write(1, Expiry(at=5), REFUSAL),
}


@pytest.mark.parametrize("name", NEVER_ANSWERED)
async def test_a_refusal_is_never_answered_with_a_refusal(name: str) -> None:
    async with desk() as it:
        await it.receive(NEVER_ANSWERED[name])
        assert await it.sent() == []


async def test_a_conflicting_refusal_is_not_answered_either() -> None:
    async with desk() as it:
        await it.receive(text(1, "hello"))
        await it.receive(write(1, REFUSAL))
        assert await it.answers() == []
        assert await it.notices() == ["out_of_turn"]


# -- mail that is not for a relationship ----------------------------------------------------------------------------


async def test_foreign_mail_is_kept_and_left_alone() -> None:
    async with desk() as it:
        await it.receive(GOOD, box="nobody's")
        await it.receive(GOOD, content_type="text/plain")
        assert await it.outcomes() == [("foreign", True), ("foreign", True)]
        await it.receive(GOOD, content_type="Application/Octet-Stream; charset=binary")
        assert await it.texts() == ["hello"]


async def test_a_repeated_delivery_changes_nothing() -> None:
    async with desk() as it:
        for _ in range(3):
            await it.receive(GOOD, sequence=9)
        await it.receive(GOOD, sequence=10)
        assert await it.texts() == ["hello"]
        assert len(await it.sent()) == 1


async def test_new_mail_under_a_used_number_is_read() -> None:
    async with desk() as it:
        for words in (text(1, "one"), text(2, "two"), text(1, "one"), text(3, "three"), text(2, "two")):
            await it.receive(words, sequence=7)
        await it.receive(text(4, "four"), sequence=2**63)
        await it.receive(text(5, "five"), sequence=2**64 - 1)
        assert await it.texts() == ["one", "two", "three", "four", "five"]


INTRODUCTION = Initiation(
    data=Configuration(
        public_key=PEER.public, peer_channels=(PeerChannel(base_url="memory://host", id="p", write_token="w"),)
    ),
    identity=Identity(name="Bob"),
)


async def test_an_open_invite_takes_one_introduction_and_nothing_else() -> None:
    async with desk(ContactState.OFFERED, their_key=b"", next_in=0, next_out=0, expires=AT + 1, name="") as it:
        await it.receive(text(0, "hello"))
        await it.receive(raw((b"ID", b"XYZ"), *ID_1, number(0), push(b"?")))
        assert (await it.contact()).state is ContactState.OFFERED
        await it.receive(write(0, INTRODUCTION))
        contact = await it.contact()
        assert (contact.state, contact.name, contact.their_key) == (ContactState.RECEIVED, "Bob", PEER.public)
        await it.receive(write(0, INTRODUCTION), sequence=50)
        await it.receive(write(5, INTRODUCTION))
        await it.receive(text(1, "impatient"))
        assert await it.contact() == contact
        assert await it.sent() == []
        assert [outcome for outcome, _ in await it.outcomes()].count("processed") == 2


BAD_INTRODUCTIONS = {
    "no mailbox": replace(INTRODUCTION, data=Configuration(public_key=PEER.public)),
    "too many mailboxes": replace(
        INTRODUCTION, data=replace(INTRODUCTION.data, peer_channels=INTRODUCTION.data.peer_channels * 6)
    ),
    "a long name": replace(INTRODUCTION, identity=Identity(name="x" * 257)),
}


@pytest.mark.parametrize("name", BAD_INTRODUCTIONS)
async def test_an_introduction_that_cannot_be_used_leaves_the_invite_open(name: str) -> None:
    async with desk(ContactState.OFFERED, their_key=b"", next_in=0, next_out=0, expires=AT + 1) as it:
        await it.receive(write(0, BAD_INTRODUCTIONS[name]))
        assert (await it.contact()).state is ContactState.OFFERED


async def test_an_expired_invite_and_a_known_key_are_refused() -> None:
    async with desk(ContactState.OFFERED, their_key=b"", next_in=0, next_out=0, expires=AT - 1) as it:
        await it.receive(write(0, INTRODUCTION))
        assert (await it.contact()).state is ContactState.OFFERED
        await it.add_contact()
        it.peer = await it.add_contact(ContactState.OFFERED, their_key=b"", next_in=0, expires=AT + 1)
        await it.receive(write(0, INTRODUCTION))
        assert (await it.contact()).state is ContactState.OFFERED


async def test_after_the_end_nothing_is_used_or_answered() -> None:
    async with desk(ContactState.TERMINATED) as it:
        await it.receive(text(1, "hello"))
        assert await it.texts() == []
        assert await it.sent() == []
        assert await it.notices() == ["out_of_turn"]


async def test_coins_that_can_not_be_are_refused_and_stop_nothing() -> None:
    """The output is one of ours by its script: the store would refuse it, and everything after it with it."""
    async with desk() as it:
        script = await it.turn(wallet.receive_script)
        poison = Tx(1, (TxInput(Outpoint(bytes(32), 0)),), (TxOutput(MOST_SATOSHIS + 1, script),))
        await it.receive(write(1, UUID, Transfer(tx=ExpandedTx(tx=poison))))
        await it.receive(text(2, "next"))
        assert await it.answers() == [(2, "I", 0)]
        assert await it.texts() == ["next"]
        proof = MerkleProof(0, poison.txid, (b"\x01" * 32,), block_hash=b"\x02" * 32)
        with pytest.raises(WireError, match="bad_amount"):
            await it.turn(lambda turn: wallet.import_coin(turn, poison, proof))
