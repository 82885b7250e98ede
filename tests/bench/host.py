"""What real host processes do per second, and how long it takes: SQLite, and PostgreSQL with two gateways.

    python -m tests.bench.host [--seconds 3] [--only sqlite|postgresql] [--million]

Bodies are 1 KiB and every post is on disk before it is answered (fsync on). The client is one process on the same
machine; the bare handler reads a body and answers "{}". Each connection posts to an account of its own. With PostgreSQL
half of them post to each of two gateways, and their accounts listen at the other. "cpu" is the processor time of the
gateways for one post, which other load on the machine changes least. `--million` lets an empty host and one with
1,000,000 messages take turns, which takes minutes to store, and prints medians.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import resource
import socket
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import uvloop
from aiohttp import web

from channels_desktop.host.limits import Limits
from channels_desktop.host.mailboxes import Mailboxes
from channels_desktop.host.management import ChannelView, posting
from channels_desktop.host.options import Options
from channels_desktop.host.postgres_session import BULK_SECONDS, connect
from channels_desktop.host.rows import Rows, Settings
from channels_desktop.host.stores import open_store
from tests.bench.posting import Target, deliveries, open_socket, post_for
from tests.hosts import Channel, Client, HostProcess, processor_seconds, running
from tests.postgres import Server, programs

CONNECTIONS = (1, 16, 64)
CHANNELS = 64
IDLE_SOCKETS = 2000
MILLION = 1_000_000
FILLED_AT_ONCE = 500
TURNS = 8
KINDS = ("sqlite", "postgresql")


def show(line: str) -> None:
    """Write a line to whoever started us."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def at(times: Sequence[float], part: float) -> float:
    """Return a percentile of sorted times."""
    return times[int(len(times) * part)] if times else float("nan")


# -------------------------------------------------------------------------------------------------------- a bare server


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
        show(json.dumps({"base_url": f"http://127.0.0.1:{listening.getsockname()[1]}"}))
        await asyncio.Event().wait()

    uvloop.run(serve())


async def floor(seconds: float) -> None:
    """Print the figures of the bare handler."""
    command = (sys.executable, "-m", "tests.bench.host", "bare")
    child = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    assert child.stdout is not None
    target = Target(json.loads(await child.stdout.readline())["base_url"], "c", "t")
    show(f"{'connections':>12} {'bare posts/s':>14} {'cpu us':>8} {'p50/p99 ms':>18}")
    for connections in CONNECTIONS:
        used = processor_seconds(child.pid)
        posts = await post_for([target], connections, seconds)
        cpu = (processor_seconds(child.pid) - used) / len(posts.times) * 1e6
        times = f"{at(posts.times, 0.5):>9.2f} / {at(posts.times, 0.99):<6.2f}"
        show(f"{connections:>12} {posts.rate:>14.0f} {cpu:>8.0f} {times}")
    child.kill()
    await child.wait()


# ------------------------------------------------------------------------------------------------------------- the host


@dataclass(frozen=True)
class Bench:
    """A host to measure: its gateways, and channels of as many accounts."""

    gateways: list[HostProcess]
    channels: list[Channel]

    def processor_seconds(self) -> float:
        """Return what the gateways have used of the processor."""
        return sum(gateway.processor_seconds() for gateway in self.gateways)

    def targets(self, count: int) -> list[Target]:
        """Return so many channels, at the gateways in turn."""
        urls = [gateway.base_url for gateway in self.gateways]
        return [
            Target(urls[n % len(urls)], one.id, one.write_token, urls[(n + 1) % len(urls)], one.account_token)
            for n, one in enumerate(self.channels[:count])
        ]


@contextlib.asynccontextmanager
async def bench(database: str, folder: Path, gateways: int) -> AsyncIterator[Bench]:
    """Run a host of so many gateways with an account of its own."""
    async with contextlib.AsyncExitStack() as stack:
        common = ("--database", database, "--operator-token-file", folder / "token")
        started = [
            await stack.enter_async_context(running(*common, "--data", folder / str(number)))
            for number in range(gateways)
        ]
        client = await stack.enter_async_context(Client(started[0].base_url, started[0].operator_token))
        yield Bench(started, [await client.new_channel() for _ in range(CHANNELS)])


@contextlib.asynccontextmanager
async def databases(kind: str) -> AsyncIterator[str]:
    """Yield what --database takes; PostgreSQL keeps fsync on."""
    if kind == "sqlite":
        yield "sqlite"
        return
    installed = programs()
    assert installed is not None, "PostgreSQL is not installed"
    server = await asyncio.to_thread(Server, installed, durable=True)
    try:
        async with server.database() as url:
            yield url
    finally:
        await asyncio.to_thread(server.remove)


