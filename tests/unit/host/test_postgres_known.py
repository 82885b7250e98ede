"""What quick posts look up is known to the next ones; and whatever has changed since is seen all the same."""

from __future__ import annotations

import asyncio
import math

import pytest

from channels_desktop.errors import Refused
from channels_desktop.host import postgres_known, postgres_posts
from channels_desktop.host.limits import Limits
from channels_desktop.host.management import posting
from channels_desktop.host.postgres import PostgresStore
from channels_desktop.host.postgres_batch import PgQuick
from channels_desktop.host.postgres_known import Known
from channels_desktop.host.rows import Account, Channel, Posting, Settings, Token
from tests.contract.host_ports import ONE, text
from tests.unit.host.test_postgres_quick import CHANGES, Ways, World, ways, world

__all__ = ["ways", "world"]


@pytest.fixture
def looked_up(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return how many posts each look-up from now on is for; sessions are taken to live."""
    counts: list[int] = []
    fetch = PgQuick._look_up  # noqa: SLF001

    async def counted(self: PgQuick, postings: list[Posting]) -> None:
        counts.extend([len(postings)] if postings else [])
        await fetch(self, postings)

    monkeypatch.setattr(PgQuick, "_look_up", counted)
    monkeypatch.setattr(postgres_posts, "LIVES_SECONDS", math.inf)
    return counts


def known_of(world: World) -> Known:
    assert isinstance(world.place.store, PostgresStore)
    return world.place.store._known  # noqa: SLF001


async def test_what_was_looked_up_is_known_to_the_next(world: World, ways: Ways, looked_up: list[int]) -> None:
    third = await world.place.channel(world.token)
    for number in range(1, 4):
        assert (await world.post()).sequence == number
        assert looked_up == [1]
    for number in range(1, 3):
        sent = await asyncio.gather(world.post(), world.place.post(text(third, "write"), third))
        assert [message.sequence for message in sent] == [number + 3, number]
        assert looked_up == [1, 1], "only what is not known is looked up"
    assert (ways.quick, ways.locked) == (5, 0)
    counts = await world.place.counts(world.token)
    assert (counts.position, counts.stored) == (10, 10 * ONE)


async def test_a_session_that_was_not_just_used_is_tried_by_a_look(
    world: World, looked_up: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres_posts, "LIVES_SECONDS", 0)
    for _ in range(3):
        await world.post()
    assert looked_up == [1, 1, 1]


@pytest.mark.parametrize("name", CHANGES)
async def test_what_has_changed_since_is_seen(
    world: World, looked_up: list[int], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """The news of the change does not come."""
    change, reason = CHANGES[name]
    if name == "unread":
        await world.place.change(lambda rules: rules.mark(world.guest, world.second.id, 1, read=True, older=False))
    await world.post()
    with monkeypatch.context() as patch:
        patch.setattr(known_of(world), "forget", lambda _: None)
        await change(world)
        if reason:
            with pytest.raises(Refused, match=reason):
                await world.post()
        else:
            message = await world.post()
            assert message.sequence == (3 if name == "posted" else 2)
            rest = {"freed": await world.place.stored(world.token, world.second), "pruned": 0}.get(name, 3 * ONE)
            assert (await world.place.counts(world.token)).stored == message.sequence * ONE + rest
    assert looked_up == [1, 1] + [1] * (name == "posted"), "the other process looks up too"


@pytest.mark.parametrize("by", ["place", "other"])
async def test_what_is_told_to_have_changed_is_not_known(world: World, looked_up: list[int], by: str) -> None:
    await world.post()
    await world.post()
    assert looked_up == [1]
    world.place.changed.clear()
    amended = {"public_read": False, "public_write": False, "locked": False}
    await getattr(world, by).change(lambda rules: rules.amend_channel(world.token, world.second.id, **amended))
    while world.account not in world.place.changed:
        await world.place.look(lambda rules: rules.accounts())
    await world.post()
    assert looked_up == [1, 1]


async def test_what_is_refused_by_what_was_known_is_looked_up(world: World, ways: Ways, looked_up: list[int]) -> None:
    world.place.limits = Limits(mailbox_bytes=2 * ONE)
    assert [(await world.post()).sequence for _ in range(2)] == [1, 2]
    for _ in range(2):
        with pytest.raises(Refused, match="full"):
            await world.post()
    assert looked_up == [1, 1, 1]
    assert ways.locked == 0


async def test_one_account_is_not_seen_at_two_times(
    world: World, looked_up: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One post is known and another is not, and the account has changed between."""
    third = await world.place.channel(world.token)
    await world.post()
    monkeypatch.setattr(known_of(world), "forget", lambda _: None)
    await world.other.change(
        lambda rules: rules.amend_channel(
            world.token, world.channel.id, public_read=False, public_write=False, locked=True
        )
    )
    known, new = await asyncio.gather(
        world.post(), world.place.post(text(third, "write"), third), return_exceptions=True
    )
    assert isinstance(known, Refused)
    assert known.reason == "locked"
    assert not isinstance(new, BaseException)
    assert new.sequence == 1
    assert looked_up == [1, 1, 2]


async def test_who_writes_in_public_is_known_without_a_token(world: World, looked_up: list[int]) -> None:
    public = await world.place.channel(world.token, Settings(public_write=True))
    for token in ("", "", world.token, world.token):
        await world.place.post(token, public)
    assert looked_up == [1, 1, 1], "an account's own token is looked up each time"
    assert known_of(world).find(posting(public.id, "")) is not None
    assert known_of(world).find(posting(public.id, world.token)) is None


ACCOUNT = Account(7, "", 0, 1, 10, 5)
CHANNEL = Channel(1, "c", 7, Settings(), 0, 3, 10)
TOKEN = Token(1, 1, "c", 7, "", "", can_read=False, can_write=True, watermark=0)
WRITER, PUBLIC = Posting("c", b"t"), Posting("c", None)


def test_what_is_kept_is_found_until_the_account_was_another_before() -> None:
    known = Known()
    assert known.find(WRITER) is None
    known.keep((1, 4, 9), ACCOUNT, CHANNEL, b"t", TOKEN)
    seen = known.find(WRITER)
    assert seen is not None
    assert (seen.state, known.find(PUBLIC)) == ((1, 5, 10), seen)
    assert known.find(Posting("c", b"another")) is None
    later = ACCOUNT._replace(position=6, stored=11)
    known.keep((1, 5, 10), later, CHANNEL._replace(key=2, id="d"), None, None)
    assert known.find(WRITER) is seen
    assert seen.state == (1, 6, 11)
    known.keep((2, 6, 11), later._replace(position=7), CHANNEL._replace(key=2, id="d"), None, None)
    assert known.find(WRITER) is None, "who knows what else was changed"
    assert known.find(Posting("d", None)) is not None


def test_what_is_known_can_be_forgotten() -> None:
    known = Known()
    for forget in (lambda: known.forget([6, 7]), lambda: known.doubt(PUBLIC), known.clear):
        known.keep((1, 4, 9), ACCOUNT, CHANNEL, b"t", TOKEN)
        known.forget([8])
        known.doubt(Posting("nowhere", None))
        assert known.find(WRITER) is not None
        forget()
        assert known.find(WRITER) is None


def test_what_is_known_has_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres_known, "MOST", 2)
    known = Known()
    for number in range(1, 10):
        account, channel = ACCOUNT._replace(id=number), CHANNEL._replace(id=str(number), account=number)
        known.keep((1, 4, 9), account, channel, None, None)
    found = [number for number in range(1, 10) if known.find(Posting(str(number), None))]
    assert found == [9]
    for number in range(9):  # of one account
        known.keep((1, 5, 10), ACCOUNT, CHANNEL._replace(id=f"c{number}"), None, None)
    assert [number for number in range(9) if known.find(Posting(f"c{number}", None))] == [7, 8]
