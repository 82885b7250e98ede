"""What happens because time passes: invoices expire, and gaps in a sequence are asked about."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from channels_desktop.engine import payments
from channels_desktop.engine.outbound import promise
from channels_desktop.engine.rows import ContactState
from channels_desktop.engine.tasks import Bell, each
from channels_desktop.protocols.ids import IdCode
from channels_desktop.protocols.response import Response, Status

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from channels_desktop.engine.ports import Clock, Store
    from channels_desktop.engine.repositories import Reader
    from channels_desktop.engine.tasks import Health
    from channels_desktop.engine.turn import Turn

GAP_PATIENCE = 60 * 10**9
GAP_REMINDER = 600 * 10**9
LONGEST_NAP = 60 * 10**9
"""Dates are looked at again after so long, since the computer's may be set."""
SHORTEST_NAP = 10**9


@dataclass(frozen=True, slots=True)
class Gap:
    """The number of a message that is missing in a relationship while later ones are there."""

    relationship: int
    missing: int


class Timers:
    """Wakes what is due, in order of time."""

    def __init__(
        self, *, store: Store, clock: Clock, run_turn: Callable[[Callable[[Turn], None]], Awaitable[None]]
    ) -> None:
        self._store = store
        self._clock = clock
        self._run_turn = run_turn
        self._bell = Bell(clock)
        self._gaps: dict[Gap, int] | None = None  # when to ask, by elapsed time; None before the first look

    def ring(self) -> None:
        """Look again: something may be due earlier than thought."""
        self._bell.ring()

    async def run(self, health: Health) -> None:
        """Wake what is due for ever, at most once a second."""
        while True:
            looked_at = self._clock.elapsed()
            next_look = await self.look()
            health.well()
            await self._clock.wait_until(looked_at + SHORTEST_NAP)
            await self._bell.wait(next_look)

    async def look(self) -> int:
        """Wake what is due now; return by elapsed time when to look again, 0 for when rung."""
        now = self._clock.elapsed()
        await each((self._wake_all, self._ask_about_gaps))
        times = [*(self._gaps or {}).values()]
        date = await self._store.query(next_due)
        if date:
            times.append(now + min(LONGEST_NAP, max(0, date - self._clock.now())))
        return min(times, default=0)

    async def _wake_all(self) -> None:
        due = await self._store.query(partial(_due, at=self._clock.now()))
        await each([partial(self._run_turn, partial(wake, uuid)) for uuid in due])

    async def _ask_about_gaps(self) -> None:
        """Ask about the gaps that have been open for a minute, or were so when this run began."""
        found = await self._store.query(_gaps)
        now = self._clock.elapsed()
        known, first = (self._gaps, now + GAP_PATIENCE) if self._gaps is not None else ({}, now)
        self._gaps = {gap: known.get(gap, first) for gap in found}
        for gap in [gap for gap, at in self._gaps.items() if at <= now]:
            await self._run_turn(partial(ask_for, gap))
            self._gaps[gap] = now + GAP_REMINDER


def next_due(reader: Reader) -> int:
    """Return the date at which a negotiation is to be woken next, or 0."""
    return reader.threads.next_wake()


def _due(reader: Reader, at: int) -> tuple[bytes, ...]:
    return tuple(thread.uuid for thread in reader.threads.due(at))


def _gaps(reader: Reader) -> tuple[Gap, ...]:
    found = (contact for contact in reader.contacts.all() if contact.gap_since)
    return tuple(Gap(contact.number, contact.next_in) for contact in found if contact.state is ContactState.ACTIVE)


def wake(uuid: bytes, turn: Turn) -> None:
    """Wake a negotiation if it still wants to be."""
    thread = turn.tx.threads.get(uuid)
    if thread is not None and 0 < thread.wake <= turn.at:
        payments.wake(turn, thread)


def ask_for(gap: Gap, turn: Turn) -> None:
    """Ask the other side for a message if it is still missing."""
    contact = turn.tx.contacts.get(gap.relationship)
    if contact.gap_since and contact.next_in == gap.missing and contact.state is ContactState.ACTIVE:
        note = str(contact.next_in)
        missing = Response(status=Status.REJECT, protocol_id=b"ID", code=IdCode.OUT_OF_SEQUENCE, note=note)
        promise(turn, contact.number, None, response=missing, note=note)
