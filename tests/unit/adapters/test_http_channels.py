"""The client against hosts that misbehave, and the addresses it does not go to."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from channels_desktop.adapters.host_answers import refusal
from channels_desktop.adapters.http_channels import SMALL_REPLY, HttpPeerChannels
from channels_desktop.adapters.public_addresses import PublicResolver, check_url
from channels_desktop.engine.ports import Account, Delivery, Listening, MailboxAddress
from channels_desktop.errors import Misuse, Refused, TransportError
from channels_desktop.host.messages import FullChannel, HostMessage

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
OCTETS = {"Content-Type": "application/octet-stream"}
NOW = 1_800_000_000_000_000_000


@asynccontextmanager
async def serving(handler: Handler) -> AsyncIterator[str]:
    """Answer every request with `handler`; yield the base URL."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handler)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    listening = socket.create_server(("127.0.0.1", 0))
    await web.SockSite(runner, listening).start()
    yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    await runner.cleanup()


@pytest.fixture
async def client() -> AsyncIterator[HttpPeerChannels]:
    made = HttpPeerChannels(allow_loopback=True, now=lambda: NOW)
    yield made
    await made.close()


def answering(status: int, body: bytes = b"", headers: dict[str, str] | None = None) -> Handler:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(status=status, body=body, headers=headers)

    return answer


@pytest.mark.parametrize("status", [401, 403, 404])
async def test_a_refused_post_says_that_the_mailbox_is_gone(client: HttpPeerChannels, status: int) -> None:
    async with serving(answering(status)) as base:
        with pytest.raises(TransportError) as caught:
            await client.post(MailboxAddress(base, "c", "t"), b"x")
        assert (caught.value.gone, caught.value.retry_at) == (True, None)


@pytest.mark.parametrize("status", [402, 408, 409, 425, 429, 500, 502, 503, 507])
async def test_what_may_pass_says_when(client: HttpPeerChannels, status: int) -> None:
    async with serving(answering(status, headers={"Retry-After": "30"})) as base:
        with pytest.raises(TransportError) as caught:
            await client.post(MailboxAddress(base, "c", "t"), b"x")
        assert (caught.value.gone, caught.value.retry_at) == (False, NOW + 30 * 10**9)


@pytest.mark.parametrize("text", ["", "soon", "-5", "9" * 30, "Wed, 21 Oct 2015 07:28:00 GMT"])
async def test_times_that_are_none_are_passed_over(client: HttpPeerChannels, text: str) -> None:
    async with serving(answering(503, headers={"Retry-After": text})) as base:
        with pytest.raises(TransportError) as caught:
            await client.post(MailboxAddress(base, "c", "t"), b"x")
        assert caught.value.retry_at is None


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
        answering(200, bytes(SMALL_REPLY + 1), OCTETS),
        answering(200, FullChannel(id="c").to_bytes(), OCTETS),
        answering(200),
    ],
)
async def test_replies_that_make_no_sense(client: HttpPeerChannels, handler: Handler) -> None:
    async with serving(handler) as base:
        account = Account(base, "1", "t")
        for call in (
            client.create_account(base, "t"),
            client.create_mailbox(account),
            client.mailboxes(account),
            client.unread(account, "c", 1),
        ):
            try:
                assert not await call
            except TransportError as error:
                assert not error.gone  # noqa: PT017 - an empty list is a fair reading of some of these


async def test_a_host_that_gives_another_kind_of_channel_is_not_believed(client: HttpPeerChannels) -> None:
    made = FullChannel(id="c", account_id="1", read_token="r", write_token="w").to_bytes()
    async with serving(answering(200, made, OCTETS)) as base:
        assert (await client.create_mailbox(Account(base, "1", "t"))).write_token == "w"
        with pytest.raises(TransportError):
            await client.create_mailbox(Account(base, "1", "t"), public=True)


async def test_frames_in_both_forms_and_the_end_of_the_line(client: HttpPeerChannels) -> None:
    message = HostMessage(sequence=3, received=NOW, content_type="text/plain", channel_id="c", payload=b"\x01")
    asked: list[tuple[str, ...]] = []

    async def speak(request: web.Request) -> web.WebSocketResponse:
        query = request.query
        asked.append((query["token"], query["sendunread"], query["fullmessages"], request.headers["Accept"]))
        line = web.WebSocketResponse()
        await line.prepare(request)
        await line.send_bytes(message.to_bytes())
        await line.send_json(message.json())
        await line.close(code=1001)
        return line

    async with serving(speak) as base:
        line = client.listen(Account(base, "1", "t?&"))
        found = [await anext(line) for _ in range(3)]
        with pytest.raises(TransportError, match="1001"):
            await anext(line)
        expected = Delivery(base, "c", 3, NOW, "text/plain", b"\x01")
        assert found == [Listening(), expected, expected]
    assert asked == [("t?&", "true", "true", "application/octet-stream, application/json")]


