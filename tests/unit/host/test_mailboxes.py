"""The rules, on the real tables in memory; read marks against a model that keeps one truth per message."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from channels_desktop.errors import Refused
from channels_desktop.host.mailboxes import Limits, Line, Mailboxes
from channels_desktop.host.messages import FullChannel
from channels_desktop.host.sqlite import connect
from channels_desktop.host.sqlite_rows import SqliteRows

NOW = 1_800_000_000_000_000_000


class Place:
    """One account with one channel and two readers."""

    def __init__(self, *, auto_delete: bool = False) -> None:
        self.db = connect(":memory:")
        self.rules = Mailboxes(SqliteRows(self.db), Limits(auto_delete=auto_delete), lambda: NOW)
        _, self.token = self.rules.create_account()
        self.channel: FullChannel = self.rules.create_channel(self.token)

    def add_reader(self, token: str) -> None:
        key = self.db.execute("SELECT key FROM channel WHERE id = ?", (self.channel.id,)).fetchone()[0]
        self.rules.add_token(key, token, can_read=True)

    def post(self, payload: bytes = b"x") -> int:
        return self.rules.post(self.channel.write_token, self.channel.id, "text/plain", payload).sequence

    def sequences(self, token: str, *, unread: bool) -> list[int]:
        return [message.sequence for message in self.rules.read(token, self.channel.id, 0, unread=unread)[1]]

    def mark(self, token: str, sequence: int, *, read: bool = True, older: bool = False) -> None:
        self.rules.mark(token, self.channel.id, sequence, read=read, older=older)

    def stored(self) -> tuple[int, int]:
        """Return how many messages there are, and the bytes the channel's row says it holds."""
        count, size = self.db.execute("SELECT count(*), coalesce(sum(length(payload)), 0) FROM message").fetchone()
        assert self.db.execute("SELECT stored FROM channel").fetchone()[0] == size
        return count, size


@pytest.fixture
def place() -> Iterator[Place]:
    made = Place()
    yield made
    made.db.close()


@pytest.fixture
def forgetful() -> Iterator[Place]:
    made = Place(auto_delete=True)
    yield made
    made.db.close()


def test_the_account_is_the_first_reader(place: Place) -> None:
    place.post()
    place.mark(place.token, 1)
    assert place.sequences(place.channel.read_token, unread=True) == []
    assert place.sequences(place.channel.read_token, unread=False) == [1]


def test_readers_have_marks_of_their_own_and_a_new_one_finds_all_unread(place: Place) -> None:
    for _ in range(3):
        place.post()
    place.mark(place.token, 2, older=True)
    place.add_reader("late")
    assert place.sequences("late", unread=True) == [1, 2, 3]
    place.mark("late", 3)
    assert place.sequences("late", unread=True) == [1, 2]
    assert place.sequences(place.token, unread=True) == [3]


def test_what_one_reader_deletes_stays_for_the_other_until_both_have(place: Place) -> None:
    place.add_reader("other")
    for _ in range(3):
        place.post(b"12345")
    place.rules.delete(place.token, place.channel.id, 2, older=True)
    assert place.sequences(place.token, unread=False) == [3]
    assert place.sequences("other", unread=False) == [1, 2, 3]
    assert place.stored() == (3, 15)
    place.rules.delete("other", place.channel.id, 2, older=False)
    assert place.sequences("other", unread=True) == [1, 3]
    assert place.stored() == (2, 10)
    place.rules.delete("other", place.channel.id, 1, older=False)
    assert place.stored() == (1, 5)
    assert place.db.execute("SELECT count(*) FROM hidden").fetchone()[0] == 0
    place.rules.delete("other", place.channel.id, 1, older=False)  # done already


def test_read_messages_are_freed_where_the_channel_says_so(forgetful: Place) -> None:
    forgetful.add_reader("other")
    for _ in range(3):
        forgetful.post()
    forgetful.mark(forgetful.token, 3, older=True)
    assert forgetful.stored() == (3, 3)
    forgetful.mark("other", 2)
    assert forgetful.stored() == (2, 2)
    forgetful.mark("other", 3, older=True)
    assert forgetful.stored() == (0, 0)
    assert forgetful.post() == 4, "numbers are never used again"
    assert forgetful.db.execute("SELECT count(*) FROM exception").fetchone()[0] == 0


def test_each_token_does_what_it_may(place: Place) -> None:
    place.post()
    channel, rules = place.channel, place.rules
    _, stranger = rules.create_account()
    for token, reason in (
        ("", "unauthorized"),
        ("made up", "unauthorized"),
        (stranger, "forbidden"),
        (channel.write_token, "forbidden"),
    ):
        with pytest.raises(Refused, match=reason):
            rules.read(token, channel.id, 0, unread=True)
        with pytest.raises(Refused, match=reason):
            rules.head(token, channel.id)
        with pytest.raises(Refused, match=reason):
            rules.mark(token, channel.id, 1, read=True, older=False)
        with pytest.raises(Refused, match=reason):
            rules.delete(token, channel.id, 1, older=False)
    for token, reason in (
        ("", "unauthorized"),
        (stranger, "forbidden"),
        (place.token, "forbidden"),
        (channel.read_token, "forbidden"),
    ):
        with pytest.raises(Refused, match=reason):
            rules.post(token, channel.id, "text/plain", b"x")
    with pytest.raises(Refused, match="not_found"):
        rules.channel(stranger, channel.id)
    with pytest.raises(Refused, match="not_found"):
        rules.delete_channel(stranger, channel.id)
    with pytest.raises(Refused, match="unauthorized"):
        rules.channels(channel.read_token)
    with pytest.raises(Refused, match="forbidden"):
        rules.line(channel.write_token)
    with pytest.raises(Refused, match="unauthorized"):
        rules.line("")
    assert place.sequences(place.token, unread=True) == [1]


