"""What is kept for those who wait, and what processes tell each other of it."""

from __future__ import annotations

import asyncio

import pytest

from channels_desktop.host.listeners import LOOK_SECONDS, Cut, Listeners, Wait
from channels_desktop.host.mailboxes import Line


@pytest.mark.parametrize(
    "text", ["", "{}", "[]", "[1, 2]", '[1, "c", "no hex", 1]', "[" * 10_000, '["a", "c", null, 1]']
)
def test_what_nobody_of_us_said_is_passed_over(text: str) -> None:
    listeners = Listeners()
    listeners.told_by_others(text)
    assert not any(vars(listeners).values())


def test_the_end_of_an_answer_travels_as_text() -> None:
    for token in (None, bytes(32)):
        cut = Cut(Line(2**48, "a channel", token), 7)
        assert Cut.read(cut.text()) == cut


async def test_the_rest_of_an_answer_is_looked_for_less_and_less_often() -> None:
    async def nothing() -> None:
        pass

    wait = Wait(Line(1), tells_again=True)
    wait.pump = lambda: asyncio.get_running_loop().create_task(nothing())
    wait.rest()
    assert wait.timer is None, "there is nothing to look for"
    pauses = []
    wait.add("a channel", Cut(Line(1, "a channel"), 1))
    for _ in range(10):
        wait.rest()
        assert wait.timer is not None
        pauses.append(round(wait.timer.when() - asyncio.get_running_loop().time()))
        wait.timer.cancel()
        wait.timer = None
    assert pauses[:6] == [1, 2, 4, 8, 16, 32]
    assert set(pauses[6:]) == {LOOK_SECONDS[1]}
    wait.add("a channel", Cut(Line(1, "a channel"), 2))
    wait.rest()
    assert wait.seconds == 2 * LOOK_SECONDS[0], "a new answer begins anew"
    wait.stop()
    wait.rest()
    assert wait.timer is None or wait.timer.cancelled(), "nothing is looked for any more"
