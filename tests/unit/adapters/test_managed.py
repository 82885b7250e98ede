"""Messages in JSON as servers write them, and as nobody should."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from aiohttp import web

from channels_desktop.errors import TransportError
from tests.unit.adapters.talk import MANAGED, talking_to


def message(**changed: object) -> dict[str, object]:
    usual = {"sequence": 1, "received": "2026-01-02T03:04:05Z", "content_type": "text/plain", "payload": "AA=="}
    return {name: value for name, value in {**usual, **changed}.items() if value is not ...}


@MANAGED
@pytest.mark.parametrize(
    "answer",
    [
        [message(sequence="1")],
        [message(sequence=-1)],
        [message(sequence=2**64)],
        [message(sequence=True)],
        [message(received="yesterday")],
        [message(received=...)],
        [message(payload="?")],
        [message(payload=...)],
        [message(payload={"a": 1})],
        [message(content_type=None)],
        [message(sequence=2), message(sequence=1)],
        [message(), message()],
        [message(extra=[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]])],
        ["message"],
        {"messages": []},
        "messages",
    ],
)
async def test_messages_that_make_no_sense(kind: str, answer: object) -> None:
    async with talking_to(kind) as (host, client, account):
        mailbox = await client.create_mailbox(account)
        host.failing = lambda request: web.json_response(answer) if "unread" in request.query_string else None
        with pytest.raises(TransportError):
            await client.unread(account, mailbox.channel_id, 9)


@MANAGED
@pytest.mark.parametrize("text", ["", "[", '[{"sequence":1', "[] []", "<html>", "\x00"])
async def test_lists_that_make_no_sense(kind: str, text: str) -> None:
    async with talking_to(kind) as (host, client, account):
        mailbox = await client.create_mailbox(account)
        answer: Callable[[], web.Response] = lambda: web.Response(text=text, content_type="application/json")  # noqa: E731
        host.failing = lambda request: answer() if "unread" in request.query_string else None
        with pytest.raises(TransportError):
            await client.unread(account, mailbox.channel_id, 9)


@MANAGED
@pytest.mark.parametrize(
    ("received", "at"),
    [
        ("2026-01-02T03:04:05", 1_767_323_045),
        ("2026-01-02T03:04:05Z", 1_767_323_045),
        ("2026-01-02T04:04:05+01:00", 1_767_323_045),
        ("2026-01-02T03:04:05.0000000", 1_767_323_045),
        ("2026-01-02T03:04:05.000000Z", 1_767_323_045),
    ],
)
async def test_times_as_servers_write_them(kind: str, received: str, at: int) -> None:
    async with talking_to(kind) as (host, client, account):
        mailbox = await client.create_mailbox(account)
        answer = [message(received=received)]
        host.failing = lambda request: web.json_response(answer) if "unread" in request.query_string else None
        (found,) = await client.unread(account, mailbox.channel_id, 9)
        assert found.received == at * 10**9
