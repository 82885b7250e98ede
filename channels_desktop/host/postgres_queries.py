"""Every statement on the rows of the host's PostgreSQL database, put together from constants alone.

Each has one good plan, whatever is stored and whatever the planner believes of it: rows are found by their keys, one
after the other. So nothing is joined by choice of the planner: each table is looked up by what is known so far, and
`OFFSET 0` keeps that apart from the rest.
"""

from __future__ import annotations

from channels_desktop.host.rows import MESSAGE_OVERHEAD

_CHANNEL = """c.key, c.id, c.account, c.public_read, c.public_write, c.sequenced, c.locked, c.auto_delete, c.opens,
    c.min_age_days, c.max_age_days, c.auto_prune, c.owner, c.head, c.stored"""
CHANNEL_COLUMNS = _CHANNEL.count(",") + 1
_TOKEN = "t.key, t.channel, tc.id, tc.account, t.name, t.description, t.can_read, t.can_write, t.watermark"
TOKEN_COLUMNS = _TOKEN.count(",") + 1


def _each(columns: str, table: str, condition: str, name: str) -> str:
    """Return a join with the rows of a table that a condition on the rows before it finds."""
    return f"CROSS JOIN LATERAL (SELECT {columns} FROM {table} WHERE {condition} OFFSET 0) {name}"


def _maybe(table: str, condition: str, name: str) -> str:
    """Return a join with the row of a table that a condition on the rows before it finds, or with nothing."""
    return f"LEFT JOIN LATERAL (SELECT * FROM {table} WHERE {condition} OFFSET 0) {name} ON true"


def _marked(marks: str, reader: str) -> str:
    """Return whether a table of marks has the reader's on message `m`."""
    return f"EXISTS (SELECT FROM {marks} x WHERE x.reader = {reader} AND x.sequence = m.sequence OFFSET 0)"


# --------------------------------------------------------------------------------------------------------------- locks

# Each finds accounts, and locks them where FOR NO KEY UPDATE follows. The order makes two transactions that want
# several wait for each other in one direction only.
LOCK = "SELECT id FROM account WHERE id = ANY($1) ORDER BY id"
_ACCOUNT = "a.id, a.name, a.created, a.channels, a.stored, a.position"
ACCOUNT_COLUMNS = _ACCOUNT.count(",") + 1
LOCK_OF_CHANNELS = f"""SELECT {_ACCOUNT} FROM account a
    WHERE id = ANY(ARRAY(SELECT account FROM channel WHERE id = ANY($1))) ORDER BY id"""
ACCOUNT = "SELECT id, name, created, channels, stored, position, id AS account FROM account WHERE id = $1"
ACCOUNT_OF = "SELECT id AS account FROM account WHERE token = $1"
ACCOUNT_OF_CHANNEL = "SELECT id AS account FROM account WHERE id = (SELECT account FROM channel WHERE id = $1)"
ACCOUNT_OF_TOKEN = """SELECT id AS account FROM account WHERE id = (
    SELECT account FROM channel WHERE key = (SELECT channel FROM token WHERE token = $1))"""

# What an account has changes only together with its version, its position or the bytes it holds.
BUMP = "UPDATE account SET version = version + 1 WHERE id = ANY($1)"

# ------------------------------------------------------------------------------------------ accounts, channels, tokens

ADD_ACCOUNT = "INSERT INTO account (id, token, name, created) VALUES ($1, $2, $3, $4)"
ACCOUNTS = "SELECT id, name, created, channels, stored, position FROM account ORDER BY created, id"
REMOVE_ACCOUNT = "WITH m AS (DELETE FROM message WHERE account = $1) DELETE FROM account WHERE id = $1"

ADD_CHANNEL = """WITH a AS (UPDATE account SET channels = channels + 1 WHERE id = $2)
    INSERT INTO channel (id, account, public_read, public_write, sequenced, locked, auto_delete, opens,
    min_age_days, max_age_days, auto_prune, created)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) RETURNING key"""
CHANNEL = f"SELECT {_CHANNEL} FROM channel c WHERE c.id = $1"
CHANNELS = f"SELECT {_CHANNEL} FROM channel c WHERE c.account = $1 ORDER BY c.key"
SET_SETTINGS = """UPDATE channel SET public_read = $2, public_write = $3, sequenced = $4, locked = $5,
    auto_delete = $6, opens = $7, min_age_days = $8, max_age_days = $9, auto_prune = $10 WHERE key = $1"""
