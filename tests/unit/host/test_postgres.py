"""One store on PostgreSQL: batches of posts, its tables, its plans, and a server that fails. Rules: tests/contract."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import signal
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import pytest_asyncio

from channels_desktop.errors import Misuse, Refused, StoreError
from channels_desktop.host import postgres_queries as sql
from channels_desktop.host.batch_rows import BYTES_AT_ONCE
from channels_desktop.host.mailboxes import Mailboxes
from channels_desktop.host.management import ChannelView, hashed
from channels_desktop.host.postgres import WAIT_SESSIONS, WORK_SESSIONS, PostgresStore
from channels_desktop.host.postgres_schema import MIGRATIONS
from channels_desktop.host.postgres_session import CONNECT_SECONDS, LOCK_SECONDS, STATEMENT_SECONDS, connect
from channels_desktop.host.rows import MESSAGE_OVERHEAD, Posting, Rows, Settings
from tests import postgres
from tests.contract.host_ports import ONE, Place, opened, text

TIMEOUT = 60.0


def nothing(*_: object) -> None:
    """Do without news."""


@pytest_asyncio.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    async with asyncio.timeout(TIMEOUT), opened("postgres", tmp_path) as place:
        yield place


def posting(channel: ChannelView, name: str) -> Posting:
    return Posting(channel.id, hashed(text(channel, name)))


# ------------------------------------------------------------------------------------------------------------ batches


async def test_posts_share_a_commit() -> None:
    place, sizes = Place(), []
    async with asyncio.timeout(TIMEOUT), postgres.database() as url:
        place.store = await PostgresStore.open(url, nothing, lambda works, _: sizes.append(works))
        tokens = [await place.account() for _ in range(4)]
        channels = [await place.channel(token) for token in tokens]
        sizes.clear()
        await asyncio.gather(*(place.post(text(channel, "write"), channel) for channel in channels for _ in range(25)))
        await place.store.close()
    assert sizes == [100]


async def test_what_the_database_cannot_hold_fails_alone(place: Place) -> None:
    token = await place.account()
    channel = await place.channel(token)

    async def too_late(rows: Rows) -> None:
        await Mailboxes(rows, place.limits, lambda: 2**63).post(text(channel, "write"), channel.id, "t", b"x")

    results = await asyncio.gather(
        place.post(text(channel, "write"), channel),
        place.store.transact(too_late, posting(channel, "write")),
        place.post(text(channel, "write"), channel),
        return_exceptions=True,
    )
    assert [isinstance(result, StoreError) for result in results] == [False, True, False]
    assert await place.sequences(token, channel) == [1, 2]


@pytest.mark.parametrize("error", [ZeroDivisionError(), Refused("quota"), asyncio.CancelledError()])
async def test_a_post_that_breaks_off_costs_the_others_nothing(place: Place, error: BaseException) -> None:
    token = await place.account()
    channel = await place.channel(token)

    async def half(rows: Rows) -> None:
        await place.rules(rows).post(text(channel, "write"), channel.id, "t", b"half")
        raise error

    async def early(_rows: Rows) -> None:
        raise error

    async with asyncio.timeout(TIMEOUT):
        results = await asyncio.gather(
            place.post(text(channel, "write"), channel),
            place.store.transact(half, posting(channel, "write")),
            place.store.transact(early, posting(channel, "write")),
            place.post(text(channel, "write"), channel),
            return_exceptions=True,
        )
    assert [type(result) for result in results[1:3]] == [type(error)] * 2
    assert await place.sequences(token, channel) == [1, 2]
    assert await place.stored(token, channel) == 2 * ONE


async def test_a_batch_that_is_large_is_written_in_parts(place: Place) -> None:
    token = await place.account()
    channel = await place.channel(token)
    payload = os.urandom(1024 * 1024)
    count = BYTES_AT_ONCE // len(payload) + 3
    done = await asyncio.gather(*(place.post(text(channel, "write"), channel, payload) for _ in range(count)))
    assert sorted(message.sequence for message in done) == list(range(1, count + 1))
    assert (
        await place.stored(token, channel)
        == (await place.counts(token)).stored
        == count * (len(payload) + MESSAGE_OVERHEAD)
    )


async def test_posts_that_look_up_more_than_they_said_are_right(place: Place) -> None:
    """What one post changes besides is seen by the posts after it in the batch."""
    token = await place.account()
    channel, other = await place.channel(token, one_owner=True), await place.channel(token)

    async def post_and_shut(rows: Rows) -> None:
        rules = place.rules(rows)
        await rules.post(text(channel, "owner"), channel.id, "t", b"x")
        await rules.post(text(other, "write"), other.id, "t", b"x")
        await rules.mark(text(channel, "owner"), channel.id, 1, read=False, older=False)
        await rules.amend_channel(token, channel.id, public_read=False, public_write=False, locked=True)

    async def shut() -> None:
        await place.store.transact(post_and_shut, posting(channel, "owner"))  # after the post before it

    results = await asyncio.gather(
        place.post(text(channel, "owner"), channel),
        shut(),
        place.post(text(channel, "owner"), channel),
        place.post(text(other, "write"), other),
        return_exceptions=True,
    )
    assert isinstance(results[2], Refused)
    assert results[2].reason == "locked"
    assert await place.sequences(token, channel) == [1]
    assert await place.sequences(token, channel, unread=False) == [1, 2]
    assert await place.sequences(token, other) == [1, 2]


async def test_own_posts_count_as_read_whoever_else_posts(place: Place) -> None:
    token = await place.account()
    for sequenced in (False, True):
        channel = await place.channel(token, Settings(sequenced=sequenced), one_owner=True)
        blind = await place.change(
            lambda rules, c=channel: rules.create_token(token, c.id, "", can_read=False, can_write=True)
        )
        owner = text(channel, "owner")
        who = [owner, owner, blind.token, owner, blind.token, owner]
        done = await asyncio.gather(*(place.post(each, channel) for each in who), return_exceptions=True)
        theirs = [message.sequence for each, message in zip(who, done, strict=True) if each != owner]
        assert await place.sequences(owner, channel) == theirs
        refused = [each for each, message in zip(who, done, strict=True) if isinstance(message, Refused)]
        assert refused == ([owner] * 4 if sequenced else []), "who only writes comes first"


async def test_a_locked_account_holds_up_nobody_else(place: Place) -> None:
    tokens = [await place.account() for _ in range(2)]
    busy, free = [await place.channel(token) for token in tokens]
    inside, leave = asyncio.Event(), asyncio.Event()

    async def long(rows: Rows) -> None:
        await place.rules(rows).account(tokens[0])
        inside.set()
        await leave.wait()

    async with asyncio.TaskGroup() as group:
        holding = place.store.transact(long)
        await inside.wait()
        late = [group.create_task(place.post(text(busy, "write"), busy)) for _ in range(3)]
        more = [group.create_task(place.channel(tokens[0])) for _ in range(2 * (WORK_SESSIONS + WAIT_SESSIONS))]
        for _ in range(3):
            await place.post(text(free, "write"), free)
            await place.channel(tokens[1])
        assert not any(task.done() for task in (*late, *more))
        leave.set()
        await holding
    assert sorted(task.result().sequence for task in late) == [1, 2, 3]
    assert (await place.counts(tokens[0])).channels == 1 + len(more)


async def test_accounts_are_locked_in_order_whatever_the_order_of_work(place: Place) -> None:
    """A work that would lock against the order is run again, and knows nothing of it."""
    made = [await place.change(lambda rules: rules.create_account()) for _ in range(2)]
    (first, low), (second, high) = sorted(made)
    seen: list[list[int]] = []

    async def both(rows: Rows) -> list[int]:
        rules = place.rules(rows)
        seen.append([await rules.account(high), await rules.account(low)])
        return seen[-1]

    assert await place.store.transact(both) == [second, first]
    assert seen == [[second, first]], "the first try broke off between the two"


async def test_a_message_is_added_in_a_batch_to_the_row_as_it_is_now(place: Place) -> None:
    token = await place.account()
    channel = await place.channel(token)

    async def twice(rows: Rows) -> None:
        row = await rows.channel(channel.id)
        assert row is not None
        for _ in range(2):
            await rows.add_message(row, 0, "t", b"x")

    with pytest.raises(Misuse):
        await place.store.transact(twice, posting(channel, "write"))
    assert await place.stored(token, channel) == 0


async def test_a_look_that_fails_costs_the_others_nothing(place: Place) -> None:
    token = await place.account()
    channel = await place.channel(token)

    async def breaks(_rows: Rows) -> None:
        raise ZeroDivisionError

    looks = [place.sequences(token, channel) for _ in range(20)]
    writes = [place.look(lambda rules: rules.create_channel(token, Settings(), one_owner=True)) for _ in range(3)]
    breaking = [place.store.query(breaks) for _ in range(3)]
    results = await asyncio.gather(*looks[:10], *writes, *breaking, *looks[10:], return_exceptions=True)
    kinds = [type(result) for result in results]
    assert kinds == [list] * 10 + [StoreError] * 3 + [ZeroDivisionError] * 3 + [list] * 10


# ------------------------------------------------------------------------------------------------- tables and plans


async def test_hosts_that_start_together_make_the_tables_once() -> None:
    async with asyncio.timeout(TIMEOUT), postgres.database() as url:
        stores = await asyncio.gather(*(PostgresStore.open(url, nothing) for _ in range(4)))
        await asyncio.gather(*(store.close() for store in stores))
        session = await asyncpg.connect(url)
        assert [tuple(row) for row in await session.fetch("SELECT version FROM host_schema")] == [(len(MIGRATIONS),)]
        await session.execute("UPDATE host_schema SET version = version + 1")
        with pytest.raises(StoreError, match=r"version \d+; this program knows"):
            await PostgresStore.open(url, nothing)
        await session.close()


async def test_what_cannot_be_opened_is_a_store_error(tmp_path: Path) -> None:
    nowhere = f"postgresql://me:secret@/x?host={tmp_path}"
    wrong = ["http://x", "postgresql://me:secret@[::1/x", "postgresql://me:secret/@127.0.0.1/x"]
    for url in (nowhere, *wrong, "postgresql://me:secret@127.0.0.1:1/x", "postgresql://me:secret@127.0.0.1:99999/x"):
        with pytest.raises(StoreError) as refused:
            await PostgresStore.open(url, nothing)
        assert "secret" not in str(refused.value)


STATEMENTS = {name: text for name, text in vars(sql).items() if name[0] != "_" and isinstance(text, str)}
FILLED = """
INSERT INTO account (id, token, name, created) SELECT n, int8send(n), '', n FROM generate_series(1, 3) n;
INSERT INTO channel (id, account, public_read, public_write, sequenced, locked, auto_delete, min_age_days,
    max_age_days, auto_prune, owner, created)
    SELECT n, n % 3 + 1, false, false, false, false, true, 0, 0, false, n, 0 FROM generate_series(1, 6) n;
