"""The outbox: final bytes go out in order, each until a host has stored it (channels.md 3.4)."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

from channels_desktop.engine.rows import ContactState, TextState
from channels_desktop.engine.tasks import Bell
from channels_desktop.engine.texts import notice
from channels_desktop.errors import Refused, TransportError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from channels_desktop.engine.ports import Clock, MailboxAddress, PeerChannels, Store
    from channels_desktop.engine.records import StoredMessage
    from channels_desktop.engine.turn import Turn

SECOND = 10**9
LONGEST_PAUSE = 300
AT_ONCE, AGAIN_AT_ONCE = 32, 8
ENDED = (ContactState.REJECTED, ContactState.TERMINATED)
GONE = "gone"
REMOVED = "removed"


class Outbox:
    """Posts what waits: one message at a time for each relationship, several relationships at once."""

    def __init__(
        self,
        *,
        store: Store,
        channels: PeerChannels,
        clock: Clock,
        run_turn: Callable[[Callable[[Turn], None]], Awaitable[None]],
    ) -> None:
        self._store = store
        self._channels = channels
        self._clock = clock
        self._run_turn = run_turn
        self._bell = Bell(clock)
        self._limit, self._again = asyncio.Semaphore(AT_ONCE), asyncio.Semaphore(AGAIN_AT_ONCE)
        self._eager = False
        self._under_way: set[int] = set()

    def ring(self, *, eager: bool = False) -> None:
        """Look again; `eager` tries now even what failed a moment ago."""
        self._eager = self._eager or eager
        self._bell.ring()

    async def run(self) -> None:
        """Post for ever. A host that does not answer holds up nobody but its own contact."""
        async with asyncio.TaskGroup() as posts:
            while True:
                # Who was busy before the question: a post that ends meanwhile is not yet in the answer.
                busy = frozenset(self._under_way)
                waiting = await self._store.query(lambda reader: reader.messages.next_waiting())
                now = self._clock.now()
                eager, self._eager = self._eager, False
                idle = [message for message in waiting if message.relationship not in busy]
                for message in idle:
                    if eager or message.next_at <= now:
                        self._under_way.add(message.relationship)
                        posts.create_task(self._post_and_tell(message))
                later = (message.next_at for message in idle if message.relationship not in self._under_way)
                await self._bell.wait(min(later, default=0))

    async def _post_and_tell(self, message: StoredMessage) -> None:
        """Post one message, and look for the next of its relationship."""
        try:
            await self._post(message)
        finally:
            self._under_way.discard(message.relationship)
            self._bell.ring()

    async def _post(self, message: StoredMessage) -> None:
        """Post one message to every mailbox of the other side; stored by one of them is enough."""
        contact = await self._store.query(lambda reader: reader.contacts.get(message.relationship))
        if contact.state is ContactState.TERMINATED and not contact.since:
            await self._run_turn(lambda turn: failed(turn, message, REMOVED))
            return
        # Mailboxes that failed before wait in a lane of their own, so that silent ones hold up nobody else.
        async with self._again if message.attempts else self._limit:
            outcomes = await asyncio.gather(*(self._leave(address, message.script) for address in contact.outgoing))
        away = [error for error in outcomes if isinstance(error, TransportError) and not error.gone]
        refusals = [error.reason for error in outcomes if isinstance(error, Refused)]
        if None in outcomes:
            await self._run_turn(lambda turn: posted(turn, message))
        elif away or not outcomes:
            pause = min(LONGEST_PAUSE, 1 << min(message.attempts, 10)) * SECOND
            next_at = max(self._clock.now() + pause, *(error.retry_at or 0 for error in away), 0)
            await self._run_turn(lambda turn: postponed(turn, message, next_at))
        elif refusals:
            await self._run_turn(lambda turn: failed(turn, message, refusals[-1]))
        else:
            next_at = self._clock.now() + LONGEST_PAUSE * SECOND
            await self._run_turn(lambda turn: unreachable(turn, message, next_at))

    async def _leave(self, address: MailboxAddress, script: bytes) -> TransportError | Refused | None:
        """Post to one mailbox; return what was wrong, None where a host has stored it."""
        try:
            await self._channels.post(address, script)
        except (TransportError, Refused) as error:
            return error
        return None


def postponed(turn: Turn, message: StoredMessage, next_at: int) -> None:
    """Nobody has the message yet. Its attempts may have begun to count anew while it was posted."""
    current = turn.tx.messages.get(message.relationship, message.number, outgoing=True)
    if current is not None and current.state == "waiting":
        turn.tx.messages.postpone(current, next_at)


def posted(turn: Turn, message: StoredMessage) -> None:
    """Note that a host of the other side has the message."""
    turn.tx.messages.settle(message, "posted")
    contact = turn.tx.contacts.get(message.relationship)
    if contact.gone_since:
        turn.tx.contacts.save(replace(contact, gone_since=0))
        turn.changed(contact.number)
    _show(turn, message, TextState.STORED)


def unreachable(turn: Turn, message: StoredMessage, next_at: int) -> None:
    """Note that all mailboxes of the other side are gone (channels.md 5.4).

    The message is kept and tried again, since a host may err, and the user is told. To whom the user is no more
    connected nothing is tried again.
    """
    contact = turn.tx.contacts.get(message.relationship)
    if contact.state in ENDED:
        failed(turn, message, GONE)
        return
    postponed(turn, message, next_at)
    if not contact.gone_since:
        turn.tx.contacts.save(replace(contact, gone_since=turn.at))
        if contact.state is ContactState.ACTIVE:
            notice(turn, contact.number, "mailbox_gone")
    turn.changed(contact.number)
    _show(turn, message, TextState.WAITING)


def failed(turn: Turn, message: StoredMessage, reason: str) -> None:
    """Note that no host will ever take the message."""
    turn.tx.messages.settle(message, "failed", reason=reason)
    _show(turn, message, TextState.NOT_SENT, reason)


def _show(turn: Turn, message: StoredMessage, state: TextState, reason: str = "") -> None:
    turn.status = True
    entry = turn.tx.entries.text_of_message(message.relationship, message.number)
    if entry is not None:
        if entry.state in (TextState.WAITING.value, TextState.NOT_SENT.value):
            turn.tx.entries.set_text_state(entry, state, reason=reason)
        turn.changed(message.relationship, entry.number)
        return
    thread = turn.tx.threads.get(message.uuid) if message.uuid else None
    if thread is not None:
        turn.changed(message.relationship, thread.entry)
