"""The tables of the PostgreSQL sink, as migrations by number. One that shipped is never edited.

Texts are of collation "C": they are sorted as SQLite and Python sort them, whatever the database's locale.
"""

from collections.abc import Awaitable, Callable

import asyncpg

from collector.facts.derive import stored_subject
from collector.figures.marks import offsets
from collector.postgres.connection import Refused
from collector.postgres.figure_tables import FIGURES
from collector.rows import EventRow
from collector.spans import ACCOUNT, ACCOUNT_SPAN

Migration = tuple[str, str, Callable[[asyncpg.Connection], Awaitable[None]] | None]
MARK = "cellwarden_migration"  # the table that says whose database this is
LOCK = 0x63656C6C  # of whoever changes tables
OLDEST = 130000

_BATCHES = """
CREATE TABLE stream (                    -- sums over its batches, kept in the transaction that inserts them
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    agent text COLLATE "C" NOT NULL,
    epoch bytea NOT NULL,
    batches bigint NOT NULL,
    frames bigint NOT NULL,
    value_count bigint NOT NULL,
    wire_bytes bigint NOT NULL,
    duplicates bigint NOT NULL DEFAULT 0,
    first_utc_ns bigint NOT NULL,        -- by this collector's clock
    last_utc_ns bigint NOT NULL,
    UNIQUE (agent, epoch));

-- (agent, epoch, sequence) names the bytes of a batch for ever: a unique key over days needs a plain table.
CREATE TABLE batch_key (
    stream integer NOT NULL,
    sequence bigint NOT NULL,
    day date NOT NULL,                   -- of its arrival, UTC
    PRIMARY KEY (stream, sequence));
CREATE TABLE batch_body (
    stream integer NOT NULL,
    sequence bigint NOT NULL,
    day date NOT NULL,
    frames integer NOT NULL,
    value_count integer NOT NULL,
    first_utc_ns bigint,                 -- NULL: no frames
    last_utc_ns bigint,
    received_utc_ns bigint NOT NULL,
    unit text COLLATE "C" NOT NULL,
    schema bytea,
    blob bytea NOT NULL,                 -- as it came
    PRIMARY KEY (stream, sequence, day)) PARTITION BY RANGE (day);
ALTER TABLE batch_body ALTER COLUMN blob SET STORAGE EXTERNAL;  -- it is compressed
CREATE VIEW batch AS
    SELECT agent, epoch, sequence, unit, schema, body.frames, body.value_count, body.first_utc_ns,
        body.last_utc_ns, received_utc_ns, blob
    FROM batch_body AS body JOIN stream ON stream.id = body.stream;

-- The sequences that were ever stored, as ranges: an account is read without reading its keys.
CREATE TABLE stored_range (
    stream integer NOT NULL,
    first bigint NOT NULL,
    last bigint NOT NULL,
    PRIMARY KEY (stream, first)) WITH (fillfactor = 80);

CREATE TABLE schema (hash bytea PRIMARY KEY, body bytea NOT NULL);
CREATE TABLE event (
    agent text COLLATE "C" NOT NULL,
    epoch bytea NOT NULL,
    sequence bigint NOT NULL,
    position integer NOT NULL,
    kind text COLLATE "C" NOT NULL,
    unit text COLLATE "C" NOT NULL,
    record text NOT NULL,                -- JSON
    PRIMARY KEY (agent, epoch, sequence, position));
CREATE TABLE dropped (                   -- ranges that an agent gave up, by the batch that says so
    agent text COLLATE "C" NOT NULL,
    epoch bytea NOT NULL,
    first bigint NOT NULL,
    last bigint NOT NULL,
    reason text NOT NULL,
    reported_in bigint NOT NULL);
CREATE INDEX dropped_stream ON dropped (agent, epoch);
CREATE TABLE withheld (                  -- ranges that do not overlap
    agent text COLLATE "C" NOT NULL,
    epoch bytea NOT NULL,
    first bigint NOT NULL,
    last bigint NOT NULL,
    PRIMARY KEY (agent, epoch, first));
CREATE TABLE refused (
    agent text COLLATE "C" NOT NULL,
    epoch bytea NOT NULL,
    sequence bigint NOT NULL,
    reason text NOT NULL,
    utc_ns bigint NOT NULL,
    PRIMARY KEY (agent, epoch, sequence));
CREATE TABLE boot (                      -- the sequences that a boot spans: two that overlap are two machines
    agent text COLLATE "C" NOT NULL,
    epoch bytea NOT NULL,
    boot_id bytea NOT NULL,
    first bigint NOT NULL,
    last bigint NOT NULL,
    PRIMARY KEY (agent, epoch, boot_id)) WITH (fillfactor = 80);
CREATE TABLE incident (                  -- what a person must look at; one row per stream and kind
    agent text COLLATE "C" NOT NULL,
    epoch bytea NOT NULL,
    kind text COLLATE "C" NOT NULL,
    text text NOT NULL,
    times bigint NOT NULL,
    first_utc_ns bigint NOT NULL,
    last_utc_ns bigint NOT NULL,
    PRIMARY KEY (agent, epoch, kind));

CREATE TABLE writer (agent text COLLATE "C" PRIMARY KEY, token bytea NOT NULL);  -- who wrote it last
CREATE TABLE trial (content bytea NOT NULL);  -- always empty: whether something can be written
"""
_ACCOUNT = f"""
CREATE TABLE pruned (                    -- ranges that do not overlap, of what was stored once
    agent text COLLATE "C" NOT NULL,
    epoch bytea NOT NULL,
    first bigint NOT NULL,
    last bigint NOT NULL,
    PRIMARY KEY (agent, epoch, first));
CREATE VIEW stored_span AS
    SELECT agent, epoch, first, last FROM stored_range JOIN stream ON stream.id = stored_range.stream;
{ACCOUNT_SPAN.format(stored="stored_span")};
{ACCOUNT};

CREATE TABLE note (name text COLLATE "C" PRIMARY KEY, content text NOT NULL);  -- of collector.notes, JSON
"""
_FACTS = """
ALTER TABLE stream ADD COLUMN number integer NOT NULL DEFAULT 0;  -- its epoch's place in its agent's order
UPDATE stream SET number = (SELECT count(*) FROM stream AS other
    WHERE other.agent = stream.agent AND other.id <= stream.id);
-- What an event is about: an alarm's id, the epoch that a gap ends, the boot of an offset.
ALTER TABLE event ADD COLUMN subject text COLLATE "C" NOT NULL DEFAULT '',
    ADD COLUMN received_utc_ns bigint NOT NULL DEFAULT 0;  -- by this collector's clock
UPDATE event SET received_utc_ns = coalesce(
    (SELECT body.received_utc_ns FROM stream JOIN batch_key AS key ON key.stream = stream.id
        JOIN batch_body AS body ON body.stream = key.stream AND body.sequence = key.sequence
            AND body.day = key.day
        WHERE stream.agent = event.agent AND stream.epoch = event.epoch
            AND key.sequence = event.sequence), 0);
CREATE INDEX event_subject ON event (agent, kind, subject);

CREATE TABLE alarm (                     -- lives of alarms, named by the record that raised each
    agent text COLLATE "C" NOT NULL,
    id text COLLATE "C" NOT NULL,
    epoch bytea NOT NULL,
    sequence bigint NOT NULL,
    position integer NOT NULL,
    unit text COLLATE "C" NOT NULL,
    place text COLLATE "C" NOT NULL,
    detector text COLLATE "C" NOT NULL,
    quantity text COLLATE "C" NOT NULL,
    label text COLLATE "C" NOT NULL,
    stands boolean NOT NULL,
    state text COLLATE "C" NOT NULL,
    severity text COLLATE "C" NOT NULL,
    worst text COLLATE "C" NOT NULL,
    raised_utc_ns bigint,
    raised_heard_utc_ns bigint NOT NULL,
    changed_utc_ns bigint,
    changed_heard_utc_ns bigint NOT NULL,
    cleared_utc_ns bigint,
    ended_utc_ns bigint,
    ended_heard_utc_ns bigint,
    acknowledged_utc_ns bigint,
    acknowledged_by text NOT NULL,
    last_epoch bytea NOT NULL,
    last_sequence bigint NOT NULL,
    records integer NOT NULL,
    text text NOT NULL,
    record text NOT NULL,
    PRIMARY KEY (agent, id, epoch, sequence, position));
CREATE INDEX alarm_standing ON alarm (agent) WHERE stands;
CREATE INDEX alarm_changed ON alarm (changed_heard_utc_ns);
CREATE TABLE agent (                     -- as they were heard last
    agent text COLLATE "C" PRIMARY KEY,
    heard_utc_ns bigint NOT NULL,
    certificate_ends_utc_ns bigint,
    said_utc_ns bigint,
    site text COLLATE "C",
    version text COLLATE "C",
    backlog bigint,
    clock_synchronised boolean) WITH (fillfactor = 80);
INSERT INTO agent (agent, heard_utc_ns) SELECT agent, max(last_utc_ns) FROM stream GROUP BY agent;
CREATE TABLE unit (                      -- of which there are frames
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    agent text COLLATE "C" NOT NULL,
    name text COLLATE "C" NOT NULL);     -- unique of an agent, who writes has it for himself
CREATE INDEX unit_agent ON unit (agent);  -- a name may be too long for an index
INSERT INTO unit (agent, name) SELECT DISTINCT agent, unit FROM batch WHERE frames > 0 ORDER BY 1, 2;
CREATE TABLE layout (                    -- of a schema: one for all whose points are called alike
    schema bytea PRIMARY KEY,
    layout bytea NOT NULL,
    profile text COLLATE "C" NOT NULL);
CREATE TABLE layout_point (
    layout bytea NOT NULL,
    position integer NOT NULL,           -- in a frame, from 0
    name text COLLATE "C" NOT NULL,
    place text COLLATE "C" NOT NULL,
    quantity text COLLATE "C" NOT NULL,
    value_unit text COLLATE "C" NOT NULL,
    PRIMARY KEY (layout, position));
CREATE TABLE facts (version integer PRIMARY KEY);  -- of collector.facts, by which these were derived
"""


