"""The tables of a profile's database, one step per version: a script of SQL, or a function where SQL cannot say it.

Released steps never change: a new version is one more step. Flags are 0 or 1, times nanoseconds since 1970, hashes
in wire order, amounts satoshis; an empty text or blob means that there is none. What may be in a state column is
checked here; which change follows which is checked by the repositories.
"""

from __future__ import annotations

import sqlite3

from channels_desktop.adapters.migrations import Migration
from channels_desktop.bitcoin.tx import Tx
from channels_desktop.engine.needs import need_of
from channels_desktop.errors import WireError
from channels_desktop.protocols.invoices import NEGOTIATION as MACHINE

_SETTINGS_AND_MAILBOXES = """
CREATE TABLE setting (
    key TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE account (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    base_url TEXT NOT NULL,
    account_id TEXT NOT NULL,
    token TEXT NOT NULL
) STRICT;
CREATE TABLE mailbox (
    base_url TEXT NOT NULL,
    channel_id TEXT NOT NULL,
    read_token TEXT NOT NULL,
    write_token TEXT NOT NULL,
    purpose TEXT NOT NULL CHECK (purpose IN ('spare', 'used', 'closing')),
    relationship INTEGER REFERENCES relationship,
    added INTEGER NOT NULL,
    PRIMARY KEY (base_url, channel_id),
    CHECK ((purpose = 'spare') = (relationship IS NULL))
) STRICT;
CREATE INDEX mailbox_purpose ON mailbox (purpose);
CREATE INDEX mailbox_relationship ON mailbox (relationship, purpose);
"""

_CONVERSATIONS = """
CREATE TABLE relationship (
    number INTEGER PRIMARY KEY AUTOINCREMENT, -- never used again: it is the index of the keys
    state TEXT NOT NULL CHECK (state IN ('offered', 'sent', 'received', 'active', 'rejected', 'terminated')),
    name TEXT NOT NULL,
    their_key BLOB NOT NULL,
    verification TEXT NOT NULL CHECK (verification IN ('unverified', 'verified', 'mismatch')),
    next_in INTEGER NOT NULL,
    next_out INTEGER NOT NULL,
    outgoing TEXT NOT NULL CHECK (json_valid(outgoing)), -- a list of [base URL, channel id, write token]
    created INTEGER NOT NULL,
    expires INTEGER NOT NULL,
    note TEXT NOT NULL,
    link TEXT NOT NULL,
    since INTEGER NOT NULL,
    draft TEXT NOT NULL,
    seen_entry INTEGER NOT NULL,
    initiation BLOB NOT NULL,
    detail TEXT NOT NULL,
    complained_at INTEGER NOT NULL,
    gap_since INTEGER NOT NULL
) STRICT;
CREATE INDEX relationship_key ON relationship (their_key);
CREATE TABLE delivery (
    base_url TEXT NOT NULL,
    channel_id TEXT NOT NULL,
    sequence INTEGER NOT NULL,
    digest BLOB NOT NULL,
    received INTEGER NOT NULL, -- by the host's clock
    at INTEGER NOT NULL,
    outcome TEXT NOT NULL DEFAULT '', -- empty only inside the transaction that takes it in
    reason TEXT NOT NULL DEFAULT '',
    payload BLOB, -- kept where no message holds it
    PRIMARY KEY (base_url, channel_id, sequence)
) STRICT, WITHOUT ROWID;
CREATE TABLE message (
    relationship INTEGER NOT NULL REFERENCES relationship,
    outgoing INTEGER NOT NULL CHECK (outgoing IN (0, 1)),
    number INTEGER NOT NULL,
    uuid BLOB NOT NULL,
    kind TEXT NOT NULL,
    at INTEGER NOT NULL,
    script BLOB NOT NULL,
    state TEXT NOT NULL,
    reason TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    next_at INTEGER NOT NULL,
    UNIQUE (relationship, outgoing, number),
    CHECK (outgoing AND state IN ('waiting', 'posted', 'failed')
        OR NOT outgoing AND state IN ('gap', 'processed', 'quarantined'))
) STRICT;
CREATE INDEX message_waiting ON message (relationship, number) WHERE outgoing = 1 AND state = 'waiting';
CREATE INDEX message_uuid ON message (uuid, at);
CREATE TABLE entry (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    relationship INTEGER NOT NULL REFERENCES relationship,
    kind TEXT NOT NULL CHECK (kind IN ('text', 'payment', 'notice')),
    at INTEGER NOT NULL,
    mine INTEGER NOT NULL CHECK (mine IN (0, 1)),
    text TEXT NOT NULL,
    state TEXT NOT NULL,
    their_clock INTEGER NOT NULL,
    reason TEXT NOT NULL,
    uuid BLOB NOT NULL,
    message INTEGER NOT NULL, -- -1 where no message carried it
    CHECK (kind <> 'text' OR state IN ('incoming', 'waiting', 'stored', 'received', 'not_sent'))
) STRICT;
CREATE INDEX entry_relationship ON entry (relationship, number);
CREATE INDEX entry_theirs ON entry (relationship, number) WHERE kind = 'text' AND mine = 0;
CREATE INDEX entry_mine ON entry (relationship, message) WHERE kind = 'text' AND mine = 1;
CREATE INDEX entry_under_way ON entry (relationship, message)
    WHERE kind = 'text' AND mine = 1 AND state IN ('waiting', 'stored');
CREATE TABLE thread (
    uuid BLOB PRIMARY KEY,
    relationship INTEGER NOT NULL REFERENCES relationship,
    entry INTEGER NOT NULL,
    state_number INTEGER NOT NULL,
    state BLOB NOT NULL,
    version INTEGER NOT NULL,
    at INTEGER NOT NULL,
    wake INTEGER NOT NULL, -- 0 for never
    txid BLOB NOT NULL
) STRICT;
CREATE INDEX thread_wake ON thread (wake) WHERE wake > 0;
CREATE INDEX thread_relationship ON thread (relationship, at);
"""

