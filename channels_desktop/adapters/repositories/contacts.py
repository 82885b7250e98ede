"""The relationships."""

from __future__ import annotations

import json

from channels_desktop.adapters.repositories.statements import Row, Statements, Value
from channels_desktop.engine.ports import MailboxAddress
from channels_desktop.engine.records import Contact
from channels_desktop.engine.rows import ContactState, Verification
from channels_desktop.errors import Misuse

_CONTACT = """SELECT number, state, name, their_key, verification, next_in, next_out, outgoing, created, expires, note,
    link, since, draft, seen_entry, initiation, detail, complained_at, gap_since, gone_since, resent_at
    FROM relationship """


class SqlContacts:
    """The Contacts repository."""

    def __init__(self, statements: Statements) -> None:
        self._db = statements

    def add(self, contact: Contact) -> int:
        """See Contacts."""
        return self._db.insert(
            """INSERT INTO relationship (state, name, their_key, verification, next_in, next_out, outgoing, created,
            expires, note, link, since, draft, seen_entry, initiation, detail, complained_at, gap_since, gone_since,
            resent_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)""",
            contact.state.value,
            *_values(contact),
        )

    def get(self, number: int) -> Contact:
        """See Contacts."""
        row = self._db.row(_CONTACT + "WHERE number = ?", number)
        if row is None:
            raise Misuse(f"there is no relationship {number}")
        return _contact(row)

    def all(self) -> tuple[Contact, ...]:
        """See Contacts."""
        return tuple(map(_contact, self._db.rows(_CONTACT + "ORDER BY number DESC")))

    def move(self, contact: Contact, state: ContactState) -> None:
        """See Contacts; raises Misuse where it was in another state."""
        self._db.change_one(
            f"relationship {contact.number}",
            """UPDATE relationship SET state = ?, name = ?, their_key = ?, verification = ?, next_in = ?, next_out = ?,
            outgoing = ?, created = ?, expires = ?, note = ?, link = ?, since = ?, draft = ?, seen_entry = ?,
            initiation = ?, detail = ?, complained_at = ?, gap_since = ?, gone_since = ?, resent_at = ?
            WHERE number = ? AND state = ?""",
            state.value,
            *_values(contact),
            contact.number,
            contact.state.value,
        )

    def save(self, contact: Contact) -> None:
        """See Contacts; raises Misuse where its state is another by now."""
        self.move(contact, contact.state)

    def by_key(self, their_key: bytes) -> tuple[Contact, ...]:
        """See Contacts; newest first."""
        return tuple(map(_contact, self._db.rows(_CONTACT + "WHERE their_key = ? ORDER BY number DESC", their_key)))

    def gone(self) -> int:
        """See Contacts."""
        return self._db.number("SELECT count(*) FROM relationship WHERE gone_since > 0 AND state = 'active'")


def _values(contact: Contact) -> tuple[Value, ...]:
    """Return all columns but the number and the state."""
    outgoing = [[to.base_url, to.channel_id, to.write_token] for to in contact.outgoing]
    return (
        contact.name,
        contact.their_key,
        contact.verification.value,
        contact.next_in,
        contact.next_out,
        json.dumps(outgoing),
        contact.created,
        contact.expires,
        contact.note,
        contact.link,
        contact.since,
        contact.draft,
        contact.seen_entry,
        contact.initiation,
        contact.detail,
        contact.complained_at,
        contact.gap_since,
        contact.gone_since,
        contact.resent_at,
    )


def _contact(row: Row) -> Contact:
    number, state, name, their_key, verification, next_in, next_out, outgoing, *rest = row
    addresses = tuple(MailboxAddress(*parts) for parts in json.loads(outgoing))
    return Contact(
        number,
        ContactState(state),
        name,
        their_key,
        Verification(verification),
        next_in,
        next_out,
        addresses,
        *rest,
    )