INSERT INTO token (channel, name, description, can_read, can_write, created)
    SELECT n, '', '', true, true, 0 FROM generate_series(1, 6) n;
INSERT INTO message SELECT n % 6 + 1, n, n % 3 + 1, n, n, n, '', '' FROM generate_series(1, 5000) n;
INSERT INTO exception SELECT n % 6 + 1, n FROM generate_series(1, 4000) n;
INSERT INTO hidden SELECT 1, n FROM generate_series(1, 4000) n;
ANALYZE;
"""
KEYS = {"message": ("channel", "account", "expires"), "exception": ("reader",), "hidden": ("reader",)}


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for below in plan.get("Plans", []):
        yield from nodes(below)


async def plan(session: asyncpg.Connection[asyncpg.Record], statement: str) -> list[dict[str, Any]]:
    """Return the steps of a statement's plan for any values."""
    count = len(set(re.findall(r"\$\d+", statement)))
    await session.execute(f"PREPARE it AS {statement}")
    values = f"({', '.join(['NULL'] * count)})" if count else ""
    found = json.loads(await session.fetchval(f"EXPLAIN (FORMAT JSON) EXECUTE it {values}"))
    await session.execute("DEALLOCATE it")
    return list(nodes(found[0]["Plan"]))


def faults(name: str, step: dict[str, Any]) -> Iterator[str]:
    """Yield what is wrong with one step of a plan."""
    kind, table, keys = step["Node Type"], step.get("Relation Name"), step.get("Index Cond", "").lstrip("(")
    if kind in {"Seq Scan", "Hash Join", "Merge Join", "Materialize"} and name not in {"ACCOUNTS", "TOUCH"}:
        yield f"{name}: {kind} {table}"
    if kind == "Sort" and name.startswith("PAGE"):
        yield f"{name} sorts what it does not need"
    if "Index" in kind and not keys.startswith(KEYS.get(table, ("",)) if keys else "a key"):
        yield f"{name}: {table} by {keys}"
    if "Join Filter" in step:
        yield f"{name} passes over rows that are none of its own"


