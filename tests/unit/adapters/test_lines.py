"""One line by itself: what is heard is passed on once, at the pace of whoever listens, and errors as what they are."""

from __future__ import annotations

import asyncio
from typing import NoReturn

import pytest

from channels_desktop.adapters.dialects.lines import _REMEMBERED, Line, Lines
from channels_desktop.adapters.host_requests import TooMuch
from channels_desktop.engine.ports import Account, Delivery, Listening
from channels_desktop.errors import TransportError

NEVER = 1000
SOON = 0.02
ACCOUNT = Account("https://peers.example", "1", "t")


async def for_ever() -> NoReturn:
    await asyncio.Event().wait()
    raise AssertionError


class Shelf:
    """What a line reads from, without a host."""

    def __init__(self, *pages: tuple[Delivery, ...] | TransportError) -> None:
        self.pages = list(pages)

    async def mailboxes(self, account: Account) -> tuple[str, ...]:
        return ("c",)

    async def page(self, account: Account, channel_id: str) -> tuple[Delivery, ...]:
        page = self.pages.pop(0) if self.pages else ()
        if isinstance(page, TransportError):
            raise page
        return page


def delivery(sequence: int, payload: bytes = b"") -> Delivery:
    return Delivery("https://peers.example", "c", sequence, 0, "text/plain", payload)


async def test_whoever_reads_slowly_is_waited_for() -> None:
    went_through: list[int] = []

    async def hear(line: Line) -> NoReturn:
        line.open()
        for sequence in range(1000):
            await line.deliver(delivery(sequence))
            went_through.append(sequence)
        await for_ever()

    line = Lines(NEVER).listen(ACCOUNT, Shelf(), hear)
    assert isinstance(await anext(line), Listening)
    await anext(line)
    for _ in range(10):
        await asyncio.sleep(0)
    assert len(went_through) < 100
    for _ in range(999):
        await anext(line)
    assert len(went_through) == 1000
    await line.aclose()


async def test_what_was_heard_before_the_break_is_still_told() -> None:
    async def hear(line: Line) -> NoReturn:
        await line.deliver(delivery(1))
        raise TransportError("broken", retry_at=7)

    line = Lines(NEVER).listen(ACCOUNT, Shelf(), hear)
    assert await anext(line) == delivery(1)
    with pytest.raises(TransportError) as caught:
        await anext(line)
    assert caught.value.retry_at == 7


async def test_a_mistake_of_ours_is_not_taken_for_a_broken_line() -> None:
    async def hear(line: Line) -> NoReturn:
        raise ZeroDivisionError

    line = Lines(NEVER).listen(ACCOUNT, Shelf(), hear)
    with pytest.raises(ZeroDivisionError):
        await anext(line)


async def test_a_channel_that_cannot_be_read_now_breaks_the_line() -> None:
    async def hear(line: Line) -> NoReturn:
        await line.look_at_all()
        await for_ever()

    shelf = Shelf(TransportError("gone", gone=True), TransportError("broken"))
    lines = Lines(SOON)
    line = lines.listen(ACCOUNT, shelf, hear)
    with pytest.raises(TransportError, match="broken"):
        await anext(line)
    assert list(lines.of(ACCOUNT)) == []


async def test_what_was_too_much_stops_nothing_and_everything_is_looked_at_again() -> None:
    async def hear(line: Line) -> NoReturn:
        line.open()
        line.look("c")
        await for_ever()

    shelf = Shelf(TooMuch("too large"), (delivery(1),), (delivery(1), delivery(2)))
    line = Lines(SOON).listen(ACCOUNT, shelf, hear)
    async with asyncio.timeout(60):
        assert [await anext(line) for _ in range(3)] == [Listening(), delivery(1), delivery(2)]
    await line.aclose()


async def test_new_mail_of_a_host_that_went_back_is_passed_on() -> None:
    async def hear(line: Line) -> NoReturn:
        line.open()
        line.look("c")
        await for_ever()

    before = tuple(delivery(number) for number in (8, 9, 10))
    after = (delivery(8), delivery(9, b"new"), delivery(10, b"newer"))
    line = Lines(SOON).listen(ACCOUNT, Shelf(before, after), hear)
    async with asyncio.timeout(60):
        assert [await anext(line) for _ in range(6)] == [Listening(), *before, *after[1:]]
    await line.aclose()


async def test_what_a_line_remembers_of_a_channel_is_bounded() -> None:
    count = 2 * _REMEMBERED

    async def hear(line: Line) -> NoReturn:
        line.open()
        for sequence in (*range(count), count - 1, 0):
            await line.deliver(delivery(sequence))
        await for_ever()

    line = Lines(NEVER).listen(ACCOUNT, Shelf(), hear)
    assert isinstance(await anext(line), Listening)
    heard = [await anext(line) for _ in range(count + 1)]
    assert [item.sequence for item in heard if isinstance(item, Delivery)] == [*range(count), 0]
    await line.aclose()
