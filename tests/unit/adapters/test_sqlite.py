from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest

from channels_desktop.adapters import soundness
from channels_desktop.adapters.migrations import Migration
from channels_desktop.adapters.soundness import APPLICATION_ID
from channels_desktop.adapters.sqlite import Connection, SqliteStore
from channels_desktop.errors import Damage, Damaged, Misuse, StoreCause, StoreError
from tests.contract.store_ports import KEY, MIGRATIONS, Notes, open_file

TIMEOUT = 60.0


async def _open(path: Path, *migrations: Migration, key: bytes | None = None) -> SqliteStore[Notes]:
    return await SqliteStore.open(path, key, migrations=migrations, records=Notes)


async def _ask(path: Path, sql: str, migrations: Sequence[Migration], key: bytes | None = None) -> object:
    store = await _open(path, *migrations, key=key)
    try:
        return await store.query(lambda notes: notes.connection.execute(sql).fetchone()[0])
    finally:
        await store.close()


def _files(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def _modes(folder: Path) -> dict[str, int]:
    return {file.name: file.stat().st_mode & 0o777 for file in folder.iterdir()}


def _threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("store")]


# ------------------------------------------------------------------------------------------------------------ the file


async def test_nothing_readable_reaches_the_disk(tmp_path: Path) -> None:
    store = await open_file(tmp_path / "notes.db")
    try:
        await store.transact(lambda notes: notes.add("a very private word"))
        written = b"".join(_files(tmp_path).values())
    finally:
        await store.close()
    written += _files(tmp_path)["notes.db"]
    assert len(written) > 10_000
    assert b"private" not in written
    assert b"SQLite format" not in written
    assert b"CREATE TABLE" not in written


async def test_the_file_and_its_log_are_their_owners_alone(tmp_path: Path) -> None:
    store = await open_file(tmp_path / "notes.db")
    try:
        await store.transact(lambda notes: notes.add("one"))
        assert _modes(tmp_path) == {
            "notes.db": 0o600,
            "notes.db-wal": 0o600,
            "notes.db-shm": 0o600,
        }
    finally:
        await store.close()
    assert _modes(tmp_path) == {"notes.db": 0o600, "notes.db-closed": 0o600}


async def test_a_name_with_signs_of_an_address_is_still_a_name(tmp_path: Path) -> None:
    path = tmp_path / "100% für?mode=memory#1.db"
    store = await open_file(path)
    await store.transact(lambda notes: notes.add("one"))
    await store.close()
    assert path.exists()
    store = await open_file(path)
    try:
        assert await store.query(Notes.all) == ["one"]
    finally:
        await store.close()


@pytest.mark.parametrize("key", [KEY, None])
async def test_the_file_is_marked_and_set_up_to_be_durable(tmp_path: Path, key: bytes | None) -> None:
    path = tmp_path / "notes.db"
    asked = ("application_id", "user_version", "journal_mode", "synchronous", "foreign_keys", "temp_store", "fullfsync")
    store = await open_file(path, key)
    try:
        found = await store.transact(
            lambda notes: [notes.connection.execute(f"PRAGMA {name}").fetchone()[0] for name in asked]
        )
    finally:
        await store.close()
    assert found == [APPLICATION_ID, len(MIGRATIONS), "wal", 2, 1, 2, 1]


# ----------------------------------------------------------------------------------------------- files that are refused


