"""The stores of the host keep the same promises; accounts, channels and tokens on each of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable
from pathlib import Path

import pytest
import pytest_asyncio

from channels_desktop.errors import Misuse, Refused, StoreError
from channels_desktop.host.limits import Limits
from channels_desktop.host.mailboxes import Mailboxes
from channels_desktop.host.management import ChannelView, hashed
from channels_desktop.host.rows import MESSAGE_OVERHEAD, Looking, Placed, Posting, Retention, Rows, Settings
from tests.contract.host_ports import ONE, START, STORES, Place, opened, text

TIMEOUT = 60.0


@pytest_asyncio.fixture(params=STORES)
async def place(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Place]:
    async with opened(request.param, tmp_path) as place:
        yield place


# ------------------------------------------------------------------------------------------------------- transactions


async def test_a_transaction_gives_its_result_and_is_seen_by_queries(place: Place) -> None:
    account, token = await place.change(lambda rules: rules.create_account("Ann"))
    assert await place.look(lambda rules: rules.account(token)) == account
    assert (await place.counts(token)).name == "Ann"
    assert place.changed == set(), "an account alone is no news to anybody"


@pytest.mark.parametrize("error", [Refused("quota"), ZeroDivisionError(), StopIteration(), asyncio.CancelledError()])
async def test_work_that_raises_is_undone_alone(place: Place, error: BaseException) -> None:
    tokens = [await place.account() for _ in range(2)]
    account = (await place.counts(tokens[0])).id

    async def half(rows: Rows) -> None:
        await rows.add_channel(account, "half", Settings(), 0)
        raise error

    def sooner(rows: Rows) -> None:
        raise error

    async with asyncio.timeout(TIMEOUT):
        results = await asyncio.gather(
            place.channel(tokens[0]),
            place.store.transact(half),
            place.store.transact(sooner),
            place.channel(tokens[1]),
            return_exceptions=True,
        )
    assert [isinstance(result, ChannelView) for result in results] == [True, False, False, True]
    wanted = RuntimeError if isinstance(error, StopIteration) else type(error)
    assert [type(result) for result in results[1:3]] == [wanted, wanted]
    assert (await place.counts(tokens[0])).channels == (await place.counts(tokens[1])).channels == 1
    assert await place.store.query(lambda rows: rows.channel("half")) is None


async def test_work_that_breaks_the_database_fails_alone(place: Place) -> None:
    token = await place.account()
    account = (await place.counts(token)).id

    async def again(rows: Rows) -> None:
        await rows.add_account(account, hashed("other"), "", 0)

    results = await asyncio.gather(
        place.channel(token), place.store.transact(again), place.channel(token), return_exceptions=True
    )
    assert [type(result) for result in results] == [ChannelView, StoreError, ChannelView]
    assert (await place.counts(token)).channels == 2


async def test_posts_at_once_are_numbered_without_gap_and_refusals_cost_nobody(place: Place) -> None:
    place.limits = Limits(message_bytes=100)
    tokens = [await place.account() for _ in range(3)]
    channels = [await place.channel(token) for token in tokens for _ in range(2)]
    posts = [
        place.post(text(channel, "write" if n % 5 else "read"), channel, bytes(101 if n % 7 == 0 else 1))
        for n in range(60)
        for channel in channels
    ]
    outcomes = await asyncio.gather(*posts, return_exceptions=True)
    for at, channel in enumerate(channels):
        mine = outcomes[at :: len(channels)]
        for n, outcome in enumerate(mine):
            wanted = "forbidden" if n % 5 == 0 else "too_large" if n % 7 == 0 else ""
            assert isinstance(outcome, Refused) == bool(wanted)
            assert not wanted or outcome.reason == wanted
        numbers = [outcome.sequence for outcome in mine if not isinstance(outcome, Refused)]
        assert sorted(numbers) == list(range(1, len(numbers) + 1))
        assert await place.sequences(tokens[at // 2], channel) == sorted(numbers)
    for token in tokens:
        line = await place.look(lambda rules, token=token: rules.line(token))
        found, at = [], 0
        while page := (await place.look(lambda rules, line=line, at=at: rules.unread_after(line, at)))[0]:
            found += [position for position, _ in page]
            at = found[-1]
        assert found == sorted(set(found))
        assert at == (await place.counts(token)).position


async def test_posts_see_each_other_in_one_batch(place: Place) -> None:
    """Quotas, sequencing and own marks hold between posts that are committed together."""
    size = 600
    place.limits = Limits(mailbox_bytes=5 * MESSAGE_OVERHEAD)  # for two of this size
    token = await place.account()
    full, one = await place.channel(token), await place.channel(token, Settings(sequenced=True), one_owner=True)
    other = await place.change(lambda rules: rules.create_token(token, one.id, "", can_read=True, can_write=True))
    owner = text(one, "owner")
    posts = [place.post(text(full, "write"), full, bytes(size)) for _ in range(4)]
    posts += [place.post(who, one) for who in (owner, owner, other.token, owner)]
    outcomes = [
        result.reason if isinstance(result, Refused) else getattr(result, "sequence", result)
        for result in await asyncio.gather(*posts, return_exceptions=True)
    ]
    assert sorted(map(str, outcomes[:4])) == ["1", "2", "mailbox_full", "mailbox_full"]
    if outcomes[6] == "conflict":  # the other came after one of the owner's, which were all its own
        assert sorted(outcomes[4:6] + outcomes[7:]) == [1, 2, 3]
    assert await place.stored(token, full) == 2 * (size + MESSAGE_OVERHEAD)
    assert await place.sequences(owner, one) == ([] if outcomes[6] == "conflict" else [outcomes[6]])


async def test_the_news_of_a_commit_names_whose_mail_has_changed(place: Place) -> None:
    tokens = [await place.account() for _ in range(3)]
    accounts = [(await place.counts(token)).id for token in tokens]
    one, two, three = [await place.channel(token) for token in tokens]
    place.changed.clear()
    await place.post(text(one, "write"), one)
    assert place.changed == {accounts[0]}
    await asyncio.gather(place.post(text(one, "write"), one), place.post(text(two, "write"), two))
    assert place.changed == set(accounts[:2])
    for act in (
        lambda rules: rules.mark(tokens[2], three.id, 1, read=False, older=True),
        lambda rules: rules.post(text(one, "read"), one.id, "t", b"x"),
    ):
        place.changed.clear()
        with pytest.raises(Refused):
            await place.change(act)
        assert place.changed == set()
    await place.mark(tokens[0], one, 2, older=True)
    place.changed.clear()
    await place.mark(tokens[0], one, 2, read=False, older=False)
    assert place.changed == {accounts[0]}, "it is unread again"
    place.changed.clear()
    await place.change(lambda rules: rules.delete_channel(tokens[1], two.id))
    assert place.changed == {accounts[1]}


async def test_a_reader_that_left_does_not_stop_its_work_or_the_news_of_it(place: Place) -> None:
    token = await place.account()
    channel = await place.channel(token)
    task = asyncio.get_running_loop().create_task(place.post(text(channel, "write"), channel))
    await asyncio.sleep(0)
    task.cancel()
    await place.post(text(channel, "write"), channel)
    assert await place.sequences(token, channel) == [1, 2]
    assert place.changed == {(await place.counts(token)).id}


async def test_a_query_changes_nothing(place: Place) -> None:
    token = await place.account()
    with pytest.raises(StoreError):
        await place.look(lambda rules: rules.create_channel(token, Settings(), one_owner=True))
    assert (await place.counts(token)).channels == 0


async def test_a_hint_that_is_wrong_does_no_harm(place: Place) -> None:
    token = await place.account()
    one, two = await place.channel(token), await place.channel(token)
    for hint in (Posting("no such", None), Posting(two.id, hashed("made up")), Posting(two.id, hashed(token))):
        await place.store.transact(
            lambda rows: place.rules(rows).post(text(one, "write"), one.id, "t", b"x"), post=hint
        )
    assert await place.sequences(token, one) == [1, 2, 3]


async def test_many_who_look_for_the_same_find_it_once_each(place: Place) -> None:
    account, token = await place.change(lambda rules: rules.create_account())
    channel, other = await place.channel(token), await place.channel(await place.account())
    for where in (channel, channel, other, channel, channel):
        await place.post(text(where, "write"), where)
    line = await place.look(lambda rules: rules.line(token))
    ((start, _), *_), _ = await place.look(lambda rules: rules.unread_after(line, 0))

    def look(after: int, most: int = 64) -> Awaitable[tuple[list[Placed], bool]]:
        limits = Limits(line_messages=most)
        looking = Looking(account, hashed(token), after, most, limits.line_bytes)
        return place.store.query(
            lambda rows: Mailboxes(rows, limits, lambda: place.now).unread_after(line, after), looking
        )

    found = await asyncio.gather(look(start), look(start), look(start), look(start, 2), look(start, 2))
    for page, more in found[:3]:
        assert ([message.sequence for _, message in page], more) == ([2, 3, 4], False)
    for page, more in found[3:]:
        assert ([message.sequence for _, message in page], more) == ([2, 3], True)


async def test_a_closed_store_says_so(place: Place) -> None:
    await place.store.close()
    with pytest.raises(StoreError):
        await place.account()
    with pytest.raises(StoreError):
        await place.look(lambda rules: rules.accounts())


# --------------------------------------------------------------------------------------------------------- management


async def test_accounts_have_names_and_go_with_all_they_have(place: Place) -> None:
    before = [account.id for account in await place.look(lambda rules: rules.accounts())]
    first, token = await place.change(lambda rules: rules.create_account("Zoë"))
    place.now += 1
    second, other = await place.change(lambda rules: rules.create_account())
    found = [account for account in await place.look(lambda rules: rules.accounts()) if account.id not in before]
    assert [(account.id, account.name, account.created) for account in found] == [
        (first, "Zoë", START),
        (second, "", START + 1),
    ]
    channel, kept = await place.channel(token), await place.channel(other)
    for where in (channel, kept):
        await place.post(text(where, "write"), where)
    assert ((await place.counts(token)).channels, (await place.counts(token)).stored) == (1, ONE)
    await place.change(lambda rules: rules.remove_account(first))
    for who in (token, text(channel, "read"), text(channel, "write")):
        with pytest.raises(Refused, match="unauthorized"):
            await place.sequences(who, channel)
    assert await place.sequences(other, kept) == [1]
    for gone in (first, 0, -1, 2**70):
        with pytest.raises(Refused, match="not_found"):
            await place.change(lambda rules, gone=gone: rules.remove_account(gone))
    for name in ("n" * 257, "a\0b", "\ud800"):
        with pytest.raises(Refused, match="bad_request"):
            await place.change(lambda rules, name=name: rules.create_account(name))


async def test_channels_are_told_again_as_they_were_made(place: Place) -> None:
    token = await place.account()
    chosen = Settings(True, True, True, False, True, False, Retention(1, 2, auto_prune=True))
    made = [
        await place.channel(token),
        await place.channel(token, chosen, one_owner=True),
        await place.channel(token, Settings(public_write=True)),
    ]
    assert [[view.name for view in channel.tokens] for channel in made] == [["read", "write"], ["owner"], ["read"]]
    rights = [(view.can_read, view.can_write, view.description) for channel in made for view in channel.tokens]
    assert rights == [
        (True, False, "Read"),
        (False, True, "Write"),
        (True, True, "Owner"),
        (True, False, "Read"),
    ]
    assert (made[1].settings, made[1].head) == (chosen, 0)
    assert await place.look(lambda rules: rules.channels(token)) == tuple(made)
    for channel in made:
        assert await place.look(lambda rules, channel=channel: rules.channel(token, channel.id)) == channel
    assert len({view.token for channel in made for view in channel.tokens}) == 4
    assert not any(view.token in repr(made) for channel in made for view in channel.tokens)
    await place.change(lambda rules: rules.delete_channel(token, made[0].id))
    assert await place.look(lambda rules: rules.channels(token)) == tuple(made[1:])
    assert (await place.counts(token)).channels == 2


async def test_nobody_manages_the_channels_of_others(place: Place) -> None:
    token, stranger = await place.account(), await place.account()
    channel = await place.channel(token)
    key = channel.tokens[0].key
    read = text(channel, "read")
    for act in (
        lambda rules, who: rules.channel(who, channel.id),
        lambda rules, who: rules.amend_channel(who, channel.id, public_read=True, public_write=True, locked=True),
        lambda rules, who: rules.delete_channel(who, channel.id),
        lambda rules, who: rules.create_token(who, channel.id, "", can_read=True, can_write=True),
        lambda rules, who: rules.tokens(who, channel.id),
        lambda rules, who: rules.token(who, channel.id, key),
        lambda rules, who: rules.revoke_token(who, channel.id, key),
    ):
        for who, reason in ((stranger, "not_found"), (read, "unauthorized"), ("", "unauthorized")):
            with pytest.raises(Refused, match=reason):
                await place.change(lambda rules, act=act, who=who: act(rules, who))
    for who in (read, "", "made up"):
        with pytest.raises(Refused, match="unauthorized"):
            await place.look(lambda rules, who=who: rules.channels(who))
    assert await place.look(lambda rules: rules.channels(stranger)) == ()
    assert await place.look(lambda rules: rules.channel(token, channel.id)) == channel


async def test_tokens_come_and_go(place: Place) -> None:
    token = await place.account()
    channel, other = await place.channel(token, one_owner=True), await place.channel(token, one_owner=True)
    made = await place.change(
        lambda rules: rules.create_token(token, channel.id, "for Bob\n", can_read=False, can_write=True)
    )
    owner = channel.tokens[0]
    assert (made.description, made.can_read, made.can_write) == ("for Bob\n", False, True)
    assert await place.look(lambda rules: rules.tokens(token, channel.id)) == (owner, made)
    assert await place.look(lambda rules: rules.tokens(token, channel.id, made.token)) == (made,)
    for unknown in ("x", "é", "\udcff", owner.token[:-1], text(other, "owner")):
        assert await place.look(lambda rules, t=unknown: rules.tokens(token, channel.id, t)) == ()
    assert await place.look(lambda rules: rules.token(token, channel.id, made.key)) == made
    for key in (0, other.tokens[0].key, 2**80):
        with pytest.raises(Refused, match="not_found"):
            await place.look(lambda rules, key=key: rules.token(token, channel.id, key))
        with pytest.raises(Refused, match="not_found"):
            await place.change(lambda rules, key=key: rules.revoke_token(token, channel.id, key))
    await place.post(made.token, channel)
    await place.change(lambda rules: rules.revoke_token(token, channel.id, made.key))
    with pytest.raises(Refused, match="unauthorized"):
        await place.post(made.token, channel)
    with pytest.raises(Refused, match="not_found"):
        await place.change(lambda rules: rules.revoke_token(token, channel.id, made.key))
    again = await place.change(lambda rules: rules.create_token(token, channel.id, "", can_read=True, can_write=True))
    assert again.key > max(made.key, owner.key), "a number is never used again"


async def test_the_account_reads_on_by_the_marks_of_a_revoked_owner(place: Place) -> None:
    token = await place.account()
    channel = await place.channel(token, one_owner=True)
    owner = text(channel, "owner")
    for _ in range(3):
        await place.post(owner, channel)
    await place.mark(owner, channel, 2, read=False, older=False)
    await place.change(lambda rules: rules.revoke_token(token, channel.id, channel.tokens[0].key))
    assert await place.look(lambda rules: rules.tokens(token, channel.id)) == ()
    assert (await place.look(lambda rules: rules.channel(token, channel.id))).tokens == ()
    for act in (place.post(owner, channel), place.sequences(owner, channel)):
        with pytest.raises(Refused, match="unauthorized"):
            await act
    with pytest.raises(Refused, match="not_found"):
        await place.change(lambda rules: rules.revoke_token(token, channel.id, channel.tokens[0].key))
    assert await place.sequences(token, channel) == [2]
    await place.delete(token, channel, 3, older=True)
    assert await place.stored(token, channel) == 0


async def test_quotas(place: Place) -> None:
    place.limits = Limits(channels=2, tokens=2)
    token = await place.account()
    channel, second = await place.channel(token), await place.channel(token)
    with pytest.raises(Refused, match="quota"):
        await place.channel(token)
    with pytest.raises(Refused, match="quota"):
        await place.change(lambda rules: rules.create_token(token, channel.id, "", can_read=True, can_write=True))
    await place.change(lambda rules: rules.revoke_token(token, channel.id, channel.tokens[1].key))
    await place.change(lambda rules: rules.create_token(token, channel.id, "", can_read=True, can_write=True))
    await place.change(lambda rules: rules.delete_channel(token, channel.id))
    await place.channel(token)
    for words in ("d" * 1025, "a\0", "\udfff"):
        with pytest.raises(Refused, match="bad_request"):
            await place.change(
                lambda rules, w=words: rules.create_token(token, second.id, w, can_read=True, can_write=True)
            )


async def test_only_hashes_of_tokens_reach_a_store(place: Place) -> None:
    token = await place.account()
    channel = await place.channel(token)
    number = (await place.counts(token)).id

    async def kept(rows: Rows) -> str:
        row = await rows.channel(channel.id)
        assert row is not None
        return repr([await rows.account(number), row, await rows.tokens(row), await rows.account_tokens(number)])

    found = await place.store.query(kept)
    assert not any(secret in found for secret in (token, text(channel, "read"), text(channel, "write")))


async def test_a_message_is_added_to_the_row_as_it_is_now(place: Place) -> None:
    token = await place.account()
    channel = await place.channel(token)

    async def twice(rules: Mailboxes, rows: Rows) -> None:
        row = await rows.channel(channel.id)
        assert row is not None
        for _ in range(2):
            await rows.add_message(row, START, "t", b"x")

    with pytest.raises(Misuse):
        await place.store.transact(lambda rows: twice(place.rules(rows), rows))
    assert await place.stored(token, channel) == 0
