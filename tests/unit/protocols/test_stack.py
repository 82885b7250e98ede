"""Whole messages against the reference: every case of its vectors is written from its fields, read and shown."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from channels_desktop.bitcoin.keys import PrivateKey, parse_der, sha256
from channels_desktop.errors import WireError
from channels_desktop.protocols import authorize
from channels_desktop.protocols.authorize import Authorize
from channels_desktop.protocols.ids import MessageId, Uuid
from channels_desktop.protocols.inspection import inspect
from channels_desktop.protocols.invoices.messages import RequestMenu
from channels_desktop.protocols.registry import REGISTRY
from channels_desktop.protocols.signed import Signature, SignatureStatus, check, derivation_hash, sign
from channels_desktop.protocols.stack import Inside, Stack
from channels_desktop.wire.bsor import Message
from channels_desktop.wire.envelope import Envelope
from tests.unit.protocols.fields import messages_of
from tests.vectors import load

Case = dict[str, Any]

MADE = load("channels_messages")["cases"]
RANDOM = load("random_messages")["cases"]
SIGNED = load("signed_stacks")["cases"]
INPUTS = load("envelope")["message_inputs"]
# The reference does not know field 1 of a Response, which the client of 2022 sends (channels.md 2.5).
OTHERWISE = {"response_unknown_field"}


def name(case: Case) -> str:
    return case.get("name") or "+".join(case["protocol_ids"])


def changes() -> list[Any]:
    return [
        pytest.param(case, change, id=f"{name(case)}: {change['change']}")
        for case in SIGNED
        for change in case["tampered"]
    ]


def written(case: Case) -> list[Case]:
    """Return the layers that were written, outermost first."""
    return case.get("written_layers") or case.get("layers_outer_first") or case["read"]["layers"]


def context(case: Case) -> bytes | None:
    """Return the base key that the receiver knows."""
    return bytes.fromhex(case["context_public_key"]) if case.get("context_public_key") else None


def assert_read(script: bytes, expected: Case, layers: list[Case], key: bytes | None = None) -> None:
    """Compare what `inspect` finds with `layers`, or with the error expected, and the state of the signatures."""
    found = inspect(script, key)
    json.dumps(found)
    if not expected["ok"]:
        assert not found["ok"]
        assert expected["error_class"] in (found["error_class"], "panic")
        return
    assert found["ok"], found
    shown = found["layers_outer_first"]
    assert [(layer["type"], layer["fields"]) for layer in shown] == [
        (layer["type"], layer["fields"]) for layer in layers
    ]
    assert [layer["protocol_id"] for layer in shown] == found["protocol_ids"]
    assert_verified(REGISTRY.read(script), expected.get("signatures", []), key)


def assert_verified(stack: Stack, expected: list[Case], key: bytes | None) -> None:
    rows = []
    for position, message in enumerate(stack.messages):
        inside = stack.inside(position)
        match message:
            case Signature(public_key=own):
                status = check(message, inside, own or key)
                where = "from message" if own else "from context" if key else "missing"
                rows.append(("channels.Signature", where, VERIFIED[status]))
            case Authorize():
                good = authorize.check(message, inside.joined)
                rows.append(("authorize_script.Authorize", None, "ok" if good else "not_verified"))
    assert rows == [(row["type"], row.get("key"), row["verify"]) for row in expected]


VERIFIED = {
    SignatureStatus.VALID: "ok",
    SignatureStatus.LEGACY: "ok",
    SignatureStatus.INVALID: "invalid_signature",
    SignatureStatus.KEY_MISSING: "public_key_missing",
}


def test_every_protocol_of_the_vectors_is_registered() -> None:
    ids = {protocol_id.encode() for case in (*MADE, *RANDOM, *SIGNED) for protocol_id in case["protocol_ids"]}
    assert ids <= set(REGISTRY.ids)
    assert (len(MADE), len(RANDOM), len(SIGNED), len(INPUTS)) == (168, 150, 22, 54)


@pytest.mark.parametrize("case", [*MADE, *RANDOM, *SIGNED], ids=name)
def test_messages_are_written_and_read_as_in_the_reference(case: Case) -> None:
    script = bytes.fromhex(case["wire_hex"])
    assert REGISTRY.write(messages_of(written(case))) == script
    expected = case.get("read_back") or case["read"]
    assert_read(script, expected, expected.get("layers") or written(case), context(case))
    if expected["ok"]:
        assert REGISTRY.write(REGISTRY.read(script).messages).hex() == inspect(script)["wire_hex"]
        if expected.get("equal", True):
            assert inspect(script)["wire_hex"] == case["wire_hex"]


@pytest.mark.parametrize(("case", "change"), changes())
def test_changed_copies_are_read_as_in_the_reference(case: Case, change: Case) -> None:
    script, expected = bytes.fromhex(change["wire_hex"]), change["read"]
    assert_read(script, expected, expected.get("layers") or written(case), context(change))
    if "wrappers_read" in expected:
        read = REGISTRY.read_as_far_as_possible(script).messages
        assert [type_of(message) for message in read] == expected["wrappers_read"]
    if expected.get("equal"):
        assert inspect(script)["wire_hex"] == case["wire_hex"]


def type_of(message: Message) -> str:
    return f"{REGISTRY.protocol_of(message).package}.{message.NAME}"


@pytest.mark.parametrize("case", [case for case in INPUTS if case["name"] not in OTHERWISE], ids=name)
def test_hand_made_messages_are_read_or_refused_as_in_the_reference(case: Case) -> None:
    assert_read(bytes.fromhex(case["hex"]), case["read"], case["read"].get("layers", []))


def test_the_answer_of_the_client_of_2022_is_read() -> None:
    (case,) = (case for case in INPUTS if case["name"] in OTHERWISE)
    found = inspect(bytes.fromhex(case["hex"]))
    fields = {"message_id": 5, "status": 0, "protocol_id": None, "code": 0, "note": ""}
    assert [layer["fields"] for layer in found["layers_outer_first"]] == [fields]
    assert found["wire_hex"] == case["hex"]


@pytest.mark.parametrize("case", SIGNED, ids=name)
def test_signatures_cover_what_the_reference_covers(case: Case) -> None:
    stack = REGISTRY.read(bytes.fromhex(case["wire_hex"]))
    for position, (message, described) in enumerate(zip(stack.messages, case["layers_outer_first"], strict=True)):
        if not isinstance(message, Signature) or "hashed_bytes" not in described:
            continue
        inside = stack.inside(position)
        assert inside.joined.hex() == described["hashed_bytes"]
        base = bytes.fromhex(described["base_public_key"])
        status = check(message, inside, base)
        assert status is SignatureStatus.LEGACY, "the reference draws its hashes at random, or leaves them out"
        key = PrivateKey(bytes.fromhex(described["private_key"]))
        if message.derivation_hash:
            key = key.derive(message.derivation_hash)
        assert key.sign(bytes.fromhex(described["sig_hash"])) == message.signature


def test_the_worked_example_with_a_constrained_derivation() -> None:
    """channels.md appendix A, 1."""
    script = bytes.fromhex(
        "006a02bd01540153024944045555494401495d005251463044022007440822223982a46b16845ec8f58c0d98b8291c6c1dea39975717"
        "94038ea1ed02205d7390a5ff3c0277785abbc08d61721f4416a77ebe4467b63311151097eb3b1d5320591cbcb61696d0fcc18f5f1e0a"
        "f6e2aa455a3b7e7901343d78d8ce6c4750e1b00051001000112233445566778899aabbccddeeff005100"
    )
    stack = REGISTRY.read(script)
    key = PrivateKey(sha256(b"alice base"))
    signature, *inner = stack.messages
    assert stack.inside(0) == REGISTRY.inside(inner)
    assert stack.inside(0).script.hex() == (
        "006a02bd015302494404555549440149570051001000112233445566778899aabbccddeeff005100"
    )
    assert sha256(stack.inside(0).joined).hex() == "ad141cb21863059f676c2059fb4c43c8935f64eb4ec3483c7ce343c5c7a40317"
    assert sign(key, stack.inside(0)) == signature
    assert check(signature, stack.inside(0), key.public) is SignatureStatus.VALID
    assert REGISTRY.write([signature, *inner]) == script
    free = replace(signature, derivation_hash=bytes(31) + b"\x01")
    assert check(free, stack.inside(0), key.public) is SignatureStatus.INVALID


@pytest.mark.parametrize(
    ("ids", "count", "payload", "needed"),
    [
        (
            (b"ID", b"UUID", b"I\x00"),
            6,
            "51001000112233445566778899aabbccddeeff005100",
            "12981b0fe3d0385884ba073f241e41420af1ca6e8bd9b874752bceada267b0d4",
        ),
        (
            (b"IDUUID", b"I"),
            7,
            "0051001000112233445566778899aabbccddeeff005100",
            "9c2b7295e80b814a6709b5bc88fc37d0e8eea030d5d213b713471022b5708021",
        ),
    ],
)
def test_the_same_signed_bytes_with_other_boundaries_need_another_hash(
    ids: tuple[bytes, ...], count: int, payload: str, needed: str
) -> None:
    """channels.md appendix A, 1: what the ids lose the items gain, and the bytes that are hashed stay the same."""
    key, items = PrivateKey(sha256(b"alice base")), bytes.fromhex(payload)
    inner: list[Message] = [
        MessageId(message_id=1),
        Uuid(uuid=bytes.fromhex("00112233445566778899aabbccddeeff")),
        RequestMenu(),
    ]
    moved = Inside(b"".join(ids) + items, Envelope(ids, items, count).to_script())
    assert moved.joined == REGISTRY.inside(inner).joined
    assert derivation_hash(key.public, moved).hex() == needed
    assert check(sign(key, REGISTRY.inside(inner)), moved, key.public) is SignatureStatus.LEGACY


def test_anyone_can_forge_with_a_free_derivation_so_it_proves_nothing() -> None:
    """channels.md 2.6: from one signature another message's can be computed; it must come out as legacy."""
    order = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
    key = PrivateKey(sha256(b"alice base"))
    inside, forged = Inside(b"what she said", b"in one"), Inside(b"what she never said", b"in another")
    real = sign(key, inside)
    r, _ = parse_der(real.signature)
    digest, other = (int.from_bytes(sha256(text.joined), "big") for text in (inside, forged))
    h = int.from_bytes(derivation_hash(key.public, inside), "big")
    shifted = (h + (digest - other) * pow(r, -1, order)) % order
    forgery = replace(real, derivation_hash=shifted.to_bytes(32, "big"))
    assert check(forgery, forged, key.public) is SignatureStatus.LEGACY


def test_unknown_and_empty_stacks_are_refused() -> None:
    for script in ("006a02bd01005151", "006a02bd0151035858585151"):
        with pytest.raises(WireError, match="unsupported_protocol"):
            REGISTRY.read(bytes.fromhex(script))
