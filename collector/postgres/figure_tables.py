"""The tables and views of figures in PostgreSQL: of collector.postgres.schema, a migration that shipped."""

_COLUMNS = """
    unit integer NOT NULL,
    utc_s bigint NOT NULL,               -- its first second
    schema bytea NOT NULL,
    made_utc_ns bigint NOT NULL,         -- by the collector's clock
    frames integer NOT NULL,
    data_s integer NOT NULL,
    safety_s integer,
    data_minutes integer NOT NULL,
    safety_minutes integer,
    clock smallint NOT NULL,
    hottest real,
    hottest_at integer,                  -- position in a frame
    hottest_s bigint,                    -- the first second of its minute
    spread real,
    spread_s bigint,
    min real[],                          -- in the schema's order
    max real[],
    mean real[],
    last real[],
    good_s smallint[]"""
_ARRAYS = ("min", "max", "mean", "last", "good_s")


def _plain(table: str) -> str:
    """Arrays are read one place at a time, and hardly compress."""
    return "\n".join(f"ALTER TABLE {table} ALTER COLUMN {name} SET STORAGE EXTERNAL;" for name in _ARRAYS)


def _number(column: str) -> str:
    """A number of an array; null where there is none, or it is beyond all."""
    value = f"f.{column}[p.position + 1]"
    return f"CASE WHEN {value} NOT IN ('NaN', 'Infinity', '-Infinity') THEN {value}::float8 END AS {column}"


def _value_view(table: str) -> str:
    return f"""CREATE VIEW {table}_value AS SELECT unit.agent, unit.name AS unit,
    f.utc_s, f.utc_s * 1000000000 AS utc_ns, p.place, p.name, p.quantity, p.value_unit,
    {", ".join(map(_number, _ARRAYS[:4]))}, f.good_s[p.position + 1]::integer AS good_s
    FROM {table} AS f JOIN unit ON unit.id = f.unit JOIN layout ON layout.schema = f.schema
    JOIN layout_point AS p ON p.layout = layout.layout WHERE f.min IS NOT NULL;"""


def _unit_view(table: str) -> str:
    return f"""CREATE VIEW unit_{table} AS SELECT unit.agent, unit.name AS unit,
    f.utc_s, f.utc_s * 1000000000 AS utc_ns, f.schema, f.frames, f.data_s, f.safety_s, f.data_minutes,
    f.safety_minutes,
    (ARRAY['synchronised', 'repaired', 'unsynchronised', 'simulated'])[f.clock + 1] AS clock,
    f.hottest::float8 AS hottest, p.place AS hottest_place, f.hottest_s * 1000000000 AS hottest_utc_ns,
    f.spread::float8 AS spread, f.spread_s * 1000000000 AS spread_utc_ns
    FROM {table} AS f JOIN unit ON unit.id = f.unit LEFT JOIN layout ON layout.schema = f.schema
    LEFT JOIN layout_point AS p ON p.layout = layout.layout AND p.position = f.hottest_at;"""


FIGURES = f"""
CREATE TABLE minute ({_COLUMNS},
    PRIMARY KEY (unit, utc_s, schema)) PARTITION BY RANGE (utc_s);  -- by days, so that few are looked at
CREATE INDEX minute_unread ON minute (schema) WHERE min IS NULL;
CREATE TABLE hour ({_COLUMNS},
    minutes_gone boolean NOT NULL DEFAULT false,  -- they are pruned, and so it is never made again
    PRIMARY KEY (unit, utc_s, schema));
CREATE INDEX hour_made ON hour (made_utc_ns) WHERE NOT minutes_gone;
{_plain("minute")}
{_plain("hour")}

-- Which batches have frames in a minute. A batch that is pruned stays: its minute is not made again.
CREATE TABLE batch_minute (
    unit integer NOT NULL,
    utc_s bigint NOT NULL,
    stream integer NOT NULL,
    sequence bigint NOT NULL,
    PRIMARY KEY (unit, utc_s, stream, sequence));
CREATE TABLE due (                       -- minutes and hours that are to be made, or made again
    span_s integer NOT NULL,             -- 60 or 3600
    unit integer NOT NULL,
    utc_s bigint NOT NULL,
    since_ns bigint NOT NULL,            -- by a collector's clock
    marks bigint NOT NULL DEFAULT 1,     -- whether more came meanwhile
    PRIMARY KEY (span_s, unit, utc_s)) WITH (fillfactor = 70);
CREATE INDEX due_since ON due (span_s, since_ns);
CREATE TABLE unsynchronised (            -- batches with frames of before a clock was set
    stream integer NOT NULL,
    sequence bigint NOT NULL,
    agent text COLLATE "C" NOT NULL,
    boot_id bytea NOT NULL,
    offset_ns bigint,                    -- by which they lie in batch_minute
    first_s bigint NOT NULL,             -- their minutes there
    last_s bigint NOT NULL,
    PRIMARY KEY (stream, sequence));
CREATE INDEX unsynchronised_boot ON unsynchronised (agent, boot_id);
CREATE TABLE clock_offset (
    agent text COLLATE "C" NOT NULL,
    boot_id bytea NOT NULL,
    epoch bytea NOT NULL,
    sequence bigint NOT NULL,
    position integer NOT NULL,
    offset_ns bigint NOT NULL,
    PRIMARY KEY (agent, boot_id, epoch, sequence, position));
CREATE TABLE boot_due (                  -- boots whose unsynchronised batches are to be looked at again
    agent text COLLATE "C" NOT NULL,
    boot_id bytea NOT NULL,
    PRIMARY KEY (agent, boot_id));
CREATE TABLE not_indexed (               -- of an earlier version: batches of which all this is not known
    stream integer PRIMARY KEY,
    first bigint NOT NULL,
    last bigint NOT NULL);
INSERT INTO not_indexed SELECT stream, min(sequence), max(sequence) FROM batch_body WHERE frames > 0
    GROUP BY stream;
{_unit_view("minute")}
{_unit_view("hour")}
{_value_view("minute")}
{_value_view("hour")}
"""
