"""What the SPV and ESV dialects share: management in JSON, and one token per channel and reader.

The account's credentials manage channels and read nothing. Messages are read and marked with the channel's "Owner"
token, which the management shows; it can write too, so other parties get a token of their own that only writes.
peer-channel-api 1.2 and 1.3.
"""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncGenerator
from http import HTTPStatus
from itertools import pairwise
from typing import Any, NoReturn, Protocol

from channels_desktop.adapters.dialects.dialect import NO
from channels_desktop.adapters.dialects.lines import Line, Lines
from channels_desktop.adapters.host_json import member, read_items
from channels_desktop.adapters.host_requests import (
    JSON_TYPE,
    LARGE_REPLY,
    Requests,
    TooMuch,
    bearing,
    is_json,
    segment,
    sensible,
    showing,
)
from channels_desktop.engine.ports import Account, Delivery, Listening, Mailbox
from channels_desktop.errors import Cause, TransportError, WireError
from channels_desktop.wire.rfc3339 import read_rfc3339

_JSON = {"Accept": JSON_TYPE}
_SENT_JSON = {**_JSON, "Content-Type": JSON_TYPE}
_CHANNEL = {
    "public_read": False,
    "public_write": False,
    "sequenced": False,
    "retention": {"min_age_days": 0, "max_age_days": 0, "auto_prune": False},
}
_WRITER = {"description": "write", "can_read": False, "can_write": True}
_OWNER = "Owner"
_PAGE_BYTES = 1024 * 1024


class Paths(Protocol):
    """Where a dialect keeps its management, and how it tells of new mail."""

    @property
    def name(self) -> str:
        """See Dialect."""
        ...

    def channels(self, account: Account) -> str:
        """Return the path below which the account's channels are."""
        ...

    def listed(self, answer: object) -> list[Any]:
        """Return the channels in the answer of `channels(account)/list`; raise WireError where there are none."""
        ...

    async def hear(self, host: Managed, line: Line) -> NoReturn:
        """Keep sockets open and tell the line what is heard, until that fails."""
        ...


