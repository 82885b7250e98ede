from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels_desktop.errors import WireError
from channels_desktop.host.messages import (
    AccountReply,
    ChannelData,
    FullChannel,
    HostMessage,
    MessageNotification,
    message_from_json,
    read_rfc3339,
    write_rfc3339,
)
from channels_desktop.wire.bsor import read_list, write_list
from tests.vectors import load

CLASSES: dict[str, type[Any]] = {
    "peer_channels.FullChannel": FullChannel,
    "peer_channels.Message": HostMessage,
    "peer_channels.MessageNotification": MessageNotification,
    "peer_channels.ChannelData": ChannelData,
    "peer_channels.Account": AccountReply,
}
LISTS: dict[str, type[Any]] = {"main.FullChannelPointers": FullChannel, "peer_channels.Messages": HostMessage}


def cases(types: dict[str, type[Any]]) -> list[Any]:
    found = [case for case in load("peer_channels_rest")["cases"] if case["type"] in types]
    assert found
    return [pytest.param(case, id=f"{case['name']}-{place}") for place, case in enumerate(found)]


def is_ours(case: dict[str, Any]) -> bool:
    """Whether we write these very bytes: times in UTC, other than the two zeros of the two calendars."""
    items = case["fields"] if isinstance(case["fields"], list) else [case["fields"]]
    times = [item["received"] for item in items if item and "received" in item]
    return all(time["binary"].endswith("ffff") and time["rfc3339"] != "1970-01-01T00:00:00Z" for time in times)


@pytest.mark.parametrize("case", cases(CLASSES))
def test_objects_are_written_as_the_reference_writes_them(case: dict[str, Any]) -> None:
    data = bytes.fromhex(case["hex"])
    value = CLASSES[case["type"]].from_bytes(data)
    again = value.to_bytes()
    if is_ours(case) and case["decode"].get("equal", True):  # the reference itself loses an empty payload
        assert again == data
    assert CLASSES[case["type"]].from_bytes(again) == value


@pytest.mark.parametrize("case", cases({"peer_channels.Message": HostMessage}))
def test_json_is_read_as_the_reference_writes_it(case: dict[str, Any]) -> None:
    written = json.loads(case["go_json_text"])
    value = HostMessage.from_bytes(bytes.fromhex(case["hex"]))
    if written["received"].startswith("0001"):
        return
    assert message_from_json({**written, "payload": written["payload"] or ""}) == value
    if is_ours(case):
        assert value.json() == {**written, "payload": written["payload"] or ""}


@pytest.mark.parametrize("case", cases(LISTS))
def test_lists_are_written_as_the_reference_writes_them(case: dict[str, Any]) -> None:
    data = bytes.fromhex(case["hex"])
    values = read_list(LISTS[case["type"]], data)
    absent = case["fields"] is None or None in case["fields"] or data.count(b"\x51\x51\x51")
    assert len(values) == len([item for item in case["fields"] or () if item]) or absent
    if is_ours({"fields": case["fields"] or []}) and not absent:
        assert write_list(values) == data


def test_the_published_examples() -> None:
    channel = FullChannel(id="c1", account_id="7", read_token="r", write_token="w")
    assert channel.to_bytes().hex() == "5451026331520137530172540177"
    at = read_rfc3339("2026-11-22T17:00:00.123456789Z")
    news = MessageNotification(sequence=17, received=at, content_type="text/plain", channel_id="c1")
    assert news.to_bytes().hex() == ("54510111520f010000000ee2951690075bcd15ffff530a746578742f706c61696e54026331")


@given(st.integers(min_value=0, max_value=2**62), st.binary(max_size=40))
def test_json_returns_what_was_written(at: int, payload: bytes) -> None:
    message = HostMessage(sequence=5, received=at, content_type="text/plain", channel_id="c", payload=payload)
    assert message_from_json(json.loads(json.dumps(message.json()))) == message


def test_times_in_other_zones() -> None:
    assert read_rfc3339("1970-01-01T02:00:00.5+02:00") == 500_000_000
    assert write_rfc3339(0) == "1970-01-01T00:00:00Z"


@pytest.mark.parametrize(
    "text", ["", "yesterday", "2026-13-01T00:00:00Z", "2026-01-01T00:00:00", "2026-01-01T00:00:00+99:00"]
)
def test_no_time(text: str) -> None:
    with pytest.raises(WireError):
        read_rfc3339(text)


GOOD = {"sequence": 1, "received": "2026-01-01T00:00:00Z", "content_type": "", "channel_id": "c", "payload": "00"}


@pytest.mark.parametrize(
    "value",
    [
        None,
        [],
        "x",
        {},
        {**GOOD, "sequence": "1"},
        {**GOOD, "sequence": True},
        {**GOOD, "sequence": -1},
        {**GOOD, "payload": "0"},
        {**GOOD, "payload": None},
        {**GOOD, "received": 5},
    ],
)
def test_no_message(value: object) -> None:
    with pytest.raises(WireError):
        message_from_json(value)
