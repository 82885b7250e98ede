"""Small scripts that were once read as what they do not say, and their kinds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from channels_desktop.errors import WireError
from channels_desktop.protocols.channel_url import read_account_url, read_channel_url
from channels_desktop.protocols.fee_requirements import FeeRequirement, FeeRequirements
from channels_desktop.protocols.inspection import as_text, inspect
from channels_desktop.protocols.registry import REGISTRY
from channels_desktop.wire import limits
from channels_desktop.wire.envelope import HEADER
from channels_desktop.wire.script import OP_0, OP_1, OP_1NEGATE, OP_16, read_item
from tests.vectors import load

CASES = json.loads((Path(__file__).parents[2] / "cases" / "codec.json").read_text("utf-8"))["cases"]
OP_RESERVED = b"\x50"
NUMBERS = (OP_0, OP_1NEGATE, *range(OP_1, OP_16 + 1))
CANONICAL = [
    bytes.fromhex(case["wire_hex"])
    for file in ("channels_messages", "random_messages", "signed_stacks")
    for case in load(file)["cases"]
    if (case.get("read_back") or case["read"]).get("equal", True) and (case.get("read_back") or case["read"])["ok"]
]


def holds(found: Any, expected: Any) -> bool:
    """Say whether what was found has all that is expected, and maybe more."""
    match expected:
        case {"raw_bytes": str()}:
            return bool(found == expected)
        case dict():
            return all(holds(found[name], value) for name, value in expected.items())
        case list():
            return len(found) == len(expected) and all(map(holds, found, expected))
        case _:
            return bool(found == expected)


def shown(fields: Any) -> Any:
    """Return fields under the names of their declarations, a channel's own in place of the message's."""
    if isinstance(fields, list):
        return [{"fee_type": each["feeType"], **each} for each in fields]
    return fields["peer_channel"]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["what"])
def test_each_case_gives_what_it_should(case: dict[str, Any]) -> None:
    script = bytes.fromhex(case["hex"])
    found = inspect(script)
    json.dumps(found, ensure_ascii=False).encode()
    if "refuse" in case:
        assert (found["ok"], found["error_class"]) == (False, case["refuse"])
        with pytest.raises(WireError, match=case["refuse"]):
            REGISTRY.read(script)
        return
    assert holds(shown(found["layers_outer_first"][-1]["fields"]), case["as"])


@pytest.mark.parametrize("script", CANONICAL, ids=range(len(CANONICAL)))
def test_the_reserved_op_code_is_a_number_nowhere(script: bytes) -> None:
    """Where bytes may stand it is its own byte, as every op code; where a number is expected it is an error."""
    if REGISTRY.write(REGISTRY.read(script).messages) != script:
        return
    at = len(HEADER)
    while at < len(script):
        item, after = read_item(script, at)
        if item in NUMBERS:
            changed = script[:at] + OP_RESERVED + script[after:]
            try:
                written = REGISTRY.write(REGISTRY.read(changed).messages)
            except WireError:
                written = b""
            assert written in (b"", script[:at] + b"\x01\x50" + script[after:])
        at = after


@pytest.mark.parametrize("count", ["4f", "0181", "02ffff", "0183"])
def test_a_listed_object_of_fewer_fields_than_none_is_one_of_zeros(count: str) -> None:
    script = bytes.fromhex("006a02bd015104464545535600525100" + "51" + count)
    assert REGISTRY.read(script).messages == [FeeRequirements(fees=(None, FeeRequirement()))]
    for none in ("00", "0100", "0180", "020000"):
        assert REGISTRY.read(script.removesuffix(bytes.fromhex(count)) + bytes.fromhex(none)).messages == [
            FeeRequirements(fees=(None, None))
        ]


URLS = (
    "https://h/api/v1/{place}/a\tb?token=t",
    " https://h/api/v1/{place}/a?token=t",
    "\x00https://h/api/v1/{place}/a?token=t",
    "https://h\x7f/api/v1/{place}/a?token=t",
    "https://h/api/v1/{place}/a?token=t\x1f",
    "https://h/api/v1/{place}/a?token=t#\n",
    "ht\ntps://h/api/v1/{place}/a?token=t",
    "https://h/api/v1/{place}/a%2?token=t",
    "https://h/api/v1/{place}/%zz?token=t",
    "https://h/api/v1/{place}/a#%",
    "https://a b/api/v1/{place}/a",
    "https://h%41/api/v1/{place}/a",
    "https://h\\x/api/v1/{place}/a",
    "https://h:port/api/v1/{place}/a",
    "https://u[@h/api/v1/{place}/a",
    "https:/api/v1/{place}/a",
    "1https://h/api/v1/{place}/a",
    "h_s://h/api/v1/{place}/a",
)


@pytest.mark.parametrize("text", URLS)
def test_no_url_is_mended_while_it_is_read(text: str) -> None:
    for place, read in (("channel", read_channel_url), ("account", read_account_url)):
        with pytest.raises(WireError, match=f"bad_{place}_url"):
            read(text.format(place=place))


def test_a_url_has_a_longest_length() -> None:
    longest = "https://h/api/v1/channel/".ljust(limits.URL_LENGTH, "a")
    assert read_channel_url(longest)[1] == longest.rpartition("/")[2]
    with pytest.raises(WireError, match="too many"):
        read_channel_url(longest + "a")


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("https://u:p%40@h:1/x%20y/api/v1/channel/a%2b?token=t", ("https://u:p%40@h:1/x%20y/", "a+", "t")),
        ("http://[::1]:8080/api/v1/channel/a?token=%zz", ("http://[::1]:8080", "a", "%zz")),
        ("https://h%C3%BC/api/v1/channel/a b", ("https://h%C3%BC", "a b", "")),
    ],
)
def test_what_the_reference_reads_is_read(text: str, read: tuple[str, str, str]) -> None:
    assert read_channel_url(text) == read


@pytest.mark.parametrize("place", ["https://\udca6/", "https://h/\udca6/", "https://h/?\udca6=\udca6#\udca6"])
def test_bytes_that_are_no_text_are_shown_as_bytes_in_each_part_of_a_url(place: str) -> None:
    head, _, rest = place.partition("?")
    url = f"{head}api/v1/channel/\udca6?token=\udca6&{rest}".encode("utf-8", "surrogateescape")
    script = bytes.fromhex("006a02bd0151025254540051514c") + bytes((len(url),)) + url
    found = inspect(script)
    assert found["ok"], found
    fields = found["layers_outer_first"][0]["fields"]["peer_channel"]
    assert (fields["channel_id"], fields["token"]) == ({"raw_bytes": "a6"}, {"raw_bytes": "a6"})
    json.dumps(found, ensure_ascii=False).encode()
    assert "".join(as_text(found).split("\n")).isprintable()