_WALLET = """
CREATE TABLE key_counter (
    context BLOB PRIMARY KEY,
    next INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE own_script (
    locking_script BLOB PRIMARY KEY,
    context BLOB NOT NULL,
    key_index INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE coin (
    outpoint BLOB PRIMARY KEY CHECK (length(outpoint) = 36),
    txid BLOB NOT NULL GENERATED ALWAYS AS (substr(outpoint, 1, 32)) STORED,
    satoshis INTEGER NOT NULL CHECK (satoshis BETWEEN 0 AND 2100000000000000), -- so that no sum can overflow
    locking_script BLOB NOT NULL,
    context BLOB NOT NULL,
    key_index INTEGER NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('pending', 'safe', 'cancelled')),
    at INTEGER NOT NULL,
    reserved_by BLOB NOT NULL, -- the thread that a signed payment under way belongs to
    spent_by BLOB NOT NULL, -- the txid of a payment, under way or known to the network
    CHECK (reserved_by = x'' OR spent_by <> x'')
) STRICT;
CREATE INDEX coin_txid ON coin (txid);
CREATE INDEX coin_spent_by ON coin (spent_by, state);
CREATE INDEX coin_reserved ON coin (reserved_by) WHERE reserved_by <> x'';
CREATE TABLE tx (
    txid BLOB PRIMARY KEY,
    raw BLOB NOT NULL,
    at INTEGER NOT NULL,
    height INTEGER NOT NULL DEFAULT 0 -- of its block; 0 for none
) STRICT;
CREATE INDEX tx_height ON tx (height) WHERE height > 0;
CREATE TABLE proof (
    txid BLOB NOT NULL,
    block BLOB NOT NULL,
    raw BLOB NOT NULL,
    height INTEGER NOT NULL,
    PRIMARY KEY (txid, block)
) STRICT;
CREATE TABLE header (
    position INTEGER PRIMARY KEY,
    raw BLOB NOT NULL
) STRICT;
CREATE TABLE watch (
    txid BLOB PRIMARY KEY,
    uuid BLOB NOT NULL,
    raw BLOB NOT NULL,
    to_broadcast INTEGER NOT NULL DEFAULT 0 CHECK (to_broadcast IN (0, 1)),
    attempts INTEGER NOT NULL DEFAULT 0,
    next_at INTEGER NOT NULL DEFAULT 0,
    seen INTEGER NOT NULL DEFAULT 0 CHECK (seen IN (0, 1)),
    block BLOB NOT NULL DEFAULT x'',
    height INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE TABLE history (
    txid BLOB PRIMARY KEY,
    at INTEGER NOT NULL,
    name TEXT NOT NULL,
    what TEXT NOT NULL,
    satoshis INTEGER NOT NULL,
    fee INTEGER NOT NULL,
    relationship INTEGER NOT NULL,
    entry INTEGER NOT NULL
) STRICT;
"""

_DIALECT_OF_ACCOUNT = """
ALTER TABLE account ADD COLUMN dialect TEXT NOT NULL DEFAULT '';
"""

_SPENT_AND_PAID = """
ALTER TABLE watch ADD COLUMN searched INTEGER NOT NULL DEFAULT 0; -- blocks to this height hold no rival of it
UPDATE watch SET searched = max(0, (SELECT count(*) FROM header) - 2016);
CREATE INDEX watch_uuid ON watch (uuid);
CREATE TABLE spend ( -- what watched transactions spend
    outpoint BLOB NOT NULL CHECK (length(outpoint) = 36),
    txid BLOB NOT NULL,
    PRIMARY KEY (outpoint, txid)
) STRICT, WITHOUT ROWID;
CREATE INDEX spend_txid ON spend (txid);
CREATE TABLE paid_script ( -- whom we signed payments to, and in which thread: nobody is paid twice for one request
    locking_script BLOB PRIMARY KEY,
    uuid BLOB NOT NULL
) STRICT, WITHOUT ROWID
"""