class Managed:
    """See `Dialect`; `paths` is what the two dialects do each in its own way."""

    def __init__(self, requests: Requests, lines: Lines, paths: Paths) -> None:
        self.requests = requests
        self.name = paths.name
        self._lines = lines
        self._paths = paths
        self._readers: dict[tuple[Account, str], str] = {}

    async def knock(self, account: Account) -> int:
        """See Dialect: the list of channels, of which nothing is read."""
        path = f"{self._paths.channels(account)}/list"
        async with self.requests.asking(
            "GET", account.base_url, path, {**_JSON, **showing(account)}, expected=NO
        ) as answer:
            fits = is_json(answer.headers.get("Content-Type", ""))
            return answer.status if answer.status in NO else HTTPStatus.OK if fits else HTTPStatus.NOT_FOUND

    async def create_mailbox(self, account: Account, *, public: bool) -> Mailbox:
        """See PeerChannels; what others write to asks for a token in these dialects, so nothing is public."""
        if public:
            raise TransportError("this host has no mailboxes that anybody may write to")
        channels, headers = self._paths.channels(account), {**_SENT_JSON, **showing(account)}
        wanted = json.dumps(_CHANNEL).encode()
        answer = await self.requests.send("POST", account.base_url, channels, headers, payload=wanted)
        channel_id, reader = answer.json(_channel)
        if not (channel_id and reader):
            raise TransportError("the host made another kind of channel than it was asked for", cause=Cause.NONSENSE)
        try:
            path, wanted = f"{channels}/{segment(channel_id)}/api-token", json.dumps(_WRITER).encode()
            answer = await self.requests.send("POST", account.base_url, path, headers, payload=wanted)
            writer = answer.json(_token)
        except TransportError:
            await self.delete_mailbox(account, channel_id)  # nobody could write to it
            raise
        self._readers[account, channel_id] = reader
        self._tell_of_change(account)
        return Mailbox(account.base_url, channel_id, reader, writer)

    async def delete_mailbox(self, account: Account, channel_id: str) -> None:
        """See PeerChannels."""
        self._readers.pop((account, channel_id), None)
        path = f"{self._paths.channels(account)}/{segment(channel_id)}"
        # The SPV server forbids what is not ours, and what is deleted is nobody's.
        expected = {HTTPStatus.NOT_FOUND, HTTPStatus.FORBIDDEN}
        answer = await self.requests.send(
            "DELETE", account.base_url, path, {**_JSON, **showing(account)}, expected=expected
        )
        if answer.status in expected and channel_id in await self.mailboxes(account):
            raise TransportError("the host does not delete the channel", cause=Cause.NONSENSE)
        self._tell_of_change(account)

    async def mailboxes(self, account: Account) -> tuple[str, ...]:
        """See PeerChannels."""
        path, headers = f"{self._paths.channels(account)}/list", {**_JSON, **showing(account)}
        answer = await self.requests.send("GET", account.base_url, path, headers, largest=LARGE_REPLY)
        return answer.json(lambda value: tuple(member(item, "id", str) for item in self._paths.listed(value)))

    async def unread(self, account: Account, channel_id: str, count: int) -> tuple[Delivery, ...]:
        """See PeerChannels; these hosts do not count, so what is above `count` is read and dropped."""
        return (await self.page(account, channel_id))[:count]

    async def page(self, account: Account, channel_id: str) -> tuple[Delivery, ...]:
        """See Reading: all unread messages, or as many of the oldest as make a page."""
        headers = {**_JSON, **bearing(await self.reader(account, channel_id))}
        path = f"/channel/{segment(channel_id)}?unread=true"
        try:
            items = await self._items(account.base_url, path, headers)
        except TransportError:
            self._readers.pop((account, channel_id), None)  # the token may have been replaced
            raise
        found = sensible(lambda: tuple(_delivery(account, channel_id, item) for item in items))
        if any(later.sequence <= one.sequence for one, later in pairwise(found)):
            # What is passed on is marked as read with all before it: a gap would lose messages.
            raise TransportError("the host's messages are out of order", cause=Cause.NONSENSE)
        return found

    async def mark_read(self, account: Account, channel_id: str, sequence: int) -> None:
        """See PeerChannels."""
        headers = {**_SENT_JSON, **bearing(await self.reader(account, channel_id))}
        path = f"/channel/{segment(channel_id)}/{sequence}?older=true"
        await self.requests.send("POST", account.base_url, path, headers, payload=b'{"read":true}')
        for line in self._lines.of(account):
            line.marked(channel_id)

    def listen(self, account: Account) -> AsyncGenerator[Listening | Delivery, None]:
        """See PeerChannels."""
        return self._lines.listen(account, self, lambda line: self._paths.hear(self, line))

    async def reader(self, account: Account, channel_id: str) -> str:
        """Return the token by which a channel is read; asked for once."""
        token = self._readers.get((account, channel_id))
        if token is None:
            path = f"{self._paths.channels(account)}/{segment(channel_id)}"
            headers = {**_JSON, **showing(account)}
            answer = await self.requests.send("GET", account.base_url, path, headers, largest=LARGE_REPLY)
            found, token = answer.json(_channel)
            if found != channel_id or not token:
                raise TransportError("nobody may read the channel", gone=True, cause=Cause.TOKEN)
            self._readers[account, channel_id] = token
        return token

    async def _items(self, base_url: str, path: str, headers: dict[str, str]) -> list[object]:
        """Read a list of messages as far as a page goes: these hosts send all that is unread in one answer."""
        async with self.requests.asking("GET", base_url, path, headers) as answer:
            if not is_json(answer.headers.get("Content-Type", "")):
                raise TransportError("the host's reply is not JSON", cause=Cause.NOT_A_HOST)
            parts, size, enough = [], 0, _PAGE_BYTES
            async for part in answer.content.iter_any():
                parts.append(part)
                size += len(part)
                if size >= enough:
                    items, _ = sensible(lambda: read_items(b"".join(parts)))
                    if items:
                        return items
                    enough *= 2
                    if enough > LARGE_REPLY:
                        raise TooMuch("a message is too large", cause=Cause.NONSENSE)
            items, complete = sensible(lambda: read_items(b"".join(parts)))
            if not complete:
                raise TransportError("the host's reply makes no sense: bad_json", cause=Cause.NONSENSE)
            return items

    def _tell_of_change(self, account: Account) -> None:
        for line in self._lines.of(account):
            line.mailboxes_changed()


def _channel(value: object) -> tuple[str, str]:
    """Return a channel's id and the token to read it with: the owner's, else the first that may read, else none."""
    tokens = [token for token in member(value, "access_tokens", list) if member(token, "can_read", bool)]
    owners = [token for token in tokens if token.get("description") == _OWNER]
    return member(value, "id", str), _token((owners or tokens)[0]) if tokens else ""


def _token(value: object) -> str:
    token = member(value, "token", str)
    if not token:
        raise WireError("bad_json", "an empty token")
    return token


def _delivery(account: Account, channel_id: str, item: object) -> Delivery:
    received = member(item, "received", str)
    sequence = member(item, "sequence", int)
    if not 0 <= sequence < 1 << 64:
        raise WireError("bad_json", "a sequence that is no number")
    try:
        payload = base64.b64decode(member(item, "payload", str), validate=True)
    except ValueError:
        raise WireError("bad_json", "a payload that is not base64") from None
    # Times without a zone are UTC.
    at = read_rfc3339(received if received[-1:] in {"Z", "z"} or received[-6:-5] in {"+", "-"} else f"{received}Z")
    return Delivery(account.base_url, channel_id, sequence, at, member(item, "content_type", str), payload)
