"""Envelopes against the bytes of the reference."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from channels_desktop.errors import WireError
from channels_desktop.wire import limits, script
from channels_desktop.wire.envelope import HEADER, Envelope, read_envelope
from tests.vectors import load

if TYPE_CHECKING:
    from tests.unit.wire.described import Described

WRAPS = load("envelope")["wraps"]
RAW = load("envelope")["raw_inputs"]


def items_of(payload: bytes) -> list[dict[str, str]]:
    items: list[dict[str, str]] = []
    at = 0
    while at < len(payload):
        item, at = script.read_item(payload, at)
        items.append({"push": item.hex()} if isinstance(item, bytes) else {"op": f"{item:02x}"})
    return items


def script_of(items: list[dict[str, Any]]) -> bytes:
    return b"".join(script.push(bytes.fromhex(i["push"])) if "push" in i else bytes.fromhex(i["op"]) for i in items)


@pytest.mark.parametrize("case", WRAPS, ids=lambda case: case["name"])
def test_envelopes_are_written_as_the_reference_does(case: Described) -> None:
    payload = script_of(case["payload_items"])
    ids = tuple(bytes.fromhex(text) for text in case["protocol_ids_hex"])
    written = Envelope(ids, payload, len(case["payload_items"])).to_script()
    assert written.hex() == case["hex"]
    read = read_envelope(written)
    if case["read_back"].get("equal"):
        assert read.protocol_ids == ids
    assert read.to_script() == written or not case["read_back"].get("equal")


@pytest.mark.parametrize("case", RAW, ids=lambda case: case["name"])
def test_hand_made_scripts_are_read_as_the_reference_does(case: Described) -> None:
    data, expected = bytes.fromhex(case["hex"]), case["read"]
    if not expected["ok"]:
        with pytest.raises(WireError) as caught:
            read_envelope(data)
        assert expected["error_class"] in (caught.value.kind, "panic")
        return
    read = read_envelope(data)
    assert [i.hex() for i in read.protocol_ids] == expected["protocol_ids_hex"]
    assert items_of(read.payload) == expected["payload_items"]
    assert read.unread == expected.get("bytes_left_unread", 0)
    assert read.to_script().hex() == expected.get("written_again", case["hex"])


def test_a_script_beyond_the_limit_is_refused_unread() -> None:
    with pytest.raises(WireError, match="too many"):
        read_envelope(HEADER + bytes(limits.MESSAGE_BYTES))


@pytest.mark.parametrize(
    ("rest", "kind"),
    [
        ("", "invalid_envelope"),
        ("51", "invalid_envelope"),
        ("4f00", "invalid_envelope"),
        ("51014953", "eof"),
        ("51014952" + "02", "eof"),
        ("51014952" + "024142", "eof"),
        ("51014951" + "024142"[:4], "script_error"),
    ],
)
def test_what_ends_too_soon_is_refused(rest: str, kind: str) -> None:
    with pytest.raises(WireError) as caught:
        read_envelope(HEADER + bytes.fromhex(rest))
    assert caught.value.kind == kind
