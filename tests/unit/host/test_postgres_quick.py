"""Posts on PostgreSQL without a transaction around them: whatever changes meanwhile is seen, nothing is half done."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import pytest
import pytest_asyncio

from channels_desktop.errors import Refused, StoreError
from channels_desktop.host import batch_rows, postgres_posts
from channels_desktop.host.management import ChannelView, posting
from channels_desktop.host.messages import HostMessage
from channels_desktop.host.postgres import PostgresStore
from channels_desktop.host.postgres_batch import PgBatch, PgQuick
from channels_desktop.host.postgres_queries import WRITE_UNCHANGED
from channels_desktop.host.rows import MESSAGE_OVERHEAD, Retention, Rows, Settings
from tests import postgres
from tests.contract.host_ports import DAY, ONE, Place, text

TIMEOUT = 60.0
MIB = 1024 * 1024

Change = Callable[["World"], Awaitable[object]]


@dataclass
class World:
    """A store, another process of the same host, and an account with two channels; the second is read by a guest."""

    place: Place
    other: Place
    url: str
    token: str
    account: int
    channel: ChannelView
    second: ChannelView
    guest: str

    @property
    def write(self) -> str:
        return text(self.channel, "write")

    async def post(self, payload: bytes = b"x") -> HostMessage:
        return await self.place.post(self.write, self.channel, payload)

    async def pruned(self) -> None:
        """Let the other process delete what is too old."""
        self.other.now += 2 * DAY
        assert await self.other.change(lambda rules: rules.prune(10)) == 3

    async def state(self) -> tuple[int, ...]:
        """Return what says that an account was changed."""
        session = await asyncpg.connect(self.url)
        try:
            row = await session.fetchrow("SELECT version, position, stored FROM account WHERE id = $1", self.account)
        finally:
            await session.close()
        return tuple(row or ())


@pytest_asyncio.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    del tmp_path
    place, other = Place(), Place()
    async with asyncio.timeout(TIMEOUT), postgres.database() as url:
        place.store = await PostgresStore.open(url, place.changed.update)
        other.store = await PostgresStore.open(url, other.changed.update)
        account, token = await place.change(lambda rules: rules.create_account())
        channel = await place.channel(token)
        second = await place.channel(token, Settings(auto_delete=True, retention=Retention(0, 1, auto_prune=True)))
        guest = await place.change(
            lambda rules: rules.create_token(token, second.id, "", can_read=True, can_write=False)
        )
        for _ in range(3):
            await place.post(text(second, "write"), second)
        yield World(place, other, url, token, account, channel, second, guest.token)
        await place.store.close()
        await other.store.close()


@dataclass
class Ways:
    """How many batches were written quickly, and how many under locks."""

    quick: int = 0
    locked: int = 0


@pytest.fixture
def ways(monkeypatch: pytest.MonkeyPatch) -> Ways:
    counted = Ways()
    write, load = PgQuick.write, PgBatch.load

    async def counted_write(self: PgQuick) -> None:
        await write(self)
        counted.quick += bool(self.held)

    async def counted_load(*arguments: object, **more: bool) -> PgBatch:
        counted.locked += 1
        return await load(*arguments, **more)  # type: ignore[arg-type] # as they came

    monkeypatch.setattr(PgQuick, "write", counted_write)
    monkeypatch.setattr(PgBatch, "load", counted_load)
    return counted


def between(monkeypatch: pytest.MonkeyPatch, act: Callable[[], Awaitable[object]]) -> None:
    """Do something, once, after posts were looked up and before they are written."""
    write = PgQuick.write

    async def after_something(self: PgQuick) -> None:
        monkeypatch.setattr(PgQuick, "write", write)
        await act()
        await write(self)

    monkeypatch.setattr(PgQuick, "write", after_something)


async def test_who_only_writes_goes_quickly(world: World, ways: Ways) -> None:
    sent = await asyncio.gather(
        *(world.post() for _ in range(5)), world.place.post(text(world.second, "write"), world.second)
    )
    assert [message.sequence for message in sent] == [1, 2, 3, 4, 5, 4]
    assert (ways.quick, ways.locked) == (1, 0)
    assert await world.place.sequences(world.token, world.channel) == [1, 2, 3, 4, 5]
    counts = await world.place.counts(world.token)
    assert (counts.position, counts.stored) == (9, 9 * ONE)


async def test_what_is_refused_is_refused_quickly(world: World, ways: Ways) -> None:
    for token, reason in (("made up", "unauthorized"), ("", "unauthorized"), (world.guest, "forbidden")):
        with pytest.raises(Refused, match=reason):
            await world.place.post(token, world.channel)
    assert (ways.quick, ways.locked) == (0, 1), "only who may read somewhere takes the long way"


async def test_who_reads_too_goes_the_long_way(world: World, ways: Ways) -> None:
    both = await world.place.change(
        lambda rules: rules.create_token(world.token, world.channel.id, "", can_read=True, can_write=True)
    )
    await world.place.post(both.token, world.channel)
    assert (ways.quick, ways.locked) == (0, 1)
    assert await world.place.sequences(both.token, world.channel) == []


CHANGES: dict[str, tuple[Change, str]] = {
    "revoked": (
        lambda w: w.other.change(lambda r: r.revoke_token(w.token, w.channel.id, w.channel.tokens[1].key)),
        "unauthorized",
    ),
    "locked": (
        lambda w: w.other.change(
            lambda r: r.amend_channel(w.token, w.channel.id, public_read=False, public_write=False, locked=True)
        ),
        "locked",
    ),
    "deleted": (lambda w: w.other.change(lambda r: r.delete_channel(w.token, w.channel.id)), "unauthorized"),
    "removed": (lambda w: w.other.change(lambda r: r.remove_account(w.account)), "unauthorized"),
    "let in": (
        lambda w: w.other.change(lambda r: r.create_token(w.token, w.channel.id, "", can_read=True, can_write=True)),
        "",
    ),
    "posted": (lambda w: w.other.post(w.write, w.channel), ""),
    "freed": (lambda w: w.other.change(lambda r: r.delete(w.token, w.second.id, 3, older=True)), ""),
    "read": (lambda w: w.other.change(lambda r: r.mark(w.guest, w.second.id, 2, read=True, older=False)), ""),
    "unread": (lambda w: w.other.change(lambda r: r.mark(w.guest, w.second.id, 1, read=False, older=False)), ""),
    "pruned": (lambda w: w.pruned(), ""),
    "created": (lambda w: w.other.channel(w.token), ""),
}


@pytest.mark.parametrize("name", CHANGES)
async def test_what_somebody_changes_meanwhile_is_seen(
    world: World, ways: Ways, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    change, reason = CHANGES[name]
    if name == "unread":
        await world.place.change(lambda rules: rules.mark(world.guest, world.second.id, 1, read=True, older=False))
    before = await world.state()
    between(monkeypatch, lambda: change(world))
    if reason:
        with pytest.raises(Refused, match=reason):
            await world.post()
    else:
        message = await world.post()
        assert message.sequence == (2 if name == "posted" else 1)
        assert await world.place.sequences(world.token, world.channel) == list(range(1, message.sequence + 1))
        rest = {"freed": await world.place.stored(world.token, world.second), "pruned": 0}.get(name, 3 * ONE)
        assert (await world.place.counts(world.token)).stored == message.sequence * ONE + rest
    assert await world.state() != before
    assert ways.locked >= 1


async def test_an_account_that_somebody_holds_does_not_hold_up_the_rest(world: World, ways: Ways) -> None:
    other = await world.place.channel(await world.place.account())
    session = await asyncpg.connect(world.url)
    async with session.transaction():
        await session.execute("SELECT id FROM account WHERE id = $1 FOR UPDATE", world.account)
        waiting = asyncio.get_running_loop().create_task(world.post())
        assert (await world.place.post(text(other, "write"), other)).sequence == 1
        assert not waiting.done()
    await session.close()
    assert (await waiting).sequence == 1
    assert ways.quick >= 1


async def test_a_change_that_comes_to_nothing_is_no_change(
    world: World, ways: Ways, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def undone(rows: Rows) -> None:
        rules = world.other.rules(rows)
        await rules.mark(world.guest, world.second.id, 1, read=True, older=False)
        raise ZeroDivisionError

    async def act() -> None:
        with pytest.raises(ZeroDivisionError):
            await world.other.store.transact(undone)

    between(monkeypatch, act)
    assert (await world.post()).sequence == 1
    assert (ways.quick, ways.locked) == (1, 0)
    assert await world.place.sequences(world.token, world.channel) == [1]


async def test_a_statement_that_fails_is_run_again_under_locks(
    world: World, ways: Ways, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(self: PgQuick) -> None:
        await self._session.execute("SELECT 1 / 0")

    monkeypatch.setattr(PgQuick, "write", broken)
    assert (await world.post()).sequence == 1
    assert ways.locked == 1


async def test_what_may_have_been_written_is_not_written_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The session dies with the answer on its way."""
    write = PgQuick.write

    async def unheard(self: PgQuick) -> None:
        await write(self)
        await self._session.execute("SELECT pg_terminate_backend(pg_backend_pid())")

    with monkeypatch.context() as patch:
        patch.setattr(PgQuick, "write", unheard)
        with pytest.raises(StoreError):
            await world.post()
    assert await world.place.sequences(world.token, world.channel) == [1]
    assert (await world.post()).sequence == 2


