"""The objects of the peer channel API and their JSON, against every case of the reference."""

from __future__ import annotations

import json
from typing import Annotated, Any

import pytest
from hypothesis import example, given
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
from channels_desktop.protocols.channel_url import (
    channel_fields,
    read_account_url,
    write_account_url,
    write_channel_url,
)
from channels_desktop.protocols.reply_to import ChannelText
from channels_desktop.wire.bsor import Message, field, read_list, write_list
from channels_desktop.wire.kinds import EMPTY, EMPTY_BYTES, Coded
from channels_desktop.wire.times import YEAR_ONE, Moment, read_instant, write_instant
from tests.vectors import load

Case = dict[str, Any]
CASES = load("peer_channels_rest")["cases"]


def _account(data: bytes) -> str:
    text = data.decode()
    read_account_url(text)
    return text


AccountText = Annotated[str, Coded(str.encode, _account)]


class Channel(Message, bare=True):
    value: ChannelText = field(1)


class Channels(Message, bare=True):
    value: tuple[ChannelText | None, ...] = field(1)


class ChannelBox(Message):
    channel: ChannelText | None = field(1)


class AccountBox(Message):
    account: AccountText | None = field(1)


class Messages(Message, bare=True):
    value: tuple[HostMessage | None, ...] = field(1)


class FullChannels(Message, bare=True):
    value: tuple[FullChannel, ...] = field(1)


class FullChannelPointers(Message, bare=True):
    value: tuple[FullChannel | None, ...] = field(1)


OBJECTS: dict[str, type[Any]] = {
    "peer_channels.FullChannel": FullChannel,
    "peer_channels.Message": HostMessage,
    "peer_channels.MessageNotification": MessageNotification,
    "peer_channels.ChannelData": ChannelData,
    "peer_channels.Account": AccountReply,
    "peer_channels.Channel": Channel,
    "main.chanBox": ChannelBox,
    "main.acctBox": AccountBox,
}
LISTS: dict[str, tuple[type[Any], type[Any]]] = {
    "peer_channels.Channels": (Channels, Channel),
    "peer_channels.Messages": (Messages, HostMessage),
    "peer_channels.FullChannels": (FullChannels, FullChannel),
    "main.FullChannelPointers": (FullChannelPointers, FullChannel),
}


def names(case: Case) -> str:
    return f"{case['name']}-{CASES.index(case)}"


def cases(*types: str) -> list[Any]:
    found = [pytest.param(case, id=names(case)) for case in CASES if not types or case["type"] in types]
    assert found
    return found


def time_of(described: Case) -> int:
    return read_instant(bytes.fromhex(described["binary"]))


def url_of(described: Case) -> str:
    write = write_channel_url if "channel_id" in described else write_account_url
    name = described.get("channel_id") or described["account_id"]
    return write(described["base_url"], name, described["token"], wire=True)


def value_of(cls: type[Any], fields: Any) -> Any:
    """Return the message that the vectors describe."""
    if cls in (AccountReply, Channel):
        return cls(**{cls.FIELDS[0][1]: url_of(fields)})
    values = dict(fields)
    if "payload" in values:
        values["payload"] = b"" if values["payload"] is None else bytes.fromhex(values["payload"]) or EMPTY_BYTES
    if "received" in values:
        values["received"] = time_of(values["received"])
    for name in {"channel", "account"} & {*values}:
        values[name] = url_of(values[name])
    return cls(**values)


def list_of(of: tuple[type[Any], type[Any]], fields: Any) -> Any:
    """Return the list that the vectors describe."""
    cls, item = of
    if fields is None:
        return cls()
    items = tuple(None if one is None else value_of(item, one) for one in fields)
    return cls(value=tuple(one.value if isinstance(one, Channel) else one for one in items) or EMPTY)


def described(case: Case, fields: Any) -> Any:
    name = case["type"]
    return value_of(OBJECTS[name], fields) if name in OBJECTS else list_of(LISTS[name], fields)


def url_fields(text: str) -> Case:
    """Return what the reference reads from a URL, of a channel or of an account."""
    if "/api/v1/channel" in text:
        return channel_fields(text)
    base_url, account_id, token = read_account_url(text)
    url = write_account_url(base_url, account_id, token, wire=True)
    return {"url": url, "base_url": base_url, "account_id": account_id, "token": token}


def urls_in(value: Any) -> Any:
    """Return what each URL of a value says: they are kept as they came."""
    match value:
        case AccountReply(url=text) | Channel(value=text) | ChannelBox(channel=text) | AccountBox(account=text):
            return url_fields(text)
        case Channels(value=texts):
            return [None if text is None else url_fields(text) for text in texts]


@pytest.mark.parametrize("case", cases())
def test_objects_are_written_as_the_reference_writes_them(case: Case) -> None:
    assert described(case, case["fields"]).to_bytes().hex() == case["hex"]


@pytest.mark.parametrize("case", cases())
def test_objects_are_read_as_the_reference_reads_them(case: Case) -> None:
    data, expected = bytes.fromhex(case["hex"]), case["decode"]
    cls = OBJECTS.get(case["type"]) or LISTS[case["type"]][0]
    if not expected["ok"]:
        with pytest.raises(WireError) as caught:
            cls.from_bytes(data)
        assert caught.value.kind == {"other": "bad_account_url"}.get(expected["error_class"], expected["error_class"])
        return
    read = cls.from_bytes(data)
    fields = case["fields"] if expected.get("equal") else expected["value"]
    urls = urls_in(read)
    if urls is None:
        assert read == described(case, fields)
    else:
        assert urls in (fields, *(fields.values() if isinstance(fields, dict) else ()))
    if expected.get("equal") or urls is not None:
        assert read.to_bytes() == data


