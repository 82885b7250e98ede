"""The outbox: final bytes go out in order, each until a host has stored it (channels.md 3.4)."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from channels_desktop.engine.rows import ContactState, TextState
from channels_desktop.engine.shown_anew import contact_changed
from channels_desktop.engine.tasks import SECOND, Bell, asked_pause, pause
from channels_desktop.engine.texts import notice
from channels_desktop.engine.troubles import Task
from channels_desktop.errors import Refused, TransportError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from channels_desktop.engine.ports import Clock, MailboxAddress, PeerChannels, Store
    from channels_desktop.engine.records import Contact, StoredMessage
    from channels_desktop.engine.tasks import Health
    from channels_desktop.engine.turn import Turn

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
        self._failing: dict[int, int] = {}  # contacts and how often in a row our code failed on their message
        self._pauses: dict[int, tuple[tuple[int, int], int]] = {}
        self._results: dict[int, tuple[tuple[int, int], Callable[..., None]]] = {}

    def ring(self, *, eager: bool = False) -> None:
        """Look again; `eager` tries now even what failed a moment ago."""
        self._eager = self._eager or eager
        self._bell.ring()

    async def run(self, health: Health) -> None:
        """Post for ever. A host that does not answer holds up nobody but its own contact."""
        async with asyncio.TaskGroup() as posts:
            while True:
                # Who was busy before the question: a post that ends meanwhile is not yet in the answer.
                busy = frozenset(self._under_way)
                waiting = await self._store.query(lambda reader: reader.messages.next_waiting())
                now = self._clock.elapsed()
                eager, self._eager = self._eager, False
                if eager:
                    self._pauses.clear()
                waits = {message.relationship for message in waiting}
                self._failing = {contact: count for contact, count in self._failing.items() if contact in waits}
                idle = [message for message in waiting if message.relationship not in busy]
                for message in idle:
                    if self._due(message) <= now:
                        self._under_way.add(message.relationship)
                        posts.create_task(self._post_and_tell(message, health), name=Task.OUTBOX.value)
                if not self._failing:
                    health.well()
                later = (self._due(message) for message in idle if message.relationship not in self._under_way)
                await self._bell.wait(min(later, default=0))

    def _due(self, message: StoredMessage) -> int:
        """Return when to try a message, 0 for now: pauses are of this run alone, and one message's each."""
        key, until = self._pauses.get(message.relationship, (None, 0))
        return until if key == _attempt(message) else 0

    async def _post_and_tell(self, message: StoredMessage, health: Health) -> None:
        """Post one message, note what became of it, and look for the next of its relationship.

        What fails here is tried again after a pause, and the messages of others go on meanwhile.
        """
        contact = message.relationship
        try:
            if contact not in self._results or self._results[contact][0] != _attempt(message):
                self._results[contact] = (_attempt(message), await self._post(message))
            # A post that is done and could not be noted is noted again, and not posted again.
            await self._run_turn(partial(self._results[contact][1], message=message))
            del self._results[contact]
            self._failing.pop(contact, None)
        except Exception as error:  # noqa: BLE001 - one message that our code fails on must not stop the others
            failures = self._failing[contact] = self._failing.get(contact, 0) + 1
            self._pauses[contact] = (_attempt(message), self._clock.elapsed() + pause(message.attempts + failures))
            health.ill(error)
        finally:
            self._under_way.discard(contact)
            self._bell.ring()

    async def _post(self, message: StoredMessage) -> Callable[..., None]:
        """Post one message to every mailbox of the other side; stored by one of them is enough."""
        contact = await self._store.query(lambda reader: reader.contacts.get(message.relationship))
        if contact.state is ContactState.TERMINATED and not contact.since:
            return partial(failed, reason=REMOVED)
        # Mailboxes that failed before wait in a lane of their own, so that silent ones hold up nobody else.
        async with self._again if message.attempts else self._limit:
            posts = (self._leave(address, message.script) for address in contact.outgoing)
            outcomes = await asyncio.gather(*posts, return_exceptions=True)
        if None in outcomes:
            return posted
        away = [error for error in outcomes if isinstance(error, TransportError) and not error.gone]
        broken = [error for error in outcomes if not isinstance(error, TransportError | Refused | None)]
        if broken:
            raise broken[0]
        if away or not outcomes:
            asked = max((asked_pause(error, self._clock) for error in away), default=0)
            self._wait(message, max(pause(message.attempts + 1, LONGEST_PAUSE), asked))
            return postponed
        refusals = [error.reason for error in outcomes if isinstance(error, Refused)]
        if refusals:
            return partial(failed, reason=refusals[-1])
        self._wait(message, LONGEST_PAUSE * SECOND)
        return unreachable

    def _wait(self, message: StoredMessage, span: int) -> None:
        """Let the next attempt at a message wait for `span` nanoseconds."""
        self._pauses[message.relationship] = (_attempt(message, later=1), self._clock.elapsed() + span)

    async def _leave(self, address: MailboxAddress, script: bytes) -> TransportError | Refused | None:
        """Post to one mailbox; return what was wrong, None where a host has stored it."""
        try:
            await self._channels.post(address, script)
        except (TransportError, Refused) as error:
            return error
        return None


def _attempt(message: StoredMessage, *, later: int = 0) -> tuple[int, int]:
    """Return what tells one attempt at a message from all others."""
    return message.number, message.attempts + later


def postponed(turn: Turn, message: StoredMessage) -> None:
    """Nobody has the message yet. Its attempts may have begun to count anew while it was posted."""
    current = turn.tx.messages.get(message.relationship, message.number, outgoing=True)
    if current is not None and current.state == "waiting":
        turn.tx.messages.postpone(current)


def posted(turn: Turn, message: StoredMessage) -> None:
    """Note that a host of the other side has the message."""
    turn.tx.messages.settle(message, "posted")
    contact = turn.tx.contacts.get(message.relationship)
    if contact.gone_since:
        turn.tx.contacts.save(replace(contact, gone_since=0))
        contact_changed(turn, contact.number)
    _show(turn, message, TextState.STORED)


def unreachable(turn: Turn, message: StoredMessage) -> None:
    """Note that all mailboxes of the other side are gone (channels.md 5.4).

    The message is kept and tried again, since a host may err, and the user is told. To whom the user is no more
    connected nothing is tried again.
    """
    contact = turn.tx.contacts.get(message.relationship)
    if contact.state in ENDED:
        failed(turn, message, GONE)
        return
    postponed(turn, message)
    _lose(turn, contact)
    _show(turn, message, TextState.WAITING)


def failed(turn: Turn, message: StoredMessage, reason: str) -> None:
    """Note that no host will ever take the message; nobody will answer an invite where that was our introduction."""
    turn.tx.messages.settle(message, "failed", reason=reason)
    contact = turn.tx.contacts.get(message.relationship)
    if contact.state is ContactState.SENT:
        _lose(turn, contact)
    _show(turn, message, TextState.NOT_SENT, reason)


def _lose(turn: Turn, contact: Contact) -> None:
    """Note that the other side cannot be written to, and tell it once."""
    if not contact.gone_since:
        turn.tx.contacts.save(replace(contact, gone_since=turn.at))
        if contact.state is ContactState.ACTIVE:
            notice(turn, contact.number, "mailbox_gone")
        contact_changed(turn, contact.number)
    turn.changed(contact.number)


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