async def measure(kind: str, seconds: float, *, million: bool) -> None:
    """Print the figures of one store."""
    count = 1 if kind == "sqlite" else 2
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        async with databases(kind) as database, bench(database, folder, count) as made:
            show(f"\n{kind}, {count} gateway{'s' * (count > 1)}")
            await table(made, seconds)
            await idle(made.gateways[0], made.channels[0].account_token)
    if million:
        await take_turns(kind, count, seconds)


async def table(made: Bench, seconds: float) -> None:
    """Print posts per second and times for each number of connections."""
    show(f"{'connections':>12} {'posts/s':>14} {'cpu us':>8} {'p50/p99 ms':>18} {'to websocket p50/p99 ms':>25}")
    for connections in CONNECTIONS:
        used = made.processor_seconds()
        posts = await post_for(made.targets(CHANNELS), connections, seconds)
        used = made.processor_seconds() - used
        heard = await deliveries(made.targets(connections), seconds)
        show(
            f"{connections:>12} {posts.rate:>14.0f} {used / len(posts.times) * 1e6:>8.0f}"
            f" {at(posts.times, 0.5):>9.2f} / {at(posts.times, 0.99):<6.2f}"
            f" {at(heard, 0.5):>16.2f} / {at(heard, 0.99):<6.2f}"
        )


async def take_turns(kind: str, count: int, seconds: float) -> None:
    """Print what a post costs an empty host and a full one, which both run and are measured in turn."""
    async with contextlib.AsyncExitStack() as stack:
        made = {}
        for name in ("empty", "full"):
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            database = await stack.enter_async_context(databases(kind))
            if name == "full":
                await fill(Options(data=folder / "0", database=database))
                await settle(database)
            made[name] = await stack.enter_async_context(bench(database, folder, count))
        rates: dict[str, list[float]] = {name: [] for name in made}
        costs: dict[str, list[float]] = {name: [] for name in made}
        for turn in range(TURNS):
            for name in sorted(made, reverse=bool(turn % 2)):
                used = made[name].processor_seconds()
                posts = await post_for(made[name].targets(CHANNELS), CHANNELS, seconds)
                rates[name].append(posts.rate)
                costs[name].append((made[name].processor_seconds() - used) / len(posts.times) * 1e6)
        for name, words in (("empty", "nothing"), ("full", f"{MILLION:,} messages")):
            rate, cost = statistics.median(rates[name]), statistics.median(costs[name])
            show(f"{kind}, {words} stored: {rate:.0f} posts/s at {CHANNELS} connections, cpu {cost:.0f} us")


async def settle(database: str) -> None:
    """Let PostgreSQL do at once what it would do in its own time after so many messages."""
    if database != "sqlite":
        session = await connect(database)
        for statement in ("VACUUM ANALYZE", "CHECKPOINT"):
            await session.execute(statement, timeout=BULK_SECONDS)
        await session.close()


async def idle(gateway: HostProcess, token: str) -> None:
    """Print what an idle websocket costs."""
    path = f"/api/v1/notify?token={token}"
    sockets = [await open_socket(gateway.base_url, path) for _ in range(100)]  # what the first ones cost once
    before = gateway.resident()
    sockets += [await open_socket(gateway.base_url, path) for _ in range(IDLE_SOCKETS)]
    each = (gateway.resident() - before) / IDLE_SOCKETS / 1024
    show(f"{IDLE_SOCKETS:,} idle websockets: {each:.1f} KiB each")
    for _, writer in sockets:
        writer.close()


async def fill(chosen: Options) -> None:
    """Store a million messages of 100 bytes in channels that nobody reads."""
    limits = Limits(auto_delete=False)
    store = await open_store(chosen)

    def rules(rows: Rows) -> Mailboxes:
        return Mailboxes(rows, limits, time.time_ns)

    _, token = await store.transact(lambda rows: rules(rows).create_account())
    made = [
        await store.transact(lambda rows: rules(rows).create_channel(token, Settings(), one_owner=False))
        for _ in range(FILLED_AT_ONCE)
    ]

    async def post(channel: ChannelView) -> None:
        writing = channel.tokens[1].token
        await store.transact(
            lambda rows: rules(rows).post(writing, channel.id, "application/octet-stream", bytes(100)),
            posting(channel.id, writing),
        )

    for _ in range(MILLION // FILLED_AT_ONCE):
        await asyncio.gather(*map(post, made))
    await store.close()


async def main(options: argparse.Namespace) -> None:
    """Print all tables."""
    await floor(options.seconds)
    for kind in KINDS if options.only is None else (options.only,):
        await measure(kind, options.seconds, million=options.million)


if __name__ == "__main__":
    if sys.argv[1:] == ["bare"]:
        bare()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--only", choices=KINDS)
    parser.add_argument("--million", action="store_true")
    files = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))
    uvloop.run(main(parser.parse_args()))
