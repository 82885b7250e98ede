"""The client against hosts that misbehave, whatever their dialect: posts, replies, redirects, and what errors tell."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import socket
import traceback
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from aiohttp import web

from channels_desktop.adapters.host_requests import LARGEST_FRAME, SMALL_REPLY, Requests
from channels_desktop.adapters.http_channels import HttpPeerChannels
from channels_desktop.engine.ports import Account, Delivery, Listening, MailboxAddress
from channels_desktop.errors import ChannelsError, Misuse, Refused, TransportError
from channels_desktop.host.messages import FullChannel, HostMessage
from channels_desktop.wire import limits
from tests.unit.adapters import web_server
from tests.unit.adapters.web_server import Handler

OCTETS = {"Content-Type": "application/octet-stream"}
NOW = 1_800_000_000_000_000_000
EMPTY_LIST = b"\x00"


@asynccontextmanager
async def serving(handler: Handler) -> AsyncIterator[str]:
    """Answer every request with `handler`, but the one that shows the dialect; yield the base URL."""

    async def answer(request: web.Request) -> web.StreamResponse:
        if request.path.endswith("/channels"):
            return web.Response(body=EMPTY_LIST, headers=OCTETS)
        return await handler(request)

    async with web_server.serving(answer) as base:
        yield base


class AtHome(HttpPeerChannels):
    """A client whose own host is whatever it posts to."""

    async def post(self, to: MailboxAddress, payload: bytes) -> None:
        self._home = to.base_url
        await super().post(to, payload)


@pytest.fixture
async def client() -> AsyncIterator[HttpPeerChannels]:
    made = AtHome(now=lambda: NOW)
    yield made
    await made.close()


def answering(status: int, body: bytes = b"", headers: dict[str, str] | None = None) -> Handler:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(status=status, body=body, headers=headers)

    return answer


def speaking(*frames: bytes | str, code: int = 1001) -> Handler:
    """Open a websocket, send frames, and close it."""

    async def speak(request: web.Request) -> web.WebSocketResponse:
        line = web.WebSocketResponse()
        await line.prepare(request)
        with contextlib.suppress(ConnectionError):
            for frame in frames:
                await (line.send_bytes(frame) if isinstance(frame, bytes) else line.send_str(frame))
            await line.close(code=code)
        return line

    return speak


# ---------------------------------------------------------------------------------------------------------- posting


@pytest.mark.parametrize("status", [401, 403, 404, 410])
async def test_a_refused_post_says_that_the_mailbox_is_gone(client: HttpPeerChannels, status: int) -> None:
    async with serving(answering(status)) as base:
        with pytest.raises(TransportError) as caught:
            await client.post(MailboxAddress(base, "c", "t"), b"x")
        assert (caught.value.gone, caught.value.retry_at) == (True, None)


async def test_a_mailbox_whose_name_is_no_text_is_nowhere(client: HttpPeerChannels) -> None:
    async with serving(answering(200)) as base:
        account = Account(base, "1", "t", "tokenized")
        for call in (
            client.post(MailboxAddress(base, "\ud800", "t"), b"x"),
            client.mark_read(account, "\ud800", 1),
            client.unread(account, "\ud800", 1),
            client.delete_mailbox(account, "\ud800"),
        ):
            with pytest.raises(TransportError) as caught:
                await call
            assert caught.value.gone


@pytest.mark.parametrize("status", [402, 408, 409, 425, 429, 500, 502, 503, 507])
async def test_what_may_pass_says_when(client: HttpPeerChannels, status: int) -> None:
    async with serving(answering(status, headers={"Retry-After": "30"})) as base:
        with pytest.raises(TransportError) as caught:
            await client.post(MailboxAddress(base, "c", "t"), b"x")
        assert (caught.value.gone, caught.value.retry_at) == (False, NOW + 30 * 10**9)


@pytest.mark.parametrize(("status", "reason"), [(400, "bad_request"), (413, "too_large")])
async def test_a_message_that_is_refused_for_good(client: HttpPeerChannels, status: int, reason: str) -> None:
    async with serving(answering(status, b"x" * 3 * SMALL_REPLY)) as base:
        with pytest.raises(Refused, match=reason):
            await client.post(MailboxAddress(base, "c", "t"), b"x")


async def test_what_a_host_says_to_a_post_is_not_read(client: HttpPeerChannels) -> None:
    asked: list[tuple[str, bytes, dict[str, str]]] = []

    async def chatter(request: web.Request) -> web.StreamResponse:
        asked.append((request.raw_path, await request.read(), dict(request.headers)))
        answer = web.StreamResponse(headers={"Content-Length": str(10**12), "Set-Cookie": "a=b"})
        await answer.prepare(request)
        await answer.write(bytes(SMALL_REPLY))
        return answer

    async with serving(chatter) as base:
        for _ in range(2):
            await client.post(MailboxAddress(f"{base}/inner/?x=1", "../a?b#c/ü", ""), b"secret")
    path, payload, headers = asked[1]
    assert path == "/inner/api/v1/channel/..%2Fa%3Fb%23c%2F%C3%BC?x=1"
    assert payload == b"secret"
    assert headers["Content-Type"] == "application/octet-stream"
    assert headers["Accept-Encoding"] == "identity"
    assert not {"Authorization", "Cookie"} & set(headers)


@pytest.mark.parametrize("token", ["a\r\nX-Other: 1", "ü\ud800", "\x00"])
async def test_tokens_that_fit_no_header_are_an_error_not_an_injection(client: HttpPeerChannels, token: str) -> None:
    asked: list[dict[str, str]] = []

    async def note(request: web.Request) -> web.Response:
        asked.append(dict(request.headers))
        return web.Response()

    async with serving(note) as base:
        try:
            await client.post(MailboxAddress(base, "c", token), b"x")
        except TransportError as error:
            assert token not in str(error)  # noqa: PT017 - some of these a header can carry
    assert not any("X-Other" in headers for headers in asked)


async def test_a_host_that_does_not_answer_is_given_up() -> None:
    forever = asyncio.Event()

    async def wait(_: web.Request) -> web.Response:
        await forever.wait()
        return web.Response()

    requests = Requests(allow_loopback=True, now=lambda: NOW, total_seconds=0.05)
    async with serving(wait) as base:
        with pytest.raises(TransportError):
            await requests.post(base, "/channel/c", {}, b"x")
        async with requests.socket(base, "/notify", accept="") as line:
            assert line is None, "something on the way may swallow websockets: ask without"
        forever.set()
    await requests.close()


# ---------------------------------------------------------------------------------------------------------- replies


async def test_no_redirect_is_followed(client: HttpPeerChannels) -> None:
    asked: list[str] = []

    async def redirect(request: web.Request) -> web.Response:
        asked.append(request.path)
        return web.Response(status=302, headers={"Location": "/elsewhere"})

    async with serving(redirect) as base:
        with pytest.raises(TransportError):
            await client.post(MailboxAddress(base, "c", ""), b"x")
        with pytest.raises(TransportError):
            await anext(client.listen(Account(base, "1", "t")))
    assert asked == ["/api/v1/channel/c", "/api/v1/notify"]


@pytest.mark.parametrize(
    "handler",
    [
        answering(200, b"\x51\x51\x05ab", OCTETS),
        answering(200, b"<html>", {"Content-Type": "text/html"}),
        answering(200, FullChannel(id="c").to_bytes(), OCTETS),
        answering(200, b"", OCTETS),
        answering(200, b"\x1f\x8b", {**OCTETS, "Content-Encoding": "gzip"}),
        answering(200),
    ],
)
async def test_replies_that_make_no_sense(client: HttpPeerChannels, handler: Handler) -> None:
    async with serving(handler) as base:
        account = Account(base, "1", "t")
        for call in (client.create_account(base, "t"), client.create_mailbox(account), client.unread(account, "c", 1)):
            with pytest.raises(TransportError) as caught:
                await call
            assert not caught.value.gone


async def test_replies_that_are_too_large(client: HttpPeerChannels) -> None:
    good = FullChannel(id="c" * SMALL_REPLY, account_id="1", read_token="r", write_token="w").to_bytes()
    async with serving(answering(200, good, OCTETS)) as base:
        with pytest.raises(TransportError, match="too large"):
            await client.create_mailbox(Account(base, "1", "t"))


@pytest.mark.parametrize("field", ["id", "read_token", "write_token"])
async def test_a_channel_that_no_contact_would_take_is_not_taken(client: HttpPeerChannels, field: str) -> None:
    made = FullChannel(id="c", account_id="1", read_token="r", write_token="w")
    for size in (limits.PLACE_BYTES, limits.PLACE_BYTES + 1):
        body = replace(made, **{field: "x" * size}).to_bytes()
        async with serving(answering(200, body, OCTETS)) as base:
            if size == limits.PLACE_BYTES:
                await client.create_mailbox(Account(base, "1", "t"))
                continue
            with pytest.raises(TransportError, match="too long"):
                await client.create_mailbox(Account(base, "1", "t"))


async def test_a_host_that_gives_another_kind_of_channel_is_not_believed(client: HttpPeerChannels) -> None:
    made = FullChannel(id="c", account_id="1", read_token="r", write_token="w").to_bytes()
    async with serving(answering(200, made, OCTETS)) as base:
        assert (await client.create_mailbox(Account(base, "1", "t"))).write_token == "w"
        with pytest.raises(TransportError):
            await client.create_mailbox(Account(base, "1", "t"), public=True)


# ------------------------------------------------------------------------------------------------------------ lines


async def test_frames_in_both_forms_and_the_end_of_the_line(client: HttpPeerChannels) -> None:
    message = HostMessage(sequence=3, received=NOW, content_type="text/plain", channel_id="c", payload=b"\x01")
    second = HostMessage(sequence=4, received=NOW, content_type="text/plain", channel_id="c", payload=b"\x01")
    asked: list[tuple[str, ...]] = []
    speak = speaking(message.to_bytes(), message.to_bytes(), json.dumps(second.json()))

    async def note(request: web.Request) -> web.StreamResponse:
        query = request.query
        asked.append((query["token"], query["sendunread"], query["fullmessages"], request.headers["Accept"]))
        return await speak(request)

    async with serving(note) as base:
        line = client.listen(Account(base, "1", "t?&"))
        found = [await anext(line) for _ in range(3)]
        with pytest.raises(TransportError, match="1001"):
            await anext(line)
    first = Delivery(base, "c", 3, NOW, "text/plain", b"\x01")
    assert found == [Listening(), first, Delivery(base, "c", 4, NOW, "text/plain", b"\x01")], "each once"
    assert asked == [("t?&", "true", "true", "application/octet-stream, application/json")]


@pytest.mark.parametrize("frame", [b"\x51\x51\x05ab", "{", "[]", '{"sequence":1}', "[" * 100_000])
async def test_frames_that_make_no_sense(client: HttpPeerChannels, frame: bytes | str) -> None:
    async with serving(speaking(frame)) as base:
        line = client.listen(Account(base, "1", "t"))
        assert isinstance(await anext(line), Listening)
        with pytest.raises(TransportError, match="no sense"):
            await asyncio.wait_for(anext(line), 60)


async def test_a_frame_that_is_too_large_breaks_the_line(client: HttpPeerChannels) -> None:
    async with serving(speaking(bytes(LARGEST_FRAME + 1))) as base:
        line = client.listen(Account(base, "1", "t"))
        assert isinstance(await anext(line), Listening)
        with pytest.raises(TransportError):
            await asyncio.wait_for(anext(line), 60)


@pytest.mark.parametrize("status", [429, 503])
async def test_a_host_that_wants_no_socket_now_is_left_alone(client: HttpPeerChannels, status: int) -> None:
    async with serving(answering(status, headers={"Retry-After": "30"})) as base:
        with pytest.raises(TransportError) as caught:
            await anext(client.listen(Account(base, "1", "t")))
    assert (caught.value.gone, caught.value.retry_at) == (False, NOW + 30 * 10**9)


async def test_nobody_there(client: HttpPeerChannels) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    base = f"http://127.0.0.1:{port}"
    with pytest.raises(TransportError) as caught:
        await client.post(MailboxAddress(base, "c", "t"), b"x")
    assert not caught.value.gone
    with pytest.raises(TransportError) as caught:
        await anext(client.listen(Account(base, "1", "t")))
    assert not caught.value.gone


async def test_a_closed_client_says_so() -> None:
    client = AtHome()
    await client.close()
    with pytest.raises(Misuse):
        await client.post(MailboxAddress("http://127.0.0.1:1", "c", ""), b"x")
    with pytest.raises(Misuse):
        await client.mailboxes(Account("http://127.0.0.1:1", "1", "t"))


# ---------------------------------------------------------------------------------------------------------- secrets


async def everything_told(client: HttpPeerChannels, base: str, token: str) -> list[str]:
    """Return all that calls at a host give, raise and are made of, as text."""
    account, address = Account(base, "1", token), MailboxAddress(base, "c", token)
    told = [repr(account), repr(address), repr(client)]
    line = client.listen(account)

    async def first_items() -> None:
        async with asyncio.timeout(0.2):
            while True:
                told.append(repr(await anext(line)))

    for call in (
        client.create_account(base, token),
        client.create_account(f"{base}/api/v1/account/1?token={token}", ""),
        client.create_mailbox(account),
        client.delete_mailbox(account, "c"),
        client.mailboxes(account),
        client.post(address, b"x"),
        client.unread(account, "c", 1),
        client.mark_read(account, "c", 1),
        first_items(),
    ):
        try:
            told.append(repr(await call))
        except (ChannelsError, TimeoutError) as error:
            told.extend((repr(error), *traceback.format_exception(error)))
    await line.aclose()  # type: ignore[attr-defined]
    return told


@pytest.mark.parametrize("token", ["s3cr3t-token", "alice:s3cr3t-token"])
async def test_no_token_is_in_any_error_log_or_repr(token: str, caplog: pytest.LogCaptureFixture) -> None:
    """Every way to fail: nobody there, refusals, broken lines, nonsense, a base that is no URL."""
    caplog.set_level(logging.DEBUG)
    client = HttpPeerChannels(poll_seconds=0.01)
    told: list[str] = []
    for base in ("http://127.0.0.1:1", "no URL", "ftp://peers.example"):
        told += await everything_told(client, base, token)
    elsewhere = answering(302, b"", {"Location": "/"})
    for handler in (answering(401), elsewhere, answering(200, b"!", OCTETS), speaking("{")):
        async with serving(handler) as base:
            told += await everything_told(client, base, token)
    await client.close()
    assert len(told) > 60
    assert "s3cr3t" not in "".join(told)
    assert "s3cr3t" not in caplog.text
