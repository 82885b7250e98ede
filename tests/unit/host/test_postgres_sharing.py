"""Several hosts over one PostgreSQL: news between them, order and numbers, mixed work, and a server that crashes."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

import asyncpg
import pytest
import pytest_asyncio

from channels_desktop.errors import Refused, StoreError
from channels_desktop.host.mailboxes import Mailboxes
from channels_desktop.host.management import ChannelView
from channels_desktop.host.messages import HostMessage
from channels_desktop.host.postgres import PostgresStore
from channels_desktop.host.postgres_session import connect
from channels_desktop.host.postgres_wakeups import CHANNEL, IDS_AT_ONCE, Wakeups
from channels_desktop.host.rows import Retention, Settings
from channels_desktop.host.tasks import Tasks
from tests import postgres
from tests.contract.host_ports import DAY, Place, text

TIMEOUT = 120.0


@dataclass
class News:
    """What a store has said; `gap` is set whenever everybody has to look."""

    woken: asyncio.Queue[set[int]] = field(default_factory=asyncio.Queue)
    gap: asyncio.Event = field(default_factory=asyncio.Event)

    async def of(self, account: int) -> None:
        """Wait for news of an account."""
        while account not in await self.woken.get():
            pass


def _unexpected(notice: str) -> None:
    raise AssertionError(notice)


@dataclass
class Shared:
    """Two hosts over one database."""

    url: str
    one: Place
    two: Place
    news: tuple[News, News]

    @property
    def places(self) -> tuple[Place, Place]:
        return self.one, self.two

    async def ask(self, query: str) -> list[asyncpg.Record]:
        """Ask the database itself."""
        session = await asyncpg.connect(self.url)
        try:
            return await session.fetch(query)
        finally:
            await session.close()


@pytest_asyncio.fixture
async def shared() -> AsyncIterator[Shared]:
    async with asyncio.timeout(TIMEOUT), postgres.database() as url, contextlib.AsyncExitStack() as undo:
        made = Shared(url, Place(), Place(), (News(), News()))
        for place, news in zip(made.places, made.news, strict=True):
            place.store = await PostgresStore.open(url, news.woken.put_nowait, on_gap=news.gap.set)
            undo.push_async_callback(place.store.close)
            await news.gap.wait()
            news.gap.clear()
        yield made


# ---------------------------------------------------------------------------------------------------------------- news


async def test_a_post_at_one_host_wakes_the_other(shared: Shared) -> None:
    account, token = await shared.one.change(lambda rules: rules.create_account())
    channel = await shared.two.channel(token)
    await shared.two.post(text(channel, "write"), channel)
    await shared.news[0].of(account)
    assert await shared.one.sequences(token, channel) == [1]
    await shared.one.change(lambda rules: rules.delete_channel(token, channel.id))
    await shared.news[1].of(account)
    with pytest.raises(Refused, match="not_found"):
        await shared.two.sequences(token, channel)


async def test_everybody_looks_again_after_the_line_broke(
    shared: Shared, warnings_logged: list[logging.LogRecord]
) -> None:
    account, token = await shared.one.change(lambda rules: rules.create_account())
    channel = await shared.one.channel(token)
    await shared.ask("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'channels-%'")
    for news in shared.news:
        await news.gap.wait()
    await shared.one.post(text(channel, "write"), channel)
    await shared.news[1].of(account)
    assert {"wake-ups" in record.getMessage() for record in warnings_logged} <= {True}
    warnings_logged.clear()


async def test_news_of_many_accounts_reach_the_others_alone() -> None:
    async with asyncio.timeout(TIMEOUT), postgres.database() as url:
        heard: list[list[int]] = [[], [], []]
        complete = asyncio.Event()
        everything = set(range(2**62, 2**62 + 2 * IDS_AT_ONCE + 1))

        def listen(at: int) -> Callable[[set[int]], None]:
            def hear(accounts: set[int]) -> None:
                heard[at].extend(accounts)
                if len(heard[1]) >= len(everything) and len(heard[2]) >= len(everything):
                    complete.set()

            return hear

        ready = [asyncio.Event() for _ in heard]
        lines = [Wakeups(url, await connect(url), listen(at), ready[at].set, _unexpected, Tasks()) for at in range(3)]
        for event in ready:
            await event.wait()
        await postgres.server().execute(f"NOTIFY {CHANNEL}, 'somebody says something else'")
        lines[0].tell(everything)
        await complete.wait()
        for line in lines:
            await line.close()
        assert [sorted(ids) for ids in heard] == [[], sorted(everything), sorted(everything)]


async def test_everybody_looks_again_now_and_then_also_where_much_is_told() -> None:
    async with asyncio.timeout(TIMEOUT), postgres.database() as url:
        looks = asyncio.Semaphore(0)
        line = Wakeups(url, await connect(url), lambda _: None, looks.release, _unexpected, Tasks(), poll_seconds=0.01)
        for account in range(5):
            await looks.acquire()
            line.tell({account})
        await line.close()


# ---------------------------------------------------------------------------------------------------- order and numbers


async def tail(place: Place, token: str, count: int, woken: asyncio.Queue[set[int]]) -> list[HostMessage]:
    """Read an account's mail by position, page after page, as a websocket does."""
    line = await place.look(lambda rules: rules.line(token))
    found: list[HostMessage] = []
    at = 0
    while len(found) < count:
        page, more = await place.look(lambda rules, at=at: rules.unread_after(line, at))
        found += [message for _, message in page]
        at = page[-1][0] if page else at
        if not (more or len(found) == count):
            await woken.get()
    return found


