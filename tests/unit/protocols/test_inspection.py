"""What is said of a script besides its fields (which `test_stack` compares): its signature, its errors, its tree."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels_desktop.bitcoin.keys import PrivateKey, sha256
from channels_desktop.bitcoin.merkle import MerkleProof
from channels_desktop.protocols.fee_requirements import FeeRequirement, FeeRequirements
from channels_desktop.protocols.ids import MessageId, Uuid
from channels_desktop.protocols.inspection import as_text, inspect
from channels_desktop.protocols.invoices.messages import InvoiceItem, Price, PurchaseOrder, RequestMenu, TokenId
from channels_desktop.protocols.merkle_proofs import ProofMessage
from channels_desktop.protocols.registry import REGISTRY
from channels_desktop.protocols.relationships import Configuration, SubInitiation
from channels_desktop.protocols.response import Response, Status
from channels_desktop.protocols.signed import Signature, sign
from channels_desktop.protocols.text import TextMessage
from channels_desktop.protocols.times import Expiry, Time
from channels_desktop.wire.bsor import Message
from channels_desktop.wire.envelope import Envelope, read_envelope
from tests.vectors import load

ALICE, BOB = PrivateKey(sha256(b"alice base")), PrivateKey(sha256(b"bob base"))
NO_POINT = bytes.fromhex("02" + "00" * 31 + "05")
INNER: list[Message] = [MessageId(message_id=7), RequestMenu()]
NONE = {"status": "none", "public_key": None, "derivation_hash": None}
SCRIPTS = [
    bytes.fromhex(case.get("wire_hex") or case["hex"])
    for case in (*load("random_messages")["cases"], *load("envelope")["message_inputs"])
]


def signed(**changes: object) -> tuple[Signature, bytes]:
    """Return the signature that Alice makes around INNER, with changes, and the script with it."""
    signature = replace(sign(ALICE, REGISTRY.inside(INNER)), **changes)
    return signature, REGISTRY.write([signature, *INNER])


def hexed(data: bytes | None) -> str | None:
    return None if data is None else data.hex()


def test_a_script_is_told_whole() -> None:
    signature, script = signed()
    assert signature.derivation_hash is not None
    assert inspect(script, ALICE.public) == {
        "ok": True,
        "protocol_ids": ["S", "ID", "I"],
        "layers_outer_first": [
            {
                "protocol_id": "S",
                "type": "channels.Signature",
                "fields": {
                    "signature": signature.signature.hex(),
                    "public_key": None,
                    "derivation_hash": signature.derivation_hash.hex(),
                },
            },
            {"protocol_id": "ID", "type": "channels.MessageID", "fields": {"message_id": 7}},
            {"protocol_id": "I", "type": "invoices.RequestMenu", "fields": {}},
        ],
        "wire_hex": script.hex(),
        "signature": {
            "status": "valid",
            "public_key": ALICE.public.hex(),
            "derivation_hash": signature.derivation_hash.hex(),
        },
    }


OTHER_HASH = sha256(b"free choice")
FREE = ALICE.derive(OTHER_HASH).sign(sha256(REGISTRY.inside(INNER).joined))


@pytest.mark.parametrize(
    ("changes", "given_key", "status", "used"),
    [
        ({}, None, "key_missing", None),
        ({}, ALICE.public, "valid", ALICE.public),
        ({}, BOB.public, "invalid", BOB.public),
        ({"public_key": ALICE.public}, None, "valid", ALICE.public),
        ({"public_key": ALICE.public}, BOB.public, "valid", ALICE.public),
        ({"public_key": BOB.public}, ALICE.public, "invalid", BOB.public),
        ({"signature": FREE, "derivation_hash": OTHER_HASH}, ALICE.public, "legacy", ALICE.public),
        ({"derivation_hash": OTHER_HASH}, ALICE.public, "invalid", ALICE.public),
    ],
)
def test_the_key_inside_the_signature_goes_first(
    changes: dict[str, bytes], given_key: bytes | None, status: str, used: bytes | None
) -> None:
    signature, script = signed(**changes)
    assert inspect(script, given_key)["signature"] == {
        "status": status,
        "public_key": hexed(used),
        "derivation_hash": hexed(signature.derivation_hash),
    }


def test_the_outermost_signature_is_told() -> None:
    around = sign(BOB, REGISTRY.inside([signed()[0], *INNER]))
    found = inspect(REGISTRY.write([around, signed()[0], *INNER]), BOB.public)
    assert found["signature"]["status"] == "valid"
    plain = Signature(signature=ALICE.sign(sha256(REGISTRY.inside(INNER).joined)), public_key=ALICE.public)
    found = inspect(REGISTRY.write([Uuid(uuid=bytes(16)), plain, *INNER]))
    assert found["signature"] == {"status": "legacy", "public_key": ALICE.public.hex(), "derivation_hash": None}
    assert inspect(REGISTRY.write(INNER))["signature"] == NONE


def test_a_key_that_is_no_point_is_an_error_before_what_comes_after_it() -> None:
    for key in (NO_POINT, b"\x03" + NO_POINT[1:]):
        message = SubInitiation(data=Configuration(public_key=key))
        refused = {"ok": False, "error_class": "invalid_key", "error": "invalid_key"}
        assert inspect(REGISTRY.write([message])) == refused
        written = read_envelope(REGISTRY.write([Signature(public_key=key), *INNER]))
        cut = Envelope((*written.protocol_ids[:-1], b"unknown"), written.payload, written.count)
        assert inspect(cut.to_script()) == refused
    unset = inspect(REGISTRY.write([SubInitiation()]))
    assert unset["layers_outer_first"][0]["fields"]["data"]["public_key"] is None


def test_what_can_not_be_written_again_is_told_all_the_same() -> None:
    proof = MerkleProof(0, bytes(32), (None,), block_hash=bytes(32))
    script = REGISTRY.write([ProofMessage(merkle_proof=proof)])
    odd = script.replace(proof.to_wire(), b"\x00\x01" + proof.to_wire()[2:])  # a duplicate on the wrong side
    found = inspect(odd)
    assert found["layers_outer_first"][0]["fields"]["merkle_proof"]["index"] == 1
    assert (found["ok"], found["wire_hex"]) == (True, None)


def test_errors_are_told_by_class() -> None:
    assert inspect(b"") == {"ok": False, "error_class": "not_envelope", "error": "not_envelope: too short"}


@given(st.sampled_from(SCRIPTS), st.integers(0, 10_000), st.integers(1, 255), st.booleans())
def test_any_script_is_told_or_refused(script: bytes, place: int, bits: int, cut: bool) -> None:  # noqa: FBT001
    place %= len(script)
    rest = b"" if cut else script[place + 1 :]
    found = inspect(script[:place] + bytes((script[place] ^ bits,)) + rest, ALICE.public)
    assert json.loads(json.dumps(found, ensure_ascii=False).encode()) == found
    assert "".join(as_text(found, ALICE.public).split("\n")).isprintable()


# -------------------------------------------------------------------------------------------------------------- as text


def text_of(*messages: Message, key: bytes | None = None) -> list[str]:
    return as_text(inspect(REGISTRY.write(messages), key), key).split("\n")


def test_a_tree_says_what_is_around_what() -> None:
    item = InvoiceItem(id=b"lunch", price=Price(token=TokenId(protocol=b"BSV"), quantity=5))
    assert text_of(Response(status=1, protocol_id=b"\xff"), PurchaseOrder(items=(item, None))) == [
        "signature: none",
        "RE channels.Response",
        "  status: 1  (reject)",
        '  protocol_id: "ff"  (0xff)',
        "  code: 0",
        '  note: ""',
        "  I invoices.PurchaseOrder",
        "    items:",
        "      1:",
        '        id: "6c756e6368"',
        "        price:",
        "          token:",
        '            protocol: "425356"  (BSV)',
        "            id: null",
        "          quantity: 5",
        "          amount: null",
        "        quantity: null",
        "        amount: null",
        "      2: null",
        "    notes: null",
    ]


def test_messages_of_one_value_and_lists_are_shown() -> None:
    lines = text_of(Time(), Expiry(at=1_700_000_000 * 10**9), FeeRequirements(fees=(FeeRequirement(satoshis=5),)))
    assert lines[1:] == [
        "T channels.TimeMessage",
        "  value: 0",
        "  EXP channels.ExpiryMessage",
        "    value: 1700000000000000000  (2023-11-14T22:13:20Z)",
        "    FEES channels.FeeRequirementsMessage",
        "      value:",
        "        1:",
        "          feeType: 0",
        "          satoshis: 5",
        "          bytes: 0",
    ]
    assert "  status: 99" in text_of(Response(status=99))
    assert "  status: 0  (ok)" in text_of(Response(status=Status.OK))
    supported = SubInitiation(data=Configuration(supported_protocols=(b"RS",)))
    assert '      1: "5253"  (RS)' in text_of(supported)


def test_no_text_of_others_can_pass_for_a_line_or_turn_one_around() -> None:
    hostile = 'a"\nsignature: valid\u202e\x9b\x7f é \U000e0001'
    lines = text_of(TextMessage(text=hostile))
    assert lines[2] == r'  text: "a\"\nsignature: valid\u202e\x9b\x7f é \U000e0001"'


def test_the_signature_stands_first_with_its_key() -> None:
    signature, _ = signed(public_key=ALICE.public)
    assert text_of(signature, *INNER, key=BOB.public)[:3] == [
        "signature: valid",
        f"  public key: {ALICE.public.hex()}",
        f"  not the key that was given: {BOB.public.hex()}",
    ]
    assert text_of(signature, *INNER, key=ALICE.public)[2] == "S channels.Signature"
    assert text_of(signed()[0], *INNER)[:2] == [
        "signature: not checked: no public key is in it, and none was given",
        "S channels.Signature",
    ]
    legacy = signed(signature=FREE, derivation_hash=OTHER_HASH)[0]
    assert text_of(legacy, *INNER, key=ALICE.public)[0].startswith("signature: legacy")
    assert text_of(legacy, *INNER, key=BOB.public)[0] == "signature: invalid"


def test_an_error_is_one_line() -> None:
    assert as_text(inspect(b"")) == "unreadable: not_envelope: too short"
