"""What the answers of peer channel hosts, and their absence, mean for whoever asked (channels.md 5.4)."""

from __future__ import annotations

import errno
import json
import re
import ssl
from email.utils import parsedate_to_datetime
from http import HTTPStatus

import aiohttp

from channels_desktop.errors import Cause, ChannelsError, Refused, TransportError

LONGEST_WAIT_SECONDS = 86_400
"""However long a host wants to be left alone, after a day it is asked again."""

TELLING = {HTTPStatus.BAD_REQUEST, HTTPStatus.TOO_MANY_REQUESTS}
"""Statuses of which the body may tell more."""

_QUOTA = "quota"
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


_CAUSES: dict[int, Cause] = {
    HTTPStatus.UNAUTHORIZED: Cause.TOKEN,
    HTTPStatus.FORBIDDEN: Cause.TOKEN,
    HTTPStatus.NOT_FOUND: Cause.GONE,
    HTTPStatus.GONE: Cause.GONE,
    HTTPStatus.NOT_IMPLEMENTED: Cause.NOT_A_HOST,  # as an ordinary web server says to a POST
    HTTPStatus.PAYMENT_REQUIRED: Cause.UNPAID,
    HTTPStatus.INSUFFICIENT_STORAGE: Cause.FULL,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: Cause.FULL,
    HTTPStatus.REQUEST_TIMEOUT: Cause.BUSY,
    HTTPStatus.CONFLICT: Cause.BUSY,
    HTTPStatus.TOO_EARLY: Cause.BUSY,
    HTTPStatus.TOO_MANY_REQUESTS: Cause.BUSY,
    HTTPStatus.SERVICE_UNAVAILABLE: Cause.BUSY,
}
_REDIRECTS, _FAULTS = range(300, 400), range(500, 600)
_ERRNOS = {
    errno.ECONNREFUSED: Cause.CLOSED,
    errno.ENETUNREACH: Cause.UNREACHABLE,
    errno.EHOSTUNREACH: Cause.UNREACHABLE,
    errno.ENETDOWN: Cause.UNREACHABLE,
    errno.EADDRNOTAVAIL: Cause.UNREACHABLE,  # as where there is no IPv6
    errno.ECONNRESET: Cause.BROKEN,
    errno.ETIMEDOUT: Cause.SILENT,
}
_OUT_OF_DATE, _OTHER_NAME = {9, 10}, {62, 64}  # X509_V_ERR_...: not yet or no longer valid; for another name or address


def refusal(
    status: int, *, posting: bool = False, retry_at: int | None = None, token_shown: bool = True
) -> ChannelsError:
    """Return the error for an HTTP status that is no success.

    401, 403, 404 and 410 say that the mailbox, account or token is no more. 400 and 413 concern this one message and
    stay when it is posted again. 402 asks for a payment. Everything else may pass, from `retry_at` on where the host
    says when.
    """
    if posting and status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        return Refused("too_large")
    if posting and status == HTTPStatus.BAD_REQUEST:
        return Refused("bad_request")
    cause = Cause.NO_TOKEN if status == HTTPStatus.UNAUTHORIZED and not token_shown else _cause_of_status(status)
    detail = f"the host answers with status {status}"
    return TransportError(detail, retry_at=retry_at, gone=status in _GONE, cause=cause)


def _cause_of_status(status: int) -> Cause:
    if status in _REDIRECTS:
        return Cause.NOT_A_HOST
    return _CAUSES.get(status, Cause.FAILING if status in _FAULTS else Cause.NONSENSE)


def cause_of(error: Exception) -> Cause:
    """Return why there is no answer at all; `error` is what aiohttp raised."""
    match error:
        case aiohttp.ClientConnectorCertificateError():
            return _cause_of_certificate(error.certificate_error)
        case aiohttp.ClientSSLError():
            return Cause.NO_TLS
        case aiohttp.ClientConnectorDNSError():
            return Cause.NAME
        case aiohttp.ClientResponseError():
            return Cause.NOT_A_HOST  # what answers speaks no HTTP
        case TimeoutError():
            return Cause.SILENT
        case aiohttp.ClientConnectorError():
            return _ERRNOS.get(error.os_error.errno or 0, Cause.UNREACHABLE)
        case ValueError():
            return Cause.ADDRESS  # no name can be like that
        case _:
            return Cause.BROKEN


def _cause_of_certificate(error: Exception) -> Cause:
    code = error.verify_code if isinstance(error, ssl.SSLCertVerificationError) else 0
    if code in _OUT_OF_DATE:
        return Cause.CERTIFICATE_DATE
    return Cause.CERTIFICATE_NAME if code in _OTHER_NAME else Cause.CERTIFICATE


def meant_status(status: int, reason: str, body: bytes) -> int:
    """Return the status that a host means: two of the dialects put the true one inside an answer with status 400.

    The SPV server names it in its ProblemDetails, ElectrumSV's by a number at the start of the reason phrase. Our own
    says by the reason in the body that 429 is for good: that there may be no more channels.
    """
    if status not in TELLING:
        return status
    numbered = _NUMBERED.match(reason)
    if numbered is not None:
        return _NUMBERS.get(int(numbered[1]), status)
    try:
        problem = json.loads(body)
    except (ValueError, RecursionError):
        return status
    if not isinstance(problem, dict):
        return status
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return HTTPStatus.INSUFFICIENT_STORAGE if problem.get("reason") == _QUOTA else status
    inner = problem.get("status")
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