async def test_posts_from_both_hosts_are_numbered_without_gap_and_appear_in_order(shared: Shared) -> None:
    """Whoever reads on from a position misses nothing: no message appears below one that was there."""
    token = await shared.one.account()
    channels = [await shared.one.channel(token) for _ in range(2)]
    each = 40
    async with asyncio.TaskGroup() as group:
        tails = [
            group.create_task(tail(place, token, 2 * 2 * each, news.woken))
            for place, news in zip(shared.places, shared.news, strict=True)
        ]
        posts = [
            group.create_task(place.post(text(channel, "write"), channel))
            for place in shared.places
            for channel in channels
            for _ in range(each)
        ]
    for channel in channels:
        numbers = [post.result().sequence for post in posts if post.result().channel_id == channel.id]
        assert sorted(numbers) == list(range(1, 2 * each + 1))
        for one in tails:
            assert [message.sequence for message in one.result() if message.channel_id == channel.id] == sorted(numbers)


# ---------------------------------------------------------------------------------------------------------- mixed work


class Worker:
    """Works of all kinds on accounts that others work on too."""

    def __init__(self, place: Place, number: int, accounts: list[tuple[int, str]], channels: list[ChannelView]) -> None:
        self.place = place
        self.number = number
        self.accounts = accounts
        self.channels = channels
        self.refused = 0

    async def run(self, rounds: int) -> None:
        works = [
            self.post,
            self.mark,
            self.unmark,
            self.delete,
            self.tokens,
            self.foreign,
            self.come_and_go,
            self.prune,
        ]
        order = itertools.islice(itertools.cycle(works), self.number, self.number + rounds * len(works))
        for step, work in enumerate(order):
            at = (self.number * 5 + step) % len(self.channels)
            try:
                await work(self.accounts[at % len(self.accounts)][1], self.channels[at])
            except Refused:
                self.refused += 1

    async def post(self, _token: str, channel: ChannelView) -> None:
        await asyncio.gather(*(self.place.post(text(channel, "owner"), channel, b"12345") for _ in range(3)))

    async def mark(self, token: str, channel: ChannelView) -> None:
        await self.place.mark(token, channel, 1 + self.number, older=True)

    async def unmark(self, token: str, channel: ChannelView) -> None:
        await self.place.mark(token, channel, 1 + self.number, read=False, older=True)

    async def delete(self, token: str, channel: ChannelView) -> None:
        await self.place.delete(token, channel, 2 + self.number, older=False)

    async def tokens(self, token: str, channel: ChannelView) -> None:
        made = await self.place.change(
            lambda rules: rules.create_token(token, channel.id, "", can_read=True, can_write=True)
        )
        await self.place.post(made.token, channel, b"1")
        await self.place.change(lambda rules: rules.revoke_token(token, channel.id, made.key))

    async def foreign(self, _token: str, channel: ChannelView) -> None:
        """Look up one account and then another, in the order that this worker happens to take."""

        async def both(rules: Mailboxes) -> None:
            at = self.number % len(self.accounts)
            for _, token in (self.accounts[at], self.accounts[at - 1]):
                await rules.account(token)
            await rules.post(self.accounts[at][1], channel.id, "t", b"123")

        await self.place.change(both)

    async def come_and_go(self, token: str, _channel: ChannelView) -> None:
        made = await self.place.channel(token, Settings(auto_delete=True), one_owner=True)
        await self.place.post(text(made, "owner"), made, b"12")
        await self.place.change(lambda rules: rules.delete_channel(token, made.id))
        number, _ = await self.place.change(lambda rules: rules.create_account())
        await self.place.change(lambda rules: rules.remove_account(number))

    async def prune(self, _token: str, _channel: ChannelView) -> None:
        await self.place.change(lambda rules: rules.prune(7))


