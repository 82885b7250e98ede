"""Deliveries and signed messages, for good; the outbox is the outgoing ones that still wait."""

from __future__ import annotations

from dataclasses import replace

from channels_desktop.adapters.repositories.statements import Row, Statements, Value
from channels_desktop.bitcoin.keys import sha256
from channels_desktop.engine.ports import Delivery
from channels_desktop.engine.records import StoredMessage

MOST_OF_A_NUMBER = 4
"""Deliveries that are remembered under one number of a mailbox: a host that was restored uses numbers again."""
KEPT_PIECES, KEPT_BYTES = 1000, 64 * 1024 * 1024
"""What is kept of deliveries that no message holds: the newest, apart for those that their contact signed."""
_HIGHEST = (1 << 63) - 1
_FORGET = """DELETE FROM delivery WHERE (base_url, channel_id, sequence, digest) IN (
        SELECT base_url, channel_id, sequence, digest FROM (
            SELECT base_url, channel_id, sequence, digest, row_number() OVER newest AS place,
                sum(coalesce(length(payload), 0)) OVER newest AS bytes
            FROM delivery WHERE keeping = ?
            WINDOW newest AS (ORDER BY at DESC, base_url, channel_id, sequence DESC, digest
                ROWS UNBOUNDED PRECEDING))
        WHERE place > ? OR bytes > ?)"""
_MESSAGE = """SELECT relationship, outgoing, number, uuid, kind, at, script, state, reason, attempts
    FROM message """
_FIRST_WAITING = """JOIN (
        SELECT relationship, min(number) AS number FROM message WHERE outgoing = 1 AND state = 'waiting'
        GROUP BY relationship) USING (relationship, number)
    WHERE outgoing = 1 ORDER BY relationship"""


