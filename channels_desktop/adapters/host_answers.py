"""What the answers of peer channel hosts mean for whoever asked (channels.md 5.4, peer-channel-api 1.5)."""

from __future__ import annotations

import json
import re
from email.utils import parsedate_to_datetime
from http import HTTPStatus

from channels_desktop.errors import ChannelsError, Refused, TransportError

LONGEST_WAIT_SECONDS = 86_400
"""However long a host wants to be left alone, after a day it is asked again."""

_NS = 1_000_000_000
_GONE = {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND, HTTPStatus.GONE}
_ERRORS = range(400, 600)
_NUMBERED = re.compile(r"(1\d{4}):")
_NUMBERS = {
    10001: HTTPStatus.FORBIDDEN,  # locked
    10002: HTTPStatus.CONFLICT,  # unread messages before a sequenced write
    10005: HTTPStatus.UNAUTHORIZED,  # the token has expired
    10009: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
}


def refusal(status: int, *, posting: bool = False, retry_at: int | None = None) -> ChannelsError:
    """Return the error for an HTTP status that is no success.

    401, 403, 404 and 410 say that the mailbox, account or token is no more. 400 and 413 concern this one message and
    stay when it is posted again. 402 asks for a payment. Everything else may pass, from `retry_at` on where the host
    says when.
    """
    if posting and status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        return Refused("too_large")
    if posting and status == HTTPStatus.BAD_REQUEST:
        return Refused("bad_request")
    if status == HTTPStatus.PAYMENT_REQUIRED:
        return TransportError("the host wants to be paid first (status 402)", retry_at=retry_at)
    return TransportError(f"the host answers with status {status}", retry_at=retry_at, gone=status in _GONE)


def meant_status(status: int, reason: str, body: bytes) -> int:
    """Return the status that a host means: two of the dialects put the true one inside an answer with status 400.

    The SPV server names it in its ProblemDetails, ElectrumSV's by a number at the start of the reason phrase.
    """
    if status != HTTPStatus.BAD_REQUEST:
        return status
    numbered = _NUMBERED.match(reason)
    if numbered is not None:
        return _NUMBERS.get(int(numbered[1]), status)
    try:
        problem = json.loads(body)
    except (ValueError, RecursionError):
        return status
    inner = problem.get("status") if isinstance(problem, dict) else None
    return inner if isinstance(inner, int) and inner in _ERRORS else status


def asked_to_wait(text: str, now: int) -> int | None:
    """Return when a Retry-After header wants us back (nanoseconds since 1970), None where it says nothing usable."""
    if text.isascii() and text.isdigit():
        seconds = int(text[:10])
    else:
        try:
            seconds = int(parsedate_to_datetime(text).timestamp()) - now // _NS
        except (ValueError, OverflowError):
            return None
    return now + min(seconds, LONGEST_WAIT_SECONDS) * _NS if seconds > 0 else None