@pytest.mark.slow
async def test_all_kinds_of_work_at_once_neither_block_each_other_nor_lose_count(shared: Shared) -> None:
    accounts = [await shared.one.change(lambda rules: rules.create_account()) for _ in range(3)]
    chosen = [
        Settings(public_write=True, auto_delete=True),
        Settings(public_write=True, sequenced=True),
        Settings(public_write=True, retention=Retention(0, 1, auto_prune=True)),
    ]
    channels = [
        await shared.one.channel(token, settings, one_owner=True)
        for (_, token), settings in zip(itertools.cycle(accounts), chosen * 2, strict=False)
    ]
    before = await postgres.server().execute("SELECT sum(deadlocks) AS count FROM pg_stat_database")
    shared.two.now += DAY
    workers = [Worker(place, n, accounts, channels) for place in shared.places for n in range(6)]
    async with asyncio.TaskGroup() as group:
        for worker in workers:
            group.create_task(worker.run(4))
    assert any(worker.refused for worker in workers)
    for place in shared.places:
        await place.store.close()
    assert await postgres.server().execute("SELECT sum(deadlocks) AS count FROM pg_stat_database") == before
    wrong = """SELECT c.key FROM channel c WHERE stored <> (
            SELECT coalesce(sum(length(payload) + 512), 0) FROM message m WHERE m.channel = c.key)
        UNION ALL SELECT a.id FROM account a WHERE stored <> (
            SELECT coalesce(sum(stored), 0) FROM channel c WHERE c.account = a.id)
        OR channels <> (SELECT count(*) FROM channel c WHERE c.account = a.id)
        UNION ALL SELECT 0 FROM message m JOIN channel c ON c.key = m.channel WHERE m.sequence > c.head
        UNION ALL SELECT 1 FROM hidden h JOIN token t ON t.key = h.reader WHERE NOT EXISTS (
            SELECT FROM message m WHERE m.channel = t.channel AND m.sequence = h.sequence)"""
    assert await shared.ask(wrong) == []
    assert [row["id"] for row in await shared.ask("SELECT id FROM account ORDER BY id")] == sorted(
        a for a, _ in accounts
    )


# ----------------------------------------------------------------------------------------------------- a server's crash


class Poster:
    """Posts to one channel until the end, again and again where the store fails; what was acknowledged is kept."""

    payloads = itertools.count()

    def __init__(self, place: Place, channel: ChannelView, progress: asyncio.Semaphore, ended: asyncio.Event) -> None:
        self.place = place
        self.channel = channel
        self.progress = progress
        self.ended = ended
        self.acknowledged: dict[tuple[str, int], bytes] = {}
        self.failed = 0

    async def run(self) -> None:
        while not self.ended.is_set():
            payload = next(self.payloads).to_bytes(8, "big")
            try:
                message = await self.place.post(text(self.channel, "write"), self.channel, payload)
            except StoreError:
                self.failed += 1
            else:
                self.acknowledged[self.channel.id, message.sequence] = payload
                self.progress.release()


@pytest.mark.slow
async def test_what_was_acknowledged_survives_crashes_of_the_server_once(
    shared: Shared, warnings_logged: list[logging.LogRecord]
) -> None:
    token = await shared.one.account()
    channels = [await shared.one.channel(token) for _ in range(3)]
    progress, ended = asyncio.Semaphore(0), asyncio.Event()
    each = itertools.product(shared.places, channels, range(4))
    posters = [Poster(place, channel, progress, ended) for place, channel, _ in each]
    async with asyncio.TaskGroup() as group:
        for poster in posters:
            group.create_task(poster.run())
        for crash in (True, True, False):
            for _ in range(300):
                await progress.acquire()
            if crash:
                await asyncio.to_thread(postgres.server().restart, "immediate")
        ended.set()
    assert sum(poster.failed for poster in posters) > 0, "the crashes were felt"
    rows = await shared.ask("SELECT c.id, m.sequence, m.payload FROM message m JOIN channel c ON c.key = m.channel")
    stored = {(row["id"], row["sequence"]): row["payload"] for row in rows}
    for poster in posters:
        assert poster.acknowledged.items() <= stored.items()
    assert len(set(stored.values())) == len(stored), "nothing was stored twice"
    for channel in channels:
        numbers = sorted(sequence for channel_id, sequence in stored if channel_id == channel.id)
        assert numbers == list(range(1, len(numbers) + 1))
    warnings_logged.clear()


async def test_the_work_of_a_host_that_vanished_does_not_stay_locked(shared: Shared) -> None:
    """A post waits for the account's lock until the server has undone what its holder left."""
    token = await shared.one.account()
    channel = await shared.one.channel(token)
    gone = await connect(shared.url)
    await gone.execute("BEGIN")
    await gone.execute("SELECT id FROM account FOR NO KEY UPDATE")
    post = asyncio.get_running_loop().create_task(shared.one.post(text(channel, "write"), channel))
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
    while not (await shared.ask(waiting))[0]["count"]:
        pass
    gone.terminate()
    assert (await post).sequence == 1