async def _subjects(db: asyncpg.Connection) -> None:
    """Say of the events that an earlier version stored what they are about."""
    rows = await db.fetch("SELECT agent, epoch, sequence, position, kind, unit, record FROM event")
    about = [(*row[:4], stored_subject(*row[4:])) for row in map(tuple, rows)]
    await db.executemany(
        "UPDATE event SET subject = $5 WHERE agent = $1 AND epoch = $2 AND sequence = $3 AND position = $4",
        [row for row in about if row[4]],
    )


async def _offsets(db: asyncpg.Connection) -> None:
    """What stored events say of clocks."""
    rows = await db.fetch(
        "SELECT agent, epoch, sequence, position, kind, unit, record FROM event WHERE kind = 'clock_offset'"
    )
    found = [
        (agent, one.boot_id, epoch, one.sequence, one.position, one.offset_ns)
        for agent, epoch, *of in rows
        for one in offsets([EventRow(*of)])
    ]
    await db.executemany("INSERT INTO clock_offset VALUES ($1, $2, $3, $4, $5, $6)", found)


#: By number, from 1: (name, statements, what else is to be done).
MIGRATIONS: tuple[Migration, ...] = (
    ("batches", _BATCHES, None),
    ("account", _ACCOUNT, None),
    ("facts", _FACTS, _subjects),
    ("figures", FIGURES, _offsets),
)


