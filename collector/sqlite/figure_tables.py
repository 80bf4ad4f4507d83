"""The tables and views of figures in SQLite. They shipped with a migration: never edited, only followed."""

_COLUMNS = """
    unit INTEGER NOT NULL,           -- of `unit`
    utc_s INTEGER NOT NULL,          -- its first second
    schema BLOB NOT NULL,
    made_utc_ns INTEGER NOT NULL,    -- by this collector's clock
    frames INTEGER NOT NULL,
    data_s INTEGER NOT NULL,
    safety_s INTEGER,
    data_minutes INTEGER NOT NULL,
    safety_minutes INTEGER,
    clock INTEGER NOT NULL,
    hottest REAL,
    hottest_at INTEGER,              -- position in a frame
    hottest_s INTEGER,               -- the first second of its minute
    spread REAL,
    spread_s INTEGER,
    min BLOB,                        -- in the schema's order: floats of 4 bytes, big-endian
    max BLOB,
    mean BLOB,
    last BLOB,
    good_s BLOB,                     -- 2 bytes each, big-endian
    {more}PRIMARY KEY (unit, utc_s, schema)"""

_HEX = "0123456789ABCDEF"


def _bits(column: str, size: int) -> str:
    """The big-endian number of `size` bytes at a point's position in a blob, as only SQL can say it."""
    nibbles = 2 * size
    digits = " + ".join(
        f"((instr('{_HEX}', substr(h, {i + 1}, 1)) - 1) << {4 * (nibbles - 1 - i)})" for i in range(nibbles)
    )
    blob = f"substr(f.{column}, {size} * p.position + 1, {size})"
    return f"(SELECT {digits} AS bits FROM (SELECT hex({blob}) AS h))"


def _float(column: str) -> str:
    """A float of 4 bytes (IEEE 754) in a blob; null: there is none, or it is beyond all numbers."""
    shift = "(1 << max(0, min(62, {k}))) * 1.0 * (1 << max(0, min(62, {k} - 62)))"
    up, down = shift.format(k="e - 150"), shift.format(k="150 - e")
    return (
        "(SELECT CASE e WHEN 255 THEN NULL WHEN 0 THEN 0.0 ELSE (1 - 2 * (bits >> 31))"
        f" * ((bits & 8388607) + 8388608) * {up} / ({down}) / (1 << max(0, 26 - e)) END"
        f" FROM (SELECT bits, (bits >> 23) & 255 AS e FROM {_bits(column, 4)}))"
    )


def _whole(column: str) -> str:
    return f"(SELECT bits FROM {_bits(column, 2)})"


def value_view(table: str, number: str = "{}", whole: str = "{}") -> str:
    """A SELECT of a row for each value of `minute` or `hour`.

    number, whole: how a float and a whole number of a blob column are read, `{}` being the column; without
    them by SQL alone.
    """

    def read(form: str, otherwise: str, column: str) -> str:
        return f"{otherwise if form == '{}' else form.format(f'f.{column}, p.position')} AS {column}"

    floats = ", ".join(read(number, _float(column), column) for column in ("min", "max", "mean", "last"))
    return (
        "SELECT unit.agent AS agent, unit.name AS unit, f.utc_s AS utc_s,"
        " f.utc_s * 1000000000 AS utc_ns, p.place AS place,"
        f" p.name AS name, p.quantity AS quantity, p.value_unit AS value_unit, {floats},"
        f" {read(whole, _whole('good_s'), 'good_s')} FROM {table} AS f JOIN unit ON unit.id = f.unit"
        " JOIN layout ON layout.schema = f.schema JOIN layout_point AS p ON p.layout = layout.layout"
        " WHERE f.min IS NOT NULL"
    )


def _unit_view(table: str) -> str:
    return f"""SELECT unit.agent AS agent, unit.name AS unit, f.utc_s AS utc_s,
        f.utc_s * 1000000000 AS utc_ns, f.schema AS schema, f.frames AS frames,
        f.data_s AS data_s, f.safety_s AS safety_s, f.data_minutes AS data_minutes,
        f.safety_minutes AS safety_minutes,
        CASE f.clock WHEN 0 THEN 'synchronised' WHEN 1 THEN 'repaired' WHEN 2 THEN 'unsynchronised'
            ELSE 'simulated' END AS clock,
        f.hottest AS hottest, p.place AS hottest_place, f.hottest_s * 1000000000 AS hottest_utc_ns,
        f.spread AS spread, f.spread_s * 1000000000 AS spread_utc_ns
        FROM {table} AS f JOIN unit ON unit.id = f.unit LEFT JOIN layout ON layout.schema = f.schema
        LEFT JOIN layout_point AS p ON p.layout = layout.layout AND p.position = f.hottest_at"""


