"""What is kept for those who wait, and what processes tell each other of it."""

from __future__ import annotations

import asyncio

import pytest

from channels_desktop.host.listeners import LOOK_SECONDS, MOST_FRESH, Cut, Listeners, Wait
from channels_desktop.host.mailboxes import Line
from channels_desktop.host.messages import HostMessage


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


class Pumps:
    """Begins tasks that do nothing, and counts them."""

    def __init__(self) -> None:
        self.begun = 0

    def __call__(self) -> asyncio.Task[None]:
        async def nothing() -> None:
            pass

        self.begun += 1
        return asyncio.get_running_loop().create_task(nothing())


def message(size: int) -> HostMessage:
    return HostMessage(sequence=1, received=1, content_type="t", channel_id="c", payload=bytes(size))


SMALL, LARGE = [(5, message(1))], [(5, message(MOST_FRESH)), (6, message(1))]


async def test_what_is_fresh_is_for_a_socket_at_rest() -> None:
    pumps = Pumps()

    def wait(channel: str | None = None, *, changed: bool = False) -> Wait:
        return Wait(Line(1, channel), tells_again=False, changed=changed, pump=pumps)

    rest = wait()
    rest.give(SMALL)
    assert (list(rest.fresh), rest.changed, pumps.begun) == (SMALL, False, 1)
    rest.give([(6, message(1))])
    assert (list(rest.fresh), rest.changed, pumps.begun) == (SMALL, True, 1), "it looks after what it sends now"
    for one, fresh, changed, begun in (
        (wait(), (), False, 0),
        (wait(), LARGE, True, 1),
        (wait("c"), SMALL, True, 1),
        (wait(changed=True), SMALL, True, 1),
    ):
        pumps.begun = 0
        one.give(fresh)
        assert (list(one.fresh), one.changed, pumps.begun) == ([], changed, begun)
    early = Wait(Line(1), tells_again=False)
    early.give(SMALL)
    assert (list(early.fresh), early.changed) == ([], True), "an open socket begins with a look"


async def test_who_waits_for_an_account_is_given_what_is_fresh_of_it() -> None:
    listeners = Listeners()
    for accounts, fresh, given, changed in (([1, 2], {1: SMALL}, SMALL, False), ([1], {2: SMALL}, [], True)):
        with listeners.waiting(Line(1), object(), tells_again=False) as wait:  # type: ignore[arg-type] # only kept
            wait.pump, wait.changed = Pumps(), False
            listeners.wake(accounts, fresh)
            assert (list(wait.fresh), wait.changed) == (given, changed)


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
