"""All repositories over one connection: what the store hands to a transaction or a query."""

from __future__ import annotations

from contextlib import AbstractContextManager

from channels_desktop.adapters.repositories.chain import SqlChainRecords
from channels_desktop.adapters.repositories.coins import SqlCoins
from channels_desktop.adapters.repositories.contacts import SqlContacts
from channels_desktop.adapters.repositories.entries import SqlEntries
from channels_desktop.adapters.repositories.mailboxes import SqlMailboxes
from channels_desktop.adapters.repositories.messages import SqlMessages
from channels_desktop.adapters.repositories.settings import SqlSettings
from channels_desktop.adapters.repositories.statements import Statements
from channels_desktop.adapters.repositories.threads import SqlThreads
from channels_desktop.adapters.sqlite import Connection, savepoint
from channels_desktop.engine.repositories import (
    ChainRecords,
    Coins,
    Contacts,
    Entries,
    Mailboxes,
    Messages,
    Settings,
    Threads,
)


class Records:
    """The engine's Tx and Reader over `connection`, whose database has the tables of `adapters/schema.py`.

    For `SqliteStore.open(..., migrations=MIGRATIONS, records=Records)`.
    """

    def __init__(self, connection: Connection) -> None:
        statements = Statements(connection)
        self._connection = connection
        self.settings: Settings = SqlSettings(statements)
        self.mailboxes: Mailboxes = SqlMailboxes(statements)
        self.contacts: Contacts = SqlContacts(statements)
        self.messages: Messages = SqlMessages(statements)
        self.entries: Entries = SqlEntries(statements)
        self.threads: Threads = SqlThreads(statements)
        self.coins: Coins = SqlCoins(statements)
        self.chain: ChainRecords = SqlChainRecords(statements)

    def savepoint(self) -> AbstractContextManager[None]:
        """See Tx."""
        return savepoint(self._connection)