SET_OWNER = "UPDATE channel SET owner = $2 WHERE key = $1"
DELETE_CHANNEL = """WITH m AS (DELETE FROM message WHERE channel = $1),
    c AS (DELETE FROM channel WHERE key = $1 RETURNING account, stored)
    UPDATE account SET channels = channels - 1, stored = stored - (SELECT c.stored FROM c)
    WHERE id = (SELECT c.account FROM c)"""

_CHANNEL_OF_TOKEN = _each("id, account", "channel", "key = t.channel", "tc")
ADD_TOKEN = """INSERT INTO token (channel, token, name, description, can_read, can_write, created)
    VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING key"""
TOKEN = f"SELECT {_TOKEN} FROM token t {_CHANNEL_OF_TOKEN} WHERE t.token = $1"
TOKENS = f"SELECT {_TOKEN} FROM token t {_CHANNEL_OF_TOKEN} WHERE t.channel = $1 AND t.token IS NOT NULL ORDER BY t.key"
ACCOUNT_TOKENS = f"""SELECT {_TOKEN} FROM channel tc {_each("*", "token", "channel = tc.key", "t")}
    WHERE tc.account = $1 AND t.token IS NOT NULL ORDER BY t.key"""
REVOKE_OWNER = """UPDATE token t SET token = NULL, can_write = false
    WHERE key = $1 AND key = (SELECT owner FROM channel WHERE key = t.channel) RETURNING key"""
REMOVE_TOKEN = "DELETE FROM token WHERE key = $1"

# ------------------------------------------------------------------------------------------------------------ messages

POST = """WITH c AS (
        UPDATE channel SET head = head + 1, stored = stored + $3 WHERE key = $1 AND head = $2 RETURNING head),
    a AS (UPDATE account SET position = position + 1, stored = stored + $3 WHERE id = $4 RETURNING position)
    INSERT INTO message (channel, sequence, account, position, received, expires, content_type, payload)
    SELECT $1, c.head, $4, a.position, $5, $6, $7, $8 FROM c, a RETURNING sequence"""

# Below the watermark what is excepted is unread, above it what is not.
_MESSAGE = "m.received, m.content_type, m.payload"
_STORED = f"SELECT m.sequence, {_MESSAGE} FROM message m WHERE m.channel = $1 AND m.sequence > $2"
_WATERMARK = "(SELECT watermark FROM token WHERE key = $3)"
_VISIBLE = f"NOT {_marked('hidden', '$3')}"
_UNREAD_BELOW = f"""SELECT e.sequence, {_MESSAGE}
    FROM exception e {_each("*", "message", "channel = $1 AND sequence = e.sequence", "m")}
    WHERE e.reader = $3 AND e.sequence > $2 AND e.sequence <= {_WATERMARK} AND {_VISIBLE}"""
_NOT_EXCEPTED = f"NOT {_marked('exception', '$3')}"
_UNREAD_ABOVE = f"{_STORED} AND m.sequence > {_WATERMARK} AND {_NOT_EXCEPTED} AND {_VISIBLE}"
_OWNER = _each("key, watermark", "token", "key = c.owner", "t")


def _account_unread(account: str, after: str) -> str:
    return f"""SELECT m.position, m.sequence, {_MESSAGE}, c.id AS channel_id
        FROM message m {_each("id, owner", "channel", "key = m.channel", "c")} {_OWNER}
        WHERE m.account = {account} AND m.position > {after} AND NOT {_marked("hidden", "t.key")}
        AND (m.sequence > t.watermark) <> {_marked("exception", "t.key")}"""


def _page(order: str, most: str, space: str, *sources: str) -> str:
    """Return a query for the first rows of some sources: the one that uses up the space is the last."""
    each = " UNION ALL ".join(f"({source} ORDER BY {order} LIMIT {most})" for source in sources)
    if len(sources) > 1:
        each = f"SELECT * FROM ({each}) each ORDER BY {order} LIMIT {most}"
    return f"""SELECT * FROM (SELECT *, sum(octet_length(payload)) OVER (ORDER BY {order})
        - octet_length(payload) AS before FROM ({each}) page) bounded WHERE before < {space} ORDER BY {order}"""


