"""A against the bytes of the reference, and what an authorization proves."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels_desktop.bitcoin.keys import PrivateKey, hash256, sha256
from channels_desktop.bitcoin.templates import p2pk
from channels_desktop.errors import WireError
from channels_desktop.protocols.authorize import PROTOCOL, Authorize, authorize, check
from channels_desktop.protocols.ids import MessageId
from channels_desktop.protocols.invoices.messages import RequestMenu
from channels_desktop.protocols.registry import REGISTRY
from channels_desktop.wire.script import push
from tests.unit.protocols.reference import (
    Case,
    assert_as_in_the_reference,
    cases_of,
    script_of,
)
from tests.vectors import load

KEY, OTHER = PrivateKey(sha256(b"alice base")), PrivateKey(sha256(b"bob base"))
CASES = cases_of(PROTOCOL)
TAMPERED = [
    pytest.param(change, id=f"{case['name']}: {change['change']}")
    for case in load("signed_stacks")["cases"]
    if "A" in case["protocol_ids"]
    for change in case["tampered"]
]


@pytest.mark.parametrize("case", CASES)
def test_cases_of_the_reference(case: Case) -> None:
    assert_as_in_the_reference(case)
    stack = REGISTRY.read(script_of(case))
    for position, (message, described) in enumerate(zip(stack.messages, case["layers_outer_first"], strict=True)):
        if isinstance(message, Authorize):
            inside = stack.inside(position).joined
            assert inside.hex() == described["preimage"]
            assert hash256(inside).hex() == described["sig_hash"]
            assert authorize(PrivateKey(bytes.fromhex(described["private_key"])), inside) == message
            assert p2pk(bytes.fromhex(described["public_key"])) == message.locking_script
            assert check(message, inside)


@pytest.mark.parametrize("change", TAMPERED)
def test_changed_copies_are_unlocked_or_not_as_in_the_reference(change: dict[str, Any]) -> None:
    script, expected = script_of(change), change["read"]
    if not expected["ok"]:
        with pytest.raises(WireError) as caught:
            REGISTRY.read(script)
        assert caught.value.kind == expected["error_class"]
        return
    stack = REGISTRY.read(script)
    results = [
        "ok" if check(message, stack.inside(position).joined) else "not_verified"
        for position, message in enumerate(stack.messages)
        if isinstance(message, Authorize)
    ]
    assert results == [row["verify"] for row in expected["signatures"] if row["type"] == "authorize_script.Authorize"]


def test_an_authorization_is_for_what_is_inside_and_by_the_key_of_its_script() -> None:
    inside = REGISTRY.inside([MessageId(message_id=1), RequestMenu()]).joined
    layer = authorize(KEY, inside)
    assert check(layer, inside)
    assert not check(layer, inside + b"\x00")
    assert not check(replace(layer, locking_script=p2pk(OTHER.public)), inside)
    assert check(authorize(OTHER, inside), inside), "whose script it is shows in the script alone"
    assert authorize(OTHER, inside).locking_script != p2pk(KEY.public)


def test_nothing_is_authorized_by_no_scripts_or_around_nothing() -> None:
    assert not check(Authorize(), b"inside")
    assert not check(authorize(KEY, b""), b"")
    script = REGISTRY.write([Authorize()])
    assert REGISTRY.read(script).messages == [Authorize()]
    assert REGISTRY.read(script).inside(0).joined == b""


def test_other_scripts_than_of_one_key() -> None:
    digest = hash256(b"inside")
    either = b"\x51" + push(KEY.public) + push(OTHER.public) + b"\x52\xae"  # one of two keys
    for key in (KEY, OTHER):
        unlocking = b"\x00" + push(key.sign(digest) + b"\x41")
        assert check(Authorize(locking_script=either, unlocking_script=unlocking), b"inside")
        assert not check(Authorize(locking_script=either, unlocking_script=unlocking), b"outside")


@given(st.binary(max_size=60), st.binary(max_size=60), st.binary(max_size=20))
def test_any_scripts_are_good_or_not(locking: bytes, unlocking: bytes, inside: bytes) -> None:
    assert check(Authorize(locking_script=locking, unlocking_script=unlocking), inside) in (True, False)
