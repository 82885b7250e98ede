"""The Tokenized dialect: objects in BSOR, one token for the whole account, whole messages over one websocket.

channels.md 5.4 to 5.6.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from http import HTTPStatus
from typing import NoReturn

import aiohttp

from channels_desktop.adapters.dialects.dialect import NO
from channels_desktop.adapters.dialects.lines import Line, Lines
from channels_desktop.adapters.host_json import read_json
from channels_desktop.adapters.host_requests import (
    JSON_TYPE,
    LARGE_REPLY,
    Requests,
    TooMuch,
    bearing,
    segment,
    sensible,
    showing,
)
from channels_desktop.engine.ports import Account, Delivery, Listening, Mailbox
from channels_desktop.errors import Cause, TransportError
from channels_desktop.host.messages import BSOR_TYPE, AccountReply, FullChannel, HostMessage, message_from_json
from channels_desktop.protocols.channel_url import read_account_url
from channels_desktop.wire.bsor import read_list

_BSOR = {"Accept": BSOR_TYPE}
_NO_ACCOUNTS = {HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED}
_PAGE = 100


class Tokenized:
    """See `Dialect`."""

    name = "tokenized"

    def __init__(self, requests: Requests, lines: Lines) -> None:
        self._requests = requests
        self._lines = lines

    async def create_account(self, base_url: str, operator_token: str) -> Account | None:
        """Open an account; None where the host knows no such request."""
        headers = {**_BSOR, **bearing(operator_token)}
        answer = await self._requests.send("POST", base_url, "/account", headers, expected=_NO_ACCOUNTS)
        if answer.status in _NO_ACCOUNTS:
            return None
        url = answer.bsor(AccountReply.from_bytes).url
        # The host need not know its own public name: base URLs are ours, and only the path counts.
        full = url if "://" in url else f"{base_url}/{url.lstrip('/')}"
        _, account_id, token = sensible(lambda: read_account_url(full))
        return Account(base_url, account_id, token, self.name)

    async def knock(self, account: Account) -> int:
        """See Dialect: the list of channels, of which nothing is read."""
        if not account.account_id:
            return HTTPStatus.NOT_FOUND
        path = f"/account/{segment(account.account_id)}/channels"
        async with self._requests.asking(
            "GET", account.base_url, path, {**_BSOR, **showing(account)}, expected=NO
        ) as answer:
            bsor = answer.headers.get("Content-Type") == BSOR_TYPE
            return answer.status if answer.status in NO else HTTPStatus.OK if bsor else HTTPStatus.NOT_FOUND

    async def create_mailbox(self, account: Account, *, public: bool) -> Mailbox:
        """See PeerChannels."""
        path = f"/account/{segment(account.account_id)}/channel{'?public' if public else ''}"
        answer = await self._requests.send("POST", account.base_url, path, {**_BSOR, **showing(account)})
        made = answer.bsor(FullChannel.from_bytes)
        if not made.id or not made.read_token or public == bool(made.write_token):
            raise TransportError("the host made another kind of channel than it was asked for", cause=Cause.NONSENSE)
        return Mailbox(account.base_url, made.id, made.read_token, made.write_token)

    async def delete_mailbox(self, account: Account, channel_id: str) -> None:
        """See PeerChannels."""
        path = f"/account/{segment(account.account_id)}/channel/{segment(channel_id)}"
        expected = {HTTPStatus.NOT_FOUND}
        await self._requests.send("DELETE", account.base_url, path, showing(account), expected=expected)

    async def mailboxes(self, account: Account) -> tuple[str, ...]:
        """See PeerChannels."""
        path = f"/account/{segment(account.account_id)}/channels"
        headers = {**_BSOR, **showing(account)}
        answer = await self._requests.send("GET", account.base_url, path, headers, largest=LARGE_REPLY)
        return tuple(made.id for made in answer.bsor(lambda body: read_list(FullChannel, body)))

    async def unread(self, account: Account, channel_id: str, count: int) -> tuple[Delivery, ...]:
        """See PeerChannels; a host may return fewer than there are, so ask until nothing comes."""
        path = f"/channel/{segment(channel_id)}?unread=true&count={count}"
        headers = {**_BSOR, **showing(account)}
        answer = await self._requests.send("GET", account.base_url, path, headers, largest=LARGE_REPLY)
        found = answer.bsor(lambda body: read_list(HostMessage, body))
        return tuple(_delivery(account, message, channel_id) for message in found)

    async def page(self, account: Account, channel_id: str) -> tuple[Delivery, ...]:
        """See Reading."""
        try:
            return await self.unread(account, channel_id, _PAGE)
        except TooMuch:
            return await self.unread(account, channel_id, 1)

    async def mark_read(self, account: Account, channel_id: str, sequence: int) -> None:
        """See PeerChannels."""
        path = f"/channel/{segment(channel_id)}/{sequence}?read=true&older=true"
        await self._requests.send("POST", account.base_url, path, showing(account))
        for line in self._lines.of(account):
            line.marked(channel_id)

    def listen(self, account: Account) -> AsyncGenerator[Listening | Delivery, None]:
        """See PeerChannels."""
        return self._lines.listen(account, self, self._hear)

    async def _hear(self, line: Line) -> NoReturn:
        """Hold the account's websocket; poll as long as there is none."""
        account = line.account
        secret = account.token.partition(":")[2] or account.token  # a socket has no Basic credentials
        path = f"/notify?token={segment(secret)}&sendunread=true&fullmessages=true"
        accept = f"{BSOR_TYPE}, {JSON_TYPE}"
        while True:
            async with self._requests.socket(account.base_url, path, accept=accept) as socket:
                if socket is not None:
                    line.open()
                    async for frame in socket:
                        message = _message(frame)
                        if message is not None:
                            await line.deliver(_delivery(account, message, message.channel_id))
                    detail = f"the host closed the line with code {socket.close_code}"
                    raise TransportError(detail, cause=Cause.BROKEN)
            await line.look_at_all()
            line.open()
            await line.pause()


def _message(frame: aiohttp.WSMessage) -> HostMessage | None:
    """Return the message of a frame, None for frames of other kinds."""
    if frame.type is aiohttp.WSMsgType.BINARY:
        return sensible(lambda: HostMessage.from_bytes(frame.data))
    if frame.type is aiohttp.WSMsgType.TEXT:
        return sensible(lambda: message_from_json(read_json(frame.data)))
    return None


def _delivery(account: Account, message: HostMessage, channel_id: str) -> Delivery:
    return Delivery(
        account.base_url, channel_id, message.sequence, message.received, message.content_type, message.payload
    )
