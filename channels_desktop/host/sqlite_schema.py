"""The tables of the host's SQLite database: one script for each version, run in order."""

from __future__ import annotations

from channels_desktop.host.rows import MESSAGE_OVERHEAD

_TABLES = """
CREATE TABLE account (
    id INTEGER PRIMARY KEY,
    token BLOB NOT NULL UNIQUE,
    created INTEGER NOT NULL
) STRICT;
CREATE TABLE channel (
    key INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    account INTEGER NOT NULL REFERENCES account ON DELETE CASCADE,
    public INTEGER NOT NULL,
    auto_delete INTEGER NOT NULL,
    owner INTEGER NOT NULL DEFAULT 0,
    head INTEGER NOT NULL DEFAULT 0,
    stored INTEGER NOT NULL DEFAULT 0,
    created INTEGER NOT NULL
) STRICT;
CREATE INDEX channel_account ON channel (account);
CREATE TABLE token (
    key INTEGER PRIMARY KEY AUTOINCREMENT,
    token BLOB NOT NULL UNIQUE,
    channel INTEGER NOT NULL REFERENCES channel ON DELETE CASCADE,
    can_read INTEGER NOT NULL,
    can_write INTEGER NOT NULL,
    watermark INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX token_channel ON token (channel);
CREATE TABLE message (
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    channel INTEGER NOT NULL REFERENCES channel ON DELETE CASCADE,
    account INTEGER NOT NULL,
    sequence INTEGER NOT NULL,
    received INTEGER NOT NULL,
    content_type TEXT NOT NULL,
    payload BLOB NOT NULL,
    UNIQUE (channel, sequence)
) STRICT;
CREATE INDEX message_account ON message (account);
CREATE TABLE exception (
    reader INTEGER NOT NULL REFERENCES token ON DELETE CASCADE,
    sequence INTEGER NOT NULL,
    PRIMARY KEY (reader, sequence)
) STRICT, WITHOUT ROWID;
CREATE TABLE hidden (
    reader INTEGER NOT NULL REFERENCES token ON DELETE CASCADE,
    sequence INTEGER NOT NULL,
    PRIMARY KEY (reader, sequence)
) STRICT, WITHOUT ROWID;
"""

# Version 1 named no tokens: those it made itself were one to read by and one to write with. Its one file-wide count of
# positions grows for every account too. A revoked token that an account reads by keeps its row, and so its marks.
_SETTINGS_AND_COUNTS = """
DROP VIEW IF EXISTS seen;
ALTER TABLE account ADD COLUMN name TEXT NOT NULL DEFAULT '';
ALTER TABLE account ADD COLUMN channels INTEGER NOT NULL DEFAULT 0;
ALTER TABLE account ADD COLUMN stored INTEGER NOT NULL DEFAULT 0;
ALTER TABLE account ADD COLUMN position INTEGER NOT NULL DEFAULT 0;
UPDATE account SET
    channels = (SELECT count(*) FROM channel c WHERE c.account = account.id),
    stored = (SELECT coalesce(sum(c.stored), 0) FROM channel c WHERE c.account = account.id),
    position = coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'message'), 0);
ALTER TABLE channel RENAME COLUMN public TO public_write;
ALTER TABLE channel ADD COLUMN public_read INTEGER NOT NULL DEFAULT 0;
ALTER TABLE channel ADD COLUMN sequenced INTEGER NOT NULL DEFAULT 0;
ALTER TABLE channel ADD COLUMN locked INTEGER NOT NULL DEFAULT 0;
ALTER TABLE channel ADD COLUMN min_age_days INTEGER NOT NULL DEFAULT 0;
ALTER TABLE channel ADD COLUMN max_age_days INTEGER NOT NULL DEFAULT 0;
ALTER TABLE channel ADD COLUMN auto_prune INTEGER NOT NULL DEFAULT 0;
ALTER TABLE token ADD COLUMN name TEXT NOT NULL DEFAULT '';
ALTER TABLE token ADD COLUMN description TEXT NOT NULL DEFAULT '';
ALTER TABLE token ADD COLUMN created INTEGER NOT NULL DEFAULT 0;
ALTER TABLE token ADD COLUMN revoked INTEGER NOT NULL DEFAULT 0;
UPDATE token SET
    name = iif(can_read, 'read', 'write'),
    description = iif(can_read, 'Read', 'Write'),
    created = (SELECT c.created FROM channel c WHERE c.key = token.channel);
ALTER TABLE message ADD COLUMN expires INTEGER;
CREATE INDEX message_expires ON message (expires) WHERE expires IS NOT NULL;
"""

# What a message adds to its channel and account is counted where it is inserted: one statement adds many.
_GROWTH = """
CREATE TRIGGER message_added AFTER INSERT ON message BEGIN
    UPDATE channel SET head = NEW.sequence, stored = stored + length(NEW.payload) WHERE key = NEW.channel;
    UPDATE account SET position = NEW.position, stored = stored + length(NEW.payload) WHERE id = NEW.account;
END;
"""

# The public flags open only what was made with a token to read by as its first.
_OPENS = """
ALTER TABLE channel ADD COLUMN opens INTEGER NOT NULL DEFAULT 0;
UPDATE channel SET opens = EXISTS (SELECT 1 FROM token t WHERE t.key = channel.owner AND t.name = 'read');
"""

# What a message takes beside its payload counts too. The number stays what it was when databases counted by it.
_OVERHEAD = f"""
DROP TRIGGER message_added;
CREATE TRIGGER message_added AFTER INSERT ON message BEGIN
    UPDATE channel SET head = NEW.sequence, stored = stored + length(NEW.payload) + {MESSAGE_OVERHEAD}
        WHERE key = NEW.channel;
    UPDATE account SET position = NEW.position, stored = stored + length(NEW.payload) + {MESSAGE_OVERHEAD}
        WHERE id = NEW.account;
END;
UPDATE channel SET
    stored = stored + {MESSAGE_OVERHEAD} * (SELECT count(*) FROM message m WHERE m.channel = channel.key);
UPDATE account SET stored = (SELECT coalesce(sum(c.stored), 0) FROM channel c WHERE c.account = account.id);
"""

VERSIONS = (_TABLES, _SETTINGS_AND_COUNTS, _GROWTH, _OPENS, _OVERHEAD)
