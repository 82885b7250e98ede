"""TKN.OPERATOR against the bytes of the reference."""

from __future__ import annotations

import pytest

from channels_desktop.errors import WireError
from channels_desktop.protocols.contract_operator import PROTOCOL, Agent, CreateAgent, SignedTx, SignTx
from channels_desktop.protocols.notes import Note
from channels_desktop.protocols.registry import REGISTRY
from channels_desktop.wire.envelope import head
from channels_desktop.wire.script import number
from tests.unit.protocols.reference import (
    Case,
    assert_as_in_the_reference,
    cases_of,
)


@pytest.mark.parametrize("case", cases_of(PROTOCOL))
def test_cases_of_the_reference(case: Case) -> None:
    assert_as_in_the_reference(case)


@pytest.mark.parametrize("message", [CreateAgent(), Agent(), SignTx(), SignedTx()])
def test_a_message_that_says_nothing(message: CreateAgent | Agent | SignTx | SignedTx) -> None:
    script = REGISTRY.write([Note(note="n"), message])
    assert REGISTRY.read(script).messages == [Note(note="n"), message]


@pytest.mark.parametrize(
    ("ids", "items", "kind"),
    [
        ([b"TKN.OPERATOR"], [], "invalid_message"),
        ([b"TKN.OPERATOR"], [number(0)], "eof"),  # the reference crashes
        ([b"TKN.OPERATOR"], [number(1), number(1), number(0)], "unsupported_version"),
        ([b"TKN.OPERATOR"], [number(0), number(5), number(0)], "unsupported_message_type"),
        ([b"TKN.OPERATOR", b"UUID"], [number(0), number(1), number(0)], "invalid_message"),
        ([b"TKN.OPERATOR"], [number(0), number(2), number(1), number(4), b"\x01x"], "bad_channel_url"),
    ],
)
def test_what_is_refused(ids: list[bytes], items: list[bytes], kind: str) -> None:
    with pytest.raises(WireError) as caught:
        REGISTRY.read(head(ids, len(items)) + b"".join(items))
    assert caught.value.kind == kind
