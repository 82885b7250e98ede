"""Why a host does not serve, each cause brought about for real: what the client makes of it is what people are told."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import errno
import ipaddress
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from aiohttp.abc import AbstractResolver, ResolveResult
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from channels_desktop.adapters.host_answers import cause_of
from channels_desktop.adapters.host_requests import Requests
from channels_desktop.adapters.http_channels import HttpPeerChannels
from channels_desktop.errors import Cause, TransportError
from channels_desktop.host.limits import Limits
from channels_desktop.host.logs import broken_connections_aside
from channels_desktop.host.serve import Host

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
LONG_AGO, NOT_YET, NEVER = (dt.datetime(year, 1, 1, tzinfo=dt.UTC) for year in (2020, 2200, 2300))


@asynccontextmanager
async def answering(serve: Serve, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """Serve each connection with `serve`; yield the port."""
    ends: list[asyncio.Event] = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        ends.append(end := asyncio.Event())
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            await serve(reader, writer)
        writer.close()
        end.set()

    asyncio.get_running_loop().set_exception_handler(broken_connections_aside)
    server = await asyncio.start_server(handle, "127.0.0.1", 0, ssl=tls)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for end in ends:
            await end.wait()


def saying(answer: str) -> Serve:
    """Return what answers a request with the head and body `answer`."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer.replace("\n", "\r\n").encode())
        await writer.drain()

    return serve


def page(status: str, more: str = "") -> Serve:
    """Return what answers as a web server that knows nothing of mailboxes."""
    return saying(f"HTTP/1.1 {status}\nContent-Type: text/html\nContent-Length: 2\nConnection: close\n{more}\nhi")


async def hanging_up(_: asyncio.StreamReader, __: asyncio.StreamWriter) -> None:
    """Say nothing."""


async def another_protocol(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"SSH-2.0-Server\r\n")
    await writer.drain()


async def silence(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
    await reader.read()  # until whoever asked has enough


async def cause(url: str, token: str = "token") -> Cause:
    """Return why no account can be opened at a host."""
    channels = HttpPeerChannels()
    try:
        account = await channels.create_account(url, token)
        await channels.create_mailbox(account)
    except TransportError as error:
        return error.cause
    finally:
        await channels.close()
    raise AssertionError("it serves")


@pytest.mark.parametrize(
    ("serve", "found"),
    [
        (hanging_up, Cause.BROKEN),
        (another_protocol, Cause.NOT_A_HOST),
        (page("200 OK"), Cause.NOT_A_HOST),
        (page("404 Not Found"), Cause.NOT_A_HOST),
        (page("405 Method Not Allowed"), Cause.NOT_A_HOST),
        (page("302 Found", "Location: https://elsewhere.example\n"), Cause.NOT_A_HOST),
        (page("401 Unauthorized"), Cause.TOKEN),
        (page("403 Forbidden"), Cause.TOKEN),
        (page("410 Gone"), Cause.GONE),
        (page("402 Payment Required"), Cause.UNPAID),
        (page("507 Insufficient Storage"), Cause.FULL),
        (page("429 Too Many Requests"), Cause.BUSY),
        (page("503 Service Unavailable"), Cause.BUSY),
        (page("500 Internal Server Error"), Cause.FAILING),
        (page("501 Unsupported method"), Cause.NOT_A_HOST),
        (page("520 Of Nobody's Standard"), Cause.FAILING),
        (page("418 A Teapot"), Cause.NONSENSE),
        (
            saying("HTTP/1.1 200 OK\nContent-Type: application/octet-stream\nContent-Length: 2\n\nhi"),
            Cause.NONSENSE,
        ),
    ],
)
async def test_what_answers(serve: Serve, found: Cause) -> None:
    async with answering(serve) as port:
        assert await cause(f"http://127.0.0.1:{port}") is found


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("host.example", Cause.ADDRESS),
        ("https://", Cause.ADDRESS),
        ("https://[::1", Cause.ADDRESS),
        ("https://user@host.example", Cause.ADDRESS),
        ("http://localhost:99999", Cause.ADDRESS),
        ("http://192.0.2.1.example", Cause.INSECURE),
        ("http://host.example", Cause.INSECURE),
    ],
)
async def test_what_is_no_address(url: str, found: Cause) -> None:
    assert await cause(url) is found


async def test_a_port_that_is_closed() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    assert await cause(f"http://127.0.0.1:{port}") is Cause.CLOSED