def test_metadata_tells_writers_and_readers_their_part(forgetful: Place) -> None:
    channel, rules = forgetful.channel, forgetful.rules
    assert rules.metadata(channel.write_token, channel.id) == (Limits().message_bytes, None)
    assert rules.metadata(channel.read_token, channel.id) == (None, True)
    assert rules.metadata(forgetful.token, channel.id) == (None, True)
    with pytest.raises(Refused, match="unauthorized"):
        rules.metadata("", channel.id)
    public = rules.create_channel(forgetful.token, public=True)
    assert rules.metadata("", public.id) == (Limits().message_bytes, None)


def test_tokens_are_told_again_but_never_kept(place: Place) -> None:
    assert place.rules.channel(place.token, place.channel.id) == place.channel
    assert place.rules.channels(place.token) == (place.channel,)
    kept = b"".join(row[0] for row in place.db.execute("SELECT token FROM token UNION ALL SELECT token FROM account"))
    for token in (place.token, place.channel.read_token, place.channel.write_token):
        assert token.encode() not in kept


@pytest.mark.parametrize("sequence", [0, 2, 2**60])
def test_unknown_sequences(place: Place, sequence: int) -> None:
    place.post()
    with pytest.raises(Refused, match="not_found"):
        place.mark(place.token, sequence, older=True)
    with pytest.raises(Refused, match="not_found"):
        place.rules.delete(place.token, place.channel.id, sequence, older=True)


def test_lines_follow_arrival_across_channels_page_by_page() -> None:
    db = connect(":memory:")
    rules = Mailboxes(SqliteRows(db), Limits(line_messages=2, line_bytes=4), lambda: NOW)
    account, token = rules.create_account()
    one, two = rules.create_channel(token), rules.create_channel(token)
    for channel in (one, two, two, one):
        rules.post(channel.write_token, channel.id, "t", b"x")
    rules.post(one.write_token, one.id, "t", b"long text")
    line = rules.line(token)
    assert line == Line(account)
    page, more = rules.unread_after(line, 0)
    assert ([(message.channel_id, message.sequence) for _, message in page], more) == ([(one.id, 1), (two.id, 1)], True)
    page, more = rules.unread_after(line, page[-1][0])
    assert [(message.channel_id, message.sequence) for _, message in page] == [(two.id, 2), (one.id, 2)]
    page, more = rules.unread_after(line, page[-1][0])
    assert ([message.payload for _, message in page], more) == ([b"long text"], True)
    assert rules.unread_after(line, rules.newest(line)) == ([], False)
    alone = rules.line(one.read_token)
    assert [place for place, _ in rules.unread_after(alone, 1)[0]] == [2, 3]
    assert rules.newest(alone) == 3
    db.close()


STEPS = st.lists(
    st.one_of(
        st.just(("post",)),
        st.tuples(st.sampled_from(["read", "unread", "delete"]), st.integers(1, 8), st.booleans(), st.integers(0, 1)),
    ),
    max_size=30,
)


@settings(max_examples=200)
@given(steps=STEPS, auto_delete=st.booleans())
def test_marks_agree_with_a_model(steps: list[tuple[str, int, bool, int]], *, auto_delete: bool) -> None:
    """The model keeps for each reader what it has read and hidden; a message is there while anybody needs it."""
    place = Place(auto_delete=auto_delete)
    tokens = (place.token, "second")
    place.add_reader("second")
    there: set[int] = set()
    read: list[set[int]] = [set(), set()]
    hidden: list[set[int]] = [set(), set()]
    for step in steps:
        if step[0] == "post":
            there.add(place.post())
            continue
        kind, sequence, older, who = step
        try:
            if kind == "delete":
                place.rules.delete(tokens[who], place.channel.id, sequence, older=older)
            else:
                place.mark(tokens[who], sequence, read=kind == "read", older=older)
        except Refused:
            continue
        meant = {number for number in there if number == sequence or (older and number < sequence)}
        read[who] = read[who] - meant if kind == "unread" else read[who] | meant
        hidden[who] |= meant if kind == "delete" else set()
        if kind != "unread":
            done = [hidden[reader] | (read[reader] if auto_delete else set()) for reader in (0, 1)]
            there -= meant & done[0] & done[1]
        for reader in (0, 1):
            seen = there - hidden[reader]
            assert place.sequences(tokens[reader], unread=False) == sorted(seen)
            assert place.sequences(tokens[reader], unread=True) == sorted(seen - read[reader])
    assert place.stored()[0] == len(there)
    place.db.close()


def test_a_hole_in_the_tables_is_closed_by_the_database(place: Place) -> None:
    with pytest.raises(sqlite3.IntegrityError):
        place.db.execute("INSERT INTO message VALUES (1, 99, 1, 1, 1, 't', x'00')")
