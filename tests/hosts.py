"""Host processes, and a plain client that speaks to them as JSON clients do."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import io
import json
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

import aiohttp

PATIENCE = 60
"""Seconds until a test gives up waiting."""

COMMAND = (sys.executable, "-m", "channels_desktop", "host")


@dataclass(frozen=True)
class Channel:
    """A channel with its tokens, and that of its account."""

    id: str
    read_token: str
    write_token: str
    account_token: str


class HostProcess:
    """A process `channels-desktop host`."""

    def __init__(self, child: asyncio.subprocess.Process, greeting: dict[str, Any]) -> None:
        self.child = child
        self.greeting = greeting

    @classmethod
    async def start(cls, *arguments: object, **more: Any) -> Self:
        """Start the process and read its greeting, which is empty where it does not come up."""
        pipe = asyncio.subprocess.PIPE
        words = map(str, arguments)
        child = await asyncio.create_subprocess_exec(*COMMAND, *words, stdout=pipe, stderr=pipe, **more)
        assert child.stdout is not None
        line = await asyncio.wait_for(child.stdout.readline(), PATIENCE)
        return cls(child, json.loads(line) if line else {})

    @property
    def base_url(self) -> str:
        return self.greeting["base_url"]

    @property
    def operator_token(self) -> str:
        return self.greeting["operator_token"]

    async def end(self, how: signal.Signals | None = signal.SIGTERM) -> tuple[int | None, str, str]:
        """Send a signal, if any, and wait; return the exit code and what was said besides the greeting."""
        if how is not None and self.child.returncode is None:
            self.child.send_signal(how)
        output, words = await asyncio.wait_for(self.child.communicate(), PATIENCE)
        return self.child.returncode, output.decode(), words.decode()

    def processor_seconds(self) -> float:
        """Return the processor time that the process has used."""
        return processor_seconds(self.child.pid)

    def resident(self) -> int:
        """Return the bytes of memory that the process holds."""
        for line in Path(f"/proc/{self.child.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
        raise AssertionError("no VmRSS")


def processor_seconds(pid: int) -> float:
    """Return the processor time that a process has used, its own and the system's for it."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextlib.asynccontextmanager
async def running(*arguments: object, **more: Any) -> AsyncIterator[HostProcess]:
    """Run a host process while the block lasts."""
    process = await HostProcess.start(*arguments, **more)
    try:
        assert process.greeting, "the host did not come up"
        yield process
    finally:
        await process.end()


async def run(*arguments: object, **more: Any) -> tuple[int | None, str, str]:
    """Run a command of the host to its end; return its exit code and what it said."""
    pipe = asyncio.subprocess.PIPE
    child = await asyncio.create_subprocess_exec(*COMMAND, *map(str, arguments), stdout=pipe, stderr=pipe, **more)
    output, words = await asyncio.wait_for(child.communicate(), PATIENCE)
    return child.returncode, output.decode(), words.decode()


class Client:
    """Requests to one host."""

    def __init__(self, base_url: str, operator_token: str) -> None:
        self.base_url = base_url
        self.operator_token = operator_token
        self.session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.session.close()

    async def ask(self, method: str, path: str, token: str = "", **more: Any) -> tuple[int, Any]:
        """Make a request; return its status, and its body out of JSON where it is that."""
        headers = {**({"Authorization": f"Bearer {token}"} if token else {}), **more.pop("headers", {})}
        async with self.session.request(method, f"{self.base_url}{path}", headers=headers, **more) as answer:
            said = await answer.read()
            return answer.status, json.loads(said) if answer.content_type == "application/json" else said.decode()

    async def account(self, name: str = "") -> tuple[str, str]:
        """Open an account; return its id and token."""
        status, made = await self.ask("POST", "/api/v1/operator/accounts", self.operator_token, json={"name": name})
        assert status == 200, made
        return made["id"], made["token"]

    async def channel(self, account: tuple[str, str]) -> Channel:
        """Make a channel with a read and a write token."""
        status, made = await self.ask("POST", f"/api/v1/account/{account[0]}/channel", account[1])
        assert status == 200, made
        return Channel(made["id"], made["read_token"], made["write_token"], account[1])

    async def new_channel(self) -> Channel:
        """Make a channel of an account of its own."""
        return await self.channel(await self.account())

    async def post(self, channel: Channel, payload: bytes) -> tuple[int, Any]:
        """Post a message."""
        path, body = f"/api/v1/channel/{channel.id}", io.BytesIO(payload)
        headers = {"Content-Type": "application/octet-stream", "Accept": "application/json"}
        return await self.ask("POST", path, channel.write_token, data=body, headers=headers)

    async def messages(self, channel: Channel) -> dict[int, bytes]:
        """Read all unread messages and mark them as read; return their payloads by sequence."""
        found: dict[int, bytes] = {}
        place = f"/api/v1/channel/{channel.id}"
        while True:
            status, page = await self.ask("GET", f"{place}?unread=true", channel.read_token)
            assert status == 200, page
            if not page:
                return found
            for item in page:
                assert item["sequence"] not in found
                found[item["sequence"]] = base64.b64decode(item["payload"])
            last = f"{place}/{page[-1]['sequence']}?read=true&older=true"
            assert (await self.ask("POST", last, channel.read_token))[0] == 200

    @contextlib.asynccontextmanager
    async def socket(self, token: str, **query: str) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
        """Open a websocket of the Tokenized dialect in its JSON form."""
        url = f"{self.base_url}/api/v1/notify"
        headers = {"Accept": "application/json"}
        async with self.session.ws_connect(url, params={"token": token, **query}, headers=headers) as line:
            yield line


def raw_socket(base_url: str) -> socket.socket:
    """Return a plain connection to a host."""
    place = urlsplit(base_url)
    assert place.hostname is not None
    assert place.port is not None
    return socket.create_connection((place.hostname, place.port), PATIENCE)
