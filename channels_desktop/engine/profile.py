"""The first lines of a new account's database."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from channels_desktop.engine.ports import Account, Store
    from channels_desktop.engine.repositories import Tx


async def create_profile(store: Store, *, name: str, account: Account | None, settings: dict[str, str]) -> None:
    """Write the account's name, its account at a host if it has one yet, and further settings, in one transaction."""

    def work(tx: Tx) -> None:
        tx.settings.put("name", name)
        for key, value in settings.items():
            tx.settings.put(key, value)
        if account is not None:
            tx.mailboxes.set_account(account)

    await store.transact(work)
