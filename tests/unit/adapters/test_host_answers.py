"""What statuses, reasons and Retry-After headers of hosts mean."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels_desktop.adapters.host_answers import LONGEST_WAIT_SECONDS, asked_to_wait, meant_status, refusal
from channels_desktop.errors import Cause, Refused, TransportError

NOW = 1_800_000_000_000_000_000
SECOND = 10**9


@pytest.mark.parametrize("status", [401, 403, 404, 410])
def test_what_is_gone(status: int) -> None:
    error = refusal(status, posting=True)
    assert isinstance(error, TransportError)
    assert error.gone


@pytest.mark.parametrize("status", [302, 402, 408, 409, 425, 429, 500, 502, 503, 507])
def test_what_may_pass(status: int) -> None:
    error = refusal(status, posting=True, retry_at=7)
    assert isinstance(error, TransportError)
    assert (error.gone, error.retry_at) == (False, 7)


def test_a_host_that_wants_to_be_paid_is_told_apart() -> None:
    error = refusal(402, posting=True)
    assert isinstance(error, TransportError)
    assert error.cause is Cause.UNPAID


def test_only_this_message_is_at_fault_for_size_and_form() -> None:
    assert str(refusal(413, posting=True)) == "too_large"
    assert str(refusal(400, posting=True)) == "bad_request"
    assert isinstance(refusal(413, posting=True), Refused)
    assert isinstance(refusal(413), TransportError)
    assert isinstance(refusal(400), TransportError)


@pytest.mark.parametrize(
    ("reason", "body", "meant"),
    [
        ("Bad Request", json.dumps({"status": 403, "title": "Channel locked"}), 403),
        ("Bad Request", json.dumps({"status": 409}), 409),
        ("Bad Request", json.dumps({"status": 413}), 413),
        ("Bad Request", json.dumps({"status": 200}), 400),
        ("Bad Request", json.dumps({"status": "413"}), 400),
        ("Bad Request", json.dumps({"status": True}), 400),
        ("Bad Request", json.dumps([413]), 400),
        ("Bad Request", "", 400),
        ("Bad Request", "[" * 100_000, 400),
        ("10001: Channel is locked", "", 403),
        ("10002: Sequencing failure", "", 409),
        ("10005: Token expired", "", 401),
        ("10009: Payload Too Large", "", 413),
        ("10017: Retention not yet expired", "", 400),
        ("19999: ", json.dumps({"status": 413}), 400),
    ],
)
def test_errors_inside_a_bad_request(reason: str, body: str, meant: int) -> None:
    assert meant_status(400, reason, body.encode()) == meant
    assert meant_status(503, reason, body.encode()) == 503


@given(st.integers(100, 599), st.text(max_size=20), st.binary(max_size=50))
def test_any_answer_has_a_status(status: int, reason: str, body: bytes) -> None:
    meant = meant_status(status, reason, body)
    assert meant == status or (status == 400 and 400 <= meant < 600)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("30", 30),
        ("86400", 86_400),
        ("9" * 300, LONGEST_WAIT_SECONDS),
        ("Fri, 15 Jan 2027 08:01:00 GMT", 60),
        ("Fri, 15 Jan 2027 08:01:00 +0000", 60),
        ("Fri, 31 Dec 9999 23:59:59 GMT", LONGEST_WAIT_SECONDS),
    ],
)
def test_when_to_come_back(text: str, seconds: int) -> None:
    assert asked_to_wait(text, NOW) == NOW + seconds * SECOND


@pytest.mark.parametrize("text", ["", "0", "soon", "-5", "٣", "Wed, 21 Oct 2015 07:28:00 GMT", "Fri, 99 Jan 2027"])
def test_times_that_are_none_are_passed_over(text: str) -> None:
    assert asked_to_wait(text, NOW) is None


@given(st.text(max_size=30))
def test_any_header_is_a_time_to_come_or_none(text: str) -> None:
    at = asked_to_wait(text, NOW)
    assert at is None or NOW < at <= NOW + LONGEST_WAIT_SECONDS * SECOND
