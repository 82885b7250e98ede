from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels_desktop.errors import WireError
from channels_desktop.protocols.channel_url import (
    channel_fields,
    check_plain_base,
    masked_channel_url,
    read_account_url,
    read_channel_url,
    read_plain_channel_url,
    write_account_url,
    write_channel_url,
)
from channels_desktop.wire import limits
from tests.vectors import load

VECTORS = load("peer_channels_rest")


@pytest.mark.parametrize("case", VECTORS["channel_urls"], ids=lambda case: case["base_url"])
def test_the_wire_form_is_the_reference_s(case: dict[str, Any]) -> None:
    written = write_channel_url(case["base_url"], case["channel_id"], case["token"], wire=True)
    assert written == case["url"]
    account = write_account_url(case["base_url"], case["channel_id"], case["token"], wire=True)
    assert account == case["url"].replace("/v1/channel/", "/v1/account/")
    masked = masked_channel_url(case["base_url"], case["channel_id"])
    assert masked == case["masked"]
    if "?" in case["base_url"]:  # the reference asks hosts for a path that it has put into the query
        assert case["api_url"].partition("?")[0] == case["base_url"].partition("?")[0]
    else:
        assert masked == case["api_url"]


@pytest.mark.parametrize("case", VECTORS["url_reading"], ids=lambda case: case["url"])
def test_reading_is_the_reference_s(case: dict[str, Any]) -> None:
    if not case["ok"]:
        for read in (read_channel_url, channel_fields):
            with pytest.raises(WireError, match="bad_channel_url"):
                read(case["url"])
        return
    expected = case["channel"]
    assert read_channel_url(case["url"]) == (expected["base_url"], expected["channel_id"], expected["token"])
    assert channel_fields(case["url"]) == expected


def replies(layers: list[Any]) -> Iterator[Any]:
    """Return the channels of the ReplyTo layers."""
    for layer in layers:
        if layer["type"] == "channels.ReplyTo" and layer["fields"]["peer_channel"]:
            yield layer["fields"]["peer_channel"]


MESSAGES = [case for case in load("channels_messages")["cases"] if [*replies(case["layers_outer_first"])]]


@pytest.mark.parametrize("case", MESSAGES, ids=lambda case: case["name"])
def test_channels_in_messages_are_shown_as_the_reference_shows_them(case: dict[str, Any]) -> None:
    written = [*replies(case["layers_outer_first"])]
    if not case["read_back"]["ok"]:
        for channel in written:
            with pytest.raises(WireError) as caught:
                channel_fields(channel["url"])
            assert caught.value.kind == case["read_back"]["error_class"]
        return
    read = written if case["read_back"]["equal"] else [*replies(case["read_back"]["layers"])]
    assert [channel_fields(channel["url"]) for channel in written] == read


@given(
    st.text(min_size=1, max_size=30),
    st.sampled_from(["https://h.example", "https://h.example:8443/a/b/", "http://[::1]:1?x=1"]),
)
def test_text_is_read_as_it_was_written(token: str, base: str) -> None:
    assert read_channel_url(write_channel_url(base, "c-1", token)) == (base, "c-1", token)
    assert read_account_url(write_account_url(base, "7", token)) == (base, "7", token)


@given(st.text(min_size=1, max_size=30).filter(lambda name: "/" not in name), st.binary(max_size=10))
def test_ids_and_other_bytes_are_read_as_they_were_written(name: str, other: bytes) -> None:
    base = "https://h.example?" + "".join(f"%{byte:02X}" for byte in b"q" + other) + "=1"
    (again, *found) = read_channel_url(write_channel_url(base, name, "t", wire=True))
    assert found == [name, "t"]
    assert write_channel_url(again, name, "t") == write_channel_url(base, name, "t")


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("https://h.example/api/v1/channel/c?token=t&x=\ud800", "bad_channel_url"),
        ("https://h.example/api/v1/channel/c?token=\ud800", "bad_text"),
        ("https://h.example/api/v1/channel/\ud800?token=t", "bad_text"),
    ],
)
def test_half_of_a_surrogate_pair_is_refused(text: str, kind: str) -> None:
    with pytest.raises(WireError) as caught:
        channel_fields(text)
    assert caught.value.kind == kind


def test_text_is_escaped_once() -> None:
    assert write_channel_url("https://h.example", "c", "a b") == "https://h.example/api/v1/channel/c?token=a+b"


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    for written in (
        text,
        f"https://h.example/{text}",
        f"https://{text}/api/v1/channel/c",
        f"{text}/api/v1/channel/c?{text}",
    ):
        with contextlib.suppress(WireError):
            _, name, _ = read_channel_url(written)
            assert "/" not in name


EXACT = "https://peers.example/base/api/v1/channel/c%2F1"


@pytest.mark.parametrize("token", ["", "?token=t", "?token=", "?token=a%26b"])
def test_a_stranger_s_channel_in_exact_form_is_read_as_ever(token: str) -> None:
    assert read_plain_channel_url(EXACT + token) == read_channel_url(EXACT + token)


ODD = [
    EXACT + "?token=t&x=1",
    EXACT + "?x=1",
    EXACT + "?token=t&token=u",
    EXACT + "?token=t#x",
    EXACT + "/more",
    EXACT + "/more?token=t",
    EXACT + "/",
    EXACT.replace("c%2F1", ""),
    EXACT.replace("/c%2F1", ""),
    EXACT.replace("//", "//user@"),
    EXACT.replace("//", "//user:pass@"),
    EXACT.replace("base", "base/api/v1/channel/x"),
    EXACT.replace("base", "ba se"),
    EXACT.replace("base", "ba\u202ese"),
    EXACT.replace("base", "ba\\se"),
    EXACT.replace("base", "x" * limits.URL_LENGTH),
    EXACT.replace(".example", ".example:99999"),
]


@pytest.mark.parametrize("url", ODD)
def test_a_stranger_s_channel_in_any_other_form_is_refused(url: str) -> None:
    with pytest.raises(WireError, match="bad_channel_url"):
        read_plain_channel_url(url)


@pytest.mark.parametrize(
    "base", ["", "peers", "//peers", "https://peers?x", "https://peers:x", "https://peers#", "a:b@c"]
)
def test_a_stranger_s_base_url_is_a_base_and_nothing_more(base: str) -> None:
    with pytest.raises(WireError, match="bad_channel_url"):
        check_plain_base(base)
