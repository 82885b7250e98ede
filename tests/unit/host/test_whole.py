"""Which pieces are one whole request, and what is read of it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels_desktop.host.whole import whole

POST = b"POST /a?b HTTP/1.1\r\nHost: x\r\nAccept: \xc3\xa9, \xff\r\naccept: 2\r\nContent-Length: 3\r\n\r\nabc"
GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


def test_a_whole_request_is_read() -> None:
    found = whole(POST)
    assert found is not None
    assert (found.method, found.url, found.version, found.body, found.stays) == ("POST", "/a?b", "1.1", b"abc", True)
    assert found.headers.getall("ACCEPT") == ["é, \udcff", "2"], "as aiohttp reads it"
    assert found.parser is None


@pytest.mark.parametrize(
    ("data", "stays", "version", "body"),
    [
        (GET, True, "1.1", b""),
        (GET.replace(b"Host: x", b"Connection: close"), False, "1.1", b""),
        (GET.replace(b"1.1", b"1.0"), False, "1.0", b""),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n2\r\nbc\r\n0\r\n\r\n", True, "1.1", b"abc"),
    ],
)
def test_what_is_known_of_it(data: bytes, stays: bool, version: str, body: bytes) -> None:  # noqa: FBT001
    found = whole(data)
    assert found is not None
    assert (found.stays, found.version, found.body) == (stays, version, body)


@given(st.integers(0, len(POST) - 1))
def test_a_part_is_none(length: int) -> None:
    assert whole(POST[:length]) is None


@given(st.integers(1, len(POST)))
def test_one_and_the_beginning_of_another_are_none(length: int) -> None:
    assert whole(GET + POST[:length]) is None
    assert whole(POST + GET[:length]) is None


@pytest.mark.parametrize(
    "data",
    [
        b"nonsense\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
        POST.replace(b"Host: x", b"Content-Length: 4"),
        POST.replace(b"Host: x", b"Transfer-Encoding: chunked"),
        POST.replace(b"Host: x", b"Host : x"),
        POST.replace(b"Host: x", b"Host: x\r\n more"),
        POST.replace(b"Host: x\r\n", b"Host: x\n"),
        POST.replace(b"Host: x", b"Host: \x01"),
        GET.replace(b"Host: x", b"Connection: close") + GET,
    ],
)
def test_what_two_readers_might_read_differently_is_none(data: bytes) -> None:
    assert whole(data) is None


@given(st.binary(max_size=300))
def test_anything_else_is_none(data: bytes) -> None:
    assert whole(data) is None
    assert whole(POST[:30] + data) is None or b"\r\n\r\n" in data
