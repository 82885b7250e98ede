"""peers against the bytes of the reference."""

from __future__ import annotations

import pytest

from channels_desktop.errors import WireError
from channels_desktop.protocols.peer_channels import (
    PROTOCOL,
    Account,
    Channel,
    ChannelType,
    CreateChannel,
    DeleteChannel,
    PeerChannelsCode,
    service_channel,
)
from channels_desktop.protocols.registry import REGISTRY
from channels_desktop.protocols.response import Response
from channels_desktop.wire.envelope import head
from channels_desktop.wire.script import number
from tests.unit.protocols.reference import (
    Case,
    assert_as_in_the_reference,
    cases_of,
)
from tests.vectors import load


@pytest.mark.parametrize("case", cases_of(PROTOCOL))
def test_cases_of_the_reference(case: Case) -> None:
    assert_as_in_the_reference(case)


def test_the_codes_are_ours() -> None:
    """channels.md 5.3."""
    assert {code.name: int(code) for code in PeerChannelsCode} == {
        "PARSE": 0,
        "UNKNOWN_CHANNEL": 1,
        "QUOTA_REACHED": 2,
        "TYPE_NOT_OFFERED": 3,
    }


@pytest.mark.parametrize("case", load("channels_messages")["service_channel_ids"], ids=lambda case: case["channel_id"])
def test_the_channel_a_service_answers_into(case: Case) -> None:
    assert service_channel(bytes.fromhex(case["public_key"])) == (case["channel_id"], case["channel_token"])


@pytest.mark.parametrize("key", [b"", b"\x02" * 32, b"\x05" + b"\x11" * 32, b"\x02" + b"\xff" * 32])
def test_no_channel_follows_from_what_is_no_key(key: bytes) -> None:
    with pytest.raises(WireError):
        service_channel(key)


@pytest.mark.parametrize(
    ("channel_type", "script"),
    [
        (ChannelType.STANDARD, "006a02bd015105706565727353005a00"),
        (ChannelType.PUBLIC, "006a02bd015105706565727355005a515151"),
    ],
)
def test_the_worked_examples(channel_type: ChannelType, script: str) -> None:
    """channels.md appendix A, 3."""
    message = CreateChannel(channel_type=channel_type)
    assert REGISTRY.write([message]).hex() == script
    assert REGISTRY.read(bytes.fromhex(script)).messages == [message]


ANSWER = Channel(base_url="https://h.example", id="c-1", read_token="r")


@pytest.mark.parametrize("message", [Account(), Account(id="7", token="t"), ANSWER, DeleteChannel(id="c-1")])
def test_answers_are_read_as_they_were_written(message: Account | Channel | DeleteChannel) -> None:
    assert REGISTRY.read(REGISTRY.write([Response(), message])).messages == [Response(), message]


@pytest.mark.parametrize(
    ("ids", "items", "kind"),
    [
        ([b"peers"], [], "invalid_message"),
        ([b"peers"], [number(0)], "eof"),  # the reference crashes
        ([b"peers"], [number(2), number(1), number(0)], "unsupported_version"),
        ([b"peers"], [number(0), number(12), number(0)], "unsupported_message_type"),
        ([b"peers"], [number(0), number(11), number(1), number(2), b"\x01x"], "unknown_field"),
        ([b"peers", b"UUID"], [number(0), number(10), number(0)], "invalid_message"),
    ],
)
def test_what_is_refused(ids: list[bytes], items: list[bytes], kind: str) -> None:
    with pytest.raises(WireError) as caught:
        REGISTRY.read(head(ids, len(items)) + b"".join(items))
    assert caught.value.kind == kind


def test_a_message_type_counts_by_its_low_eight_bits() -> None:
    script = head([b"peers"], 3) + number(0) + number(256 + 10) + number(0)
    assert REGISTRY.read(script).messages == [CreateChannel()]
