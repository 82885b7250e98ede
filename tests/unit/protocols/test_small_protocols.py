"""The small protocols: what their declarations alone do not show, and where reading them ends."""

from __future__ import annotations

from dataclasses import replace

import pytest

from channels_desktop.bitcoin.keys import PrivateKey, sha256
from channels_desktop.errors import Misuse, WireError
from channels_desktop.protocols import text
from channels_desktop.protocols.channel_url import read_account_url, read_channel_url
from channels_desktop.protocols.fee_requirements import FeeRequirement, FeeRequirements
from channels_desktop.protocols.ids import MessageId, StringId, TxId, Uuid
from channels_desktop.protocols.invites import Invite, safety_number
from channels_desktop.protocols.invoices.messages import RequestMenu
from channels_desktop.protocols.merkle_proofs import ProofMessage
from channels_desktop.protocols.notes import Note
from channels_desktop.protocols.protocol import Protocol
from channels_desktop.protocols.registry import ALL, REGISTRY
from channels_desktop.protocols.relationships import SubTerminate
from channels_desktop.protocols.reply_to import ReplyTo
from channels_desktop.protocols.response import Response
from channels_desktop.protocols.signed import Signature, SignatureStatus, check, sign
from channels_desktop.protocols.stack import Inside, Registry
from channels_desktop.protocols.text import TextMessage, TextReceipt
from channels_desktop.protocols.times import Expiry, Time
from channels_desktop.wire.bsor import Message
from channels_desktop.wire.envelope import Envelope, read_envelope
from channels_desktop.wire.script import number, push
from tests.vectors import load

KEY = PrivateKey(sha256(b"alice base"))
MAILBOX = "https://h.example/api/v1/channel/c-1?token=t"


# -- invites and safety numbers -------------------------------------------------------------------------------------

INVITE = Invite("https://h.example", "c-1", KEY.public, "t&=", "Ali ce\N{GRINNING FACE}", 1_700_000_000, "main")


def test_an_invite_is_read_as_it_was_written() -> None:
    assert Invite.from_link(INVITE.to_link()) == INVITE
    assert Invite.from_link("  CHANNELS:" + INVITE.to_link()[len("channels:") :] + "&later=1\n") == INVITE
    bare = Invite("https://h.example", "c-1", KEY.public)
    assert Invite.from_link(bare.to_link()) == bare
    assert bare.to_link().count("=") == 2, "a mailbox and a key are all it needs"


def test_an_invite_hides_its_token_when_printed() -> None:
    assert "t&=" not in repr(INVITE)


GOOD = INVITE.to_link()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "https://h.example",
        "channels:",
        "channels:?u=x&k=y",
        GOOD.replace("k=", "j="),
        GOOD.replace("u=", "v="),
        GOOD.replace(KEY.public.hex(), KEY.public.hex()[:-2]),
        GOOD.replace(KEY.public.hex(), "05" + KEY.public.hex()[2:]),
        GOOD.replace(KEY.public.hex(), "zz"),
        GOOD.replace("1700000000", "soon"),
        GOOD.replace("channel", "chunnel"),
        GOOD + "&x" * 40,
        GOOD + "\udc93",
        GOOD + "&x=" + "y" * 5000,
    ],
)
def test_what_is_no_invite_is_refused(text: str) -> None:
    with pytest.raises(WireError, match="bad_invite"):
        Invite.from_link(text)


def test_both_sides_compute_the_same_safety_number() -> None:
    other = PrivateKey(sha256(b"bob base")).public
    digits = safety_number(KEY.public, other)
    assert digits == safety_number(other, KEY.public)
    assert (len(digits), digits.isdecimal()) == (60, True)
    assert digits != safety_number(KEY.public, PrivateKey(sha256(b"eve base")).public)


# -- URLs without a name --------------------------------------------------------------------------------------------


def test_the_url_of_an_account_may_end_with_the_place_itself() -> None:
    with pytest.raises(WireError, match="bad_channel_url"):
        read_channel_url("https://h.example/a/api/v1/channel?token=t")
    assert read_account_url("https://h.example/api/v1/account") == ("https://h.example", "", "")


# -- signatures -----------------------------------------------------------------------------------------------------

INSIDE = Inside(b"inside", b"the same with boundaries")


def test_the_key_may_come_with_the_signature_where_none_is_known() -> None:
    signature = sign(KEY, INSIDE)
    assert check(signature, INSIDE, None) is SignatureStatus.KEY_MISSING
    assert check(replace(signature, public_key=KEY.public), INSIDE, None) is SignatureStatus.VALID


def test_no_derivation_means_the_base_key_itself_and_proves_no_boundaries() -> None:
    plain = Signature(signature=KEY.sign(sha256(INSIDE.joined)))
    assert check(plain, INSIDE, KEY.public) is SignatureStatus.LEGACY
    assert check(plain, Inside(b"outside", INSIDE.script), KEY.public) is SignatureStatus.INVALID


