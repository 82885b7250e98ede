"""Read marks on every store, against a model that keeps one truth per reader and message."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import pytest_asyncio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from channels_desktop.errors import Refused
from channels_desktop.host.mailboxes import Mailboxes
from channels_desktop.host.management import ChannelView, posting
from channels_desktop.host.rows import MESSAGE_OVERHEAD, Retention, Rows, Settings
from channels_desktop.host.sqlite_batch import SqliteBatch
from tests.contract.host_ports import DAY, STORES, Place, opened, text

KIND = "text/plain"
PAYLOAD = b"123"
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("post"), st.integers(0, 4)),  # 3: who only writes; 4: nobody in particular
        st.tuples(st.sampled_from(["read", "unread", "delete"]), st.integers(0, 2), st.integers(0, 9), st.booleans()),
        st.sampled_from([("let in", 2), ("revoke", 1), ("revoke", 2), ("revoke", 0), ("prune",), ("a day",)]),
    ),
    min_size=5,
    max_size=40,
)
SETTINGS = st.builds(
    Settings,
    public_read=st.booleans(),
    public_write=st.just(True),
    sequenced=st.booleans(),
    auto_delete=st.booleans(),
    retention=st.sampled_from([Retention(), Retention(0, 2, auto_prune=True)]),
)


@pytest_asyncio.fixture(params=STORES)
async def place(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Place]:
    async with opened(request.param, tmp_path) as place:
        yield place


@dataclass
class Model:
    """What is there and when it came; what each reader, by number, has read and deleted."""

    settings: Settings
    head: int = 0
    there: dict[int, int] = field(default_factory=dict)
    read: dict[int, set[int]] = field(default_factory=lambda: {0: set(), 1: set()})
    hidden: dict[int, set[int]] = field(default_factory=lambda: {0: set(), 1: set()})

    def seen(self, reader: int) -> list[int]:
        return [sequence for sequence in self.there if sequence not in self.hidden[reader]]

    def unread(self, reader: int) -> list[int]:
        return [sequence for sequence in self.seen(reader) if sequence not in self.read[reader]]

    def post(self, at: int, writer: int | None) -> None:
        self.head += 1
        self.there[self.head] = at
        if writer is not None:
            self.read[writer].add(self.head)
        self.free()

    def free(self) -> None:
        """Let go of what nobody needs."""
        forgets = self.settings.auto_delete and not self.settings.public_read
        for sequence in list(self.there):
            if not any(
                sequence not in self.hidden[reader] and not (forgets and sequence in self.read[reader])
                for reader in self.read
            ):
                del self.there[sequence]


class Run:
    """One example: the rules in one transaction, and the model beside them.

    `knows` lets SQLite load what each post looks up, as it does for posts that come together.
    """

    def __init__(self, place: Place, rows: Rows, chosen: Settings, *, knows: bool) -> None:
        self.place = place
        self.rows = rows
        self.batch = rows if knows and isinstance(rows, SqliteBatch) else None
        self.rules: Mailboxes = place.rules(rows)
        self.model = Model(chosen)
        self.token = ""
        self.channel: ChannelView
        self.tokens: dict[int, tuple[int, str]] = {}

    async def start(self) -> None:
        _, self.token = await self.rules.create_account()
        self.channel = await self.rules.create_channel(self.token, self.model.settings, one_owner=True)
        made = await self.rows.channel(self.channel.id)
        assert made
        await self.rows.set_settings(made, self.model.settings)  # opened to the public, with one owner all the same
        self.tokens[0] = (self.channel.tokens[0].key, text(self.channel, "owner"))
        await self.let_in(1)
        blind = await self.rules.create_token(self.token, self.channel.id, "", can_read=False, can_write=True)
        self.tokens[3] = (blind.key, blind.token)

    async def let_in(self, who: int) -> None:
        made = await self.rules.create_token(self.token, self.channel.id, "", can_read=True, can_write=True)
        self.tokens[who] = (made.key, made.token)
        self.model.read[who], self.model.hidden[who] = set(), set()

    async def step(self, kind: str, *how: int) -> None:
        model, at = self.model, self.place.now
        match kind, *how:
            case "post", who:
                await self.post(who)
            case "let in", who:
                if who not in self.tokens:
                    await self.let_in(who)
            case "revoke", who:
                await self.revoke(who)
            case ("prune",):
                count = await self.rules.prune(10**6)
                days = model.settings.retention
                gone = [one for one, came in model.there.items() if days.auto_prune and came + 2 * DAY <= at]
                assert count == len(gone)
                for sequence in gone:
                    del model.there[sequence]
            case ("a day",):
                self.place.now += DAY
            case _, who, back, older:
                if who in model.read:
                    await self.mark(kind, who, max(model.head - back, 1), older=bool(older))

    async def post(self, who: int) -> None:
        reader = who if who in self.model.read and who in self.tokens else None
        token = self.tokens[who][1] if who in self.tokens else ""
        if self.batch:
            self.batch.load([posting(self.channel.id, token)])
        if reader is not None and self.model.settings.sequenced and self.model.unread(reader):
            with pytest.raises(Refused, match="conflict"):
                await self.rules.post(token, self.channel.id, KIND, PAYLOAD)
            return
        posted = await self.rules.post(token, self.channel.id, KIND, PAYLOAD)
        self.model.post(self.place.now, reader)
        assert posted.sequence == self.model.head

    async def revoke(self, who: int) -> None:
        if who not in self.tokens:
            return
        key, token = self.tokens.pop(who)
        await self.rules.revoke_token(self.token, self.channel.id, key)
        if who:  # the account goes on reading by the first one's marks
            del self.model.read[who], self.model.hidden[who]
        self.model.free()
        with pytest.raises(Refused, match="unauthorized"):
            await self.rules.read(token, self.channel.id, 0, unread=True)

    async def mark(self, kind: str, who: int, sequence: int, *, older: bool) -> None:
        model, token = self.model, self.tokens[who][1] if who in self.tokens else self.token
        act = self.rules.delete(token, self.channel.id, sequence, older=older)
        if kind != "delete":
            act.close()
            act = self.rules.mark(token, self.channel.id, sequence, read=kind == "read", older=older)
        if sequence > model.head:
            with pytest.raises(Refused, match="not_found"):
                await act
            return
        await act
        meant = {one for one in model.there if one == sequence or (older and one < sequence)}
        model.read[who] = model.read[who] - meant if kind == "unread" else model.read[who] | meant
        model.hidden[who] |= meant if kind == "delete" else set()
        model.free()

    async def compare(self) -> None:
        model, owner = self.model, None
        channel = await self.rows.channel(self.channel.id)
        assert channel is not None
        account = await self.rows.account(channel.account)
        assert account is not None
        assert (channel.head, channel.stored) == (model.head, (len(PAYLOAD) + MESSAGE_OVERHEAD) * len(model.there))
        assert (account.stored, account.channels) == (channel.stored, 1)
        for who in model.read:
            token = self.tokens[who][1] if who in self.tokens else self.token
            assert await self.sequences(token, unread=False) == model.seen(who)
            assert await self.sequences(token, unread=True) == model.unread(who)
            key = self.tokens[who][0] if who in self.tokens else channel.owner
            assert await self.rows.has_unread(channel, key) is bool(model.unread(who))
            owner = owner or token
        heard, _ = await self.rows.account_messages(account.id, 0, most=1000, space=10**9)
        assert [message.sequence for _, message in heard] == model.unread(0)
        if model.settings.public_read:
            assert await self.sequences("", unread=True) == list(model.there)

    async def sequences(self, token: str, *, unread: bool) -> list[int]:
        _, found = await self.rules.read(token, self.channel.id, 0, unread=unread)
        return [message.sequence for message in found]


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS, chosen=SETTINGS, knows=st.booleans())
async def test_marks_agree_with_a_model(
    place: Place,
    steps: list[tuple[str, *tuple[int, ...]]],
    chosen: Settings,
    knows: bool,  # noqa: FBT001
) -> None:
    asyncio.get_running_loop().set_debug(False)  # it would cost more than the many statements

    async def example(rows: Rows) -> None:
        run = Run(place, rows, chosen, knows=knows)
        await run.start()
        await run.compare()
        for step in steps:
            await run.step(*step)
            if not (run.batch and step[0] == "post"):  # what is kept is written by the first who looks
                await run.compare()
        await run.compare()
        await run.rules.remove_account(await run.rules.account(run.token))  # so that nothing is left to prune

    await place.store.transact(example)
