"""Posts per second and time from post to websocket of a real host process, next to a handler that stores nothing.

    python -m tests.bench.host [seconds per figure]

The client speaks HTTP by hand over keep-alive connections, so that it costs little beside the server; both run on the
same machine, each in a process of its own. Payloads are 1 KiB. The bare handler reads the body and answers "{}".
"""

from __future__ import annotations

import asyncio
import json
import socket
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from aiohttp import web

from channels_desktop.adapters.http_channels import HttpPeerChannels
from channels_desktop.engine.ports import Account, Delivery, MailboxAddress
from channels_desktop.host.serve import main as host_main

PAYLOAD = bytes(1016)
CONNECTIONS = (1, 16, 64)
CHANNELS = 64


def show(line: str) -> None:
    """Write a line to whoever started us."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def bare() -> None:
    """Serve a handler that stores nothing."""

    async def answer(request: web.Request) -> web.Response:
        await request.read()
        return web.json_response({})

    async def serve() -> None:
        app = web.Application()
        app.router.add_post("/{path:.*}", answer)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        listening = socket.create_server(("127.0.0.1", 0), backlog=1024)
        await web.SockSite(runner, listening, backlog=1024).start()
        said = {"base_url": f"http://127.0.0.1:{listening.getsockname()[1]}", "operator_token": ""}
        show(json.dumps(said))
        await asyncio.Event().wait()

    asyncio.run(serve())


async def start(kind: str, *options: str) -> tuple[asyncio.subprocess.Process, dict[str, str]]:
    """Start this module as a server process; return it and what it says of itself."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.bench.host", kind, *options, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    return process, json.loads(await process.stdout.readline())


def request_bytes(to: MailboxAddress, payload: bytes) -> bytes:
    """Return one POST as it goes over the wire."""
    head = (
        f"POST /api/v1/channel/{to.channel_id} HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {to.write_token}\r\n"
        f"Accept: application/octet-stream\r\nContent-Type: application/octet-stream\r\n"
        f"Content-Length: {len(payload)}\r\n\r\n"
    )
    return head.encode() + payload


async def read_answer(reader: asyncio.StreamReader) -> None:
    """Read one answer; fail unless it is a success."""
    head = await reader.readuntil(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200"), head
    size = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
    await reader.readexactly(size)


async def posts(addresses: Sequence[MailboxAddress], connections: int, seconds: float) -> float:
    """Return the posts per second over `connections` connections."""
    port = int(addresses[0].base_url.rpartition(":")[2])
    end = time.perf_counter() + seconds

    async def one(to: MailboxAddress) -> int:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        data, count = request_bytes(to, PAYLOAD), 0
        while time.perf_counter() < end:
            writer.write(data)
            await read_answer(reader)
            count += 1
        writer.close()
        return count

    started = time.perf_counter()
    counts = await asyncio.gather(*(one(addresses[n % len(addresses)]) for n in range(connections)))
    return sum(counts) / (time.perf_counter() - started)


async def latencies(addresses: Sequence[MailboxAddress], account: Account, seconds: float) -> list[float]:
    """Return the milliseconds from post to websocket, sorted; each address posts again once its message was heard."""
    client = HttpPeerChannels(allow_loopback=True)
    found: list[float] = []
    heard = {to.channel_id: asyncio.Event() for to in addresses}
    end = time.perf_counter() + seconds
    line = client.listen(account)
    await anext(line)

    async def hear() -> None:
        async for item in line:
            if isinstance(item, Delivery):
                found.append((time.perf_counter_ns() - int.from_bytes(item.payload[:8], "big")) / 1e6)
                heard[item.channel_id].set()

    async def say(to: MailboxAddress) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", int(to.base_url.rpartition(":")[2]))
        while time.perf_counter() < end:
            heard[to.channel_id].clear()
            writer.write(request_bytes(to, time.perf_counter_ns().to_bytes(8, "big") + PAYLOAD))
            await read_answer(reader)
            await heard[to.channel_id].wait()
        writer.close()

    async with asyncio.TaskGroup() as group:
        hearing = group.create_task(hear())
        await asyncio.gather(*map(say, addresses))
        hearing.cancel()
    for to in addresses:  # so that the next line starts with nothing to catch up on
        await read_all(client, account, to.channel_id)
    await client.close()
    return sorted(found)


async def measure(seconds: float) -> None:
    """Print the table."""
    floor, at = await start("bare")
    nowhere = [MailboxAddress(at["base_url"], "c", "t")]
    bare_figures = [await posts(nowhere, count, seconds) for count in CONNECTIONS]
    floor.kill()
    await floor.wait()
    with tempfile.TemporaryDirectory() as folder:
        host, at = await start("host", "--data", str(Path(folder) / "host"))
        client = HttpPeerChannels(allow_loopback=True)
        account = await client.create_account(at["base_url"], at["operator_token"])
        mailboxes = [await client.create_mailbox(account) for _ in range(CHANNELS)]
        addresses = [mailbox.address for mailbox in mailboxes]
        figures = [await posts(addresses, count, seconds) for count in CONNECTIONS]
        for mailbox in mailboxes:
            await read_all(client, account, mailbox.channel_id)
        await client.close()
        times = {count: await latencies(addresses[:count], account, seconds) for count in CONNECTIONS}
        host.terminate()
        await host.wait()
    show(f"{'connections':>12} {'bare posts/s':>14} {'host posts/s':>14} {'ratio':>7} {'to websocket p50/p99 ms':>26}")
    for count, without, stored in zip(CONNECTIONS, bare_figures, figures, strict=True):
        found = times[count]
        middle, worst = found[len(found) // 2], found[len(found) * 99 // 100]
        show(f"{count:>12} {without:>14.0f} {stored:>14.0f} {stored / without:>7.2f} {middle:>18.1f} / {worst:.1f}")


async def read_all(client: HttpPeerChannels, account: Account, channel_id: str) -> None:
    """Mark everything in a channel as read."""
    while found := await client.unread(account, channel_id, 1000):
        await client.mark_read(account, channel_id, found[-1].sequence)


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["bare"]:
            bare()
        case ["host", *options]:
            sys.exit(host_main(options))
        case rest:
            asyncio.run(measure(float(rest[0]) if rest else 3))
