"""What the SQLite store knows of posts from one transaction to the next, and writes for many at once."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import AsyncIterator, Awaitable
from pathlib import Path

import pytest
import pytest_asyncio

from channels_desktop.errors import Refused
from channels_desktop.host import sqlite_batch
from channels_desktop.host.management import posting
from channels_desktop.host.rows import Rows, Settings
from channels_desktop.host.sqlite import WRITES_AT_ONCE, connect
from channels_desktop.host.sqlite_batch import SqliteBatch
from channels_desktop.host.sqlite_rows import DROP_PASSED
from tests.contract.host_ports import Place, opened, text


@pytest_asyncio.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    async with opened("sqlite", tmp_path) as place:
        yield place


@pytest.fixture
def asked(place: Place) -> list[str]:
    """Return what the writing connection is asked from now on."""
    said: list[str] = []
    place.store._writes._db.set_trace_callback(said.append)  # type: ignore[attr-defined]  # noqa: SLF001
    return said


async def test_many_posts_take_a_few_statements(place: Place, asked: list[str]) -> None:
    token = await place.account()
    channels = [await place.channel(token) for _ in range(5)]
    asked.clear()
    posts = [place.post(text(channel, "write"), channel) for _ in range(26) for channel in channels]
    sent = await asyncio.gather(*posts)
    assert len(sent) < WRITES_AT_ONCE, "they fit into one transaction"
    assert len(asked) <= 10
    assert [message.sequence for message in sent] == [n for n in range(1, 27) for _ in channels]
    for channel in channels:
        assert await place.sequences(token, channel) == list(range(1, 27))
    counts = await place.counts(token)
    assert (counts.stored, counts.position) == (len(posts), len(posts))


async def test_what_was_looked_up_is_not_looked_up_again(place: Place, asked: list[str]) -> None:
    channel = await place.channel(await place.account())
    await place.post(text(channel, "write"), channel)
    asked.clear()
    await place.post(text(channel, "write"), channel)
    assert [statement for statement in asked if statement.startswith("SELECT")] == []


async def test_what_is_known_is_bounded(place: Place, monkeypatch: pytest.MonkeyPatch, asked: list[str]) -> None:
    monkeypatch.setattr(sqlite_batch, "_MOST_KNOWN", 4)
    channel = await place.channel(await place.account())
    for n in range(10):
        with pytest.raises(Refused, match="unauthorized"):
            await place.post(f"made up {n}", channel)
    rows: SqliteBatch = place.store._writes._rows  # type: ignore[attr-defined]  # noqa: SLF001
    assert rows.known <= 6
    asked.clear()
    await place.post(text(channel, "write"), channel)
    assert await place.sequences(text(channel, "read"), channel) == [1]


@pytest.mark.parametrize("posting_again", [True, False])
async def test_another_process_is_believed_at_once(
    place: Place,
    tmp_path: Path,
    posting_again: bool,  # noqa: FBT001
) -> None:
    token = await place.account()
    channel = await place.channel(token)
    await place.post(text(channel, "write"), channel)
    with contextlib.closing(sqlite3.connect(tmp_path / "host.sqlite", isolation_level=None)) as other:
        other.execute("PRAGMA foreign_keys = ON")
        other.execute("DELETE FROM account")
    asking: Awaitable[object]
    if posting_again:
        asking = place.post(text(channel, "write"), channel)
    else:
        read = text(channel, "read")
        asking = place.change(lambda rules: rules.mark(read, channel.id, 1, read=True, older=False))
    with pytest.raises(Refused, match="unauthorized"):
        await asking


async def test_what_is_undone_is_not_known(place: Place) -> None:
    token = await place.account()
    channel = await place.channel(token)
    write = text(channel, "write")
    await place.post(write, channel)

    async def spoilt(rows: Rows) -> None:
        await place.rules(rows).post(write, channel.id, "t", b"x")
        raise MemoryError

    with pytest.raises(MemoryError):
        await place.store.transact(spoilt, posting(channel.id, write))
    assert (await place.post(write, channel)).sequence == 2
    assert await place.sequences(token, channel) == [1, 2]
    assert (await place.counts(token)).stored == 2


async def test_posts_come_before_what_else_a_transaction_holds(place: Place) -> None:
    token = await place.account()
    channel = await place.channel(token, Settings(sequenced=True), one_owner=True)
    guest = await place.change(lambda rules: rules.create_token(token, channel.id, "", can_read=True, can_write=True))
    await place.post(guest.token, channel)
    _, owners, guests = await asyncio.gather(
        place.change(lambda rules: rules.mark(token, channel.id, 1, read=True, older=True)),
        place.post(text(channel, "owner"), channel),
        place.post(guest.token, channel),
        return_exceptions=True,
    )
    assert isinstance(owners, Refused)
    assert owners.reason == "conflict", "the owner had not read yet"
    assert not isinstance(guests, BaseException)
    assert guests.sequence == 2
    await place.change(lambda rules: rules.mark(token, channel.id, 2, read=True, older=False))
    assert (await place.post(text(channel, "owner"), channel)).sequence == 3


def test_no_statement_of_a_batch_looks_through_a_table(tmp_path: Path) -> None:
    with contextlib.closing(connect(tmp_path / "host.sqlite")) as db:
        hashes = ("[0]", bytes(32))
        statements: tuple[tuple[str, tuple[object, ...]], ...] = (
            (sqlite_batch._CHANNELS, ("[]",)),  # noqa: SLF001
            (sqlite_batch._TOKENS, hashes),  # noqa: SLF001
            (sqlite_batch._OWNERS, hashes),  # noqa: SLF001
            (sqlite_batch._GROW_CHANNELS, ("[]",)),  # noqa: SLF001
            (sqlite_batch._GROW_ACCOUNTS, ("[]",)),  # noqa: SLF001
            (DROP_PASSED, (1, 1)),
        )
        for statement, values in statements:
            steps = [step for *_, step in db.execute(f"EXPLAIN QUERY PLAN {statement}", values)]
            assert steps
            assert [step for step in steps if step.startswith("SCAN") and not step.startswith("SCAN n ")] == []


def test_a_batch_that_knows_nothing_asks_nothing(tmp_path: Path) -> None:
    with contextlib.closing(connect(tmp_path / "host.sqlite")) as db:
        said: list[str] = []
        db.set_trace_callback(said.append)
        SqliteBatch(db).load([])
        assert said == []