@pytest.mark.parametrize("frame", [b"\x51\x51\x05ab", "{", "[]", '{"sequence":1}', "[" * 100_000])
async def test_frames_that_make_no_sense(client: HttpPeerChannels, frame: bytes | str) -> None:
    async def speak(request: web.Request) -> web.WebSocketResponse:
        line = web.WebSocketResponse()
        await line.prepare(request)
        await (line.send_bytes(frame) if isinstance(frame, bytes) else line.send_str(frame))
        await line.receive()
        return line

    async with serving(speak) as base:
        line = client.listen(Account(base, "1", "t"))
        assert isinstance(await anext(line), Listening)
        with pytest.raises(TransportError):
            await asyncio.wait_for(anext(line), 10)


async def test_nobody_there(client: HttpPeerChannels) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    for base in (f"http://127.0.0.1:{port}", "http://127.0.0.1:1"):
        with pytest.raises(TransportError) as caught:
            await client.post(MailboxAddress(base, "c", "secret-token"), b"x")
        assert not caught.value.gone
        with pytest.raises(TransportError) as caught:
            await anext(client.listen(Account(base, "1", "secret-token")))
        assert "secret-token" not in str(caught.value)
        assert caught.value.__cause__ is None
        assert caught.value.__suppress_context__


REFUSED = [
    "http://peers.example",
    "ftp://peers.example",
    "https://",
    "",
    "peers.example",
    "https://127.0.0.1",
    "https://localhost:8443",
    "https://10.0.0.1",
    "https://192.168.1.1",
    "https://169.254.169.254",
    "https://[::1]",
    "https://[fe80::1]",
    "https://[fd00::1]",
    "https://0.0.0.0",
    "https://[::ffff:127.0.0.1]",
    "https://224.0.0.1",
    "https://user:pass@peers.example",
    "https://peers.example:99999",
    "https://[",
    "https://100.64.0.1",
]


@pytest.mark.parametrize("base", REFUSED)
async def test_strangers_cannot_send_us_into_private_networks(base: str) -> None:
    client = HttpPeerChannels()
    with pytest.raises(TransportError) as caught:
        await client.post(MailboxAddress(base, "c", ""), b"x")
    assert caught.value.gone
    await client.close()


async def test_names_that_lead_there_are_refused_when_they_are_resolved() -> None:
    with pytest.raises(OSError, match="no public address"):
        await PublicResolver(allow_loopback=False).resolve("localhost", 80)
    found = await PublicResolver(allow_loopback=True).resolve("localhost", 80)
    assert {item["host"] for item in found} <= {"127.0.0.1", "::1"}


@pytest.mark.parametrize(
    "base", ["https://peers.example", "https://peers.example:8443/some/path?x=1", "https://1.1.1.1"]
)
def test_public_addresses_are_fine(base: str) -> None:
    check_url(base, allow_loopback=False)
    check_url(base, allow_loopback=True)


def test_even_with_loopback_allowed_plain_http_stays_at_home() -> None:
    for base in ("http://127.0.0.1:1", "http://localhost", "http://192.168.0.9", "http://[::1]:5", "https://10.1.1.1"):
        check_url(base, allow_loopback=True)
    for base in ("http://peers.example", "http://1.1.1.1", "https://169.254.169.254", "http://0.0.0.0"):
        with pytest.raises(TransportError):
            check_url(base, allow_loopback=True)


def test_only_this_message_is_at_fault_for_size_and_form() -> None:
    assert isinstance(refusal(413, posting=True), Refused)
    assert isinstance(refusal(400, posting=True), Refused)
    assert isinstance(refusal(413), TransportError)


async def test_a_closed_client_says_so() -> None:
    client = HttpPeerChannels(allow_loopback=True)
    await client.close()
    with pytest.raises(Misuse):
        await client.post(MailboxAddress("http://127.0.0.1:1", "c", ""), b"x")


async def test_strange_ids_stay_one_segment_of_the_path(client: HttpPeerChannels) -> None:
    asked: list[str] = []

    async def note(request: web.Request) -> web.Response:
        asked.append(request.raw_path)
        return web.Response()

    async with serving(note) as base:
        await client.post(MailboxAddress(f"{base}/inner/?x=1", "../a?b#c/ü", ""), b"x")
    assert asked == ["/inner/api/v1/channel/..%2Fa%3Fb%23c%2F%C3%BC?x=1"]


@pytest.mark.parametrize("token", ["a\r\nX-Other: 1", "ü\ud800", "\x00"])
async def test_tokens_that_fit_no_header_are_an_error_not_an_injection(client: HttpPeerChannels, token: str) -> None:
    async with serving(answering(200)) as base:
        try:
            await client.post(MailboxAddress(base, "c", token), b"x")
        except TransportError as error:
            assert token not in str(error)  # noqa: PT017 - some of these a header can carry
