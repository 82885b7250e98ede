"""The clients of the three dialects, as far as a host sees them: the bytes of their requests, header by header.

- `Go`: go-spvchannels. Basic for management, Bearer for messages, one content type for everything.
- `Axios`: the official JavaScript client on axios 0.21.1: a slash before each query, a new connection each time.
- `ElectrumSV`: the wallet's peer channel code on aiohttp.
- `Tokenized`: tokenized/pkg on Go's net/http: no body and no content type where nothing is to be said.
"""

from __future__ import annotations

import base64
import json
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit

from tests.contract.raw_http import Answer, Socket, ask, websocket

GO_JSON = "application/json; charset=utf-8"
BSOR = "application/octet-stream"
_KEY = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="


def request_bytes(method: str, path: str, headers: list[str], body: bytes = b"") -> bytes:
    """Return a request with exactly these header lines."""
    return "\r\n".join([f"{method} {path} HTTP/1.1", *headers, "", ""]).encode() + body


def basic(user: str, password: str) -> str:
    """Return the value of an Authorization header."""
    return f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"


@dataclass(frozen=True)
class Client:
    """What all have: the host's base URL and how they say who they are."""

    base_url: str
    authorization: str = ""

    @property
    def host(self) -> str:
        return f"Host: {urlsplit(self.base_url).netloc}"

    @property
    def credentials(self) -> list[str]:
        return [f"Authorization: {self.authorization}"] if self.authorization else []


class Go(Client):
    """go-spvchannels: `authorization` is Basic until it has a channel's token."""

    async def call(self, method: str, path: str, body: object = None, *, raw: bytes | None = None) -> Answer:
        """Make a call with a JSON body, a raw one, or none; the content type is always there."""
        sent = raw if raw is not None else b"" if body is None else json.dumps(body, separators=(",", ":")).encode()
        length = [f"Content-Length: {len(sent)}"] if sent else []
        headers = [
            self.host,
            "User-Agent: Go-http-client/1.1",
            *length,
            f"Accept: {GO_JSON}",
            *self.credentials,
            f"Content-Type: {GO_JSON}",
            "Accept-Encoding: gzip",
        ]
        return await ask(self.base_url, request_bytes(method, f"/api/v1{path}", headers, sent))

    def notify(self, channel: str, token: str) -> AbstractAsyncContextManager[Socket]:
        """Open the channel's socket as gorilla/websocket does: without Accept."""
        headers = [
            self.host,
            "User-Agent: Go-http-client/1.1",
            "Connection: Upgrade",
            _KEY,
            "Sec-WebSocket-Version: 13",
            "Upgrade: websocket",
        ]
        path = f"/api/v1/channel/{channel}/notify?{urlencode({'token': token})}"
        return websocket(self.base_url, request_bytes("GET", path, headers))


class Axios(Client):
    """The official JavaScript client in Node."""

    async def call(
        self, method: str, path: str, body: object = None, *, raw: bytes | None = None, content_type: str = ""
    ) -> Answer:
        """Make a call; a query in `path` gets the slash that axios puts between its base and `?`."""
        place, question, query = path.partition("?")
        if question and not place.endswith("/") and place.count("/") == 2:
            place += "/"
        sent = raw if raw is not None else b"" if body is None else json.dumps(body, separators=(",", ":")).encode()
        typed = content_type or ("application/json;charset=utf-8" if body is not None else "")
        headers = [
            "Accept: application/json, text/plain, */*",
            *([f"Content-Type: {typed}"] if typed else []),
            *self.credentials,
            "User-Agent: axios/0.21.1",
            *([f"Content-Length: {len(sent)}"] if sent else []),
            self.host,
            "Connection: close",
        ]
        return await ask(self.base_url, request_bytes(method, f"/api/v1{place}{question}{query}", headers, sent))

    def notify(self, channel: str, token: str) -> AbstractAsyncContextManager[Socket]:
        """Open the channel's socket as w3cwebsocket does."""
        headers = ["Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13", _KEY, self.host]
        path = f"/api/v1/channel/{channel}/notify?token={token}"
        return websocket(self.base_url, request_bytes("GET", path, headers))


class ElectrumSV(Client):
    """ElectrumSV on aiohttp: any answer is accepted, bodies are small JSON or the raw message."""

    async def call(
        self, method: str, path: str, body: object = None, *, raw: bytes | None = None, content_type: str = ""
    ) -> Answer:
        """Make a call; `raw` goes with the content type that the caller sets."""
        sent = raw if raw is not None else b"" if body is None else json.dumps(body).encode()
        typed = content_type or ("application/json" if body is not None else "")
        headers = [
            self.host,
            *([f"Content-Type: {typed}"] if content_type else []),
            *self.credentials,
            "Accept: */*",
            "Accept-Encoding: gzip, deflate",
            "User-Agent: Python/3.10 aiohttp/3.8.4",
            *([f"Content-Length: {len(sent)}"] if sent else []),
            *([f"Content-Type: {typed}"] if typed and not content_type else []),
        ]
        return await ask(self.base_url, request_bytes(method, f"/api/v1{path}", headers, sent))

    def socket(self, path: str, accept: str = BSOR) -> AbstractAsyncContextManager[Socket]:
        """Open a socket as aiohttp's client does."""
        headers = [
            self.host,
            f"Accept: {accept}",
            "Upgrade: websocket",
            "Connection: Upgrade",
            "Sec-WebSocket-Version: 13",
            _KEY,
            "Accept-Encoding: gzip, deflate",
            "User-Agent: Python/3.10 aiohttp/3.8.4",
        ]
        return websocket(self.base_url, request_bytes("GET", f"/api/v1{path}", headers))


class Tokenized(Client):
    """tokenized/pkg: BSOR where an answer is read, no Accept where it is not."""

    async def call(
        self, method: str, path: str, *, reads: bool = False, raw: bytes | None = None, content_type: str = ""
    ) -> Answer:
        """Make a call; a POST without a body says that its length is 0."""
        length = [f"Content-Length: {len(raw or b'')}"] if method == "POST" else []
        return await ask(self.base_url, self._bytes(method, path, length, content_type, raw or b"", reads=reads))

    async def call_chunked(self, path: str, chunks: list[bytes], content_type: str) -> Answer:
        """Post what comes from a stream: net/http does not know its length."""
        body = b"".join(f"{len(chunk):x}\r\n".encode() + chunk + b"\r\n" for chunk in chunks) + b"0\r\n\r\n"
        return await ask(
            self.base_url, self._bytes("POST", path, ["Transfer-Encoding: chunked"], content_type, body, reads=False)
        )

    def notify(self, query: dict[str, str], *, place: str = "/notify") -> AbstractAsyncContextManager[Socket]:
        """Open the socket of an account or a reader."""
        headers = [
            self.host,
            "User-Agent: Go-http-client/1.1",
            f"Accept: {BSOR}, application/json",
            "Connection: Upgrade",
            _KEY,
            "Sec-WebSocket-Version: 13",
            "Upgrade: websocket",
        ]
        path = f"/api/v1{place}?{urlencode(sorted(query.items()))}"
        return websocket(self.base_url, request_bytes("GET", path, headers))

    def _bytes(
        self, method: str, path: str, length: list[str], content_type: str, body: bytes, *, reads: bool
    ) -> bytes:
        headers = [
            self.host,
            "User-Agent: Go-http-client/1.1",
            *length,
            *([f"Accept: {BSOR}"] if reads else []),
            *self.credentials,
            *([f"Content-Type: {content_type}"] if content_type else []),
            "Accept-Encoding: gzip",
        ]
        return request_bytes(method, f"/api/v1{path}", headers, body)