@pytest.mark.parametrize("content", ["SELECT 1", "ANALYZE", FILLED], ids=["new", "empty", "filled"])
async def test_every_statement_finds_its_rows_by_keys(content: str) -> None:
    """The cost of a statement follows from what it finds, not from what is stored, nor from what is known of that."""
    found: list[str] = []
    async with asyncio.timeout(TIMEOUT), postgres.database() as url:
        await (await PostgresStore.open(url, nothing)).close()
        session = await connect(url)
        try:
            await session.execute(content)
            for name, statement in STATEMENTS.items():
                for step in await plan(session, statement):
                    found += faults(name, step)
        finally:
            await session.close()
    assert found == []
    assert len(STATEMENTS) > 40


# ---------------------------------------------------------------------------------------------- a server that fails


async def test_a_server_that_is_gone_is_a_store_error_and_all_goes_on_when_it_is_back(
    place: Place, warnings_logged: list[object]
) -> None:
    token = await place.account()
    channel = await place.channel(token)
    await place.post(text(channel, "write"), channel)
    server = postgres.server()
    await asyncio.to_thread(server.stop, "immediate")
    try:
        for act in (
            lambda: place.post(text(channel, "write"), channel),
            place.account,
            lambda: place.sequences(token, channel),
        ):
            with pytest.raises(StoreError):
                await act()
    finally:
        await asyncio.to_thread(server.start)
    assert (await place.post(text(channel, "write"), channel)).sequence == 2
    assert await place.sequences(token, channel) == [1, 2]
    warnings_logged.clear()


