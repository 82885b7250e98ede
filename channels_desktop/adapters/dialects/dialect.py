"""What a dialect offers the client, and how the dialect of a host is recognised."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable
from http import HTTPStatus
from typing import Protocol

from channels_desktop.adapters.host_answers import refusal
from channels_desktop.engine.ports import Account, Delivery, Listening, Mailbox
from channels_desktop.errors import Cause, TransportError

NO = frozenset(
    {
        HTTPStatus.BAD_REQUEST,
        HTTPStatus.UNAUTHORIZED,
        HTTPStatus.FORBIDDEN,
        HTTPStatus.NOT_FOUND,
        HTTPStatus.METHOD_NOT_ALLOWED,
        HTTPStatus.NOT_ACCEPTABLE,
        HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
        HTTPStatus.NOT_IMPLEMENTED,
    }
)
"""How a host answers a question that it does not understand, or that this account may not ask."""

_REFUSALS = {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}


class Dialect(Protocol):
    """The account's side of a host: see the methods of the same names of PeerChannels."""

    @property
    def name(self) -> str:
        """What an account of such a host remembers it by."""
        ...

    async def knock(self, account: Account) -> int:
        """Ask, changing nothing, what only this dialect answers; return 200, or the status that says no."""
        ...

    async def create_mailbox(self, account: Account, *, public: bool) -> Mailbox:
        """Create a peer channel."""
        ...

    async def delete_mailbox(self, account: Account, channel_id: str) -> None:
        """Delete a peer channel; done already is success."""
        ...

    async def mailboxes(self, account: Account) -> tuple[str, ...]:
        """Return the ids of the account's channels."""
        ...

    async def unread(self, account: Account, channel_id: str, count: int) -> tuple[Delivery, ...]:
        """Return up to `count` unread messages, oldest first."""
        ...

    async def mark_read(self, account: Account, channel_id: str, sequence: int) -> None:
        """Mark a message and all before it as read."""
        ...

    def listen(self, account: Account) -> AsyncGenerator[Listening | Delivery, None]:
        """Yield unread and new mail."""
        ...


async def recognise(dialects: Iterable[Dialect], account: Account) -> Dialect:
    """Return the first of `dialects` in which the host knows the account; raise TransportError where it is none.

    The one that the account remembers comes first; another is found where the host has changed.
    """
    refused = False
    for dialect in sorted(dialects, key=lambda one: one.name != account.dialect):
        status = await dialect.knock(account)
        if status == HTTPStatus.OK:
            return dialect
        refused = refused or status in _REFUSALS
    if refused:
        raise refusal(HTTPStatus.UNAUTHORIZED, token_shown=bool(account.token))
    raise TransportError("no peer channel host answers there", gone=True, cause=Cause.NOT_A_HOST)
