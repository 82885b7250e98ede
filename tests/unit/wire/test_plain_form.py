"""Plain forms against the values that the reference shows of its own objects."""

from __future__ import annotations

import json
from typing import Any

import pytest

from channels_desktop.wire.bsor import EMPTY_BYTES, Message, field
from channels_desktop.wire.kinds import U64, HostTime
from channels_desktop.wire.plain_form import plain_fields, plain_form
from channels_desktop.wire.times import Moment
from tests.unit.wire.described import Described, message_class
from tests.unit.wire.test_bsor import REFUSED
from tests.vectors import load

# Empty bytes behind a pointer are present here; in a list they are none, whatever the reference calls them.
OTHERWISE = {"pointers_all_zero": {"Bytes": ""}, "binaries_empty_values": {"Scripts": [None, "44"]}}


def names(case: Described) -> str:
    return str(case["name"])


READ = [case for case in load("bsor")["cases"] + load("bsor")["decode_cases"] if case.get("decode", {}).get("ok")]
READ = [case for case in READ if case["name"] not in REFUSED]


@pytest.mark.parametrize("case", READ, ids=names)
def test_objects_are_shown_as_the_reference_shows_them(case: Described) -> None:
    cls, expected = message_class(case["type"]), case["decode"]
    shown = plain_fields(cls.read_at(bytes.fromhex(case["hex"]), 0)[0])
    value = case["value"] if expected.get("equal") else expected["value"]
    wanted = shown_fields(case["type"], value) | OTHERWISE.get(case["name"], {})
    assert json.dumps(shown) == json.dumps(wanted)


def shown_fields(kind: Described, value: Any) -> Any:
    if kind["kind"] != "struct":
        return {"value": value}
    if value is None:  # a pointer to nothing, which is an object without fields here
        return plain_fields(message_class(kind)())
    return {f["name"]: value[f["name"]] for f in kind["fields"] if f["id"] != "-"}


class Inner(Message):
    number: U64 = field(1, shown_as="Number")


class Own(Message, bare=True):
    text: str = field(1)

    def to_json(self) -> str:
        return f"own {self.text}"


class Outer(Message):
    inner: Inner = field(1)
    own: Own | None = field(2)
    data: bytes = field(3)
    at: HostTime = field(4)


def test_names_and_forms_may_be_a_messages_own() -> None:
    shown = plain_form(Outer(inner=Inner(number=5), own=Own(text="a"), data=EMPTY_BYTES))
    assert shown["inner"] == {"Number": 5}
    assert shown["own"] == "own a"
    assert shown["data"] == ""
    assert plain_form(Outer())["data"] is None
    assert plain_form(Own(text="b")) == "own b"


@pytest.mark.parametrize(
    ("at", "text", "seconds", "offset", "binary"),
    [
        (0, "0001-01-01T00:00:00Z", -62_135_596_800, 0, "01000000000000000000000000ffff"),
        (Moment(0), "1970-01-01T00:00:00Z", 0, 0, "010000000e7791f70000000000ffff"),
        (Moment(1500, 3600), "1970-01-01T01:00:00.0000015+01:00", 0, 3600, "010000000e7791f700000005dc003c"),
    ],
)
def test_times_of_hosts(at: int, text: str, seconds: int, offset: int, binary: str) -> None:
    assert plain_form(Outer(at=at))["at"] == {
        "rfc3339": text,
        "unix_seconds": seconds,
        "nanoseconds": at % 10**9,
        "utc_offset_seconds": offset,
        "binary": binary,
    }