FIGURES = (
    f"CREATE TABLE minute ({_COLUMNS.format(more='')})",
    # minutes_gone: its minutes are pruned, and so it is never made again.
    f"CREATE TABLE hour ({_COLUMNS.format(more='minutes_gone INTEGER NOT NULL DEFAULT 0, ')})",
    # Minutes whose schema was not here, or was no use, when they were made.
    "CREATE INDEX minute_unread ON minute (schema) WHERE min IS NULL",
    "CREATE INDEX hour_made ON hour (made_utc_ns) WHERE NOT minutes_gone",
    # What questions about units ask of months: without the arrays.
    "CREATE INDEX hour_of_unit ON hour (unit, utc_s, schema, frames, data_s, safety_s, data_minutes,"
    " safety_minutes, clock, hottest, hottest_at, hottest_s, spread, spread_s)",
    # Which batches have frames in a minute. A batch that is pruned stays: its minute is not made again.
    """CREATE TABLE batch_minute (
        unit INTEGER NOT NULL,
        utc_s INTEGER NOT NULL,
        epoch BLOB NOT NULL,
        sequence INTEGER NOT NULL,
        PRIMARY KEY (unit, utc_s, epoch, sequence)) WITHOUT ROWID""",
    # Minutes and hours that are to be made, or made again; `marks` tells whether more came meanwhile.
    """CREATE TABLE due (
        span_s INTEGER NOT NULL,         -- 60 or 3600
        unit INTEGER NOT NULL,
        utc_s INTEGER NOT NULL,
        since_ns INTEGER NOT NULL,       -- by this collector's clock
        marks INTEGER NOT NULL DEFAULT 1,
        PRIMARY KEY (span_s, unit, utc_s)) WITHOUT ROWID""",
    "CREATE INDEX due_since ON due (span_s, since_ns)",
    # Batches with frames of before a clock was set. offset_ns: by which they lie in batch_minute; first_s,
    # last_s: their minutes there.
    """CREATE TABLE unsynchronised (
        agent TEXT NOT NULL,
        epoch BLOB NOT NULL,
        sequence INTEGER NOT NULL,
        boot_id BLOB NOT NULL,
        offset_ns INTEGER,
        first_s INTEGER NOT NULL,
        last_s INTEGER NOT NULL,
        PRIMARY KEY (agent, epoch, sequence)) WITHOUT ROWID""",
    "CREATE INDEX unsynchronised_boot ON unsynchronised (agent, boot_id)",
    """CREATE TABLE clock_offset (
        agent TEXT NOT NULL,
        boot_id BLOB NOT NULL,
        epoch BLOB NOT NULL,
        sequence INTEGER NOT NULL,
        position INTEGER NOT NULL,
        offset_ns INTEGER NOT NULL,
        PRIMARY KEY (agent, boot_id, epoch, sequence, position)) WITHOUT ROWID""",
    # Boots whose unsynchronised batches are to be looked at again.
    """CREATE TABLE boot_due (
        agent TEXT NOT NULL,
        boot_id BLOB NOT NULL,
        PRIMARY KEY (agent, boot_id)) WITHOUT ROWID""",
    # Of an archive that an earlier version kept: batches of which all this is not known.
    """CREATE TABLE not_indexed (
        agent TEXT NOT NULL,
        epoch BLOB NOT NULL,
        first INTEGER NOT NULL,
        last INTEGER NOT NULL,
        PRIMARY KEY (agent, epoch)) WITHOUT ROWID""",
    "INSERT INTO not_indexed SELECT agent, epoch, min(sequence), max(sequence) FROM batch"
    " WHERE frames > 0 GROUP BY agent, epoch",
    f"CREATE VIEW unit_minute AS {_unit_view('minute')}",
    f"CREATE VIEW unit_hour AS {_unit_view('hour')}",
    f"CREATE VIEW minute_value AS {value_view('minute')}",
    f"CREATE VIEW hour_value AS {value_view('hour')}",
)
