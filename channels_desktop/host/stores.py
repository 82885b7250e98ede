"""Which store the operator's `database` names."""

from __future__ import annotations

from collections.abc import Callable

from channels_desktop.host.options import SQLITE, Options
from channels_desktop.host.rows import OnChange, Store, unheard
from channels_desktop.host.sqlite import SqliteStore
from channels_desktop.host.tasks import Tasks

OnBatch = Callable[[int, float], None]


async def open_store(
    options: Options,
    on_change: OnChange = unheard,
    on_batch: OnBatch = unheard,
    on_gap: Callable[[], None] = unheard,
    on_notice: Callable[[str], None] = unheard,
    tasks: Tasks | None = None,
) -> Store:
    """Open the store; raise StoreError where that cannot be, as where another process has the SQLite folder."""
    if options.database == SQLITE:
        return await SqliteStore.open(options.data, on_change, on_batch, tasks)
    # Only who runs over PostgreSQL pays for its driver.
    from channels_desktop.host.postgres import PostgresStore  # noqa: PLC0415

    return await PostgresStore.open(options.database, on_change, on_batch, on_gap, on_notice, tasks)