PAGE_STORED = _page("sequence", "$3", "$4", _STORED)
PAGE_SEEN = _page("sequence", "$4", "$5", f"{_STORED} AND {_VISIBLE}")
PAGE_UNREAD = _page("sequence", "$4", "$5", _UNREAD_BELOW, _UNREAD_ABOVE)
PAGE_ACCOUNT = _page("position", "$3", "$4", _account_unread("$1", "$2"))
# Old mail that has been read is passed over once for each channel, and not once for each message.
ACCOUNT_START = f"""SELECT min(first) FROM (
    SELECT (SELECT position FROM message WHERE channel = c.key AND sequence > t.watermark
        ORDER BY sequence LIMIT 1) AS first FROM channel c {_OWNER} WHERE c.account = $1 AND c.head > t.watermark
    UNION ALL SELECT (SELECT m.position FROM exception e
        {_each("position", "message", "channel = c.key AND sequence = e.sequence", "m")}
        WHERE e.reader = t.key AND e.sequence <= t.watermark ORDER BY e.sequence LIMIT 1)
    FROM channel c {_OWNER} WHERE c.account = $1) firsts"""
PIECE = """SELECT substring(payload FROM $3::integer FOR $4::integer) FROM message
    WHERE channel = $1 AND sequence = $2"""
YOUNGEST = """SELECT received FROM message WHERE channel = $1 AND sequence BETWEEN $2 AND $3
    ORDER BY sequence DESC LIMIT 1"""

# --------------------------------------------------------------------------------------------------------------- marks

WATERMARK = "SELECT watermark FROM token WHERE key = $1"
SET_WATERMARK = """WITH e AS (DELETE FROM exception
        WHERE reader = $1 AND sequence > (SELECT watermark FROM token WHERE key = $1) AND sequence <= $2)
    UPDATE token SET watermark = $2 WHERE key = $1"""
FIRST_UNREAD = f"""SELECT m.sequence FROM message m WHERE m.channel = $1 AND m.sequence > $2 AND {_NOT_EXCEPTED}
    ORDER BY m.sequence LIMIT 1"""
HAS_UNREAD = f"SELECT EXISTS ({_UNREAD_BELOW}) OR EXISTS ({_UNREAD_ABOVE})"
_THERE = """SELECT $1::bigint, sequence FROM message WHERE channel = $2 AND sequence BETWEEN $3 AND $4
    ON CONFLICT DO NOTHING"""
ADD_EXCEPTIONS = f"INSERT INTO exception {_THERE}"
CLEAR_EXCEPTIONS = "DELETE FROM exception WHERE reader = $1 AND sequence BETWEEN $2 AND $3"
FIRST_EXCEPTION = """SELECT sequence FROM exception WHERE reader = $1 AND sequence BETWEEN $2 AND $3
    ORDER BY sequence LIMIT 1"""
HIDE = f"INSERT INTO hidden {_THERE}"

TOUCH = "UPDATE host_schema SET version = version"

# ------------------------------------------------------------------------------------------------------------- freeing

# Needed by a reader: not hidden and, where what is read may go, not read.
_UNNEEDED = f"""m.channel = $1 AND m.sequence BETWEEN $2 AND $3 AND NOT EXISTS (
    SELECT FROM token t WHERE t.channel = $1 AND t.can_read AND NOT {_marked("hidden", "t.key")}
    AND NOT ($4 AND (m.sequence <= t.watermark) <> {_marked("exception", "t.key")}) OFFSET 0)"""
_DUE = "SELECT ctid FROM message WHERE expires <= $1 AND account = ANY($3) ORDER BY expires LIMIT $2"


def _forgetting(which: str) -> str:
    """Return a statement that deletes messages with the marks on them and their bytes in all sums, and counts them."""
    readers = _each("key", "token", "channel = g.channel", "t")
    marks = [
        f"""DELETE FROM {marks} WHERE ctid = ANY(ARRAY(SELECT x.mark FROM gone g {readers}
        {_each("ctid AS mark", marks, "reader = t.key AND sequence = g.sequence", "x")}))"""
        for marks in ("hidden", "exception")
    ]
    return f"""WITH gone AS (DELETE FROM message m WHERE {which}
        RETURNING m.channel, m.sequence, m.account, octet_length(m.payload) + {MESSAGE_OVERHEAD} AS size),
    h AS ({marks[0]}),
    e AS ({marks[1]}),
    c AS (UPDATE channel c SET stored = stored - (SELECT sum(size) FROM gone WHERE channel = c.key)
        WHERE key = ANY(ARRAY(SELECT channel FROM gone))),
    a AS (UPDATE account a SET stored = stored - (SELECT sum(size) FROM gone WHERE account = a.id)
        WHERE id = ANY(ARRAY(SELECT account FROM gone)))
    SELECT count(*) FROM gone"""


