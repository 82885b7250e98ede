"""The tables of the host's PostgreSQL database, and how they are made."""

from __future__ import annotations

from channels_desktop.errors import StoreError
from channels_desktop.host.postgres_session import BULK_SECONDS, Connection
from channels_desktop.host.rows import MESSAGE_OVERHEAD

_LOCK = 0x43684873

# Rows of accounts and channels change with every message: the free half of their pages keeps them in place (HOT).
# Messages have no foreign key: they come and go only under their account's lock, and it would be checked for each.
_TABLES = """
CREATE TABLE account (
    id bigint PRIMARY KEY,
    token bytea NOT NULL UNIQUE,
    name text NOT NULL,
    created bigint NOT NULL,
    channels bigint NOT NULL DEFAULT 0,
    stored bigint NOT NULL DEFAULT 0,
    position bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 50);
CREATE TABLE channel (
    key bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id text NOT NULL UNIQUE,
    account bigint NOT NULL REFERENCES account ON DELETE CASCADE,
    public_read boolean NOT NULL,
    public_write boolean NOT NULL,
    sequenced boolean NOT NULL,
    locked boolean NOT NULL,
    auto_delete boolean NOT NULL,
    min_age_days bigint NOT NULL,
    max_age_days bigint NOT NULL,
    auto_prune boolean NOT NULL,
    owner bigint NOT NULL DEFAULT 0,
    head bigint NOT NULL DEFAULT 0,
    stored bigint NOT NULL DEFAULT 0,
    created bigint NOT NULL
) WITH (fillfactor = 50);
CREATE INDEX channel_account ON channel (account, key);
CREATE TABLE token (
    key bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    token bytea UNIQUE,
    channel bigint NOT NULL REFERENCES channel ON DELETE CASCADE,
    name text NOT NULL,
    description text NOT NULL,
    can_read boolean NOT NULL,
    can_write boolean NOT NULL,
    watermark bigint NOT NULL DEFAULT 0,
    created bigint NOT NULL
) WITH (fillfactor = 50);
CREATE INDEX token_channel ON token (channel, key);
CREATE TABLE message (
    channel bigint NOT NULL,
    sequence bigint NOT NULL,
    account bigint NOT NULL,
    position bigint NOT NULL,
    received bigint NOT NULL,
    expires bigint,
    content_type text NOT NULL,
    payload bytea NOT NULL,
    PRIMARY KEY (channel, sequence)
);
CREATE UNIQUE INDEX message_position ON message (account, position);
CREATE INDEX message_expires ON message (expires) WHERE expires IS NOT NULL;
ALTER TABLE message ALTER payload SET STORAGE EXTERNAL;  -- encrypted bytes do not get smaller
CREATE TABLE exception (
    reader bigint NOT NULL REFERENCES token ON DELETE CASCADE,
    sequence bigint NOT NULL,
    PRIMARY KEY (reader, sequence)
);
CREATE TABLE hidden (
    reader bigint NOT NULL REFERENCES token ON DELETE CASCADE,
    sequence bigint NOT NULL,
    PRIMARY KEY (reader, sequence)
);
"""

_VERSIONS = "ALTER TABLE account ADD COLUMN version bigint NOT NULL DEFAULT 0;"

# The public flags open only what was made with a token to read by as its first.
_OPENS = """
ALTER TABLE channel ADD COLUMN opens boolean NOT NULL DEFAULT false;
UPDATE channel c SET opens = EXISTS (SELECT FROM token t WHERE t.key = c.owner AND t.name = 'read');
"""

# What a message takes beside its payload counts too. The number stays what it was when databases counted by it.
_OVERHEAD = f"""
UPDATE channel c SET stored = stored + {MESSAGE_OVERHEAD} * (SELECT count(*) FROM message m WHERE m.channel = c.key);
UPDATE account a SET stored = (SELECT coalesce(sum(c.stored), 0) FROM channel c WHERE c.account = a.id);
"""

MIGRATIONS = (_TABLES, _VERSIONS, _OPENS, _OVERHEAD)
"""What leads from each version of the schema to the next; the first makes version 1."""


async def prepare(connection: Connection) -> None:
    """Make or migrate the schema; raise StoreError where it is newer than this program.

    Hosts that start at the same time take turns.
    """
    async with connection.transaction():
        await connection.execute("SET LOCAL lock_timeout = 0")  # a migration may take long
        await connection.execute("SELECT pg_advisory_xact_lock($1)", _LOCK, timeout=BULK_SECONDS)
        made = await connection.fetchval("SELECT to_regclass('host_schema') IS NOT NULL")
        if not made:
            await connection.execute("CREATE TABLE host_schema (version integer NOT NULL)")
            await connection.execute("INSERT INTO host_schema VALUES (0)")
        version = await connection.fetchval("SELECT version FROM host_schema")
        if version > len(MIGRATIONS):
            raise StoreError(f"the host's database has version {version}; this program knows {len(MIGRATIONS)}")
        for migration in MIGRATIONS[version:]:
            await connection.execute(migration, timeout=BULK_SECONDS)
        if version < len(MIGRATIONS):
            await connection.execute("UPDATE host_schema SET version = $1", len(MIGRATIONS))
