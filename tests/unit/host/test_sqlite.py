from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

import pytest

from channels_desktop.errors import Refused, StoreError
from channels_desktop.host.sqlite import SqliteStore
from channels_desktop.host.sqlite_rows import SqliteRows


def nothing(accounts: set[int]) -> None:
    """Do without wake-ups."""


def add(account: int) -> bytes:
    return account.to_bytes(32, "big")


async def test_what_is_acknowledged_is_on_disk_and_readable(tmp_path: Path) -> None:
    store = await SqliteStore.open(tmp_path, nothing)
    await store.transact(lambda rows: rows.add_account(1, add(1), 0))
    assert await store.query(lambda rows: rows.account_of(add(1))) == 1
    other = sqlite3.connect(tmp_path / "host.sqlite")
    assert other.execute("SELECT id FROM account").fetchall() == [(1,)]
    other.close()
    await store.close()


async def test_work_that_raises_is_undone_alone(tmp_path: Path) -> None:
    store = await SqliteStore.open(tmp_path, nothing)

    def half(rows: SqliteRows) -> None:
        rows.add_account(2, add(2), 0)
        raise Refused("quota")

    def broken(rows: SqliteRows) -> None:
        rows.add_account(3, add(3), 0)
        raise ZeroDivisionError

    results = await asyncio.gather(
        store.transact(lambda rows: rows.add_account(1, add(1), 0)),
        store.transact(half),
        store.transact(broken),
        store.transact(lambda rows: rows.add_account(4, add(4), 0)),
        return_exceptions=True,
    )
    assert [type(result) for result in results] == [type(None), Refused, ZeroDivisionError, type(None)]
    found = [await store.query(lambda rows, n=n: rows.account_of(add(n))) for n in (1, 2, 3, 4)]  # type: ignore[misc]
    assert found == [1, None, None, 4]
    await store.close()


async def test_a_database_error_fails_its_batch_as_a_store_error_and_the_next_works(tmp_path: Path) -> None:
    store = await SqliteStore.open(tmp_path, nothing)
    await store.transact(lambda rows: rows.add_account(1, add(1), 0))
    with pytest.raises(StoreError):
        await store.transact(lambda rows: rows.add_account(1, add(1), 0))
    await store.transact(lambda rows: rows.add_account(2, add(2), 0))
    with pytest.raises(StoreError):
        await store.query(lambda rows: rows.add_account(3, add(3), 0))
    await store.close()


async def test_a_reader_that_left_does_not_stop_its_work_or_the_news_of_it(tmp_path: Path) -> None:
    woken: asyncio.Queue[set[int]] = asyncio.Queue()
    store = await SqliteStore.open(tmp_path, woken.put_nowait)

    def post(rows: SqliteRows) -> None:
        rows.add_account(7, add(7), 0)
        rows.touched.add(7)

    task = asyncio.get_running_loop().create_task(store.transact(post))
    await asyncio.sleep(0)
    task.cancel()
    assert await asyncio.wait_for(woken.get(), 10) == {7}
    assert await store.query(lambda rows: rows.account_of(add(7))) == 7
    await store.close()


async def test_one_folder_has_one_host(tmp_path: Path) -> None:
    store = await SqliteStore.open(tmp_path, nothing)
    with pytest.raises(StoreError, match="another host"):
        await SqliteStore.open(tmp_path, nothing)
    await store.close()
    with pytest.raises(StoreError, match="closed"):
        await store.transact(SqliteRows.newest)
    again = await SqliteStore.open(tmp_path, nothing)
    await again.close()


@pytest.mark.parametrize("kind", ["text", "other", "newer"])
async def test_files_of_others_are_left_alone(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "host.sqlite"
    if kind == "text":
        path.write_text("not a database at all, but long enough to have a header" * 10)
    else:
        if kind == "newer":
            await (await SqliteStore.open(tmp_path, nothing)).close()
        db = sqlite3.connect(path)
        db.executescript("CREATE TABLE t (a); PRAGMA user_version = 99;")
        db.close()
    before = path.read_bytes()
    with pytest.raises(StoreError):
        await SqliteStore.open(tmp_path, nothing)
    assert path.read_bytes() == before


async def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    taken = tmp_path / "taken"
    await asyncio.to_thread(taken.write_bytes, b"a file")
    with pytest.raises(StoreError):
        await SqliteStore.open(taken, nothing)


async def test_freed_bytes_are_given_back_and_leave_no_trace(tmp_path: Path) -> None:
    store = await SqliteStore.open(tmp_path, nothing)
    secret = b"forget me " * 50_000

    def fill(rows: SqliteRows) -> None:
        rows.add_account(1, add(1), 0)
        rows.set_owner(1, rows.add_token(channel_of(rows), add(2), can_read=True, can_write=False))
        channel = rows.channel("c")
        assert channel is not None
        rows.add_message(channel, 0, "t", secret)

    def channel_of(rows: SqliteRows) -> int:
        return rows.add_channel(1, "c", public=True, auto_delete=True, at=0)

    def forget(rows: SqliteRows) -> None:
        channel = rows.channel("c")
        assert channel is not None
        rows.set_watermark(channel.owner, 1)
        rows.free(channel, 1, 1)

    await store.transact(fill)
    await store.close()
    path = tmp_path / "host.sqlite"
    assert path.stat().st_size > len(secret)
    store = await SqliteStore.open(tmp_path, nothing)
    await store.transact(forget)
    await store.close()
    assert b"forget me" not in path.read_bytes()
    await (await SqliteStore.open(tmp_path, nothing)).close()
    assert path.stat().st_size < len(secret) / 2
