"""An engine made by hand: it keeps rows, notes every command, and lets a test publish what it likes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeVar, cast

from channels_desktop.engine.commands import (
    AnswerRequest,
    CheckedSafetyNumber,
    Command,
    CreateInvite,
    MarkSeen,
    RemoveContact,
    RemoveInvite,
    SaveDraft,
    SendText,
    UseInvite,
    WithdrawInvite,
)
from channels_desktop.engine.events import ConversationChanged, EntryChanged, Event, InviteChanged
from channels_desktop.engine.rows import (
    ContactState,
    ConversationRow,
    EntryRow,
    EvidenceRow,
    HistoryRow,
    InvitePreview,
    InviteRow,
    Link,
    ProfileRow,
    RawRow,
    ReviewRow,
    StatusRow,
    TextRow,
    TextState,
    Verification,
    WalletRow,
)
from channels_desktop.errors import ChannelsError

Wanted = TypeVar("Wanted")
NOW = 1_795_521_900 * 10**9  # 24 November 2026
LINK = "channels:i/host.example/9fK2dW81hQbQmZ0uV7cXn4sLwQ"


class ScriptedEngine:
    """What `ui.bridge` needs, without store, keys or network."""

    def __init__(self) -> None:
        self.account = ProfileRow("Alice", "host.example", "regtest", "a Bitcoin SV node of this computer (regtest)")
        self.people: dict[int, ConversationRow] = {}
        self.timelines: dict[int, list[EntryRow]] = {}
        self.made: dict[int, InviteRow] = {}
        self.reviews: dict[str, ReviewRow] = {}
        self.proofs: dict[str, tuple[EvidenceRow, ...]] = {}
        self.raws: dict[tuple[int, int, bool], RawRow] = {}
        self.past: tuple[HistoryRow, ...] = ()
        self.previews: dict[str, InvitePreview] = {}
        self.line = StatusRow(Link.LISTENING, 14, 0, 0, 0, 912_204, True, WalletRow(1_204_330, 12_412, 45_000))
        self.commands: list[Command] = []
        self.refusing: ChannelsError | None = None
        self.changed = asyncio.Event()
        self.listeners: list[Callable[[tuple[Event, ...]], None]] = []

    def publish(self, *events: Event) -> None:
        for listener in tuple(self.listeners):
            listener(events)

    def add(self, row: EntryRow) -> None:
        rows = [old for old in self.timelines.setdefault(row.relationship, []) if old.entry != row.entry]
        self.timelines[row.relationship] = sorted([*rows, row], key=lambda r: r.entry)
        self.publish(EntryChanged(row))

    def change(self, row: ConversationRow) -> None:
        self.people[row.relationship] = row
        self.publish(ConversationChanged(row))

    async def command(self, kind: type[Wanted], number: int = 0) -> Wanted:
        """Return the command of `kind` with that number, as soon as it is submitted."""
        async with asyncio.timeout(60):
            while True:
                found = [command for command in self.commands if isinstance(command, kind)]
                if len(found) > number:
                    return found[number]
                self.changed.clear()
                await self.changed.wait()

    # ---------------------------------------------------------------------------------------------------------- the api

    async def submit(self, command: Command) -> object:
        await asyncio.sleep(0)
        self.commands.append(command)
        self.changed.set()
        if self.refusing is not None:
            raise self.refusing
        return self._carry_out(command)

    def _carry_out(self, command: Command) -> object:
        match command:
            case SendText(relationship, text):
                rows = self.timelines.setdefault(relationship, [])
                entry = max((row.entry for row in rows), default=0) + 1
                row = TextRow(entry, relationship, True, text, NOW, TextState.STORED)
                self.add(row)
                return row
            case CreateInvite(note, valid_for):
                number = len(self.made) + 100
                invite = InviteRow(number, LINK + str(number), note, NOW + number, NOW + valid_for, "waiting")
                self.made[number] = invite
                return invite
            case WithdrawInvite(relationship):
                self.made[relationship] = replace(self.made[relationship], state="withdrawn")
                self.publish(InviteChanged(self.made[relationship]))
            case RemoveInvite(relationship):
                self.publish(InviteChanged(replace(self.made.pop(relationship), state="removed")))
            case RemoveContact(relationship) if self.people[relationship].state is not ContactState.ACTIVE:
                del self.people[relationship]
            case UseInvite():
                self.change(contact(77, "Somebody", state=ContactState.SENT))
                return 77
            case AnswerRequest(relationship, accept):
                state = ContactState.ACTIVE if accept else ContactState.REJECTED
                self.change(replace(self.people[relationship], state=state, needs=()))
            case CheckedSafetyNumber(relationship, matches):
                found = Verification.VERIFIED if matches else Verification.MISMATCH
                self.change(replace(self.people[relationship], verification=found))
            case MarkSeen(relationship, entry):
                texts = [row for row in self.timelines.get(relationship, []) if isinstance(row, TextRow)]
                left = [row.entry for row in texts if row.entry > entry and not row.mine]
                seen = replace(self.people[relationship], unread=len(left), first_unread=left[0] if left else 0)
                self.change(seen)
            case SaveDraft(relationship, text):
                self.change(replace(self.people[relationship], draft=text))
        return None

    def subscribe(self, listener: Callable[[tuple[Event, ...]], None]) -> Callable[[], None]:
        self.listeners.append(listener)
        return lambda: self.listeners.remove(listener)

    async def profile(self) -> ProfileRow:
        return self.account

    async def conversations(self) -> tuple[ConversationRow, ...]:
        return tuple(self.people.values())

    async def entries(
        self, relationship: int, *, before: int | None = None, after: int | None = None, count: int = 200
    ) -> tuple[EntryRow, ...]:
        if after is not None:
            return tuple(row for row in self.timelines.get(relationship, []) if row.entry > after)[:count]
        rows = [row for row in self.timelines.get(relationship, []) if before is None or row.entry < before]
        return tuple(rows[-count:])

    async def invites(self) -> tuple[InviteRow, ...]:
        return tuple(self.made.values())

    async def preview(self, link: str) -> InvitePreview:
        return self.previews.get(link, InvitePreview(problem="not_an_invite"))

    async def review(self, thread: str) -> ReviewRow:
        return self.reviews[thread]

    async def evidence(self, thread: str) -> tuple[EvidenceRow, ...]:
        return self.proofs.get(thread, ())

    async def raw(self, relationship: int, number: int, *, mine: bool) -> RawRow:
        return self.raws[relationship, number, mine]

    async def safety_number(self, relationship: int) -> str:
        return "".join(f"{(relationship * 7919 + at * 104_729) % 100_000:05}" for at in range(12))

    async def history(self) -> tuple[HistoryRow, ...]:
        return self.past

    async def add_host(self, base_url: str, access: str) -> None:
        await asyncio.sleep(0)
        if self.refusing is not None:
            raise self.refusing
        self.account = replace(self.account, host=base_url)
        self.line = replace(self.line, link=Link.LISTENING)

    async def status(self) -> StatusRow:
        return self.line


def contact(
    relationship: int,
    name: str,
    *,
    state: ContactState = ContactState.ACTIVE,
    verification: Verification = Verification.VERIFIED,
    **values: object,
) -> ConversationRow:
    """Return a conversation row with nothing in it but `values`."""
    row = ConversationRow(relationship, name, state, verification, "", "", False, NOW, 0, "", ())
    return replace(row, **cast("dict[str, Any]", values))