async def test_the_real_host_and_its_tokens(tmp_path: Path) -> None:
    host = await Host.start(tmp_path, limits=Limits(channels=0))
    try:
        assert await cause(host.base_url, "") is Cause.NO_TOKEN
        assert await cause(host.base_url, "wrong") is Cause.TOKEN
        assert await cause(f"{host.base_url}/api/v1/account/7", "wrong") is Cause.TOKEN
        assert await cause(f"{host.base_url}/api/v1/account/7", "") is Cause.NO_TOKEN
        assert await cause(host.base_url, host.operator_token) is Cause.FULL
    finally:
        await host.stop()


# ------------------------------------------------------------------------------------- what only the connection tells


class Directory(AbstractResolver):
    """Knows one name, of a private place, and says of all others what the system's own says of those it knows not."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        if host != "host.example":
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return [ResolveResult(hostname=host, host="169.254.7.7", port=port, family=family, proto=0, flags=0)]

    async def close(self) -> None:
        """See AbstractResolver."""


async def cause_of_request(url: str, total_seconds: float = 60) -> Cause:
    requests = Requests(allow_loopback=True, now=lambda: 0, resolver=Directory, total_seconds=total_seconds)
    try:
        await requests.send("GET", url, "", {})
    except TransportError as error:
        return error.cause
    finally:
        await requests.close()
    raise AssertionError("it answers")


async def test_a_name_that_nobody_knows() -> None:
    assert await cause_of_request("https://nobody.invalid") is Cause.NAME
    assert await cause_of_request("https://a..b") is Cause.NAME


async def test_a_name_that_leads_nowhere() -> None:
    assert await cause_of_request("https://host.example") is Cause.UNREACHABLE
    lost = aiohttp.ClientConnectorError(None, OSError(errno.ENETUNREACH, ""))  # type: ignore[arg-type]
    assert cause_of(lost) is Cause.UNREACHABLE


async def test_no_answer_in_time() -> None:
    async with answering(silence) as port:
        assert await cause_of_request(f"http://127.0.0.1:{port}", 0.1) is Cause.SILENT


async def test_no_tls_where_it_was_asked_for() -> None:
    async with answering(another_protocol) as port:
        assert await cause_of_request(f"https://127.0.0.1:{port}") is Cause.NO_TLS
    async with answering(hanging_up) as port:
        assert await cause_of_request(f"https://127.0.0.1:{port}") is Cause.BROKEN


def context(folder: Path, name: str, *, began: dt.datetime, ends: dt.datetime) -> ssl.SSLContext:
    """Return a server's side of TLS with a certificate that signed itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    names: list[x509.GeneralName] = [x509.DNSName(name)]
    if name[0].isdigit():
        names = [x509.IPAddress(ipaddress.ip_address(name))]
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(began)
        .not_valid_after(ends)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    (folder / "certificate.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "key.pem").write_bytes(secret)
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(folder / "certificate.pem", folder / "key.pem")
    return tls


async def test_a_certificate_that_nobody_vouches_for(tmp_path: Path) -> None:
    tls = context(tmp_path, "127.0.0.1", began=LONG_AGO, ends=NEVER)
    async with answering(page("200 OK"), tls) as port:
        assert await cause(f"https://127.0.0.1:{port}") is Cause.CERTIFICATE


@pytest.mark.parametrize(
    ("name", "began", "ends", "found"),
    [
        ("127.0.0.1", LONG_AGO, LONG_AGO + dt.timedelta(days=1), Cause.CERTIFICATE_DATE),
        ("127.0.0.1", NOT_YET, NEVER, Cause.CERTIFICATE_DATE),
        ("127.0.0.2", LONG_AGO, NEVER, Cause.CERTIFICATE_NAME),
        ("other.example", LONG_AGO, NEVER, Cause.CERTIFICATE_NAME),
    ],
)
async def test_a_certificate_that_does_not_fit(
    tmp_path: Path, name: str, began: dt.datetime, ends: dt.datetime, found: Cause
) -> None:
    tls = context(tmp_path, name, began=began, ends=ends)
    trusting = ssl.create_default_context(cafile=tmp_path / "certificate.pem")
    async with answering(page("200 OK"), tls) as port, aiohttp.ClientSession() as session:
        with pytest.raises(aiohttp.ClientError) as caught:
            await session.get(f"https://127.0.0.1:{port}", ssl=trusting)
        assert cause_of(caught.value) is found
