"""The whole of the engine as a view sees it: commands in, events out, a handful of queries."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    from channels_desktop.engine.commands import Command
    from channels_desktop.engine.events import Event
    from channels_desktop.engine.rows import (
        ConversationRow,
        EntryRow,
        EvidenceRow,
        HistoryRow,
        InvitePreview,
        InviteRow,
        ProfileRow,
        RawRow,
        ReviewRow,
        StatusRow,
    )


class EngineApi(Protocol):
    """What `ui.bridge` needs. All queries are coroutines that never block the loop."""

    async def submit(self, command: Command) -> Any:  # noqa: ANN401 - each command says what it returns
        """Carry out a command; return what its class says, or raise one of `errors` with nothing done."""
        ...

    def subscribe(self, listener: Callable[[tuple[Event, ...]], None]) -> Callable[[], None]:
        """Call `listener` in the loop with each batch of events; return a function that ends it."""
        ...

    async def profile(self) -> ProfileRow:
        """Return the account."""
        ...

    async def conversations(self) -> tuple[ConversationRow, ...]:
        """Return all conversations, newest first; those of open invites are not among them."""
        ...

    async def entries(
        self, relationship: int, *, before: int | None = None, after: int | None = None, count: int = 200
    ) -> tuple[EntryRow, ...]:
        """Return up to `count` entries of a conversation, oldest first.

        These are the first ones after `after`, or the last ones before `before`, or the newest.
        """
        ...

    async def invites(self) -> tuple[InviteRow, ...]:
        """Return our invites, newest first."""
        ...

    async def preview(self, link: str) -> InvitePreview:
        """Say what a pasted invite is, without doing anything."""
        ...

    async def review(self, thread: str) -> ReviewRow:
        """Return what approving a payment would sign."""
        ...

    async def evidence(self, thread: str) -> tuple[EvidenceRow, ...]:
        """Return the signed messages of a payment, in order."""
        ...

    async def raw(self, relationship: int, number: int, *, mine: bool) -> RawRow:
        """Return one signed message of a relationship as it is."""
        ...

    async def safety_number(self, relationship: int) -> str:
        """Return the 60 digits that both sides must see alike."""
        ...

    async def history(self) -> tuple[HistoryRow, ...]:
        """Return the wallet's history, newest first."""
        ...

    async def add_host(self, base_url: str, access: str) -> None:
        """Open an account at a host, for a profile without one; raise TransportError or Refused("has_host")."""
        ...

    async def status(self) -> StatusRow:
        """Return the status bar's content."""
        ...