@pytest.mark.parametrize("case", cases("peer_channels.Message", "peer_channels.MessageNotification"))
def test_times_keep_their_zone(case: Case) -> None:
    value = OBJECTS[case["type"]].from_bytes(bytes.fromhex(case["hex"]))
    time = case["fields"]["received"]
    if time["unix_seconds"] == YEAR_ONE:
        assert value.received == 0
    else:
        assert write_instant(value.received).hex() == time["binary"]
    assert write_rfc3339(value.received) == time["rfc3339"]


@pytest.mark.parametrize("case", cases(*OBJECTS))
def test_json_is_what_the_reference_writes(case: Case) -> None:
    value, written = described(case, case["fields"]), json.loads(case["go_json_text"])
    if isinstance(value, Channel):
        assert value.value == written
    elif isinstance(value, ChannelBox | AccountBox):
        assert written == {name: getattr(value, name) for _, name, _ in value.FIELDS}
    else:
        assert value.json() == written
        assert json.dumps(value.json(), ensure_ascii=False, separators=(",", ":")) == case["go_json_text"]


@pytest.mark.parametrize("case", cases(*LISTS))
def test_lists_in_json_are_those_of_the_reference(case: Case) -> None:
    items = described(case, case["fields"]).value
    shown = [item if item is None or isinstance(item, str) else item.json() for item in items]
    assert shown == (json.loads(case["go_json_text"]) or [])


@pytest.mark.parametrize("case", cases("peer_channels.Message"))
def test_json_is_read_as_the_reference_writes_it(case: Case) -> None:
    value = described(case, case["fields"])
    read = message_from_json(json.loads(case["go_json_text"]))
    assert read == value
    if case["json_round_trip_equal"] and value.received:
        assert write_instant(read.received) == write_instant(value.received)


@pytest.mark.parametrize("case", cases("peer_channels.Messages", "main.FullChannelPointers"))
def test_lists_of_answers_are_those_of_the_reference(case: Case) -> None:
    data, fields = bytes.fromhex(case["hex"]), case["decode"].get("value", case["fields"]) or []
    item = LISTS[case["type"]][1]
    values = read_list(item, data)
    assert values == tuple(value_of(item, one) for one in fields if one)
    if None not in fields:
        assert write_list(values) == data


def test_the_published_examples() -> None:
    channel = FullChannel(id="c1", account_id="7", read_token="r", write_token="w")
    assert channel.to_bytes().hex() == "5451026331520137530172540177"
    at = read_rfc3339("2026-11-22T17:00:00.123456789Z")
    news = MessageNotification(sequence=17, received=at, content_type="text/plain", channel_id="c1")
    assert news.to_bytes().hex() == ("54510111520f010000000ee2951690075bcd15ffff530a746578742f706c61696e54026331")


@given(st.integers(-(2**63), 2**63 - 1), st.none() | st.integers(-1439, 1439), st.binary(max_size=40))
@example(1, -1, b"")
def test_json_returns_what_was_written(at: int, zone: int | None, payload: bytes) -> None:
    received = Moment(at, zone and zone * 60)
    message = HostMessage(sequence=5, received=received, content_type="text/plain", channel_id="c", payload=payload)
    read = message_from_json(json.loads(json.dumps(message.json())))
    assert read == message
    # A minute before UTC is UTC: its number is the mark of that in the binary form.
    assert isinstance(read.received, Moment) is (not at or zone not in (None, 0, -1))
    assert write_instant(read.received) == write_instant(Moment(at, zone * 60 if zone else None))


def test_no_time_is_the_year_one() -> None:
    assert write_rfc3339(0) == "0001-01-01T00:00:00Z"
    assert [read_rfc3339(f"0001-01-01T0{hour}:00:00+0{hour}:00") for hour in range(3)] == [0, 0, 0]
    assert write_rfc3339(Moment(0)) == "1970-01-01T00:00:00Z"


def test_times_in_other_zones() -> None:
    assert read_rfc3339("1970-01-01T02:00:00.5+02:00") == 500_000_000
    assert write_rfc3339(Moment(5 * 10**8, 7200)) == "1970-01-01T02:00:00.5+02:00"
    assert write_rfc3339(Moment(5, -17762)) == "1969-12-31T19:03:58.000000005-04:56"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "yesterday",
        "2026-13-01T00:00:00Z",
        "2026-01-01T00:00:00",
        "2026-01-01T00:00:00+99:00",
        "9999-12-31T23:59:59Z",
        "1600-01-01T00:00:00+01:00",
    ],
)
def test_no_time(text: str) -> None:
    with pytest.raises(WireError, match="bad_time"):
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
        {**GOOD, "payload": 0},
        {**GOOD, "received": 5},
    ],
)
def test_no_message(value: object) -> None:
    with pytest.raises(WireError):
        message_from_json(value)


def test_no_payload_may_be_null() -> None:
    assert message_from_json({**GOOD, "payload": None}) == message_from_json({**GOOD, "payload": ""})