class SqlMessages:
    """The Messages repository. Its table has a column `next_at` that nothing reads any more."""

    def __init__(self, statements: Statements) -> None:
        self._db = statements

    def arrived(self, delivery: Delivery, at: int) -> bool:
        """See Messages; where a sequence number has four deliveries, a fifth takes the place of the oldest."""
        *mailbox, sequence, digest = place = _place(delivery)
        known = self._db.rows(
            "SELECT digest FROM delivery WHERE base_url = ? AND channel_id = ? AND sequence = ? ORDER BY at, digest",
            *mailbox,
            sequence,
        )
        if (digest,) in known:
            return False
        if len(known) >= MOST_OF_A_NUMBER:
            self._db.change(
                "DELETE FROM delivery WHERE base_url = ? AND channel_id = ? AND sequence = ? AND digest = ?",
                *mailbox,
                sequence,
                *known[0],
            )
        self._db.change(
            "INSERT INTO delivery (base_url, channel_id, sequence, digest, received, at) VALUES (?, ?, ?, ?, ?, ?)",
            *place,
            max(-_HIGHEST, min(delivery.received, _HIGHEST)),
            at,
        )
        return True

    def outcome(self, delivery: Delivery, outcome: str, reason: str, *, keep: bool, signed: bool = True) -> None:
        """See Messages; raises Misuse unless it had arrived and had no outcome yet."""
        keeping = ("signed" if keep else "") if signed else "unsigned"
        self._db.change_one(
            f"delivery {delivery.sequence}",
            """UPDATE delivery SET outcome = ?, reason = ?, payload = ?, keeping = ?
            WHERE base_url = ? AND channel_id = ? AND sequence = ? AND digest = ? AND outcome = ''""",
            outcome,
            reason,
            delivery.payload if keep else None,
            keeping,
            *_place(delivery),
        )
        if keeping:
            self._db.change(_FORGET, keeping, KEPT_PIECES, KEPT_BYTES)

    def add(self, message: StoredMessage) -> None:
        """See Messages."""
        self._db.insert(
            """INSERT INTO message (relationship, outgoing, number, uuid, kind, at, script, state, reason, attempts,
            next_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0)""",
            message.relationship,
            message.outgoing,
            message.number,
            message.uuid,
            message.kind,
            message.at,
            message.script,
            message.state,
            message.reason,
            message.attempts,
        )

    def get(self, relationship: int, number: int, *, outgoing: bool) -> StoredMessage | None:
        """See Messages."""
        row = self._db.row(
            _MESSAGE + "WHERE relationship = ? AND outgoing = ? AND number = ?", relationship, outgoing, number
        )
        return _message(row) if row else None

    def held_bytes(self, relationship: int) -> int:
        """See Messages."""
        sql = """SELECT coalesce(sum(length(script)), 0) FROM message
            WHERE relationship = ? AND outgoing = 0 AND state = 'gap'"""
        return self._db.number(sql, relationship)

    def settle(self, message: StoredMessage, state: str, *, reason: str = "") -> None:
        """See Messages; raises Misuse where it was in another state."""
        self._db.change_one(
            _name(message),
            """UPDATE message SET state = ?, reason = ?
            WHERE relationship = ? AND outgoing = ? AND number = ? AND state = ?""",
            state,
            reason,
            message.relationship,
            message.outgoing,
            message.number,
            message.state,
        )

    def refill(self, message: StoredMessage, script: bytes) -> None:
        """See Messages; raises Misuse unless it failed with its first attempt."""
        self._db.change_one(
            _name(message),
            """UPDATE message SET script = ?, kind = 'empty', state = 'waiting', reason = ''
            WHERE relationship = ? AND outgoing = 1 AND number = ? AND state = 'failed' AND attempts = 0""",
            script,
            message.relationship,
            message.number,
        )

    def postpone(self, message: StoredMessage) -> None:
        """See Messages; raises Misuse unless it waits after as many attempts as `message` tells."""
        self._db.change_one(
            _name(message),
            """UPDATE message SET attempts = attempts + 1
            WHERE relationship = ? AND outgoing = 1 AND number = ? AND state = 'waiting' AND attempts = ?""",
            message.relationship,
            message.number,
            message.attempts,
        )

    def resend_from(self, relationship: int, number: int, most: int = -1) -> None:
        """See Messages; their attempts count anew and the first may be posted at once."""
        self._db.change(
            """UPDATE message SET state = 'waiting', reason = '', attempts = 0 WHERE rowid IN (
                SELECT rowid FROM message WHERE relationship = ? AND outgoing = 1 AND number >= ?
                ORDER BY number LIMIT ?)""",
            relationship,
            number,
            most,
        )

    def next_waiting(self) -> tuple[StoredMessage, ...]:
        """See Messages; also one that is not to be tried yet, since nothing may overtake it."""
        return self._messages(_MESSAGE + _FIRST_WAITING)

    def waiting(self) -> int:
        """See Messages."""
        return self._db.number("SELECT count(*) FROM message WHERE outgoing = 1 AND state = 'waiting'")

    def is_waiting(self, uuid: bytes) -> bool:
        """See Messages."""
        sql = "SELECT EXISTS (SELECT 1 FROM message WHERE uuid = ? AND outgoing = 1 AND state = 'waiting')"
        return bool(self._db.number(sql, uuid))

    def of_thread(self, uuid: bytes) -> tuple[StoredMessage, ...]:
        """See Messages."""
        return self._messages(_MESSAGE + "WHERE uuid = ? ORDER BY at, rowid", uuid)

    def _messages(self, sql: str, *values: Value) -> tuple[StoredMessage, ...]:
        return tuple(map(_message, self._db.rows(sql, *values)))


def _message(row: Row) -> StoredMessage:
    message = StoredMessage(*row)
    return replace(message, outgoing=bool(message.outgoing))


def _place(delivery: Delivery) -> tuple[str, str, int, bytes]:
    """Return what tells a delivery from others: by its bytes alone where a host numbers beyond 63 bits."""
    sequence = min(delivery.sequence, _HIGHEST)
    return delivery.base_url, delivery.channel_id, sequence, sha256(delivery.payload)


def _name(message: StoredMessage) -> str:
    way = "outgoing" if message.outgoing else "incoming"
    return f"{way} message {message.number} of relationship {message.relationship}"
