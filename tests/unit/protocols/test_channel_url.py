from __future__ import annotations

import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels_desktop.errors import WireError
from channels_desktop.protocols.channel_url import (
    read_account_url,
    read_channel_url,
    write_account_url,
    write_channel_url,
)
from tests.vectors import load

VECTORS = load("peer_channels_rest")


@pytest.mark.parametrize("case", VECTORS["channel_urls"], ids=lambda case: case["base_url"])
def test_the_wire_form_is_the_reference_s(case: dict[str, Any]) -> None:
    written = write_channel_url(case["base_url"], case["channel_id"], case["token"], wire=True)
    assert written == case["url"]
    account = write_account_url(case["base_url"], case["channel_id"], case["token"], wire=True)
    assert account == case["url"].replace("/v1/channel/", "/v1/account/")


@pytest.mark.parametrize("case", VECTORS["url_reading"], ids=lambda case: case["url"])
def test_reading_is_the_reference_s(case: dict[str, Any]) -> None:
    if not case["ok"]:
        with pytest.raises(WireError, match="bad_channel_url"):
            read_channel_url(case["url"])
        return
    expected = case["channel"]
    assert read_channel_url(case["url"]) == (expected["base_url"], expected["channel_id"], expected["token"])
    assert write_channel_url(*read_channel_url(case["url"]), wire=True) == expected["url"]


@given(
    st.text(min_size=1, max_size=30),
    st.sampled_from(["https://h.example", "https://h.example:8443/a/b/", "http://[::1]:1?x=1"]),
)
def test_text_is_read_as_it_was_written(token: str, base: str) -> None:
    if any("\ud800" <= letter <= "\udfff" for letter in token):
        return
    assert read_channel_url(write_channel_url(base, "c-1", token)) == (base, "c-1", token)
    assert read_account_url(write_account_url(base, "7", token)) == (base, "7", token)


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