FREE = _forgetting(_UNNEEDED)
DUE = "SELECT account FROM message WHERE expires <= $1 ORDER BY expires LIMIT $2"
PRUNE = _forgetting(f"m.ctid = ANY(ARRAY({_DUE}))")

# ------------------------------------------------------------------------------------------------ many, all at once

PAGES = f"""SELECT l.number, o.id AS owner, p.* FROM unnest($1::bytea[], $2::bigint[])
    WITH ORDINALITY l (token, after, number) {_maybe("account", "token = l.token", "o")}
    LEFT JOIN LATERAL ({_page("position", "$3", "$4", _account_unread("o.id", "l.after"))}) p ON true
    ORDER BY l.number, p.position"""

_LOOKED_UP = f"""FROM unnest($1::text[], $2::bytea[]) WITH ORDINALITY p (channel, token, number)
    {_maybe("channel", "id = p.channel", "c")} {_maybe("token", "token = p.token", "t")}
    {_maybe("channel", "key = t.channel", "tc")} {_maybe("account", "token = p.token", "o")}"""
LOOK_UP = f"SELECT {_CHANNEL}, {_TOKEN}, o.id {_LOOKED_UP} ORDER BY p.number"
LOOK_UP_ALL = f"""SELECT {_CHANNEL}, {_TOKEN}, o.id, {_ACCOUNT}, a.version {_LOOKED_UP}
    {_maybe("account", "id = c.account", "a")} ORDER BY p.number"""
_OUTRUN = _each(
    "ctid AS mark",
    "exception",
    "reader = n.reader AND sequence > (SELECT watermark FROM token WHERE key = n.reader) AND sequence <= n.watermark",
    "x",
)
_ADD_MESSAGES = """INSERT INTO message (channel, sequence, account, position, received, expires, content_type, payload)
    SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[],
        $7::text[], $8::bytea[]) n (channel, sequence, account)"""
_GROW_CHANNELS = """UPDATE channel SET head = ($10::bigint[])[array_position($9, key)],
    stored = ($11::bigint[])[array_position($9, key)] WHERE key = ANY($9::bigint[])"""
_GROW_ACCOUNTS = """UPDATE account SET position = ($13::bigint[])[array_position($12, id)],
    stored = ($14::bigint[])[array_position($12, id)] WHERE id = ANY($12::bigint[])"""
WRITE = f"""WITH m AS ({_ADD_MESSAGES}), c AS ({_GROW_CHANNELS}), a AS ({_GROW_ACCOUNTS}),
    d AS (DELETE FROM exception WHERE ctid = ANY(ARRAY(
        SELECT x.mark FROM unnest($15::bigint[], $16::bigint[]) n (reader, watermark) {_OUTRUN}))),
    t AS (UPDATE token SET watermark = ($16::bigint[])[array_position($15, key)] WHERE key = ANY($15::bigint[]))
    INSERT INTO exception SELECT * FROM unnest($17::bigint[], $18::bigint[]) ON CONFLICT DO NOTHING"""

# The same without marks, and only for accounts that nobody has changed since they were looked up, or is changing now.
_HELD = "ANY(ARRAY(SELECT id FROM held))"
WRITE_UNCHANGED = f"""WITH held AS (
        SELECT id FROM account WHERE id = ANY($12::bigint[])
        AND version = ($15::bigint[])[array_position($12, id)] AND position = ($16::bigint[])[array_position($12, id)]
        AND stored = ($17::bigint[])[array_position($12, id)] ORDER BY id FOR NO KEY UPDATE SKIP LOCKED),
    m AS ({_ADD_MESSAGES} WHERE n.account = {_HELD}), c AS ({_GROW_CHANNELS} AND account = {_HELD}),
    a AS ({_GROW_ACCOUNTS} AND id = {_HELD})
    SELECT id FROM held"""
