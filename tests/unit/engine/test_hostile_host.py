"""A host that alters signed messages: no copy takes the place of what the contact wrote (channels.md 2.6)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from channels_desktop.bitcoin.keys import CURVE_ORDER, parse_der
from channels_desktop.engine.rows import ContactState
from channels_desktop.protocols.ids import Uuid
from channels_desktop.protocols.invoices.messages import InvoiceItem, Price, PurchaseOrder
from channels_desktop.protocols.notes import Note
from channels_desktop.protocols.registry import REGISTRY, identity
from channels_desktop.protocols.relationships import Configuration, Identity, Initiation, PeerChannel
from channels_desktop.protocols.signed import Signature
from channels_desktop.protocols.text import TextMessage
from channels_desktop.protocols.times import Time
from channels_desktop.wire.envelope import Envelope, read_envelope
from channels_desktop.wire.script import number, push, read_item
from tests.unit.engine.desk import AT, HOST, PEER, SECOND, STRANGER, Desk, desk, write

Change = Callable[[bytes, int], bytes]
S_ITEMS = 6  # version, count, id and signature, id and derivation hash
NOTE = "n" * 80
WORDS = ("one", "two")


async def read(it: Desk) -> list[str]:
    """Return the texts, without the notes that came around them."""
    return [words for words in await it.texts() if words != NOTE]


def genuine(words: str, place: int) -> bytes:
    return write(
        place, Uuid(uuid=bytes((place,)) * 16), Time(at=AT), Note(note=NOTE), TextMessage(text=words), key=PEER
    )


def parts(script: bytes) -> tuple[list[bytes], list[bytes]]:
    """Return the ids and the items of an envelope, each item with its op code."""
    envelope = read_envelope(script)
    items, at = [], 0
    while at < len(envelope.payload):
        _, after = read_item(envelope.payload, at)
        items.append(envelope.payload[at:after])
        at = after
    return list(envelope.protocol_ids), items


def joined(ids: list[bytes], items: list[bytes]) -> bytes:
    """Return an envelope with each item as it is."""
    head = Envelope(tuple(ids), b"", 0).to_script()[:-1]
    return head + number(len(items)) + b"".join(items)


def merged(script: bytes, place: int) -> bytes:
    ids, items = parts(script)
    at = 1 + place % (len(ids) - 2)
    return joined([*ids[:at], ids[at] + ids[at + 1], *ids[at + 2 :]], items)


def split(script: bytes, place: int) -> bytes:
    ids, items = parts(script)
    at = 1 + place % (len(ids) - 1)
    return joined([*ids[:at], ids[at][:1], ids[at][1:], *ids[at + 1 :]], items)


def items_to_the_last_id(script: bytes, place: int) -> bytes:
    ids, items = parts(script)
    taken = 1 + place % 4
    moved = b"".join(items[S_ITEMS : S_ITEMS + taken])
    return joined([*ids[:-1], ids[-1] + moved], items[:S_ITEMS] + items[S_ITEMS + taken :])


def last_id_to_the_items(script: bytes, place: int) -> bytes:
    ids, items = parts(script)
    taken = 1 + place % 2
    moved = [bytes((code,)) for code in ids[-1][-taken:]]  # letters are op codes of one byte
    return joined([*ids[:-1], ids[-1][:-taken]], items[:S_ITEMS] + moved + items[S_ITEMS:])


def without_boundaries(script: bytes, _: int) -> bytes:
    """Make one id of all inner ones."""
    ids, items = parts(script)
    return joined([ids[0], b"".join(ids[1:])], items)


def long_pushes(script: bytes, place: int) -> bytes:
    ids, items = parts(script)
    width = (1, 2, 4)[place % 3]
    longer = []
    for item in items:
        data, _ = read_item(item, 0)
        long = isinstance(data, bytes) and len(data) < 256
        start = bytes((0x4B + (1, 2, 4).index(width) + 1,)) + len(data).to_bytes(width, "little") if long else b""
        longer.append(start + data if long else item)
    return joined(ids, longer)


def op_codes_for_ids(script: bytes, _: int) -> bytes:
    """Write an id of one late letter as the op code of that letter, and the counts as pushes."""
    ids, items = parts(script)
    named = b"".join(name if len(name) == 1 and name > b"\x4e" else push(name) for name in ids)
    return script[:5] + push(bytes((len(ids),))) + named + push(bytes((len(items),))) + b"".join(items)


def other_opening(script: bytes, _: int) -> bytes:
    return script[1:]


def other_signature(script: bytes, place: int) -> bytes:
    """Write the same signature with its high s, or with a byte after its end."""
    ids, items = parts(script)
    der = items[3][1:]
    r, s = parse_der(der)
    numbers = [value.to_bytes(value.bit_length() // 8 + 1, "big") for value in (r, CURVE_ORDER - s)]
    body = b"".join(bytes((2, len(digits))) + digits for digits in numbers)
    high = bytes((0x30, len(body))) + body
    return joined(ids, [*items[:3], push((high, der + b"\x41")[place % 2]), *items[4:]])


def with_a_key(script: bytes, place: int) -> bytes:
    """Put a public key into the signature, theirs or another: nobody signs that field."""
    signature, *inner = REGISTRY.read(script).messages
    assert isinstance(signature, Signature)
    return REGISTRY.write([replace(signature, public_key=(PEER, STRANGER)[place % 2].public), *inner])


def without_derivation(script: bytes, _: int) -> bytes:
    signature, *inner = REGISTRY.read(script).messages
    assert isinstance(signature, Signature)
    return REGISTRY.write([replace(signature, derivation_hash=None), *inner])


def followed(script: bytes, _: int) -> bytes:
    return script + b"\x00"


def repeated(script: bytes, _: int) -> bytes:
    return script


ALTERED: tuple[Change, ...] = (
    merged,
    split,
    items_to_the_last_id,
    last_id_to_the_items,
    without_boundaries,
    without_derivation,
    followed,
)
SAME: tuple[Change, ...] = (long_pushes, op_codes_for_ids, other_opening, other_signature, with_a_key, repeated)
COPIES = st.lists(st.tuples(st.sampled_from(ALTERED + SAME), st.sampled_from(WORDS), st.integers(0, 11)), max_size=8)


@settings(max_examples=60)
@given(before=COPIES, between=COPIES, after=COPIES, turned=st.booleans())
async def test_what_the_contact_wrote_counts_once_whatever_its_host_adds(
    before: list[tuple[Change, str, int]],
    between: list[tuple[Change, str, int]],
    after: list[tuple[Change, str, int]],
    turned: bool,  # noqa: FBT001 - drawn
) -> None:
    scripts = {words: genuine(words, place) for place, words in enumerate(WORDS, 1)}
    first, second = reversed(WORDS) if turned else WORDS
    async with desk() as it:
        for copies, words in ((before, first), (between, second), (after, first)):
            for change, of, place in copies:
                await it.receive(change(scripts[of], place))
            await it.receive(scripts[words])
        assert await read(it) == list(WORDS)
        assert await it.notices() == []
        assert (await it.contact()).next_in == 3
        assert {answer[1] for answer in await it.answers()} <= {"S"}
        assert len(await it.answers()) <= 1, "no more than one refusal a minute for what nobody proved"


@pytest.mark.parametrize("change", ALTERED, ids=lambda change: change.__name__)
async def test_an_altered_message_takes_no_number(change: Change) -> None:
    async with desk() as it:
        for place in range(12):
            await it.receive(change(genuine("one", 1), place))
        contact = await it.contact()
        assert (contact.next_in, contact.gap_since) == (1, 0)
        assert await it.entries() == ()


@pytest.mark.parametrize("change", SAME, ids=lambda change: change.__name__)
async def test_a_message_that_is_encoded_anew_is_a_copy_of_itself(change: Change) -> None:
    script = genuine("one", 1)
    assert identity(change(script, 0)) == identity(script)
    for early in (True, False):
        async with desk() as it:
            for place, each in enumerate((change(script, 0), script) if early else (script, change(script, 0))):
                await it.receive(each)
                it.at += place * 61 * SECOND
            assert await read(it) == ["one"]
            assert await it.answers() == []
            assert await it.notices() == []


@pytest.mark.parametrize("held", [False, True])
async def test_another_message_of_the_contact_under_the_same_number_is_no_copy(*, held: bool) -> None:
    place = 3 if held else 1
    async with desk() as it:
        await it.receive(genuine("one", place))
        await it.receive(genuine("other", place))
        assert await it.answers() == [(2, "ID", 2)]
        assert (await it.outcomes())[-1] == ("quarantined", True), "both are kept"
        assert await read(it) == ([] if held else ["one"])


async def test_a_copy_of_an_introduction_is_no_second_one() -> None:
    box = PeerChannel(base_url=HOST, id="p", write_token="w")
    script = write(
        0,
        Initiation(data=Configuration(public_key=PEER.public, peer_channels=(box,)), identity=Identity(name="Bob")),
    )
    async with desk(ContactState.OFFERED, their_key=b"", next_in=0, next_out=0, expires=AT + 1, name="") as it:
        for change in (repeated, *SAME):
            await it.receive(change(script, 0))
        assert (await it.contact()).state is ContactState.RECEIVED
        assert {outcome for outcome, _ in await it.outcomes()} == {"processed"}


async def test_a_dialogue_without_a_uuid_has_the_same_name_however_it_is_encoded() -> None:
    item = InvoiceItem(id=b"lunch", price=Price(quantity=50_000), quantity=1)
    script = write(1, PurchaseOrder(items=(item,)))
    names = set()
    for change in (repeated, *SAME):
        async with desk() as it:
            await it.receive(change(script, 0))
            threads = await it.store.query(
                lambda reader: reader.connection.execute("SELECT uuid FROM thread").fetchall()
            )
            names.add(tuple(threads))
    assert names == {((identity(script)[:16],),)}
