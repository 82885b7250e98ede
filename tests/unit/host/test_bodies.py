"""Bodies that are being received share one memory."""

from __future__ import annotations

import asyncio

from channels_desktop.host.bounds import Bodies, Bounds, _Coming


async def coming(bodies: Bodies, *sizes: int) -> list[_Coming]:
    """Let bodies come, so much of each."""
    found = [_Coming(asyncio.timeout(60)) for _ in sizes]
    for body, size in zip(found, sizes, strict=True):
        await body.deadline.__aenter__()
        assert bodies._grow(body, size)  # noqa: SLF001 - what a connection does
    return found


async def test_nobody_gives_way_where_that_would_not_be_enough() -> None:
    bodies = Bodies(Bounds(body_bytes=100), 100)
    assert bodies.take(90)
    slow = await coming(bodies, 4, 4)
    assert not bodies.take(50)
    assert [body.gave_way for body in slow] == [False, False]
    assert bodies.taken == 98


async def test_as_many_give_way_as_have_to_the_slowest_first() -> None:
    bodies = Bodies(Bounds(body_bytes=100), 100)
    slow = await coming(bodies, 30, 30, 30)
    assert bodies.take(40)
    assert [body.gave_way for body in slow] == [True, False, False]
    assert bodies.taken == 100
    assert bodies.take(60)
    assert [body.gave_way for body in slow] == [True, True, True]
    assert not bodies.take(1)