def test_what_cannot_be_checked_is_invalid() -> None:
    signature = sign(KEY, INSIDE)
    assert check(signature, INSIDE, b"\x05" * 33) is SignatureStatus.INVALID
    assert check(replace(signature, derivation_hash=b"\xff" * 32), INSIDE, KEY.public) is SignatureStatus.INVALID
    assert check(replace(signature, signature=b""), INSIDE, KEY.public) is SignatureStatus.INVALID


def test_a_proof_message_without_a_proof_is_not_written() -> None:
    (case,) = [case for case in load("channels_messages")["not_writable"] if case["name"] == "merkle_proof_nil"]
    assert case["fields"] == {"merkle_proof": None}
    with pytest.raises(WireError, match="no_value"):
        REGISTRY.write([ProofMessage()])


def test_a_signature_of_no_bytes_is_refused() -> None:
    with pytest.raises(WireError, match="bad_signature_encoding"):
        Signature.from_bytes(b"".join([number(1), number(1), push(b"")]))


# -- response codes -------------------------------------------------------------------------------------------------

OWN_CODES = {b"ID": {1, 2}, b"peers": {1, 2, 3}}  # channels.md 9.9 and 5.3: unknown to the reference


@pytest.mark.parametrize(
    "protocol", [protocol for protocol in ALL if protocol.id != b"TXT"], ids=lambda p: p.id.decode()
)
def test_response_codes_are_those_of_the_reference(protocol: Protocol) -> None:
    names = load("channels_messages")["response_code_names"][protocol.id.decode()]
    theirs = {int(code): name for code, name in names.items() if name != names["0"]}
    if protocol.id == b"UUID":  # the reference repeats the names of S there, and uses none of them
        theirs = {}
    ours = {int(code): code.name.lower() for code in protocol.codes or () if 0 < code < 100}
    assert ours.keys() - theirs.keys() == OWN_CODES.get(protocol.id, set())
    for code, name in theirs.items():
        assert ours[code] in name


# -- stacks ---------------------------------------------------------------------------------------------------------

STACKS: list[list[Message]] = [
    [MessageId(message_id=7), Uuid(uuid=b"\x01" * 16), Response(), TextMessage(text="hello")],
    [StringId(thread_id="lunch"), TxId(txid=b"\x02" * 32)],
    [ReplyTo(peer_channel=MAILBOX, handle="bob@h.example"), Time(at=5), Expiry(at=6), RequestMenu()],
    [Note(note="hi"), FeeRequirements(fees=(FeeRequirement(satoshis=50, bytes=1000), None)), SubTerminate()],
    [TextReceipt(kind=1, up_to=9)],
]


@pytest.mark.parametrize("layers", STACKS)
def test_stacks_are_read_as_they_were_written(layers: list[Message]) -> None:
    stack = REGISTRY.read(REGISTRY.write(layers))
    assert stack.messages == layers
    assert (stack.unread_items, stack.unread_bytes) == (0, 0)
    assert stack.find(type(layers[-1])) == layers[-1]
    assert stack.find(Signature) is None


def test_the_registry_knows_what_it_was_given() -> None:
    assert REGISTRY.ids == tuple(protocol.id for protocol in ALL)
    assert len(set(REGISTRY.ids)) == len(ALL)
    assert REGISTRY.get(b"TXT") is text.PROTOCOL
    assert REGISTRY.get(b"nothing") is None
    with pytest.raises(Misuse, match="TextMessage belongs to no registered protocol"):
        Registry(()).write([TextMessage()])
    with pytest.raises(Misuse, match="TextMessage belongs to no registered protocol"):
        Registry(()).protocol_of(TextMessage())


def envelope(ids: tuple[bytes, ...], *items: bytes) -> Envelope:
    return Envelope(ids, b"".join(items), len(items))


@pytest.mark.parametrize(
    ("read", "kind"),
    [
        (envelope((b"TXT", b"NOTE"), number(0), number(1), number(0)), "invalid_message"),
        (envelope((b"MP", b"NOTE"), number(0), push(bytes(67)), number(0), push(b"x")), "remaining_protocols"),
        (envelope((b"UUID",), number(0)), "invalid_message"),
        (envelope((b"UUID",), number(1), push(bytes(16))), "unsupported_version"),
        (envelope((b"TXT",), number(0), number(9), number(0)), "unsupported_message_type"),
        (envelope((b"RT",), number(0), number(1), number(1), push(b"https://h.example/")), "bad_channel_url"),
    ],
)
def test_reading_ends_where_a_layer_is_not_what_it_says(read: Envelope, kind: str) -> None:
    with pytest.raises(WireError) as caught:
        REGISTRY.read(read.to_script())
    assert caught.value.kind == kind


def test_layers_before_the_unreadable_one_are_kept() -> None:
    written = read_envelope(REGISTRY.write([MessageId(message_id=3), Time(at=5)]))
    read = Envelope((*written.protocol_ids, b"XYZ"), written.payload + number(0), written.count + 1)
    result = REGISTRY.read_as_far_as_possible(read.to_script())
    assert result.messages == [MessageId(message_id=3), Time(at=5)]
    assert (result.failed, result.unread_items) == (b"XYZ", 1)
    assert result.error is not None
    assert result.error.kind == "unsupported_protocol"
