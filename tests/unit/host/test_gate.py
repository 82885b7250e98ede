"""Which bytes of a connection are let through to those who read them as requests, however they are cut."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels_desktop.host.bounds import Bounds
from channels_desktop.host.gate import Fault, Gate

GET = b"GET /a?b=%20c HTTP/1.1\r\nHost: h:1\r\nAccept: a\r\naccept: \t\xc3\xa9 \r\nEmpty:\r\n\r\n"
POST = b"POST /a HTTP/1.1\r\nHost: [::1]:80\r\nContent-Length: 3\r\nExpect: 100-Continue\r\n\r\nabc"
CHUNKED = (
    b"POST /a HTTP/1.1\r\nhost: h\r\ntransfer-encoding: Chunked \r\n\r\n1\r\na\r\n0A\r\n0\r\n\r\n23456\r\n00\r\n\r\n"
)
OLD = b"GET http://h:80/a HTTP/1.0\r\nConnection: not-close\r\nConnection: Keep-Alive\r\n\r\n"
ANY = b"OPTIONS * HTTP/1.1\r\nHost:\r\n\r\n"
HONEST = (GET, POST, CHUNKED, OLD, ANY)
WEBSOCKET = b"GET /a HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
CHUNKS = b"POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"


def given_in_pieces(data: bytes, cuts: list[int], bounds: Bounds | None = None) -> tuple[bytes, Gate]:
    """Return what a gate lets through of some bytes that come cut at `cuts`."""
    gate, passed = Gate(bounds or Bounds()), b""
    places = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    for start, end in pairwise(places):
        passed += gate.let(data[start:end])
    return passed, gate


def every_byte(data: bytes) -> list[int]:
    return list(range(len(data)))


def refused(data: bytes, bounds: Bounds | None = None) -> Fault:
    """Return the fault of some bytes, which is the same however they are cut."""
    (whole, gate), (cut, other) = given_in_pieces(data, [], bounds), given_in_pieces(data, every_byte(data), bounds)
    assert gate.fault is not None
    assert (whole, gate.fault, gate.heads, gate.held) == (cut, other.fault, other.heads, other.held)
    assert gate.let(GET) == b"", "nothing more is read"
    assert gate.fault == other.fault
    return gate.fault


CUTS = st.lists(st.integers(0, sum(map(len, HONEST)) * 2), max_size=8)


@given(st.lists(st.sampled_from(HONEST), max_size=9), CUTS)
def test_requests_are_let_through_as_they_are(requests: list[bytes], cuts: list[int]) -> None:
    data = b"".join(requests)
    passed, gate = given_in_pieces(data, cuts)
    gate.end()
    assert (passed, gate.heads, gate.fault, gate.between) == (data, len(requests), None, True)


@pytest.mark.parametrize("request_", HONEST)
def test_a_part_of_a_request_is_not_between_requests(request_: bytes) -> None:
    head = request_.index(b"\r\n\r\n") + 4
    for length in range(1, len(request_)):
        passed, gate = given_in_pieces(request_[:length], [])
        assert (gate.fault, gate.between, gate.heads) == (None, False, int(length >= head))
        assert length >= head or not passed, "a head is held back until it is whole"
        gate.end()
        assert gate.fault is not None
        assert gate.fault.within == (length >= head)


def test_an_empty_line_before_a_request_is_passed_over() -> None:
    passed, gate = given_in_pieces(POST + b"\r\n" + GET, every_byte(POST + GET))
    assert (passed, gate.heads, gate.fault) == (POST + b"\r\n" + GET, 2, None)


@pytest.mark.parametrize(
    "last",
    [
        GET.replace(b"Accept: a", b"Connection: Close"),
        GET.replace(b"Accept: a", b"Connection: x\r\nConnection: close, y"),
        POST.replace(b"1.1", b"1.0"),
    ],
)
def test_nothing_is_read_after_the_last_request(last: bytes) -> None:
    passed, gate = given_in_pieces(GET + last + GET, [])
    assert (passed, gate.heads, gate.over) == (GET + last, 2, True)
    assert gate.let(GET) == b""


def test_nothing_is_read_after_an_upgrade() -> None:
    passed, gate = given_in_pieces(GET + WEBSOCKET + b"frames", [])
    assert (passed, gate.heads, gate.over, gate.held) == (GET + WEBSOCKET, 2, True, b"frames")
    assert gate.let(GET) == b""
    gate.end()
    assert gate.fault is None
    post = POST.replace(b"Expect: 100-Continue", b"Upgrade: h2c")
    passed, gate = given_in_pieces(post + GET, every_byte(post))
    assert (passed, gate.heads, gate.over) == (post, 1, True)


@pytest.mark.parametrize(
    "data",
    [
        b"nonsense\r\n",
        b"\x16\x03\x01",
        b"GET /",
        b"GET /\r\n",
        b"GET  / HTTP/1.1\r\n",
        b"GET / HTTP/1.1 \r\n",
        b"GET / HTTP/01.1\r\n",
        b"GET / http/1.1\r\n",
        b"GET /a b HTTP/1.1\r\n",
        b"GET /a#b HTTP/1.1\r\n",
        b"GET /\xc3\xa9 HTTP/1.1\r\n",
        b"GET a HTTP/1.1\r\n",
        b"GET ftp://h/ HTTP/1.1\r\n",
        b"GET http://u@h/ HTTP/1.1\r\n",
        b"CONNECT h:443 HTTP/1.1\r\n",
        b"GET / HTTP/1.1\n",
        b" GET / HTTP/1.1\r\n",
    ],
)
def test_a_first_line_that_cannot_be_read(data: bytes) -> None:
    if data == b"GET /":  # so far it could be one
        data += b"\0"
    fault = refused(data + b"Host: h\r\n\r\n")
    assert (fault.status, fault.words, fault.within) == (400, "the first line cannot be read", False)


@pytest.mark.parametrize(
    "line",
    [
        b"X : y",
        b" X: y",
        b"\tX: y",
        b": y",
        b"X",
        b"X\xc3\xa9: y",
        b"X: y\r\n folded",
        b"X: y\nContent-Length: 1",
        b"X: y\rContent-Length: 1",
        b"X: \x00",
        b"X: \x0b",
        b"X: \x7f",
        b"\x00: y",
    ],
)
def test_headers_that_cannot_be_read(line: bytes) -> None:
    fault = refused(b"GET / HTTP/1.1\r\nHost: h\r\n" + line + b"\r\nX: y\r\n\r\n")
    assert (fault.status, fault.words, fault.within) == (400, "the headers cannot be read", False)


@pytest.mark.parametrize(
    ("status", "data"),
    [
        (501, b"get / HTTP/1.1\r\nHost: h\r\n\r\n"),
        (501, b"PROPFIND / HTTP/1.1\r\nHost: h\r\n\r\n"),
        (501, b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip, chunked\r\n\r\n"),
        (501, b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked, chunked\r\n\r\n"),
        (501, b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: identity\r\n\r\n"),
        (501, b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding:\r\n\r\n"),
        (505, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
        (505, b"GET / HTTP/1.2\r\nHost: h\r\n\r\n"),
        (417, b"GET / HTTP/1.1\r\nHost: h\r\nExpect: much\r\n\r\n"),
        (400, b"GET * HTTP/1.1\r\nHost: h\r\n\r\n"),
        (400, b"GET / HTTP/1.1\r\nAccept: a\r\n\r\n"),
        (400, b"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n"),
        (400, b"GET / HTTP/1.1\r\nHost: a b\r\n\r\n"),
        (400, b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: +1\r\n\r\nx"),
        (400, b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 01\r\n\r\nx"),
        (400, b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1, 1\r\n\r\nx"),
        (400, b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 0x1\r\n\r\nx"),
        (400, b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: \r\n\r\nx"),
        (400, b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000000000000000\r\n\r\nx"),
        (400, b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n"),
        (400, b"POST / HTTP/1.0\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n"),
        (400, WEBSOCKET.replace(b"Host: h", b"Host: h\r\nContent-Length: 1")),
    ],
)
def test_requests_that_are_not_let_through(status: int, data: bytes) -> None:
    passed, gate = given_in_pieces(GET + data, [])
    assert (passed, gate.heads) == (GET, 1)
    fault = refused(GET + data)
    assert (fault.status, fault.within) == (status, False)


@pytest.mark.parametrize("name", ["Host", "Authorization", "Content-Type", "Content-Length", "Expect", "Upgrade"])
def test_what_says_who_asks_for_what_comes_once(name: str) -> None:
    value = {"Content-Length": "1", "Expect": "100-continue"}.get(name, "h")
    lines = f"{name}: {value}\r\n{name.lower()}: {value}\r\n" + ("" if name == "Host" else "Host: h\r\n")
    fault = refused(f"POST / HTTP/1.1\r\n{lines}\r\n".encode())
    assert (fault.status, fault.words) == (400, "a header that may come once comes twice")


@pytest.mark.parametrize(
    "body",
    [
        b"1;a=b\r\nx\r\n0\r\n\r\n",
        b"1 \r\nx\r\n0\r\n\r\n",
        b"1\nx\r\n0\r\n\r\n",
        b"0x1\r\nx\r\n0\r\n\r\n",
        b"-1\r\nx\r\n0\r\n\r\n",
        b"\r\n",
        b"100000000\r\nx",
        b"1\r\nxy\r\n0\r\n\r\n",
        b"1\r\nx\n0\r\n\r\n",
        b"1\r\nx\r\n0\r\nX: y\r\n\r\n",
        b"1\r\nx\r\n0\r\n X: y\r\n\r\n",
        b"1\r\nx\r\n0\r\n\n",
    ],
)
def test_chunks_that_are_not_let_through(body: bytes) -> None:
    passed, gate = given_in_pieces(CHUNKS + body, [])
    assert gate.heads == 1
    assert not passed.endswith(b"0\r\n\r\n"), "nobody has seen the end of the body"
    fault = refused(CHUNKS + body)
    assert (fault.status, fault.within) == (400, True)


def test_heads_have_bounds() -> None:
    bounds = Bounds(header_bytes=256, headers=5)
    first = b"GET /%b HTTP/1.1\r\nHost: h\r\n"
    for head in (first % (b"x" * 242), first % b"" + b"X: " + b"y" * 253 + b"\r\n", first % b"" + b"X: y\r\n" * 4):
        assert given_in_pieces(head + b"\r\n", [], bounds)[1].fault is None
    assert refused(first % (b"x" * 243) + b"\r\n", bounds).status == 414
    assert refused(b"GET /" + b"x" * 256, bounds).status == 414
    assert refused(first % b"" + b"X: " + b"y" * 254 + b"\r\n\r\n", bounds).status == 431
    assert refused(first % b"" + b"X: " + b"y" * 254, bounds).status == 431
    assert refused(first % b"" + b"X: y\r\n" * 5 + b"\r\n", bounds).status == 431
    wide = Bounds(header_bytes=256)
    line = b"X: " + b"y" * 240 + b"\r\n"
    assert given_in_pieces(first % b"" + 4 * line + b"\r\n", [], wide)[1].fault is None
    assert refused(first % b"" + 5 * line + b"\r\n", wide).status == 431, "all lines together, too"


def test_who_asks_for_no_body_gets_none() -> None:
    assert refused(b"HEAD / HTTP/1.1\r\n\r\n").silent
    assert not refused(b"GET / HTTP/1.1\r\n\r\n").silent


@given(st.binary(max_size=300), CUTS)
def test_anything_is_let_through_up_to_its_fault_however_it_is_cut(data: bytes, cuts: list[int]) -> None:
    for begun in (b"", GET[:30], GET[:-2], CHUNKS, POST[:-3]):
        whole, gate = given_in_pieces(begun + data, [])
        cut, other = given_in_pieces(begun + data, cuts)
        assert (begun + data).startswith(whole)
        assert whole == cut
        assert (gate.heads, gate.over, gate.fault, gate.between) == (
            other.heads,
            other.over,
            other.fault,
            other.between,
        )