@pytest.mark.slow
async def test_a_lock_that_is_never_let_go_is_a_store_error_in_time() -> None:
    place = Place()
    async with asyncio.timeout(TIMEOUT), postgres.database() as url:
        place.store = await PostgresStore.open(url, nothing)
        token = await place.account()
        channel = await place.channel(token)
        session = await asyncpg.connect(url)
        await session.execute("BEGIN")
        await session.execute("SELECT id FROM account FOR NO KEY UPDATE")
        started = time.monotonic()
        results = await asyncio.gather(
            place.post(text(channel, "write"), channel), place.channel(token), return_exceptions=True
        )
        waited = time.monotonic() - started
        await session.close()
        assert (await place.post(text(channel, "write"), channel)).sequence == 1
        await place.store.close()
    assert [type(result) for result in results] == [StoreError] * 2
    assert waited < 4 * LOCK_SECONDS + 1


@pytest.mark.slow
async def test_a_server_that_does_not_answer_is_a_store_error_in_time(
    place: Place, warnings_logged: list[object]
) -> None:
    token = await place.account()
    channel = await place.channel(token)
    await place.post(text(channel, "write"), channel)
    await place.sequences(token, channel)
    pids = await postgres.server().processes()
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    started = time.monotonic()
    try:
        results = await asyncio.gather(
            place.post(text(channel, "write"), channel),
            place.account(),
            place.sequences(token, channel),
            return_exceptions=True,
        )
    finally:
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)
    assert time.monotonic() - started < STATEMENT_SECONDS + CONNECT_SECONDS + 5
    assert [type(result) for result in results] == [StoreError] * 3
    await place.post(text(channel, "write"), channel)
    warnings_logged.clear()
