"""A process that runs an account without a window and pays every invoice: something to kill.

`python -m tests.e2e.payer PROFILE PASSPHRASE` prints "ready" once it listens, and goes on until it is killed.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
from pathlib import Path

from channels_desktop import headless
from channels_desktop.engine.commands import Act
from channels_desktop.engine.engine import Engine
from channels_desktop.engine.events import EntryChanged, Event
from channels_desktop.engine.rows import Action, EntryRow, PaymentRow
from channels_desktop.errors import Refused


async def main(profile: Path, passphrase: str) -> None:
    """Pay what waits, then what comes."""
    account = await headless.unlock(profile, passphrase)
    engine = account.engine
    rows: asyncio.Queue[EntryRow] = asyncio.Queue()

    def hear(events: tuple[Event, ...]) -> None:
        for event in events:
            if isinstance(event, EntryChanged):
                rows.put_nowait(event.row)

    engine.subscribe(hear)
    for conversation in await engine.conversations():
        for row in await engine.entries(conversation.relationship):
            rows.put_nowait(row)
    print("ready", flush=True)
    while True:
        await pay(engine, await rows.get())


async def pay(engine: Engine, row: EntryRow) -> None:
    """Pay a row that is an invoice; one that was paid meanwhile is refused as stale."""
    if isinstance(row, PaymentRow) and Action.PAY in row.actions:
        with contextlib.suppress(Refused):
            await engine.submit(Act(row.thread, Action.PAY, row.version, consents=frozenset({"unverified", "similar"})))


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2]))
