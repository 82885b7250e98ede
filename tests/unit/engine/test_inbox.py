"""Between the line and the store waits so much mail and no more, counted in pieces and in bytes."""

from __future__ import annotations

import asyncio
from itertools import pairwise

from channels_desktop.engine.inbox import BATCH, BATCH_BYTES, WAITING, WAITING_BYTES, Inbox
from channels_desktop.engine.ports import Delivery


def mail(number: int, size: int = 0) -> Delivery:
    return Delivery("memory://host", "c", number, 0, "text/plain", bytes(size))


async def fill(inbox: Inbox, sizes: list[int]) -> int:
    """Put deliveries until one has to wait; return how many went in, with the rest on their way."""
    done: list[int] = []

    async def put() -> None:
        for number, size in enumerate(sizes):
            await inbox.put(mail(number, size))
            done.append(number)

    task = asyncio.get_running_loop().create_task(put())
    for _ in range(2 * len(sizes)):
        await asyncio.sleep(0)
    inbox.putting = task  # type: ignore[attr-defined]  # kept as long as what it fills
    return len(done)


async def test_so_many_pieces_wait_and_come_out_in_order() -> None:
    inbox = Inbox()
    assert await fill(inbox, [0] * (WAITING + 50)) == WAITING
    found: list[Delivery] = []
    while len(found) < WAITING + 50:
        batch = await inbox.take()
        assert 0 < len(batch) <= BATCH
        found += batch
        await asyncio.sleep(0)
    assert all(later.sequence == one.sequence + 1 for one, later in pairwise(found))


async def test_large_mail_waits_outside() -> None:
    size = WAITING_BYTES // 4
    inbox = Inbox()
    assert await fill(inbox, [size] * 10) == 4
    batch = await inbox.take()
    assert len(batch) == BATCH_BYTES // size
    for _ in range(20):
        await asyncio.sleep(0)
    assert sum([len(await inbox.take()) for _ in range(4)]) == 8


async def test_mail_larger_than_all_room_has_room_by_itself() -> None:
    inbox = Inbox()
    assert await fill(inbox, [WAITING_BYTES + 1, 1, WAITING_BYTES + 1]) == 1
    for number in range(3):
        (one,) = await inbox.take()
        assert one.sequence == number
        for _ in range(5):
            await asyncio.sleep(0)


async def test_whoever_takes_waits_for_mail() -> None:
    inbox = Inbox()
    taking = asyncio.get_running_loop().create_task(inbox.take())
    await asyncio.sleep(0)
    assert not taking.done()
    await inbox.put(mail(1))
    assert await taking == [mail(1)]
