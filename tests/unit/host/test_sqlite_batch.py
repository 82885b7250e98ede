"""What the SQLite store knows of posts from one transaction to the next, and writes for many at once."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
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
from tests.contract.host_ports import ONE, Place, opened, text


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
    statements = {one for one in asked if not one.startswith("--")}  # a statement is named again after its trigger
    assert len(statements) <= 8
    assert [message.sequence for message in sent] == [n for n in range(1, 27) for _ in channels]
    for channel in channels:
        assert await place.sequences(token, channel) == list(range(1, 27))
    counts = await place.counts(token)
    assert (counts.stored, counts.position) == (len(posts) * ONE, len(posts))


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


def _spoilt(place: Place, token: str, channel_id: str) -> Callable[[Rows], Awaitable[None]]:
    """Return a work that posts and then fails."""

    async def spoilt(rows: Rows) -> None:
        await place.rules(rows).post(token, channel_id, "t", b"x")
        await rows.account(0)
        raise MemoryError

    return spoilt


async def test_what_is_undone_is_not_known(place: Place) -> None:
    token = await place.account()
    channel = await place.channel(token)
    write = text(channel, "write")
    await place.post(write, channel)

    with pytest.raises(MemoryError):
        await place.store.transact(_spoilt(place, write, channel.id), posting(channel.id, write))
    assert (await place.post(write, channel)).sequence == 2
    assert await place.sequences(token, channel) == [1, 2]
    assert (await place.counts(token)).stored == 2 * ONE


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


async def test_what_is_fresh_is_what_others_wrote(place: Place) -> None:
    token = await place.account()
    (account, channel, other) = (await place.counts(token)).id, *[await place.channel(token) for _ in range(2)]
    shared = await place.channel(token, one_owner=True)
    owner = text(shared, "owner")
    guest = await place.change(lambda rules: rules.create_token(token, shared.id, "", can_read=True, can_write=True))
    place.fresh.clear()
    sent = await asyncio.gather(
        place.post(text(channel, "write"), channel, b"1"),
        place.post(owner, shared, b"2"),
        place.post(text(other, "write"), other, b"3"),
        place.post(guest.token, shared, b"4"),
        place.post(owner, shared, b"5"),
        place.post(guest.token, shared, b"6"),
    )
    unread = await place.look(lambda rules: rules._rows.account_messages(account, 0, most=9, space=99))  # noqa: SLF001
    assert place.fresh == {account: unread[0]}
    assert [message for _, message in place.fresh[account]] == [sent[n] for n in (0, 2, 3, 5)]
    place.fresh.clear()
    await place.post(owner, shared)
    assert place.fresh == {account: []}, "there is nothing to look for"


async def test_nothing_is_fresh_where_something_else_has_changed(place: Place) -> None:
    token = await place.account()
    channel = await place.channel(token)
    write = text(channel, "write")
    place.fresh.clear()
    _, posted = await asyncio.gather(
        place.change(lambda rules: rules.create_channel(token, Settings(), one_owner=False)), place.post(write, channel)
    )
    assert posted.sequence == 1
    with pytest.raises(MemoryError):
        await place.store.transact(_spoilt(place, write, channel.id), posting(channel.id, write))
    assert not place.fresh
    await place.post(write, channel)
    (found,) = place.fresh.values()
    assert [message.sequence for _, message in found] == [2]


def test_no_statement_of_a_batch_looks_through_a_table(tmp_path: Path) -> None:
    with contextlib.closing(connect(tmp_path / "host.sqlite")) as db:
        hashes = ("[0]", bytes(32))
        statements: tuple[tuple[str, tuple[object, ...]], ...] = (
            (sqlite_batch._CHANNELS, ("[]",)),  # noqa: SLF001
            (sqlite_batch._TOKENS, hashes),  # noqa: SLF001
            (sqlite_batch._OWNERS, hashes),  # noqa: SLF001
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
