"""Our account and peer channels: a mailbox is spare, then used by one relationship, then closing, then forgotten."""

from __future__ import annotations

from channels_desktop.adapters.repositories.statements import Statements
from channels_desktop.engine.ports import Account, Mailbox

_MAILBOX = "SELECT base_url, channel_id, read_token, write_token FROM mailbox "


class SqlMailboxes:
    """The Mailboxes repository."""

    def __init__(self, statements: Statements) -> None:
        self._db = statements

    def account(self) -> Account | None:
        """See Mailboxes."""
        row = self._db.row("SELECT base_url, account_id, token, dialect FROM account")
        return Account(*row) if row else None

    def set_account(self, account: Account) -> None:
        """See Mailboxes; a profile has one account, so this replaces another."""
        self._db.change(
            "REPLACE INTO account (only, base_url, account_id, token, dialect) VALUES (1, ?, ?, ?, ?)",
            account.base_url,
            account.account_id,
            account.token,
            account.dialect,
        )

    def add_spare(self, mailbox: Mailbox, at: int) -> None:
        """See Mailboxes; raises Misuse for a mailbox that is there already."""
        self._db.insert(
            """INSERT INTO mailbox (base_url, channel_id, read_token, write_token, purpose, added)
            VALUES (?, ?, ?, ?, 'spare', ?)""",
            mailbox.base_url,
            mailbox.channel_id,
            mailbox.read_token,
            mailbox.write_token,
            at,
        )

    def spares(self) -> int:
        """See Mailboxes."""
        return self._db.number("SELECT count(*) FROM mailbox WHERE purpose = 'spare'")

    def take_spare(self, relationship: int) -> Mailbox | None:
        """See Mailboxes; the oldest spare is taken first."""
        row = self._db.row(
            """UPDATE mailbox SET purpose = 'used', relationship = ?
            WHERE rowid = (SELECT min(rowid) FROM mailbox WHERE purpose = 'spare')
            RETURNING base_url, channel_id, read_token, write_token""",
            relationship,
        )
        return Mailbox(*row) if row else None

    def owner(self, base_url: str, channel_id: str) -> int | None:
        """See Mailboxes; a closing mailbox still belongs to its relationship."""
        row = self._db.row(
            "SELECT coalesce(relationship, 0) FROM mailbox WHERE base_url = ? AND channel_id = ?", base_url, channel_id
        )
        return int(row[0]) if row else None

    def of(self, relationship: int) -> tuple[Mailbox, ...]:
        """See Mailboxes; without those that are closing."""
        return self._mailboxes(
            _MAILBOX + "WHERE relationship = ? AND purpose = 'used' ORDER BY rowid DESC", relationship
        )

    def close(self, relationship: int) -> None:
        """See Mailboxes; does nothing where there is none."""
        self._db.change(
            "UPDATE mailbox SET purpose = 'closing' WHERE relationship = ? AND purpose = 'used'", relationship
        )

    def closing(self) -> tuple[Mailbox, ...]:
        """See Mailboxes; oldest first."""
        return self._mailboxes(_MAILBOX + "WHERE purpose = 'closing' ORDER BY rowid")

    def forget(self, mailbox: Mailbox) -> None:
        """See Mailboxes; raises Misuse unless it was closing."""
        self._db.change_one(
            "the mailbox to forget",
            "DELETE FROM mailbox WHERE base_url = ? AND channel_id = ? AND purpose = 'closing'",
            mailbox.base_url,
            mailbox.channel_id,
        )

    def count(self) -> int:
        """See Mailboxes."""
        return self._db.number("SELECT count(*) FROM mailbox WHERE purpose = 'used'")

    def _mailboxes(self, sql: str, *values: int) -> tuple[Mailbox, ...]:
        return tuple(Mailbox(*row) for row in self._db.rows(sql, *values))
