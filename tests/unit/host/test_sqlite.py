"""What only the SQLite store does: its file, its folder, its backups, and a disk that is full."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import sqlite3
import subprocess
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import TypeVar

import pytest

from channels_desktop.errors import StoreError
from channels_desktop.host.limits import Limits
from channels_desktop.host.mailboxes import Mailboxes
from channels_desktop.host.management import ChannelView
from channels_desktop.host.rows import MESSAGE_OVERHEAD, Rows, Settings, unheard
from channels_desktop.host.sqlite import APPLICATION_ID, SPARE_PAGES, SqliteStore, connect
from channels_desktop.host.sqlite_schema import VERSIONS

T = TypeVar("T")

NOW = 1_800_000_000_000_000_000
DATA = Path(__file__).parents[2] / "data"
TIMEOUT = 60.0
PAGE = 4096


class Mail:
    """A store on a folder, with one account and one channel."""

    def __init__(self, store: SqliteStore, token: str, channel: ChannelView) -> None:
        self.store = store
        self.token = token
        self.channel = channel

    @classmethod
    async def open(cls, folder: Path) -> Mail:
        store = await SqliteStore.open(folder, unheard)
        token = (await change(store, lambda rules: rules.create_account()))[1]
        return cls(
            store, token, await change(store, lambda rules: rules.create_channel(token, Settings(), one_owner=True))
        )

    async def post(self, payload: bytes) -> int:
        token, channel = self.channel.tokens[0].token, self.channel.id
        return (await change(self.store, lambda rules: rules.post(token, channel, "t", payload))).sequence

    async def delete(self, sequence: int, *, older: bool = True) -> None:
        channel = self.channel.id
        await change(self.store, lambda rules: rules.delete(self.token, channel, sequence, older=older))

    async def reopen(self, folder: Path) -> None:
        await self.store.close()
        self.store = await SqliteStore.open(folder, unheard)

    async def sequences(self) -> list[int]:
        return await sequences(self.store, self.token, self.channel.id)


def rules_on(rows: Rows) -> Mailboxes:
    return Mailboxes(rows, Limits(), lambda: NOW)


async def change(store: SqliteStore, work: Callable[[Mailboxes], Awaitable[T]]) -> T:
    return await store.transact(lambda rows: work(rules_on(rows)))


async def sequences(store: SqliteStore, token: str, channel: str, *, unread: bool = False) -> list[int]:
    _, found = await store.query(lambda rows: rules_on(rows).read(token, channel, 0, unread=unread))
    return [message.sequence for message in found]


async def pragma(store: SqliteStore, words: str, *, write: bool = False) -> int:
    async def work(rows: Rows) -> int:
        found = rows._db.execute(f"PRAGMA {words}").fetchone()  # type: ignore[attr-defined]  # noqa: SLF001
        return found[0] if found else 0

    return await (store.transact if write else store.query)(work)


async def test_what_is_acknowledged_is_on_disk(tmp_path: Path) -> None:
    mail = await Mail.open(tmp_path)
    await mail.post(b"kept")
    with contextlib.closing(sqlite3.connect(tmp_path / "host.sqlite")) as other:
        assert other.execute("SELECT payload FROM message").fetchall() == [(b"kept",)]
    assert await pragma(mail.store, "synchronous") == 2
    await mail.store.close()


async def test_the_loop_hears_how_large_batches_are(tmp_path: Path) -> None:
    heard: list[tuple[int, float]] = []
    mail = await Mail.open(tmp_path)
    await mail.store.close()
    mail.store = await SqliteStore.open(tmp_path, unheard, lambda works, seconds: heard.append((works, seconds)))
    await asyncio.gather(*(mail.post(b"x") for _ in range(20)))
    assert [works for works, _ in heard] == [20], "what comes in one turn of the loop shares one commit"
    assert 0 < heard[0][1] < TIMEOUT
    await mail.store.close()


async def test_a_transaction_that_the_database_gave_up_takes_nothing_with_it(tmp_path: Path) -> None:
    """As SQLite does by itself where a disk or the memory fails within a statement."""
    mail = await Mail.open(tmp_path)

    async def gives_up(rows: Rows) -> None:
        rows._db.execute("ROLLBACK")  # type: ignore[attr-defined]  # noqa: SLF001
        raise MemoryError

    outcomes = await asyncio.gather(
        mail.post(b"1"), mail.store.transact(gives_up), mail.post(b"2"), return_exceptions=True
    )
    assert [outcomes[0], type(outcomes[1]), outcomes[2]] == [1, MemoryError, 2]
    assert await mail.sequences() == [1, 2]
    await mail.store.close()


async def test_one_folder_has_one_host(tmp_path: Path) -> None:
    store = await SqliteStore.open(tmp_path, unheard)
    with pytest.raises(StoreError, match="another host"):
        await SqliteStore.open(tmp_path, unheard)
    await store.close()
    await (await SqliteStore.open(tmp_path, unheard)).close()


@pytest.mark.parametrize("kind", ["text", "other", "newer"])
async def test_files_of_others_are_left_alone(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "host.sqlite"
    if kind == "text":
        path.write_text("not a database at all, but long enough to have a header" * 10)
    else:
        if kind == "newer":
            await (await SqliteStore.open(tmp_path, unheard)).close()
        with contextlib.closing(sqlite3.connect(path)) as db:
            db.executescript("CREATE TABLE t (a); PRAGMA user_version = 99;")
    before = path.read_bytes()
    with pytest.raises(StoreError):
        await SqliteStore.open(tmp_path, unheard)
    assert path.read_bytes() == before


async def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    taken = tmp_path / "taken"
    await asyncio.to_thread(taken.write_bytes, b"a file")
    with pytest.raises(StoreError):
        await SqliteStore.open(taken, unheard)


# --------------------------------------------------------------------------------------------------------- old versions


async def test_a_file_of_version_1_goes_on(tmp_path: Path) -> None:
    """It was made by the first published host: two accounts, three channels, marks, hidden and freed messages."""
    shutil.copy(DATA / "host-1.sqlite", tmp_path / "host.sqlite")
    store = await SqliteStore.open(tmp_path, unheard)
    assert await pragma(store, "user_version") == len(VERSIONS) == 5
    accounts = await store.query(lambda rows: rules_on(rows).accounts())
    sums = [(row.id, row.channels, row.stored, row.position) for row in accounts]
    assert sums == [(11, 2, 77 + 15 * MESSAGE_OVERHEAD, 30), (22, 1, 63 + 9 * MESSAGE_OVERHEAD, 30)]
    one, two = await store.query(lambda rows: rules_on(rows).channels("first account"))
    assert (one.head, one.settings, [view.name for view in one.tokens][:2]) == (10, Settings(), ["read", "write"])
    assert two.settings == Settings(public_write=True, auto_delete=True)
    assert await sequences(store, "first account", one.id) == [3, 4, 5, 6, 7, 8, 9, 10]
    assert await sequences(store, one.tokens[0].token, one.id, unread=True) == [3, 7, 8, 10]
    assert await sequences(store, "late reader", one.id) == [2, 3, 4, 5, 6, 7, 8, 9, 10]
    assert await sequences(store, "first account", two.id) == [5, 6, 7, 8, 9, 10]
    posted = await change(store, lambda rules: rules.post(one.tokens[1].token, one.id, "t", b"new"))
    assert posted.sequence == 11
    (other,) = await store.query(lambda rows: rules_on(rows).channels("second account"))
    line = await store.query(lambda rows: rules_on(rows).line("second account"))
    await change(store, lambda rules: rules.post(other.tokens[1].token, other.id, "t", b"new"))
    ((position, message),), _ = await store.query(lambda rows: rules_on(rows).unread_after(line, 30))
    assert (message.sequence, position) == (11, 32), "positions go on above those that were given"
    await change(store, lambda rules: rules.delete("late reader", one.id, 11, older=True))
    await change(store, lambda rules: rules.delete("first account", one.id, 11, older=True))
    await change(store, lambda rules: rules.mark("first account", two.id, 10, read=True, older=True))
    accounts = await store.query(lambda rows: rules_on(rows).accounts())
    assert [row.stored for row in accounts] == [0, 66 + 10 * MESSAGE_OVERHEAD]
    await store.close()


def test_channels_of_version_3_open_to_the_public_as_they_were_made(tmp_path: Path) -> None:
    path = tmp_path / "host.sqlite"
    with contextlib.closing(sqlite3.connect(path)) as db:
        for script in (*VERSIONS[:3], f"PRAGMA application_id = {APPLICATION_ID}", "PRAGMA user_version = 3"):
            db.executescript(script)
        db.execute("INSERT INTO account VALUES (1, x'00', 0, '', 2, 0, 0)")
        for key, name in ((1, "read"), (2, "owner")):
            channel = "INSERT INTO channel (key, id, account, public_write, auto_delete, created, owner)"
            db.execute(f"{channel} VALUES (?1, ?1, 1, 1, 0, 0, ?1)", (key,))
            token = "INSERT INTO token (key, token, channel, can_read, can_write, name)"
            db.execute(f"{token} VALUES (?1, ?2, ?1, 1, 1, ?3)", (key, bytes([key]), name))
        db.commit()
    with contextlib.closing(connect(path)) as db:
        assert db.execute("SELECT key, opens FROM channel ORDER BY key").fetchall() == [(1, 1), (2, 0)]


def test_a_new_file_has_the_tables_of_one_brought_up_to_date(tmp_path: Path) -> None:
    shutil.copy(DATA / "host-1.sqlite", tmp_path / "old")
    tables = []
    for name in ("old", "new"):
        with contextlib.closing(connect(tmp_path / name)) as db:
            tables.append(db.execute("SELECT type, name, sql FROM sqlite_schema ORDER BY name").fetchall())
            assert db.execute("PRAGMA foreign_key_check").fetchall() == []
    assert tables[0] == tables[1]


# ---------------------------------------------------------------------------------------------------------- freed bytes


async def test_freed_bytes_leave_no_trace_and_are_given_back_at_the_next_start(tmp_path: Path) -> None:
    mail = await Mail.open(tmp_path)
    secret = b"forget me " * 50_000
    await mail.post(secret)
    await mail.reopen(tmp_path)
    path = tmp_path / "host.sqlite"
    assert path.stat().st_size > len(secret)
    await mail.delete(1)
    await mail.store.close()
    assert b"forget me" not in path.read_bytes()
    await (await SqliteStore.open(tmp_path, unheard)).close()
    assert path.stat().st_size < len(secret) / 2


async def test_many_freed_bytes_are_given_back_while_it_serves(tmp_path: Path) -> None:
    mail = await Mail.open(tmp_path)
    for _ in range(4):
        await mail.post(bytes(SPARE_PAGES * PAGE))
    full = await pragma(mail.store, "page_count")
    await mail.delete(4)
    async with asyncio.timeout(TIMEOUT):
        while await pragma(mail.store, "freelist_count") > SPARE_PAGES:
            await mail.post(b"x")
    assert await pragma(mail.store, "page_count") < full - 2 * SPARE_PAGES
    await mail.store.close()
    assert (tmp_path / "host.sqlite").stat().st_size < 2 * SPARE_PAGES * PAGE


# ---------------------------------------------------------------------------------------------------------- a full disk


async def fill(mail: Mail, size: int) -> list[int]:
    """Post, several at once, until the disk is full; return what was acknowledged."""
    acknowledged: list[int] = []
    while True:
        outcomes = await asyncio.gather(*(mail.post(bytes(size)) for _ in range(8)), return_exceptions=True)
        acknowledged += [outcome for outcome in outcomes if isinstance(outcome, int)]
        failed = [outcome for outcome in outcomes if not isinstance(outcome, int)]
        if failed:
            assert {type(outcome) for outcome in failed} == {StoreError}
            return acknowledged


async def test_a_full_database_refuses_what_does_not_fit_and_nothing_else(tmp_path: Path) -> None:
    mail = await Mail.open(tmp_path)
    await mail.post(b"first")
    most = await pragma(mail.store, "page_count") + 100
    await pragma(mail.store, f"max_page_count = {most}", write=True)
    outcomes = await asyncio.gather(
        *(mail.post(bytes(size)) for size in (10, PAGE * 200, 10, PAGE * 50, PAGE * 200, 10)), return_exceptions=True
    )
    assert outcomes[0::2] == [2, 3, outcomes[4]]
    assert [type(outcome) for outcome in outcomes] == [int, StoreError, int, int, StoreError, int]
    acknowledged = [1, *(outcome for outcome in outcomes if isinstance(outcome, int)), *await fill(mail, PAGE * 9)]
    assert acknowledged == list(range(1, len(acknowledged) + 1)), "what failed took no number"
    assert await mail.sequences() == acknowledged
    await mail.delete(4, older=False)
    acknowledged.remove(4)
    acknowledged.append(await mail.post(bytes(PAGE * 30)))
    await mail.reopen(tmp_path)
    assert await mail.sequences() == acknowledged
    await mail.store.close()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Return a folder on a file system of 4 MiB."""
    place = tmp_path / "small"
    place.mkdir()
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        pytest.skip("only root mounts a small file system")
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "none", place], capture_output=True, check=False)
    if mounted.returncode:
        pytest.skip(f"mount: {mounted.stderr.decode()}")
    yield place
    subprocess.run(["umount", place], check=True)


async def test_a_full_disk_loses_nothing_and_the_next_post_works(small_disk: Path) -> None:
    ballast = small_disk / "ballast"
    await asyncio.to_thread(ballast.write_bytes, bytes(1024 * 1024))
    mail = await Mail.open(small_disk)
    acknowledged = await fill(mail, 20_000)
    assert await mail.sequences() == acknowledged == list(range(1, len(acknowledged) + 1))
    await asyncio.to_thread(ballast.unlink)
    acknowledged.append(await mail.post(b"there is room again"))
    await mail.reopen(small_disk)
    assert await mail.sequences() == acknowledged
    assert len(acknowledged) > 20
    await mail.store.close()
