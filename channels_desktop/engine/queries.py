"""The questions a view may ask, answered from committed data beside running transactions."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from channels_desktop.engine.contacts import preview
from channels_desktop.engine.projection import (
    conversation_row,
    entry_row,
    invite_row,
    is_conversation,
    is_invite,
    wallet_row,
)
from channels_desktop.engine.reviews import MOST_LOOKED_UP, Inputs, payee_inputs, review_row
from channels_desktop.engine.rows import EvidenceRow, Link, ProfileRow, RawRow, StatusRow, Step
from channels_desktop.engine.troubles import Task
from channels_desktop.errors import Cause, Misuse, Refused, StoreError, TransportError
from channels_desktop.protocols.inspection import as_text, inspect
from channels_desktop.protocols.invites import safety_number

if TYPE_CHECKING:
    from channels_desktop.bitcoin.headers import HeaderChain
    from channels_desktop.engine.ports import Chain, Clock, Keys, Store
    from channels_desktop.engine.records import Thread
    from channels_desktop.engine.repositories import Reader
    from channels_desktop.engine.rows import (
        ConversationRow,
        EntryRow,
        HistoryRow,
        InvitePreview,
        InviteRow,
        ReviewRow,
    )
    from channels_desktop.engine.tasks import Tasks


STEPS = {
    "PurchaseOrder": Step.ORDER.value,
    "TransferRequest": Step.INVOICE.value,
    "Transfer": Step.PAYMENT.value,
    "TransferAccept": Step.ACCEPTED.value,
}


class Queries:
    """The reading half of the engine."""

    _chain: Chain
    _keys: Keys
    _headers: HeaderChain
    _network: str
    _tasks: Tasks

    def __init__(self, *, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._link: tuple[Link, int, int, Cause | None] = (Link.CONNECTING, 0, 0, None)
        self._status: StatusRow | None = None

    async def profile(self) -> ProfileRow:
        """Return the account."""

        def read(reader: Reader) -> ProfileRow:
            account = reader.mailboxes.account()
            host = account.base_url if account is not None else ""
            settings = reader.settings
            return ProfileRow(settings.get("name"), host, self._network, settings.get("chain"))

        return await self._store.query(read)

    async def conversations(self) -> tuple[ConversationRow, ...]:
        """Return all conversations, newest first."""
        at = self._clock.now()

        def read(reader: Reader) -> tuple[ConversationRow, ...]:
            shown = [contact for contact in reader.contacts.all() if is_conversation(contact)]
            rows = [conversation_row(reader, contact, at) for contact in shown]
            return tuple(sorted(rows, key=lambda row: row.last_at, reverse=True))

        return await self._store.query(read)

    async def entries(
        self, relationship: int, *, before: int | None = None, after: int | None = None, count: int = 200
    ) -> tuple[EntryRow, ...]:
        """Return up to `count` entries of a conversation: the first after `after`, or the last before `before`."""

        def read(reader: Reader) -> tuple[EntryRow, ...]:
            pages = reader.entries
            if after is None:
                found = pages.page(relationship, before, count)
            else:
                found = pages.page_after(relationship, after, count)
            return tuple(entry_row(reader, entry) for entry in found)

        return await self._store.query(read)

    async def invites(self) -> tuple[InviteRow, ...]:
        """Return our invites, newest first."""
        at = self._clock.now()

        def read(reader: Reader) -> tuple[InviteRow, ...]:
            return tuple(invite_row(contact, at) for contact in reader.contacts.all() if is_invite(contact))

        return await self._store.query(read)

    async def preview(self, link: str) -> InvitePreview:
        """Say what a pasted invite is, without doing anything."""
        at = self._clock.now()
        return await self._store.query(lambda reader: preview(reader, link, self._network, at))

    async def review(self, thread: str) -> ReviewRow:
        """Return what approving a payment would sign; raise Refused("stale") where it is not to be approved."""
        at = self._clock.now()
        inputs = await self._payee_inputs(thread)
        return await self._store.query(lambda reader: review_row(reader, _thread(reader, thread), at, inputs))

    async def _payee_inputs(self, thread: str) -> Inputs:
        """Ask the chain about the inputs that the payee has put into a request under review."""
        outpoints = await self._store.query(lambda reader: payee_inputs(_thread(reader, thread)))
        if not outpoints:
            return Inputs.NONE
        try:
            if len(outpoints) > MOST_LOOKED_UP:
                return Inputs.UNKNOWN
            unspent = [await self._chain.output(outpoint) is not None for outpoint in outpoints]
        except TransportError:
            return Inputs.UNKNOWN
        return Inputs.UNSPENT if all(unspent) else Inputs.SPENT

    async def evidence(self, thread: str) -> tuple[EvidenceRow, ...]:
        """Return the signed messages of a payment, in order."""

        def read(reader: Reader) -> tuple[EvidenceRow, ...]:
            return tuple(
                EvidenceRow(
                    step=STEPS.get(message.kind, "answer"),
                    mine=message.outgoing,
                    at=message.at,
                    relationship=message.relationship,
                    number=message.number,
                    size=len(message.script),
                )
                for message in reader.messages.of_thread(_thread(reader, thread).uuid)
            )

        return await self._store.query(read)

    async def raw(self, relationship: int, number: int, *, mine: bool) -> RawRow:
        """Return one signed message of a relationship as it is, checked with the key its signature must be of."""

        def read(reader: Reader) -> RawRow:
            message = reader.messages.get(relationship, number, outgoing=mine)
            if message is None:
                raise Misuse(f"no message {number} of relationship {relationship}")
            key = (
                self._keys.relationship_key(relationship).public
                if mine
                else reader.contacts.get(relationship).their_key
            )
            return RawRow(as_text(inspect(message.script, key), key), message.script.hex())

        return await self._store.query(read)

    async def safety_number(self, relationship: int) -> str:
        """Return the 60 digits that both sides must see alike."""

        def read(reader: Reader) -> str:
            contact = reader.contacts.get(relationship)
            if not contact.their_key:
                raise Refused("not_connected")
            return safety_number(self._keys.relationship_key(relationship).public, contact.their_key)

        return await self._store.query(read)

    async def history(self) -> tuple[HistoryRow, ...]:
        """Return the wallet's history, newest first."""
        return await self._store.query(lambda reader: reader.chain.history())

    async def status(self) -> StatusRow:
        """Return the status bar's content; where the database fails, its sums are those known last."""
        try:
            self._status = await self._store.query(self._status_of)
        except StoreError:
            if self._status is None:
                raise
        return self._alive(self._status)

    def _status_of(self, reader: Reader) -> StatusRow:
        row = StatusRow(
            link=Link.CONNECTING,
            channels=reader.mailboxes.count(),
            attempt=0,
            retry_in=0,
            waiting_to_send=reader.messages.waiting(),
            block_height=self._headers.tip.height,
            chain_ok=True,
            wallet=wallet_row(reader),
            gone=reader.contacts.gone(),
        )
        return self._alive(row)

    def _alive(self, row: StatusRow) -> StatusRow:
        """Add what is known without the database."""
        link, attempt, retry_at, cause = self._link
        troubles = self._tasks.troubles
        return replace(
            row,
            link=link,
            attempt=attempt,
            retry_in=max(0, retry_at - self._clock.elapsed()),
            chain_ok=all(trouble.task is not Task.CHAIN for trouble in troubles),
            cause=cause,
            troubles=troubles,
        )


def _thread(reader: Reader, thread: str) -> Thread:
    found = reader.threads.get(bytes.fromhex(thread))
    if found is None:
        raise Misuse(f"no payment {thread}")
    return found