async def test_a_session_that_died_unused_costs_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres_posts, "LIVES_SECONDS", 0)  # it is a while ago
    await world.post()
    session = await asyncpg.connect(world.url)
    ended = await session.fetch("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'WITH held%'")
    assert len(ended) == 1
    await session.close()
    assert (await world.post()).sequence == 2


async def test_more_than_a_statement_takes_goes_the_long_way(
    world: World, ways: Ways, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch_rows, "BYTES_AT_ONCE", 2 * MIB)
    sent = await asyncio.gather(*(world.post(bytes(MIB)) for _ in range(5)))
    assert sorted(message.sequence for message in sent) == [1, 2, 3, 4, 5]
    assert (ways.quick, ways.locked) == (1, 1)
    assert await world.place.stored(world.token, world.channel) == 5 * (MIB + MESSAGE_OVERHEAD)


async def test_the_parts_of_a_large_batch_share_a_commit() -> None:
    """Whoever reads too goes under locks, where parts are written; positions go on from one to the next."""
    place = Place()
    sizes: list[int] = []
    async with asyncio.timeout(TIMEOUT), postgres.database() as url:
        place.store = await PostgresStore.open(url, place.changed.update, lambda works, _: sizes.append(works))
        token = await place.account()
        channel = await place.channel(token, one_owner=True)
        payload = bytes(MIB)
        count = batch_rows.BYTES_AT_ONCE // len(payload) + 3
        sizes.clear()
        await asyncio.gather(*(place.post(text(channel, "owner"), channel, payload) for _ in range(count)))
        assert (await place.counts(token)).position == count
        await place.store.close()
    assert sizes == [count]


async def test_a_work_on_two_accounts_is_done_as_a_whole(world: World, ways: Ways) -> None:
    other = await world.place.channel(await world.place.account())

    async def both(rows: Rows) -> None:
        rules = world.place.rules(rows)
        await rules.post(world.write, world.channel.id, "t", b"x")
        await rules.post(text(other, "write"), other.id, "t", b"x")

    await asyncio.gather(
        world.place.store.transact(both, posting(world.channel.id, world.write)),
        world.place.post(text(other, "write"), other),
    )
    assert ways.locked >= 1
    assert await world.place.sequences(world.token, world.channel) == [1]
    assert await world.place.sequences(text(other, "read"), other) == [1, 2]


async def test_nothing_is_looked_through(world: World) -> None:
    session = await asyncpg.connect(world.url)
    await session.execute("SET plan_cache_mode = force_generic_plan")
    await session.execute("SET enable_seqscan = off")
    await session.execute(f"PREPARE w AS {WRITE_UNCHANGED}")
    arrays = ", ".join(["'{}'"] * 17)
    plan = "\n".join(row[0] for row in await session.fetch(f"EXPLAIN EXECUTE w({arrays})"))
    await session.close()
    assert "account_pkey" in plan
    assert "Seq Scan" not in plan
