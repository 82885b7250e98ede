"""Every lasting task of a host outlives every failure, says so, and goes on: over HTTP, on both stores."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import sqlite3
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from channels_desktop.errors import StoreError
from channels_desktop.host import notify, postgres_wakeups, serve, sqlite, tasks
from channels_desktop.host.listeners import Wait
from channels_desktop.host.mailboxes import Mailboxes
from channels_desktop.host.options import SQLITE, Options
from channels_desktop.host.postgres_batch import PgBatch, PgQuick
from channels_desktop.host.postgres_pages import PgPages
from channels_desktop.host.postgres_rows import PgRows
from channels_desktop.host.serve import Host
from channels_desktop.host.sqlite_batch import SqliteBatch
from channels_desktop.host.sqlite_rows import SqliteRows
from tests import postgres
from tests.hosts import PATIENCE, Channel, Client

HOUR = 3600 * 10**9

FAILURES: dict[str, Callable[[], Exception]] = {
    "store": lambda: StoreError("the database failed"),
    "full disk": lambda: sqlite3.OperationalError("database or disk is full"),
    "files": lambda: OSError(errno.EMFILE, "too many open files"),
    "memory": MemoryError,
    "bug": lambda: KeyError("what nobody thought of"),
    "text": lambda: UnicodeEncodeError("utf-8", "\ud800", 0, 1, "surrogates not allowed"),
    "session": lambda: asyncpg.ConnectionDoesNotExistError("connection was closed"),
    "time": TimeoutError,
}

# Which part of which task fails, and what of it /healthz says while it does; nothing where it harms one request alone.
PARTS: dict[str, tuple[str, object, str, str]] = {
    "writing of a batch": (SQLITE, SqliteBatch, "_write", ""),
    "writing": (SQLITE, SqliteRows, "touch", "writing"),
    "loading": (SQLITE, SqliteBatch, "load", "reading, writing"),
    "giving pages back": (SQLITE, sqlite, "_pragma", sqlite.TIDYING),
    "pruning": (SQLITE, Mailboxes, "prune", "pruning"),
    "pages of sockets": (SQLITE, notify, "_page", ""),
    "waking sockets": (SQLITE, Wait, "wake", ""),
    "quick posts": ("postgres", PgQuick, "look", ""),
    "posts": ("postgres", PgBatch, "load", ""),
    "writing of posts": ("postgres", PgBatch, "_write", ""),
    "commits of posts": ("postgres", PgRows, "touch", "writing"),
    "looks": ("postgres", PgPages, "load", "reading"),
    "wake-ups": ("postgres", postgres_wakeups.Wakeups, "_tell", postgres_wakeups.TASK),
    "pruning on PostgreSQL": ("postgres", Mailboxes, "prune", "pruning"),
}


class Fault:
    """Makes a function fail as long as it is `on`."""

    def __init__(self) -> None:
        self.failure: Callable[[], Exception] = RuntimeError
        self.on = False

    def put_into(self, monkeypatch: pytest.MonkeyPatch, owner: object, name: str) -> None:
        original = getattr(owner, name)
        is_bound = hasattr(original, "__self__")  # a class method

        def faulty(*arguments: object, **more: object) -> object:
            if self.on:
                raise self.failure()
            return original(*arguments[is_bound:], **more)

        monkeypatch.setattr(owner, name, classmethod(faulty) if is_bound else faulty)


@contextlib.asynccontextmanager
async def hosted(kind: str, folder: Path, now: Callable[[], int]) -> AsyncIterator[Client]:
    async with contextlib.AsyncExitStack() as undo:
        url = SQLITE if kind == SQLITE else await undo.enter_async_context(postgres.database())
        host = await Host.open(Options(data=folder, database=url), now)
        undo.push_async_callback(host.stop)
        yield await undo.enter_async_context(Client(host.base_url, host.operator_token))


async def use(client: Client, channel: Channel) -> list[int]:
    """Do what clients do: each gets an answer, whatever it is."""
    place = f"/api/v1/channel/{channel.id}"
    asked = [
        client.post(channel, bytes(100)),
        client.ask("GET", place, channel.read_token),
        client.post(channel, bytes(100)),
        client.ask("DELETE", f"{place}/1", channel.read_token),
        client.account(),
    ]
    outcomes = await asyncio.gather(*asked, return_exceptions=True)
    return [outcome[0] for outcome in outcomes if isinstance(outcome, tuple) and isinstance(outcome[0], int)]


async def until(client: Client, wanted: Callable[[int, Any], bool]) -> None:
    """Ask for the host's health until it is as wanted."""
    while not wanted(*await client.ask("GET", "/healthz")):
        pass


async def listen(client: Client, channel: Channel, payload: bytes) -> None:
    """Post a message and hear it on a new socket."""
    async with client.socket(channel.account_token, fullmessages="true", sendunread="true") as line:
        assert (await client.post(channel, payload))[0] == 200
        while bytes.fromhex((await line.receive_json(timeout=PATIENCE))["payload"]) != payload:
            pass


@pytest.mark.slow
@pytest.mark.parametrize("part", PARTS)
async def test_a_task_outlives_every_failure(
    tmp_path: Path,
    part: str,
    monkeypatch: pytest.MonkeyPatch,
    warnings_logged: list[logging.LogRecord],
) -> None:
    kind, owner, name, said = PARTS[part]
    monkeypatch.setattr(tasks, "FIRST_PAUSE_SECONDS", 0.01)
    monkeypatch.setattr(serve, "PRUNE_SECONDS", 0.02)
    monkeypatch.setattr(postgres_wakeups, "POLL_SECONDS", 0.02)
    monkeypatch.setattr(postgres_wakeups, "PATIENCE_SECONDS", (0.01,))
    fault, now = Fault(), 1_800_000_000 * 10**9
    fault.put_into(monkeypatch, owner, name)
    async with hosted(kind, tmp_path, lambda: now) as client:
        for failure in FAILURES.values():
            channel, fault.failure = await client.new_channel(), failure
            await listen(client, channel, b"before")
            async with asyncio.timeout(PATIENCE), client.socket(channel.account_token) as line:
                fault.on = True
                now += 200 * HOUR
                await use(client, channel)
                if said:
                    await until(client, lambda status, body: status == 503 and said in body["detail"])
                now -= 400 * HOUR
                await use(client, channel)
                fault.on = False
                await use(client, channel)
                await until(client, lambda status, _: status == 200)
                await listen(client, channel, b"after")
                await line.close()
    warnings_logged.clear()


async def test_failures_of_tasks_are_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, warnings_logged: list[logging.LogRecord]
) -> None:
    fault = Fault()
    fault.put_into(monkeypatch, Mailboxes, "prune")
    fault.on = True
    async with asyncio.timeout(PATIENCE), hosted(SQLITE, tmp_path, lambda: 1) as client:
        await until(client, lambda status, _: status == 503)
        figures = (await client.ask("GET", "/metrics", client.operator_token))[1]
        assert 'channels_host_task_failures_total{task="pruning"} 1.0' in figures
        assert "channels_host_tasks_failing 1.0" in figures
    assert [record.getMessage() for record in warnings_logged] == ["pruning fails and is tried again"]
    warnings_logged.clear()
