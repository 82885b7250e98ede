"""The Store port: the encrypted file, the plain file and the one in memory keep the same promises."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from channels_desktop.adapters.sqlite import SqliteStore
from channels_desktop.errors import Misuse, StoreError
from tests.contract.store_ports import KEY, Notes, open_file, opened

TIMEOUT = 60.0
ROOT = Path(__file__).parents[2]


@pytest_asyncio.fixture(params=["encrypted", "plain", "memory"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[SqliteStore[Notes]]:
    async with opened(request.param, tmp_path) as store:
        yield store


async def test_a_transaction_gives_its_result_and_is_seen_by_queries(store: SqliteStore[Notes]) -> None:
    def work(notes: Notes) -> list[str]:
        notes.add("one")
        return notes.all()

    assert await store.transact(work) == ["one"]
    assert await store.query(Notes.all) == ["one"]


@pytest.mark.parametrize("error", [ValueError("no"), KeyboardInterrupt(), asyncio.CancelledError()])
async def test_an_exception_undoes_everything_and_is_raised_to_the_caller(
    store: SqliteStore[Notes], error: BaseException
) -> None:
    def work(notes: Notes) -> None:
        notes.add("lost")
        raise error

    async def attempt() -> BaseException | None:
        try:
            await store.transact(work)
        except BaseException as raised:  # noqa: BLE001 - which one it is, is the test
            return raised
        return None

    assert type(await attempt()) is type(error)
    await store.transact(lambda notes: notes.add("kept"))
    assert await store.query(Notes.all) == ["kept"]


async def test_a_stop_iteration_cannot_hang_the_caller(store: SqliteStore[Notes]) -> None:
    async with asyncio.timeout(TIMEOUT):
        with pytest.raises(Misuse):
            await store.transact(lambda notes: next(iter(notes.all())))


async def test_transactions_run_in_the_order_of_the_calls(store: SqliteStore[Notes]) -> None:
    words = [f"{number:03}" for number in range(50)]
    await asyncio.gather(*(store.transact(lambda notes, word=word: notes.add(word)) for word in words))  # type: ignore[misc]
    assert await store.query(Notes.all) == words


async def test_a_query_started_during_a_transaction_never_sees_its_half(store: SqliteStore[Notes]) -> None:
    await store.transact(lambda notes: notes.add("before"))
    begun, go_on = threading.Event(), threading.Event()

    def work(notes: Notes) -> None:
        notes.add("first half")
        begun.set()
        assert go_on.wait(TIMEOUT)
        notes.add("second half")

    async with asyncio.timeout(TIMEOUT), asyncio.TaskGroup() as tasks:
        tasks.create_task(store.transact(work))
        await asyncio.to_thread(begun.wait, TIMEOUT)
        queries = [tasks.create_task(store.query(Notes.all)) for _ in range(8)]
        await asyncio.sleep(0)
        go_on.set()
    whole = ["before", "first half", "second half"]
    assert all(query.result() in (["before"], whole) for query in queries)
    assert await store.query(Notes.all) == whole


async def test_a_query_cannot_write(store: SqliteStore[Notes]) -> None:
    with pytest.raises(StoreError):
        await store.query(lambda notes: notes.add("sneaked in"))
    await store.transact(lambda notes: notes.add("kept"))
    assert await store.query(Notes.all) == ["kept"]


async def test_an_exception_from_a_query_is_raised_to_the_caller(store: SqliteStore[Notes]) -> None:
    def work(notes: Notes) -> None:
        raise LookupError(len(notes.all()))

    for _ in range(5):  # more often than there are connections
        with pytest.raises(LookupError):
            await store.query(work)


async def test_what_the_database_refuses_is_a_store_error_and_undoes_everything(store: SqliteStore[Notes]) -> None:
    def twice(notes: Notes) -> None:
        notes.add("same")
        notes.add("same")

    with pytest.raises(StoreError, match="UNIQUE"):
        await store.transact(twice)
    assert await store.query(Notes.all) == []


async def test_a_commit_that_fails_leaves_the_store_usable(store: SqliteStore[Notes]) -> None:
    with pytest.raises(StoreError, match="FOREIGN KEY"):
        await store.transact(lambda notes: notes.answer(99))  # is checked at the commit
    await store.transact(lambda notes: notes.add("kept"))
    assert await store.query(Notes.all) == ["kept"]


async def test_a_savepoint_undoes_only_its_own_part(store: SqliteStore[Notes]) -> None:
    def fail_inside(notes: Notes) -> None:
        with notes.savepoint():
            notes.add("undone")
            raise StoreError("inner")

    def work(notes: Notes) -> None:
        notes.add("outer")
        with notes.savepoint():
            notes.add("kept")
            with pytest.raises(StoreError, match="inner"):
                fail_inside(notes)
        notes.add("after")

    await store.transact(work)
    assert await store.query(Notes.all) == ["outer", "kept", "after"]


async def test_a_savepoint_does_not_hide_that_the_whole_transaction_is_gone(store: SqliteStore[Notes]) -> None:
    def work(notes: Notes) -> None:
        notes.add("lost")
        with contextlib.suppress(LookupError), notes.savepoint():
            notes.connection.execute("ROLLBACK")  # as SQLite does by itself when the disk is full
            raise LookupError
        notes.add("stray")

    with pytest.raises(StoreError):
        await store.transact(work)
    assert await store.query(Notes.all) == []


async def test_cancelling_the_caller_leaves_the_transaction_whole(store: SqliteStore[Notes]) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def work(notes: Notes) -> None:
        notes.add("first half")
        begun.set()
        assert go_on.wait(TIMEOUT)
        notes.add("second half")

    async with asyncio.timeout(TIMEOUT), asyncio.TaskGroup() as tasks:
        running = tasks.create_task(store.transact(work))
        await asyncio.to_thread(begun.wait, TIMEOUT)
        waiting = tasks.create_task(store.transact(lambda notes: notes.add("never begun")))
        await asyncio.sleep(0)
        running.cancel()
        waiting.cancel()
        await asyncio.wait([running, waiting])
        go_on.set()
    assert await store.transact(Notes.all) == ["first half", "second half"]


async def test_close_finishes_what_is_queued_and_ends_every_thread(store: SqliteStore[Notes]) -> None:
    done: list[str] = []
    async with asyncio.TaskGroup() as tasks:
        for word in ("one", "two"):
            tasks.create_task(store.transact(lambda _, word=word: done.append(word)))  # type: ignore[misc]
        await asyncio.sleep(0)
        tasks.create_task(store.close())
        tasks.create_task(store.close())
    assert done == ["one", "two"]
    assert [thread.name for thread in threading.enumerate() if thread.name.startswith("store")] == []
    await store.close()
    for call in (store.transact, store.query):
        with pytest.raises(StoreError, match="closed"):
            await call(Notes.all)


CHILD = """
import asyncio, sys, threading
from pathlib import Path
from tests.contract.store_ports import KEY, open_file

async def main(path, key):
    store = await open_file(path, key)
    for number in range(20):
        await store.transact(lambda notes: notes.add(f"committed {number}"))
    def work(notes):
        for number in range(2000):
            notes.add(f"torn {number} " + "x" * 1000)
        print("inside", flush=True)
        threading.Event().wait()
    await store.transact(work)

asyncio.run(main(Path(sys.argv[1]), KEY if sys.argv[2] == "encrypted" else None))
"""


@pytest.mark.parametrize("kind", ["encrypted", "plain"])
async def test_a_killed_process_leaves_exactly_what_it_committed(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "notes.db"
    command = [sys.executable, "-c", CHILD, str(path), kind]
    child = await asyncio.create_subprocess_exec(*command, cwd=ROOT, stdout=subprocess.PIPE)
    assert child.stdout is not None
    try:
        assert await asyncio.wait_for(child.stdout.readline(), TIMEOUT) == b"inside\n"
    finally:
        child.kill()
        await child.communicate()
    store = await open_file(path, KEY if kind == "encrypted" else None)
    try:
        assert await store.query(Notes.all) == [f"committed {number}" for number in range(20)]
        await store.transact(lambda notes: notes.add("goes on"))
    finally:
        await store.close()
