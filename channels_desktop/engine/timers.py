"""What happens because time passes: invoices expire, and gaps in a sequence are asked about."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from channels_desktop.engine import payments
from channels_desktop.engine.outbound import promise
from channels_desktop.engine.rows import ContactState
from channels_desktop.engine.tasks import Bell
from channels_desktop.protocols.ids import IdCode
from channels_desktop.protocols.response import Response, Status

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from channels_desktop.engine.ports import Clock, Store
    from channels_desktop.engine.repositories import Reader
    from channels_desktop.engine.turn import Turn

GAP_PATIENCE = 60 * 10**9
GAP_REMINDER = 600 * 10**9


class Timers:
    """Wakes what is due, in order of time."""

    def __init__(
        self, *, store: Store, clock: Clock, run_turn: Callable[[Callable[[Turn], None]], Awaitable[None]]
    ) -> None:
        self._store = store
        self._clock = clock
        self._run_turn = run_turn
        self._bell = Bell(clock)

    def ring(self) -> None:
        """Look again: something may be due earlier than thought."""
        self._bell.ring()

    async def run(self) -> None:
        """Wake what is due for ever."""
        while True:
            due = await self._store.query(next_due)
            if due and due <= self._clock.now():
                await self._run_turn(wake_due)
            else:
                await self._bell.wait(due)


def next_due(reader: Reader) -> int:
    """Return when something is due next, or 0."""
    times = [reader.threads.next_wake()]
    times += [contact.gap_since + GAP_PATIENCE for contact in reader.contacts.all() if contact.gap_since]
    return min((at for at in times if at), default=0)


def wake_due(turn: Turn) -> None:
    """Wake everything that is due."""
    for thread in turn.tx.threads.due(turn.at):
        payments.wake(turn, thread)
    for contact in turn.tx.contacts.all():
        if contact.gap_since and contact.gap_since + GAP_PATIENCE <= turn.at and contact.state is ContactState.ACTIVE:
            note = str(contact.next_in)
            missing = Response(status=Status.REJECT, protocol_id=b"ID", code=IdCode.OUT_OF_SEQUENCE, note=note)
            # Asked again after ten minutes: the wait is measured from a moment that far ahead.
            turn.tx.contacts.save(replace(contact, gap_since=turn.at + GAP_REMINDER - GAP_PATIENCE))
            promise(turn, contact.number, None, response=missing, note=note)
        elif contact.gap_since and contact.state is not ContactState.ACTIVE:
            turn.tx.contacts.save(replace(contact, gap_since=0))
