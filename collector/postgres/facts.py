"""The rows of facts in PostgreSQL: what `collector.facts` asks for, and what it has worked out."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import fields
from typing import Any, get_args, get_type_hints

from collector.facts.alarms import Life
from collector.facts.heard import Heard
from collector.facts.order import Place, Told
from collector.postgres.connection import Connection
from collector.postgres.text import storable
from collector.sink import Change, LifeKey

LIFE = [field.name for field in fields(Life)]
HEARD = [field.name for field in fields(Heard)]
_TYPES = {bytes: "bytea", int: "bigint", str: "text", bool: "boolean"}
_EVENTS = (
    "SELECT epoch, sequence, position, kind, unit, record, subject, received_utc_ns FROM event"
    " WHERE agent = $1 AND kind = ANY ($2)"
)
_EVENTS_SINCE = (
    "SELECT epoch, event.sequence, event.position, kind, unit, record, subject, received_utc_ns"
    " FROM event JOIN stream USING (agent, epoch)"
    " JOIN unnest($3::text[], $4::integer[], $5::bigint[], $6::integer[])"
    " AS since (subject, number, sequence, position) USING (subject)"
    " WHERE agent = $1 AND kind = ANY ($2) AND (stream.number, event.sequence, event.position)"
    " >= (since.number, since.sequence, since.position)"
)
_ORDER = (
    "UPDATE stream SET number = new.number FROM unnest($1::text[], $2::bytea[], $3::integer[])"
    " AS new (agent, epoch, number) WHERE stream.agent = new.agent AND stream.epoch = new.epoch"
)
_NO_LIVES = (
    "DELETE FROM alarm USING unnest($1::text[], $2::text[], $3::bytea[], $4::bigint[], $5::integer[])"
    " AS gone (agent, id, epoch, sequence, position) WHERE alarm.agent = gone.agent AND alarm.id = gone.id"
    " AND alarm.epoch = gone.epoch AND alarm.sequence = gone.sequence AND alarm.position = gone.position"
)
#: Without ON CONFLICT, which takes a number of the sequence for every row that is there already.
_UNITS = (
    "INSERT INTO unit (agent, name) SELECT agent, name FROM unnest($1::text[], $2::text[])"
    " AS new (agent, name) WHERE NOT EXISTS"
    " (SELECT FROM unit WHERE unit.agent = new.agent AND unit.name = new.name)"
)
_LAYOUTS = (
    "INSERT INTO layout SELECT * FROM unnest($1::bytea[], $2::bytea[], $3::text[]) ON CONFLICT DO NOTHING"
)
_POINTS = (
    "INSERT INTO layout_point SELECT * FROM unnest($1::bytea[], $2::integer[], $3::text[], $4::text[],"
    " $5::text[], $6::text[]) ON CONFLICT DO NOTHING"
)
_VERSION = "INSERT INTO facts SELECT * FROM unnest($1::integer[]) ON CONFLICT DO NOTHING"


def _unnest(of: type, first: int) -> str:
    """The columns of a dataclass as typed arrays; first: the number of the first parameter."""
    hints = get_type_hints(of)
    kinds = [next(iter(get_args(hints[field.name])), hints[field.name]) for field in fields(of)]
    return ", ".join(f"${n}::{_TYPES[kind]}[]" for n, kind in enumerate(kinds, first))


_LIVES = f"INSERT INTO alarm ({', '.join(LIFE)}) SELECT * FROM unnest({_unnest(Life, 1)})"
_HEARD = (
    f"INSERT INTO agent (agent, {', '.join(HEARD)}) SELECT * FROM unnest($1::text[], {_unnest(Heard, 2)})"
    " ON CONFLICT (agent) DO UPDATE SET "
    + ", ".join(f"{column} = coalesce(excluded.{column}, agent.{column})" for column in HEARD)
)


def events(db: Connection, agent: str, kinds: Sequence[str], since: Mapping[str, Place] | None) -> list[Told]:
    """Events of some kinds; since: only about these subjects, from a place on."""
    if since is None:
        rows = db.rows(_EVENTS, agent, list(kinds))
    else:
        columns = zip(*((subject, *place) for subject, place in since.items()), strict=True)
        rows = db.rows(_EVENTS_SINCE, agent, list(kinds), *map(list, columns)) if since else []
    return [Told(*row) for row in rows]


def lives(db: Connection, agent: str, ids: Sequence[str]) -> dict[str, list[LifeKey]]:
    """The keys of the lives of some alarms."""
    found: dict[str, list[LifeKey]] = {name: [] for name in ids}
    for name, *key in db.rows(
        "SELECT id, epoch, sequence, position FROM alarm WHERE agent = $1 AND id = ANY ($2)", agent, list(ids)
    ):
        found[name].append((key[0], key[1], key[2]))
    return found


def fact_rows(changes: Iterable[Change]) -> Iterator[tuple[str, list[tuple[Any, ...]]]]:
    """The statements that write the facts of some changes, each with its rows."""
    changes = list(changes)
    lived = [(change.stream[0], *one) for change in changes for one in change.alarms.items()]
    layouts = {schema: layout for change in changes for schema, layout in change.layouts.items()}
    points = {
        (layout.digest, point.position): tuple(map(storable, point[1:]))
        for layout in layouts.values()
        for point in layout.points
    }
    heard: dict[str, Heard] = {}
    for change in changes:
        for agent, said in change.heard.items():
            heard[agent] = heard[agent].then(said) if agent in heard else said
    yield (
        _ORDER,
        [
            (change.stream[0], epoch, number)
            for change in changes
            for number, epoch in enumerate(change.epochs, 1)
        ],
    )
    yield _NO_LIVES, [(agent, name, *key) for agent, name, (gone, _) in lived for key in gone]
    yield _LIVES, [_row(life, LIFE) for _, _, (_, found) in lived for life in found]
    yield (
        _UNITS,
        sorted({(c.stream[0], batch.unit) for c in changes for batch, _ in c.batches if batch.frames}),
    )
    yield (
        _LAYOUTS,
        [(schema, layout.digest, storable(layout.profile)) for schema, layout in sorted(layouts.items())],
    )
    yield _POINTS, [(*key, *texts) for key, texts in sorted(points.items())]
    yield _VERSION, [(change.facts,) for change in changes if change.facts]
    yield _HEARD, [(agent, *_row(said, HEARD)) for agent, said in sorted(heard.items())]


def _row(of: Life | Heard, columns: Sequence[str]) -> tuple[Any, ...]:
    values = (getattr(of, column) for column in columns)
    return tuple(storable(value) if isinstance(value, str) else value for value in values)
