"""What the answers of peer channel hosts mean for whoever asked (channels.md 5.4)."""

from __future__ import annotations

from http import HTTPStatus

from channels_desktop.errors import ChannelsError, Refused, TransportError

_GONE = {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND}


def refusal(status: int, *, posting: bool = False, retry_at: int | None = None) -> ChannelsError:
    """Return the error for an HTTP status that is no success.

    401, 403 and 404 say that the mailbox, account or token is no more. 400 and 413 concern this one message and stay
    when it is posted again. Everything else may pass, from `retry_at` on where the host says when.
    """
    if posting and status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        return Refused("too_large")
    if posting and status == HTTPStatus.BAD_REQUEST:
        return Refused("bad_request")
    return TransportError(f"the host answers with status {status}", retry_at=retry_at, gone=status in _GONE)