async def migrate(db: asyncpg.Connection) -> None:
    """Bring a database to this version's tables, all of it or nothing. Raises Refused."""
    await _look_at(db)
    async with db.transaction():
        await db.execute("SELECT pg_advisory_xact_lock($1, 0)", LOCK)
        if not await db.fetchval("SELECT to_regclass($1) IS NOT NULL", MARK):
            await _refuse_what_is_not_ours(db)
            await db.execute(f"CREATE TABLE {MARK} (number integer PRIMARY KEY, name text NOT NULL)")
        applied = await _applied(db)
        for number, (name, statements, more) in enumerate(MIGRATIONS, 1):
            if number > applied:
                await db.execute(statements)
                if more:
                    await more(db)
                await db.execute(f"INSERT INTO {MARK} VALUES ($1, $2)", number, name)


async def check(db: asyncpg.Connection) -> None:
    """Whether a database is a collector's, of this version. Raises Refused."""
    if not await db.fetchval("SELECT to_regclass($1) IS NOT NULL", MARK):
        raise Refused("no collector's database: give the URL of one, or start a collector on it")
    if await _applied(db) < len(MIGRATIONS):
        raise Refused("written by an older cellwarden: start this version's collector on it once")


async def _applied(db: asyncpg.Connection) -> int:
    rows = await db.fetch(f"SELECT number, name FROM {MARK} ORDER BY number")
    if unknown := [row["name"] for row in rows[len(MIGRATIONS) :]]:
        raise Refused(f"written by a newer cellwarden (it knows {', '.join(unknown)}); upgrade this one")
    return len(rows)


async def _look_at(db: asyncpg.Connection) -> None:
    """Refuse a server that would lose what it acknowledged, or could not keep it."""
    found = await db.fetchrow(
        "SELECT pg_is_in_recovery() AS standby, current_schema() AS schema,"
        " current_setting('fsync') AS fsync, current_setting('synchronous_commit') AS commit,"
        " current_setting('server_encoding') AS encoding,"
        " current_setting('server_version_num')::integer AS version"
    )
    if found["standby"]:
        raise Refused("this server is a standby, it can only be read: give the primary's URL")
    if found["version"] < OLDEST:
        raise Refused(f"this server is older than PostgreSQL {OLDEST // 10000}: upgrade it")
    if found["encoding"] != "UTF8":
        raise Refused(f"its encoding is {found['encoding']}: make a database with createdb --encoding UTF8")
    if found["fsync"] != "on":
        raise Refused("the server runs with fsync = off, a power cut takes what it stored: set it on")
    if found["schema"] is None:
        raise Refused("none of the schemas in its search_path is there: CREATE SCHEMA, or see the path")
    if found["commit"] == "off":
        await db.execute("SET synchronous_commit = on")


async def _refuse_what_is_not_ours(db: asyncpg.Connection) -> None:
    rows = await db.fetch(
        "SELECT relname FROM pg_class WHERE relnamespace = current_schema()::regnamespace"
        " AND relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT EXISTS (SELECT FROM pg_depend"
        " WHERE classid = 'pg_class'::regclass AND objid = pg_class.oid AND deptype = 'e')"
        " ORDER BY relname LIMIT 4"
    )
    if rows:
        names = ", ".join(row["relname"] for row in rows[:3]) + (", ..." if len(rows) > 3 else "")
        raise Refused(f"it holds tables of something else ({names}): give a collector a database of its own")
