"""The rules of messages and websockets on every store."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from channels_desktop.errors import Refused
from channels_desktop.host.limits import Limits, Rates, TooFast
from channels_desktop.host.mailboxes import Head, Line, Mailboxes
from channels_desktop.host.management import hashed
from channels_desktop.host.rows import MESSAGE_OVERHEAD, Retention, Settings
from tests.contract.host_ports import DAY, ONE, START, STORES, Place, opened, text


@pytest_asyncio.fixture(params=STORES)
async def place(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Place]:
    async with opened(request.param, tmp_path) as place:
        yield place


async def test_the_account_is_the_first_reader(place: Place) -> None:
    token = await place.account()
    channel = await place.channel(token)
    await place.post(text(channel, "write"), channel)
    await place.mark(token, channel, 1, older=False)
    assert await place.sequences(text(channel, "read"), channel) == []
    assert await place.sequences(text(channel, "read"), channel, unread=False) == [1]


async def test_readers_have_marks_of_their_own_and_a_new_one_finds_all_unread(place: Place) -> None:
    token = await place.account()
    channel = await place.channel(token)
    for _ in range(3):
        await place.post(text(channel, "write"), channel)
    await place.mark(token, channel, 2, older=True)
    late = await place.change(lambda rules: rules.create_token(token, channel.id, "", can_read=True, can_write=False))
    assert await place.sequences(late.token, channel) == [1, 2, 3]
    await place.mark(late.token, channel, 3, older=False)
    assert await place.sequences(late.token, channel) == [1, 2]
    assert await place.sequences(token, channel) == [3]


async def test_what_one_reader_deletes_stays_for_the_other_until_both_have(place: Place) -> None:
    token = await place.account()
    channel = await place.channel(token)
    other = await place.change(lambda rules: rules.create_token(token, channel.id, "", can_read=True, can_write=False))
    for _ in range(3):
        await place.post(text(channel, "write"), channel, b"12345")
    await place.delete(token, channel, 2, older=True)
    assert await place.sequences(token, channel, unread=False) == [3]
    assert await place.sequences(other.token, channel, unread=False) == [1, 2, 3]
    assert (await place.stored(token, channel), (await place.counts(token)).stored) == (15 + 3 * MESSAGE_OVERHEAD,) * 2
    await place.delete(other.token, channel, 2, older=False)
    assert await place.sequences(other.token, channel) == [1, 3]
    assert (await place.stored(token, channel), (await place.counts(token)).stored) == (10 + 2 * MESSAGE_OVERHEAD,) * 2
    await place.change(lambda rules: rules.revoke_token(token, channel.id, other.key))
    assert (await place.stored(token, channel), (await place.counts(token)).stored) == (5 + MESSAGE_OVERHEAD,) * 2
    await place.delete(token, channel, 3, older=True)
    await place.delete(token, channel, 3, older=True)  # done already
    assert (await place.stored(token, channel), (await place.counts(token)).stored) == (0, 0)
    assert (await place.post(text(channel, "write"), channel)).sequence == 4, "numbers are never used again"


async def test_read_messages_are_freed_where_the_channel_says_so(place: Place) -> None:
    token = await place.account()
    channel = await place.channel(token, Settings(auto_delete=True))
    other = await place.change(lambda rules: rules.create_token(token, channel.id, "", can_read=True, can_write=True))
    for _ in range(3):
        await place.post(text(channel, "write"), channel)
    await place.mark(token, channel, 3, older=True)
    assert await place.stored(token, channel) == 3 * ONE
    await place.mark(other.token, channel, 2, older=False)
    assert await place.stored(token, channel) == 2 * ONE
    await place.mark(other.token, channel, 3, older=True)
    assert await place.stored(token, channel) == 0
    assert (await place.post(other.token, channel)).sequence == 4
    await place.change(lambda rules: rules.revoke_token(token, channel.id, channel.tokens[0].key))
    await place.mark(token, channel, 4, older=False)
    assert await place.stored(token, channel) == 0, "its writer had read it, and the account reads on"
    await place.post(text(channel, "write"), channel)
    await place.mark(token, channel, 5, older=False)
    await place.mark(token, channel, 5, read=False, older=False)
    await place.mark(other.token, channel, 5, older=True)
    assert await place.stored(token, channel) == ONE, "it is unread again"
    await place.mark(token, channel, 5, older=True)
    assert await place.stored(token, channel) == 0
    alone = await place.channel(token, Settings(auto_delete=True), one_owner=True)
    await place.post(text(alone, "owner"), alone)
    assert await place.stored(token, alone) == 0, "nobody else is there to read it"


async def test_what_the_public_may_read_stays_until_it_is_deleted(place: Place) -> None:
    token = await place.account()
    channel = await place.channel(token, Settings(auto_delete=True, public_read=True))
    await place.post(text(channel, "write"), channel)
    await place.mark(token, channel, 1, older=False)
    assert await place.sequences("", channel) == await place.sequences("", channel, unread=False) == [1]
    assert await place.sequences(token, channel) == []
    shut = await place.change(
        lambda rules: rules.amend_channel(token, channel.id, public_read=False, public_write=False, locked=False)
    )
    assert shut.settings == Settings(auto_delete=True)
    assert await place.sequences(token, channel, unread=False) == []
    with pytest.raises(Refused, match="unauthorized"):
        await place.sequences("", channel)


async def test_each_token_does_what_it_may(place: Place) -> None:
    token, stranger = await place.account(), await place.account()
    channel, foreign = await place.channel(token), await place.channel(stranger)
    read, write = text(channel, "read"), text(channel, "write")
    await place.post(write, channel)
    reading = (
        lambda rules, who: rules.read(who, channel.id, 0, unread=True),
        lambda rules, who: rules.mark(who, channel.id, 1, read=True, older=False),
        lambda rules, who: rules.delete(who, channel.id, 1, older=False),
        lambda rules, who: rules.channel_line(who, channel.id),
    )
    strangers = {"": "unauthorized", "made up": "unauthorized", stranger: "forbidden"}
    strangers |= {text(foreign, "read"): "forbidden", text(foreign, "write"): "forbidden"}
    for who, reason in {**strangers, write: "forbidden"}.items():
        for act in reading:
            with pytest.raises(Refused) as refused:
                await place.change(lambda rules, act=act, who=who: act(rules, who))
            assert refused.value.reason == reason
    for who, reason in {**strangers, token: "forbidden", read: "forbidden"}.items():
        with pytest.raises(Refused) as refused:
            await place.post(who, channel)
        assert refused.value.reason == reason
    for who, reason in strangers.items():
        with pytest.raises(Refused) as refused:
            await place.look(lambda rules, who=who: rules.head(who, channel.id))
        assert refused.value.reason == reason
        with pytest.raises(Refused) as refused:
            await place.look(lambda rules, who=who: rules.metadata(who, channel.id))
        assert refused.value.reason == reason
    assert await place.look(lambda rules: rules.head(token, channel.id)) == Head(1, can_read=True, can_write=False)
    assert await place.look(lambda rules: rules.head(read, channel.id)) == Head(1, can_read=True, can_write=False)
    assert await place.look(lambda rules: rules.head(write, channel.id)) == Head(0, can_read=False, can_write=True)
    assert await place.sequences(token, channel) == [1]


@pytest.mark.parametrize("channel_id", ["", "no such", "\0", "\ud800", "é", "x" * 100_000])
async def test_channels_that_are_not_there(place: Place, channel_id: str) -> None:
    token = await place.account()
    for act in (
        lambda rules: rules.post(token, channel_id, "t", b"x"),
        lambda rules: rules.read(token, channel_id, 0, unread=True),
        lambda rules: rules.channel(token, channel_id),
        lambda rules: rules.create_token(token, channel_id, "", can_read=True, can_write=True),
    ):
        with pytest.raises(Refused, match="not_found"):
            await place.change(act)


async def test_what_cannot_be_stored_is_refused(place: Place) -> None:
    more = MESSAGE_OVERHEAD
    place.limits = Limits(message_bytes=10, mailbox_bytes=25 + 3 * more, account_bytes=45 + 5 * more)
    token = await place.account()
    channel, second = await place.channel(token), await place.channel(token)
    write = text(channel, "write")
    for kind, payload, reason in (
        ("text/plain", b"", "bad_request"),
        ("", b"x", "bad_request"),
        ("t" * 129, b"x", "bad_request"),
        ("a\0b", b"x", "bad_request"),
        ("\udc80", b"x", "bad_request"),
        ("text/plain", b"x" * 11, "too_large"),
    ):
        with pytest.raises(Refused, match=reason):
            await place.change(lambda rules, k=kind, p=payload: rules.post(write, channel.id, k, p))
    for where in (channel, channel, second, second):
        await place.post(text(where, "write"), where, b"x" * 10)
    with pytest.raises(Refused, match="mailbox_full"):
        await place.post(write, channel, b"x" * 6)
    await place.post(write, channel, b"x" * 5)
    with pytest.raises(Refused, match="mailbox_full: the account"):
        await place.post(text(second, "write"), second)
    await place.delete(token, channel, 1, older=False)
    assert (await place.post(text(second, "write"), second)).sequence == 3, "what was refused took no number"


async def test_the_public_writes_and_reads_where_it_may(place: Place) -> None:
    token = await place.account()
    channel = await place.channel(token, Settings(public_write=True, public_read=True))
    assert [view.name for view in channel.tokens] == ["read"]
    stranger = await place.account()
    assert [(await place.post(who, channel)).sequence for who in ("", stranger, text(channel, "read"))] == [1, 2, 3]
    assert await place.sequences("", channel) == [1, 2, 3]
    blind = await place.change(lambda rules: rules.create_token(token, channel.id, "", can_read=False, can_write=True))
    for who in (stranger, blind.token):
        assert await place.sequences(who, channel) == [1, 2, 3]
    assert await place.sequences(token, channel) == [1, 2], "own writes start read"
    assert await place.look(lambda rules: rules.head("", channel.id)) == Head(3, can_read=True, can_write=True)
    for act in (rules_mark, rules_delete):
        for who, reason in (("", "unauthorized"), (stranger, "forbidden"), ("made up", "unauthorized")):
            with pytest.raises(Refused, match=reason):
                await place.change(lambda rules, act=act, who=who: act(rules, who, channel.id))
    with pytest.raises(Refused, match="unauthorized"):
        await place.post("revoked or made up", channel)


def rules_mark(rules: Mailboxes, who: str, channel_id: str) -> object:
    return rules.mark(who, channel_id, 1, read=True, older=True)


def rules_delete(rules: Mailboxes, who: str, channel_id: str) -> object:
    return rules.delete(who, channel_id, 1, older=True)


async def test_a_locked_channel_takes_nothing_more(place: Place) -> None:
    token = await place.account()
    channel = await place.channel(token)
    writer = text(channel, "write")
    await place.post(writer, channel)
    await place.change(
        lambda rules: rules.amend_channel(token, channel.id, public_read=True, public_write=True, locked=True)
    )
    for who in (writer, ""):
        with pytest.raises(Refused, match="locked"):
            await place.post(who, channel)
    assert await place.sequences("", channel) == [1]


async def test_a_sequenced_channel_refuses_who_has_not_read(place: Place) -> None:
    token = await place.account()
    channel = await place.channel(token, Settings(sequenced=True), one_owner=True)
    make = place.change
    two = await make(lambda rules: rules.create_token(token, channel.id, "b", can_read=True, can_write=True))
    blind = await make(lambda rules: rules.create_token(token, channel.id, "w", can_read=False, can_write=True))
    one = text(channel, "owner")
    await place.post(one, channel)
    await place.post(one, channel)
    with pytest.raises(Refused, match="conflict"):
        await place.post(two.token, channel)
    await place.mark(two.token, channel, 2, older=True)
    await place.post(two.token, channel)
    for _ in range(2):
        await place.post(blind.token, channel)
    for who in (one, two.token):
        with pytest.raises(Refused, match="conflict"):
            await place.post(who, channel)
    await place.delete(one, channel, 5, older=True)
    assert (await place.post(one, channel)).sequence == 6
    await place.mark(two.token, channel, 6, older=True)
    await place.mark(two.token, channel, 4, read=False, older=False)
    with pytest.raises(Refused, match="conflict"):
        await place.post(two.token, channel)
    await place.delete(two.token, channel, 4, older=False)
    assert (await place.post(two.token, channel)).sequence == 7


async def test_messages_are_kept_as_long_as_they_must_and_no_longer(place: Place) -> None:
    token = await place.account()
    channel = await place.channel(token, Settings(retention=Retention(1, 3, auto_prune=True)), one_owner=True)
    kept = await place.channel(token, Settings(retention=Retention(0, 3)))
    owner = text(channel, "owner")
    reader = await place.change(lambda rules: rules.create_token(token, channel.id, "", can_read=True, can_write=True))
    for _ in range(2):
        await place.post(owner, channel, b"abc")
        await place.post(text(kept, "write"), kept)
        place.now += DAY - 1
    await place.mark(reader.token, channel, 2, older=False)
    for older in (True, False):
        with pytest.raises(Refused, match="bad_request"):
            await place.delete(reader.token, channel, 2, older=older)
    await place.delete(reader.token, channel, 1, older=True)
    place.now += 1
    await place.delete(reader.token, channel, 2, older=True)
    place.now = START + 3 * DAY - 1
    assert await place.change(lambda rules: rules.prune(10)) == 0
    place.now = START + 4 * DAY
    assert [await place.change(lambda rules: rules.prune(1)) for _ in range(3)] == [1, 1, 0]
    assert await place.sequences(owner, channel, unread=False) == []
    assert (await place.counts(token)).stored == await place.stored(token, kept) == 2 * ONE
    assert (await place.look(lambda rules: rules.head(owner, channel.id))).sequence == 2
    assert (await place.post(owner, channel)).sequence == 3
    assert await place.sequences(reader.token, channel) == [3]
    assert await place.sequences(owner, channel) == []


@pytest.mark.parametrize("days", [(-1, 0), (0, -1), (5, 4), (0, 10**6), (10**30, 0)])
async def test_retentions_that_make_no_sense(place: Place, days: tuple[int, int]) -> None:
    token = await place.account()
    with pytest.raises(Refused, match="bad_request"):
        await place.channel(token, Settings(retention=Retention(*days)))
    assert (await place.counts(token)).channels == 0


@pytest.mark.parametrize("sequence", [0, -1, 2, 2**60, 2**200])
async def test_sequences_that_were_never_given(place: Place, sequence: int) -> None:
    token = await place.account()
    channel = await place.channel(token)
    await place.post(text(channel, "write"), channel)
    for older in (True, False):
        with pytest.raises(Refused, match="not_found"):
            await place.mark(token, channel, sequence, older=older)
        with pytest.raises(Refused, match="not_found"):
            await place.delete(token, channel, sequence, older=older)


async def test_metadata_tells_writers_and_readers_their_part(place: Place) -> None:
    token = await place.account()
    channel = await place.channel(token, Settings(auto_delete=True))
    await place.post(text(channel, "write"), channel, b"1234")
    size = place.limits.message_bytes
    for who, told in (
        (token, (None, True, 4 + MESSAGE_OVERHEAD)),
        (text(channel, "read"), (None, True, 4 + MESSAGE_OVERHEAD)),
        (text(channel, "write"), (size, None, None)),
    ):
        known = await place.look(lambda rules, who=who: rules.metadata(who, channel.id))
        assert (known.max_message_payload_size, known.auto_delete, known.stored) == told
        assert known.limits == place.limits


async def test_posts_beyond_the_rate_are_refused_and_told_when_to_come_again(place: Place) -> None:
    place.rates = Rates(2, burst=3, elapsed=lambda: place.now)
    token, other = await place.account(), await place.account()
    channel, free = await place.channel(token), await place.channel(other)
    for _ in range(3):
        await place.post(text(channel, "write"), channel)
    with pytest.raises(TooFast) as refused:
        await place.post(text(channel, "write"), channel)
    assert (refused.value.reason, refused.value.seconds) == ("rate", 1)
    await place.post(text(free, "write"), free)
    place.now += 10**9 // 2
    assert (await place.post(text(channel, "write"), channel)).sequence == 4


async def test_lines_follow_arrival_across_channels_page_by_page(place: Place) -> None:
    place.limits = Limits(line_messages=2, line_bytes=4)
    token = await place.account()
    one, two = await place.channel(token), await place.channel(token, one_owner=True)
    for channel, name in ((one, "write"), (two, "owner"), (one, "write"), (one, "write")):
        await place.post(text(channel, name), channel)
    await place.post(text(one, "write"), one, b"long text")
    line = await place.look(lambda rules: rules.line(token))
    assert line == Line((await place.counts(token)).id, None, hashed(token))
    assert "token" not in repr(line)
    seen, at, more, pages = [], 0, True, 0
    while more:
        page, more = await place.look(lambda rules, at=at: rules.unread_after(line, at))
        seen += [(message.channel_id, message.sequence) for _, message in page]
        assert [position for position, _ in page] == sorted({position for position, _ in page})
        at, pages = page[-1][0] if page else at, pages + 1
    assert seen == [(one.id, 1), (one.id, 2), (one.id, 3), (one.id, 4)], "own writes are no news"
    assert pages == 3
    assert at == await place.look(lambda rules: rules.newest(line)) == (await place.counts(token)).position
    await place.delete(token, one, 4, older=True)
    await place.post(text(one, "write"), one)
    ((position, message),) = (await place.look(lambda rules: rules.unread_after(line, at)))[0]
    assert (position > at, message.sequence) == (True, 5), "a position is never used again"
    alone = await place.look(lambda rules: rules.channel_line(text(one, "read"), one.id))
    assert alone == await place.look(lambda rules: rules.line(text(one, "read")))
    assert [at for at, _ in (await place.look(lambda rules: rules.unread_after(alone, 0)))[0]] == [5]
    assert await place.look(lambda rules: rules.newest(alone)) == 5


async def test_who_loses_the_right_to_listen_hears_no_more(place: Place) -> None:
    token = await place.account()
    channel = await place.channel(token, Settings(public_read=True))
    guest = await place.change(lambda rules: rules.create_token(token, channel.id, "", can_read=True, can_write=False))
    lines = [
        await place.look(lambda rules, who=who: rules.channel_line(who, channel.id)) for who in (guest.token, "", token)
    ]
    lines.append(await place.look(lambda rules: rules.line(token)))
    await place.post(text(channel, "write"), channel)
    for line in lines:
        assert len((await place.look(lambda rules, line=line: rules.unread_after(line, 0)))[0]) == 1
    with pytest.raises(Refused, match="forbidden"):
        await place.look(lambda rules: rules.line(text(channel, "write")))
    for who in ("", "made up"):
        with pytest.raises(Refused, match="unauthorized"):
            await place.look(lambda rules, who=who: rules.line(who))
    place.changed.clear()
    await place.change(lambda rules: rules.revoke_token(token, channel.id, guest.key))
    assert place.changed == {lines[0].account}, "its sockets find out"
    await place.change(
        lambda rules: rules.amend_channel(token, channel.id, public_read=False, public_write=False, locked=False)
    )
    for line in lines[:2]:
        with pytest.raises(Refused, match="unauthorized"):
            await place.look(lambda rules, line=line: rules.unread_after(line, 0))
    await place.change(lambda rules: rules.remove_account(lines[0].account))
    for line in lines:
        for act in (Mailboxes.newest, lambda rules, line: rules.unread_after(line, 0)):
            with pytest.raises(Refused):
                await place.look(lambda rules, act=act, line=line: act(rules, line))
