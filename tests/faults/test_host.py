"""A host that is killed, runs out of disk, meets a deaf reader, a jumping clock or a rival: nothing stored is lost."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import os
import resource
import secrets
import signal
import socket
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import aiohttp
import asyncpg
import pytest

from channels_desktop.host.limits import Limits
from channels_desktop.host.reserve import BYTES
from channels_desktop.host.serve import Host
from tests import postgres
from tests.hosts import PATIENCE, Channel, Client, HostProcess, raw_socket, running

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals, limits of resources, /proc")

MEGABYTE = 1024 * 1024
POSTERS = 12


class Load:
    """Posters that post to one channel until the host is gone, and the numbers and payloads they were told of."""

    def __init__(self, channel: Channel) -> None:
        self.channel = channel
        self.acknowledged: dict[int, bytes] = {}
        self.attempted: set[bytes] = set()

    async def post(self, client: Client, name: str, enough: asyncio.Event, goal: int) -> None:
        """Post until nobody answers; set `enough` once all posters together have `goal` answers."""
        for number in range(100_000):
            payload = f"{name} {number}".encode()
            self.attempted.add(payload)
            try:
                status, said = await client.post(self.channel, payload)
            except (aiohttp.ClientError, OSError):
                return
            assert status == 200, said
            assert said["sequence"] not in self.acknowledged
            self.acknowledged[said["sequence"]] = payload
            if len(self.acknowledged) >= goal:
                enough.set()

    def check(self, found: dict[int, bytes]) -> None:
        """Compare with what is there in the end: all that was acknowledged, under its number, and nothing twice."""
        assert self.acknowledged.items() <= found.items()
        assert set(found.values()) <= self.attempted
        assert len(set(found.values())) == len(found)
        assert sorted(found) == list(range(1, len(found) + 1)), "no number is missing or used twice"


@contextlib.asynccontextmanager
async def database(kind: str) -> AsyncIterator[str]:
    """Yield what --database takes."""
    if kind == "sqlite":
        yield "sqlite"
        return
    async with postgres.database() as url:
        yield url


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
async def test_kill_9_under_load_loses_nothing_acknowledged(tmp_path: Path, kind: str) -> None:
    async with database(kind) as url, contextlib.AsyncExitStack() as stack:
        arguments = ("--database", url, "--data", tmp_path)
        process = await HostProcess.start(*arguments)
        client = await stack.enter_async_context(Client(process.base_url, process.operator_token))
        load = Load(await client.new_channel())
        for round_ in range(3):
            enough, goal = asyncio.Event(), len(load.acknowledged) + 150
            async with asyncio.TaskGroup() as group:
                for poster in range(POSTERS):
                    group.create_task(load.post(client, f"{round_}/{poster}", enough, goal))
                await asyncio.wait_for(enough.wait(), PATIENCE)
                assert (await process.end(signal.SIGKILL))[0] == -signal.SIGKILL
            greeting = process.greeting
            process = await HostProcess.start(*arguments)
            assert process.greeting == greeting
        assert len(load.acknowledged) >= 450
        load.check(await client.messages(load.channel))
        assert await process.end() == (0, "", "")


@pytest.mark.slow
async def test_a_killed_gateway_costs_the_other_nothing(tmp_path: Path) -> None:
    token = tmp_path / "token"
    async with database("postgresql") as url, contextlib.AsyncExitStack() as stack:
        common = ("--database", url, "--operator-token-file", token)
        doomed = await HostProcess.start(*common, "--data", tmp_path / "a")
        other = await stack.enter_async_context(running(*common, "--data", tmp_path / "b"))
        at_doomed = await stack.enter_async_context(Client(doomed.base_url, doomed.operator_token))
        at_other = await stack.enter_async_context(Client(other.base_url, other.operator_token))
        account = await at_other.account()
        load = Load(await at_other.channel(account))
        line = await stack.enter_async_context(at_other.socket(account[1], fullmessages="true"))
        enough = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            for poster in range(POSTERS):
                group.create_task(load.post(at_doomed, str(poster), enough, 200))
            await asyncio.wait_for(enough.wait(), PATIENCE)
            await doomed.end(signal.SIGKILL)
        heard: dict[int, bytes] = {}
        while not load.acknowledged.items() <= heard.items():
            said = await line.receive_json(timeout=PATIENCE)
            assert said["sequence"] not in heard
            heard[said["sequence"]] = bytes.fromhex(said["payload"])
        assert (await at_other.post(load.channel, b"the end"))[0] == 200
        load.attempted.add(b"the end")
        load.check(await at_other.messages(load.channel))


@pytest.mark.slow
async def test_news_that_got_lost_between_gateways_arrives_all_the_same(tmp_path: Path) -> None:
    token = tmp_path / "token"
    async with database("postgresql") as url, contextlib.AsyncExitStack() as stack:
        common = ("--database", url, "--operator-token-file", token)
        one, two = [
            await stack.enter_async_context(running(*common, "--data", tmp_path / name)) for name in ("one", "two")
        ]
        at_one = await stack.enter_async_context(Client(one.base_url, one.operator_token))
        at_two = await stack.enter_async_context(Client(two.base_url, two.operator_token))
        account = await at_two.account()
        channel = await at_two.channel(account)
        line = await stack.enter_async_context(at_two.socket(account[1], fullmessages="true"))
        session = await asyncpg.connect(url)
        await session.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()")
        await session.close()
        async with asyncio.timeout(PATIENCE):
            while (await at_one.post(channel, b"said while nobody heard"))[0] != 200:
                pass  # its own connections were cut too
        assert bytes.fromhex((await line.receive_json(timeout=PATIENCE))["payload"]) == b"said while nobody heard"


# ------------------------------------------------------------------------------------------------------------ disk full


@contextlib.contextmanager
def small_disk(folder: Path, size: int = 8 * MEGABYTE) -> Iterator[Callable[[], None]]:
    """Mount a file system, of 8 MiB where not said, on `folder`, nearly full; yield what makes room on it."""
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder], check=False, capture_output=True
    )
    if mounted.returncode:
        pytest.skip(f"no file system can be mounted here: {mounted.stderr.decode().strip()}")
    try:
        ballast = folder / "ballast"
        ballast.write_bytes(bytes(size - 2 * MEGABYTE))
        yield ballast.unlink
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


async def fill(client: Client, channel: Channel) -> dict[int, bytes]:
    """Post until the host has no more room; return what it acknowledged."""
    stored: dict[int, bytes] = {}
    for _ in range(1000):
        payload = secrets.token_bytes(20_000)
        status, said = await client.post(channel, payload)
        if status != 200:
            assert status in {503, 507}, said
            return stored
        stored[said["sequence"]] = payload
    raise AssertionError("the disk was not full")


async def outlive_a_full_disk(process: HostProcess, make_room: Callable[[], None]) -> tuple[Channel, dict[int, bytes]]:
    """Fill the disk, make room, post on; return the channel and what it must hold."""
    async with Client(process.base_url, process.operator_token) as client:
        channel = await client.new_channel()
        stored = await fill(client, channel)
        assert len(stored) > 10
        for _ in range(20):
            assert (await client.post(channel, bytes(20_000)))[0] in {503, 507}
        status, page = await client.ask("GET", f"/api/v1/channel/{channel.id}", channel.read_token)
        assert status == 200, "what is there can still be read"
        assert [base64.b64decode(item["payload"]) for item in page] == list(stored.values())
        await asyncio.to_thread(make_room)
        for number in range(10):
            payload = f"after {number}".encode()
            status, said = await client.post(channel, payload)
            assert status == 200, said
            stored[said["sequence"]] = payload
    return channel, stored


async def check_after_restart(data: Path, channel: Channel, stored: dict[int, bytes]) -> None:
    async with running("--data", data) as process, Client(process.base_url, process.operator_token) as client:
        assert await client.messages(channel) == stored
        assert list(stored) == list(range(1, len(stored) + 1))


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="only root mounts a file system")
async def test_a_full_disk_refuses_and_loses_nothing(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk") as make_room:
        process = await HostProcess.start("--data", tmp_path / "disk" / "host")
        channel, stored = await outlive_a_full_disk(process, make_room)
        await process.end(signal.SIGKILL)
        await check_after_restart(tmp_path / "disk" / "host", channel, stored)


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="only root mounts a file system")
async def test_a_full_disk_can_be_emptied(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    with small_disk(disk, 2 * BYTES + 8 * MEGABYTE) as make_room:
        await asyncio.to_thread(make_room)
        async with served(disk / "host") as client:
            channel = await client.new_channel()
            for _ in range(2):
                assert (await client.post(channel, bytes(5 * MEGABYTE)))[0] == 200
            await fill(client, await client.new_channel())
            await asyncio.to_thread(fill_up, disk / "others")
            place = f"/api/v1/channel/{channel.id}/2?older=true"
            assert (await client.ask("DELETE", place, channel.read_token))[0] == 200
            assert (await client.post(channel, bytes(20_000)))[0] == 200
            assert (await client.ask("GET", "/healthz"))[0] == 200


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="only root mounts a file system")
async def test_a_host_starts_on_a_full_disk(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    with small_disk(disk, 2 * BYTES + 8 * MEGABYTE) as make_room:
        await asyncio.to_thread(make_room)
        async with served(disk / "host") as client:
            channel = await client.new_channel()
            for _ in range(20):
                assert (await client.post(channel, bytes(20_000)))[0] == 200
        await asyncio.to_thread(fill_up, disk / "others")
        async with served(disk / "host") as client:
            assert len(await client.messages(channel)) == 20
            assert (await client.post(channel, bytes(20_000)))[0] == 200


@contextlib.asynccontextmanager
async def served(data: Path) -> AsyncIterator[Client]:
    """Run a host on a folder."""
    async with running("--data", data) as process, Client(process.base_url, process.operator_token) as client:
        yield client


def fill_up(path: Path) -> None:
    """Take all the room there is on a disk."""
    with path.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while file.write(bytes(4096)):
            pass


@pytest.mark.slow
async def test_a_file_that_may_not_grow_refuses_and_loses_nothing(tmp_path: Path) -> None:
    process = await HostProcess.start("--data", tmp_path)
    before = resource.prlimit(process.child.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(process.child.pid, resource.RLIMIT_FSIZE, (2 * MEGABYTE, before[1]))
    channel, stored = await outlive_a_full_disk(
        process, lambda: resource.prlimit(process.child.pid, resource.RLIMIT_FSIZE, before) and None
    )
    await process.end(signal.SIGKILL)
    await check_after_restart(tmp_path, channel, stored)


# --------------------------------------------------------------------------------------------------------- deaf readers


def deaf(base_url: str, token: str) -> socket.socket:
    """Open a websocket that wants everything, read its first bytes and no more."""
    connection = raw_socket(base_url)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    key = base64.b64encode(secrets.token_bytes(16)).decode()
    path = f"/api/v1/notify?token={token}&sendunread=true&fullmessages=true"
    head = f"GET {path} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    connection.sendall(f"{head}Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n".encode())
    assert connection.recv(12) == b"HTTP/1.1 101"
    return connection


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc").is_dir(), reason="memory is read from /proc")
async def test_readers_that_never_read_cost_a_bounded_memory(tmp_path: Path) -> None:
    async with running("--data", tmp_path) as process, Client(process.base_url, process.operator_token) as client:
        account = await client.account()
        channel = await client.channel(account)
        before = process.resident()
        with contextlib.ExitStack() as stack:
            for _ in range(16):
                stack.enter_context(await asyncio.to_thread(deaf, process.base_url, account[1]))
            held: list[int] = []
            for _ in range(3):
                for _ in range(25):
                    assert (await client.post(channel, bytes(MEGABYTE)))[0] == 200
                held.append((process.resident() - before) // MEGABYTE)
            assert held[2] < 16 * 8, f"16 readers cost {held} MiB"
            assert held[2] - held[1] < 16, f"what more posts add: {held} MiB"
            assert await client.ask("GET", "/healthz") == (200, "ok\n")


@pytest.mark.slow
async def test_readers_that_never_read_do_not_hold_up_the_end(tmp_path: Path) -> None:
    process = await HostProcess.start("--data", tmp_path)
    async with Client(process.base_url, process.operator_token) as client:
        account = await client.account()
        channel = await client.channel(account)
        assert (await client.post(channel, bytes(9 * MEGABYTE)))[0] == 200
        with await asyncio.to_thread(deaf, process.base_url, account[1]):
            assert (await client.post(channel, b"x"))[0] == 200
            assert await process.end() == (0, "", "")


# ----------------------------------------------------------------------------------------------------- clock and rivals


async def test_a_clock_that_jumps_changes_no_number_and_stops_nobody(tmp_path: Path) -> None:
    hour = 3600 * 10**9
    now = 1_800_000_000 * 10**9
    host = await Host.start(tmp_path, limits=Limits(posts_per_second=1000, burst=50), now=lambda: now)
    async with Client(host.base_url, host.operator_token) as client:
        account = await client.account()
        channel = await client.channel(account)
        sent: dict[int, bytes] = {}
        times: list[int] = []
        async with client.socket(account[1], fullmessages="true") as line:
            for jump in (0, hour, -3 * hour, 1, -1, 100 * hour, -200 * hour):
                now += jump
                payload = f"at {now}".encode()
                status, said = await client.post(channel, payload)
                assert status == 200, said
                sent[said["sequence"]] = payload
                heard = await line.receive_json(timeout=PATIENCE)
                assert (heard["sequence"], bytes.fromhex(heard["payload"])) == (said["sequence"], payload)
                times.append(now)
        assert list(sent) == list(range(1, 8))
        assert times != sorted(times)
        assert await client.messages(channel) == sent
        assert (await client.post(channel, b"once more"))[1]["sequence"] == 8
    await host.stop()


async def test_a_second_process_on_the_folder_is_told_and_does_no_harm(tmp_path: Path) -> None:
    async with running("--data", tmp_path) as process, Client(process.base_url, process.operator_token) as client:
        channel = await client.new_channel()
        rival = await HostProcess.start("--data", tmp_path)
        assert rival.greeting == {}
        words = "channels-desktop host: another host is running on this folder\n"
        assert await rival.end(None) == (1, "", words)
        assert (await client.post(channel, b"x"))[0] == 200
        assert (tmp_path / "base_url").read_text() == process.base_url