_DELIVERIES_BY_DIGEST = """
CREATE TABLE told_apart (
    base_url TEXT NOT NULL,
    channel_id TEXT NOT NULL,
    sequence INTEGER NOT NULL, -- the host's, which uses a number again after it was restored from a backup
    digest BLOB NOT NULL, -- of the payload
    received INTEGER NOT NULL, -- by the host's clock
    at INTEGER NOT NULL,
    outcome TEXT NOT NULL DEFAULT '', -- empty only inside the transaction that takes it in
    reason TEXT NOT NULL DEFAULT '',
    payload BLOB, -- kept where no message holds it
    keeping TEXT NOT NULL DEFAULT '' CHECK (keeping IN ('', 'unsigned', 'signed')), -- among what the row is counted
    PRIMARY KEY (base_url, channel_id, sequence, digest)
) STRICT, WITHOUT ROWID;
CREATE INDEX told_apart_keeping ON told_apart (keeping, at) WHERE keeping <> '';
INSERT INTO told_apart (base_url, channel_id, sequence, digest, received, at, outcome, reason, payload,
        keeping)
    SELECT base_url, channel_id, sequence, digest, received, at, outcome, reason, payload,
        iif(payload IS NULL, '', iif(outcome = 'foreign', 'unsigned', 'signed')) FROM delivery;
DROP TABLE delivery;
ALTER TABLE told_apart RENAME TO delivery;
"""

_GONE = """
ALTER TABLE relationship ADD COLUMN gone_since INTEGER NOT NULL DEFAULT 0; -- when all their mailboxes were first gone
ALTER TABLE relationship ADD COLUMN resent_at INTEGER NOT NULL DEFAULT 0;
CREATE INDEX message_gap ON message (relationship) WHERE outgoing = 0 AND state = 'gap';
CREATE INDEX relationship_gone ON relationship (gone_since) WHERE gone_since > 0;
"""


def _what_is_spent_and_paid(connection: sqlite3.Connection) -> None:
    """Add what watched transactions spend, and which scripts were paid, from the transactions that are there."""
    for statement in _SPENT_AND_PAID.split(";"):
        connection.execute(statement)
    for txid, uuid, raw in connection.execute("SELECT txid, uuid, raw FROM watch").fetchall():
        try:
            tx = Tx.from_bytes(raw)
        except WireError:
            continue
        spent = [(bytes(item.outpoint), txid) for item in tx.inputs]
        connection.executemany("INSERT OR IGNORE INTO spend (outpoint, txid) VALUES (?, ?)", spent)
        is_ours = "SELECT EXISTS (SELECT 1 FROM coin WHERE spent_by = ?)"
        if uuid and connection.execute(is_ours, (txid,)).fetchone()[0]:
            paid = [(output.locking_script, uuid) for output in tx.outputs if output.satoshis]
            connection.executemany(
                """INSERT OR IGNORE INTO paid_script (locking_script, uuid)
                SELECT ?1, ?2 WHERE NOT EXISTS (SELECT 1 FROM own_script WHERE locking_script = ?1)""",
                paid,
            )


_NEEDS = (
    "ALTER TABLE thread ADD COLUMN need TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE thread ADD COLUMN satoshis INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE thread ADD COLUMN deadline INTEGER NOT NULL DEFAULT 0",
    "CREATE INDEX thread_need ON thread (relationship, at) WHERE need <> ''",
)


def _keep_needs(connection: sqlite3.Connection) -> None:
    """Keep what waits for the user beside the state that says so."""
    for statement in _NEEDS:
        connection.execute(statement)
    for uuid, number, state in connection.execute("SELECT uuid, state_number, state FROM thread").fetchall():
        if number in MACHINE.waiting:
            need = need_of(MACHINE.states[number].from_bytes(state))
            connection.execute("UPDATE thread SET need = ?, satoshis = ?, deadline = ? WHERE uuid = ?", (*need, uuid))


MIGRATIONS: tuple[Migration, ...] = (
    _SETTINGS_AND_MAILBOXES + _CONVERSATIONS + _WALLET,
    _DIALECT_OF_ACCOUNT,
    _what_is_spent_and_paid,
    _DELIVERIES_BY_DIGEST + _GONE,
    _keep_needs,
)
"""Step n (from 1) brings a database of version n - 1 to version n."""