async def test_the_wrong_key_is_a_store_error_and_the_right_one_still_opens(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "notes.db"
    store = await open_file(path)
    await store.transact(lambda notes: notes.add("kept"))
    await store.close()
    for key, damage in ((bytes(32), Damage.UNFIT), (None, Damage.CHANGED)):
        with pytest.raises(Damaged) as caught:
            await open_file(path, key)
        assert caught.value.damage is damage
        assert bytes(32).hex() not in str(caught.value)
    store = await open_file(path)
    try:
        assert await store.query(Notes.all) == ["kept"]
    finally:
        await store.close()
    assert _threads() == []
    assert capfd.readouterr() == ("", "")


async def test_a_key_of_another_length_is_a_bug_of_ours(tmp_path: Path) -> None:
    with pytest.raises(Misuse):
        await open_file(tmp_path / "notes.db", b"short")


@pytest.mark.parametrize("key", [KEY, None])
async def test_damage_is_told_and_not_taken_for_data(tmp_path: Path, key: bytes | None) -> None:
    path = tmp_path / "notes.db"
    store = await open_file(path, key)
    await store.transact(lambda notes: notes.add(*(f"{number} {'x' * 500}" for number in range(200))))
    await store.close()
    content = bytearray(path.read_bytes())
    content[3 * 4096 : -4096] = bytes(len(content) - 4 * 4096)
    path.write_bytes(content)
    with pytest.raises(Damaged, match="is damaged"):
        await open_file(path, key)
    assert path.read_bytes() == content
    path.write_bytes(b"\x01" * len(content))
    with pytest.raises(Damaged):
        await open_file(path, key)


async def test_damage_of_a_file_too_large_to_read_at_each_start_is_told_when_it_is_met(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "notes.db"
    store = await open_file(path)
    await store.transact(lambda notes: notes.add(*(f"{number} {'x' * 500}" for number in range(200))))
    await store.close()
    content = bytearray(path.read_bytes())
    content[3 * 4096 : -4096] = bytes(len(content) - 4 * 4096)
    path.write_bytes(content)
    monkeypatch.setattr(soundness, "READ_WHOLE", len(content) - 1)
    store = await open_file(path)
    try:
        for look in (store.query(Notes.all), store.transact(Notes.all)):
            with pytest.raises(StoreError) as caught:
                await look
            assert caught.value.cause is StoreCause.WORN
    finally:
        await store.close()
    with pytest.raises(Damaged, match="is damaged"):
        await open_file(path)


async def test_another_programs_database_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE theirs (a)")
    other.close()
    before = path.read_bytes()
    with pytest.raises(StoreError, match="another program"):
        await open_file(path, None)
    assert path.read_bytes() == before


async def test_a_folder_that_is_missing_or_a_file_that_is_a_folder_is_a_store_error(tmp_path: Path) -> None:
    for path in (tmp_path / "missing" / "notes.db", tmp_path):
        with pytest.raises(StoreError):
            await open_file(path)
    assert _threads() == []


async def test_a_full_disk_loses_nothing_that_was_stored(tmp_path: Path) -> None:
    def bound(connection: Connection) -> None:
        connection.execute("PRAGMA max_page_count = 40")  # SQLite gives the same error as for a full disk

    store = await _open(tmp_path / "notes.db", *MIGRATIONS, bound, key=KEY)
    try:
        await store.transact(lambda notes: notes.add("kept"))
        with pytest.raises(StoreError, match="full"):
            await store.transact(lambda notes: notes.add(*(f"{number} {'x' * 5000}" for number in range(100))))
        await store.transact(lambda notes: notes.add("small enough"))
        assert await store.query(Notes.all) == ["kept", "small enough"]
    finally:
        await store.close()


async def test_a_writer_beside_ours_is_told_as_such(tmp_path: Path) -> None:
    path = tmp_path / "notes.db"
    store = await open_file(path, None)
    other = sqlite3.connect(path, isolation_level=None)
    try:
        await store.transact(lambda notes: notes.connection.execute("PRAGMA busy_timeout = 0").fetchall())
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match="in use"):
            await store.transact(lambda notes: notes.add("one"))
        other.execute("ROLLBACK")
        await store.transact(lambda notes: notes.add("one"))
    finally:
        other.close()
        await store.close()


# ---------------------------------------------------------------------------------------------------------- its threads


@pytest.mark.parametrize("key", [KEY, None])
async def test_queries_do_not_wait_for_a_transaction(tmp_path: Path, key: bytes | None) -> None:
    store = await open_file(tmp_path / "notes.db", key)
    begun, go_on = threading.Event(), threading.Event()

    def work(notes: Notes) -> None:
        notes.add("not committed")
        begun.set()
        assert go_on.wait(TIMEOUT)

    try:
        async with asyncio.timeout(TIMEOUT), asyncio.TaskGroup() as tasks:
            tasks.create_task(store.transact(work))
            await asyncio.to_thread(begun.wait, TIMEOUT)
            try:
                assert await asyncio.gather(*(store.query(Notes.all) for _ in range(6))) == [[]] * 6
            finally:
                go_on.set()
    finally:
        await store.close()


async def test_a_query_reads_one_snapshot_however_often_it_looks(tmp_path: Path) -> None:
    store = await open_file(tmp_path / "notes.db")
    looked, go_on = threading.Event(), threading.Event()

    def work(notes: Notes) -> tuple[list[str], list[str]]:
        first = notes.all()
        looked.set()
        assert go_on.wait(TIMEOUT)
        return first, notes.all()

    try:
        async with asyncio.timeout(TIMEOUT), asyncio.TaskGroup() as tasks:
            query = tasks.create_task(store.query(work))
            await asyncio.to_thread(looked.wait, TIMEOUT)
            try:
                await store.transact(lambda notes: notes.add("between"))
            finally:
                go_on.set()
        assert query.result() == ([], [])
        assert await store.query(Notes.all) == ["between"]
    finally:
        await store.close()


async def test_work_never_runs_on_the_loops_thread_and_transactions_share_one(tmp_path: Path) -> None:
    store = await open_file(tmp_path / "notes.db")
    try:
        writers = {await store.transact(lambda _: threading.current_thread()) for _ in range(3)}
        readers = {await store.query(lambda _: threading.current_thread()) for _ in range(3)}
    finally:
        await store.close()
    assert len(writers) == 1
    assert threading.current_thread() not in writers | readers
    assert not any(thread.is_alive() for thread in writers | readers)


async def test_closing_goes_on_when_its_caller_is_cancelled(tmp_path: Path) -> None:
    store = await open_file(tmp_path / "notes.db")
    begun, go_on = threading.Event(), threading.Event()

    def work(notes: Notes) -> None:
        notes.add("one")
        begun.set()
        assert go_on.wait(TIMEOUT)

    async with asyncio.timeout(TIMEOUT), asyncio.TaskGroup() as tasks:
        tasks.create_task(store.transact(work))
        await asyncio.to_thread(begun.wait, TIMEOUT)
        closing = tasks.create_task(store.close())
        await asyncio.sleep(0)
        closing.cancel()
        await asyncio.wait([closing])
        go_on.set()
    await store.close()
    assert _threads() == []
    assert sorted(_files(tmp_path)) == ["notes.db", "notes.db-closed"]


# ----------------------------------------------------------------------------------------------------------- migrations


async def test_an_old_file_is_brought_up_step_by_step_and_keeps_its_rows(tmp_path: Path) -> None:
    path = tmp_path / "notes.db"
    store = await _open(path, MIGRATIONS[0])
    await store.transact(lambda notes: notes.add("old"))
    await store.close()
    seen: list[str] = []

    def third(connection: Connection) -> None:
        seen.extend(words for (words,) in connection.execute("SELECT words FROM note"))
        connection.execute("UPDATE note SET words = 'new'")

    steps = (*MIGRATIONS, third, "CREATE TABLE last (a ANY) STRICT; -- ends in a remark")
    assert await _ask(path, "SELECT words FROM note", steps) == "new"
    assert seen == ["old"]
    assert await _ask(path, "PRAGMA user_version", steps) == 4
    assert seen == ["old"]


@pytest.mark.parametrize("bad", ["INSERT INTO note (words) VALUES ('half'); SELECT * FROM nothing;", None])
async def test_a_step_that_fails_leaves_the_file_at_the_step_before(tmp_path: Path, bad: str | None) -> None:
    path = tmp_path / "notes.db"

    def fails(connection: Connection) -> None:
        connection.execute("INSERT INTO note (words) VALUES ('half')")
        connection.execute("SELECT * FROM nothing")

    with pytest.raises(StoreError, match="nothing"):
        await _open(path, *MIGRATIONS, bad or fails)
    assert await _ask(path, "SELECT count(*) FROM note", MIGRATIONS) == 0
    assert await _ask(path, "PRAGMA user_version", MIGRATIONS) == 2


async def test_a_file_of_a_newer_program_is_refused_and_untouched(tmp_path: Path) -> None:
    path = tmp_path / "notes.db"
    await _ask(path, "SELECT 1", MIGRATIONS)
    before = path.read_bytes()
    with pytest.raises(StoreError, match="version 2"):
        await _open(path, MIGRATIONS[0])
    assert path.read_bytes() == before
