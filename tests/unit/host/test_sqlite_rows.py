"""What the statements cost: none looks through a table, and what is stored makes no post dearer."""

from __future__ import annotations

import sqlite3
from collections.abc import Awaitable, Iterator
from typing import TypeVar

import pytest

from channels_desktop.errors import Misuse, Refused
from channels_desktop.host.limits import Limits
from channels_desktop.host.mailboxes import Mailboxes
from channels_desktop.host.management import ChannelView
from channels_desktop.host.rows import Retention, Rows, Settings
from channels_desktop.host.sqlite import connect, run
from channels_desktop.host.sqlite_rows import SqliteRows

T = TypeVar("T")

NOW = 1_800_000_000_000_000_000
MANY = 2000


class Place:
    """The rules on tables in memory, with one account."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self.db = db
        self.rows = SqliteRows(db)
        self.rules = Mailboxes(self.rows, Limits(), lambda: NOW)
        _, self.token = self.do(self.rules.create_account())

    def do(self, work: Awaitable[T]) -> T:
        return run(lambda _: work, self.rows)

    def channel(self, settings: Settings | None = None, *, one_owner: bool = False) -> ChannelView:
        return self.do(self.rules.create_channel(self.token, settings or Settings(), one_owner=one_owner))

    def post(self, channel: ChannelView, token: str | None = None) -> None:
        text = channel.tokens[-1].token if token is None else token
        self.do(self.rules.post(text, channel.id, "t", b"x"))

    def steps(self, work: Awaitable[T]) -> int:
        """Return how many steps the database takes for `work`."""
        count = 0

        def step() -> None:
            nonlocal count
            count += 1

        self.db.set_progress_handler(step, 1)
        try:
            self.do(work)
        finally:
            self.db.set_progress_handler(None, 0)
        return count


@pytest.fixture
def place() -> Iterator[Place]:
    db = connect(":memory:")
    yield Place(db)
    db.close()


def everything(place: Place) -> None:
    """Do all that the rules can do."""
    do, rules, token = place.do, place.rules, place.token
    chosen = Settings(sequenced=True, public_read=True, public_write=True, retention=Retention(0, 1, auto_prune=True))
    channel, private = place.channel(chosen), place.channel(Settings(auto_delete=True))
    guest = do(rules.create_token(token, channel.id, "", can_read=True, can_write=True))
    for who in ("", guest.token, channel.tokens[0].token):
        try:
            place.post(channel, who)
        except Refused:
            place.post(channel, "")
    place.post(private)
    for who in ("", guest.token, token):
        for unread in (True, False):
            do(rules.read(who, channel.id, 0, unread=unread))
        do(rules.head(who, channel.id))
        line = do(rules.channel_line(who, channel.id))
        do(rules.unread_after(line, 1))
        do(rules.newest(line))
    line = do(rules.line(token))
    for at in (0, 1):
        do(rules.unread_after(line, at))
    do(rules.newest(line))
    everything_else(place, channel, private, guest.key)


def everything_else(place: Place, channel: ChannelView, private: ChannelView, guest: int) -> None:
    do, rules, token = place.do, place.rules, place.token
    for read in (True, False):
        for older in (True, False):
            do(rules.mark(token, channel.id, 2, read=read, older=older))
    do(rules.mark(token, private.id, 1, read=True, older=True))
    do(rules.delete(token, channel.id, 1, older=False))
    do(rules.delete(token, channel.id, 2, older=True))
    do(rules.metadata(token, channel.id))
    do(rules.amend_channel(token, channel.id, public_read=False, public_write=False, locked=False))
    do(rules.channel(token, channel.id))
    do(rules.channels(token))
    do(rules.tokens(token, channel.id))
    do(rules.revoke_token(token, channel.id, guest))
    do(rules.revoke_token(token, channel.id, channel.tokens[0].key))
    do(rules.prune(10))
    later = Mailboxes(place.rows, Limits(), lambda: 2 * NOW)
    do(later.prune(10))
    do(rules.delete_channel(token, channel.id))
    account = do(rules.account(token))
    do(rules.remove_account(account))


def test_no_statement_looks_through_a_table(place: Place) -> None:
    said: set[str] = set()
    place.db.set_trace_callback(said.add)
    everything(place)
    place.db.set_trace_callback(None)
    said = {statement for statement in said if not statement.startswith("--")}
    assert len(said) > 50
    looked = {
        (step, statement)
        for statement in said
        for *_, step in place.db.execute(f"EXPLAIN QUERY PLAN {statement}")
        if step.startswith("SCAN") and not step.startswith(("SCAN CONSTANT ROW", "SCAN (subquery"))
    }
    assert looked == set()


def posting(place: Place) -> list[tuple[ChannelView, str]]:
    """Return channels of each kind, and who posts to them."""
    made = [
        place.channel(),
        place.channel(one_owner=True),
        place.channel(Settings(sequenced=True), one_owner=True),
        place.channel(Settings(auto_delete=True)),
        place.channel(Settings(retention=Retention(0, 9, auto_prune=True))),
    ]
    found = [(channel, channel.tokens[-1].token) for channel in made]
    public = place.channel(Settings(public_write=True))
    return [*found, (public, "")]


def test_a_post_costs_the_same_however_much_is_stored(place: Place) -> None:
    """Also where much is unread, and much was read out of order."""
    for channel, token in posting(place):
        guest = place.do(place.rules.create_token(place.token, channel.id, "", can_read=True, can_write=True))
        for _ in range(3):
            place.post(channel, token)
        few = place.steps(place.rules.post(token, channel.id, "t", b"x"))
        for _ in range(MANY):
            place.post(channel, token)
        place.do(place.rules.mark(guest.token, channel.id, MANY // 2, read=True, older=True))
        for sequence in range(1, MANY, 3):
            place.do(place.rules.mark(guest.token, channel.id, sequence, read=sequence > MANY // 2, older=False))
        many = place.steps(place.rules.post(token, channel.id, "t", b"x"))
        assert many == few, channel.settings


def test_reading_costs_what_is_found_and_not_what_is_kept(place: Place) -> None:
    channel = place.channel()
    second = place.channel()
    rules, token = place.rules, place.token
    guest = place.do(rules.create_token(token, channel.id, "", can_read=True, can_write=False))  # keeps all alive
    line = place.do(rules.line(token))
    costs = []
    for count in (5, MANY):
        for _ in range(count):
            place.post(channel)
        head = place.do(rules.head(token, channel.id)).sequence
        place.do(rules.mark(token, channel.id, head, read=True, older=True))
        place.post(second)
        place.post(channel)
        here = [
            place.steps(rules.read(token, channel.id, 0, unread=True)),
            place.steps(rules.read(guest.token, channel.id, 3, unread=False)),
            place.steps(rules.unread_after(line, 0)),
            place.steps(rules.mark(token, channel.id, head + 1, read=True, older=True)),
        ]
        place.do(rules.mark(token, second.id, place.do(rules.head(token, second.id)).sequence, read=True, older=True))
        costs.append(here)
    assert costs[0] == costs[1]


def test_no_marks_are_kept_of_what_is_gone(place: Place) -> None:
    rules, token = place.rules, place.token
    for chosen in (Settings(), Settings(auto_delete=True), Settings(retention=Retention(0, 1, auto_prune=True))):
        channel = place.channel(chosen, one_owner=True)
        guest = place.do(rules.create_token(token, channel.id, "", can_read=True, can_write=True))
        for who in (channel.tokens[0].token, guest.token, guest.token, channel.tokens[0].token) * 2:
            place.post(channel, who)
        for who in (token, guest.token):
            for sequence in (7, 2, 4):
                place.do(rules.mark(who, channel.id, sequence, read=True, older=False))
            place.do(rules.mark(who, channel.id, 2, read=False, older=False))
            place.do(rules.delete(who, channel.id, 3, older=False))
        assert place.db.execute("SELECT count(*) FROM exception").fetchone()[0] > 0
        if chosen.retention.auto_prune:
            assert place.do(Mailboxes(place.rows, Limits(), lambda: 2 * NOW).prune(100)) == 7
        else:
            for who in (token, guest.token):
                place.do(rules.delete(who, channel.id, 8, older=True))
        for table in ("message", "exception", "hidden"):
            assert place.db.execute(f"SELECT count(*) FROM {table}").fetchone()[0] == 0  # noqa: S608
        assert place.db.execute("SELECT sum(stored) FROM account").fetchone()[0] == 0


def test_rules_may_not_wait(place: Place) -> None:
    class Never:
        def __await__(self) -> Iterator[None]:
            yield

    async def waits(rows: Rows) -> None:
        await Never()

    with pytest.raises(Misuse):
        run(waits, place.rows)


def test_a_hole_in_the_tables_is_closed_by_the_database(place: Place) -> None:
    with pytest.raises(sqlite3.IntegrityError):
        place.db.execute("INSERT INTO message VALUES (1, 99, 1, 1, 1, 't', x'00', NULL)")
