"""The rows of facts in SQLite: what `collector.facts` asks for, and what it has worked out."""

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import fields

from collector.facts.alarms import Life
from collector.facts.heard import Heard
from collector.facts.order import BEGINNING, Place, Told
from collector.sink import Change, LifeKey

LIFE = [field.name for field in fields(Life)]
HEARD = [field.name for field in fields(Heard)]
_EVENTS = "SELECT epoch, sequence, position, kind, unit, record, subject, received_utc_ns FROM event"


def _marks(columns: Sequence[object]) -> str:
    return ", ".join("?" for _ in columns)


def events(
    db: sqlite3.Connection, agent: str, kinds: Sequence[str], since: Mapping[str, Place] | None
) -> list[Told]:
    """Events of some kinds; since: only about these subjects, from a place on."""
    where = f"{_EVENTS} WHERE agent = ? AND kind IN ({_marks(kinds)})"
    if since is None:
        return [Told(*row) for row in db.execute(where, [agent, *kinds])]
    found: list[Told] = []
    later = (
        f"{_EVENTS.replace('FROM event', 'FROM event JOIN stream USING (agent, epoch)')}"
        f" WHERE agent = ? AND kind IN ({_marks(kinds)}) AND subject = ?"
        " AND (number, sequence, position) >= (?, ?, ?)"
    )
    for subject, place in since.items():
        if place == BEGINNING:
            rows = db.execute(f"{where} AND subject = ?", [agent, *kinds, subject])
        else:
            rows = db.execute(later, [agent, *kinds, subject, *place])
        found += [Told(*row) for row in rows]
    return found


def lives(db: sqlite3.Connection, agent: str, ids: Sequence[str]) -> dict[str, list[LifeKey]]:
    """The keys of the lives of some alarms."""
    query = "SELECT epoch, sequence, position FROM alarm WHERE agent = ? AND id = ?"
    return {name: db.execute(query, [agent, name]).fetchall() for name in ids}


def write_facts(db: sqlite3.Connection, change: Change) -> None:
    """Write the facts of a change, within its transaction."""
    agent = change.stream[0]
    db.executemany(
        "UPDATE stream SET number = ? WHERE agent = ? AND epoch = ?",
        [(number, agent, epoch) for number, epoch in enumerate(change.epochs, 1)],
    )
    for name, (gone, found) in change.alarms.items():
        db.executemany(
            "DELETE FROM alarm WHERE agent = ? AND id = ? AND epoch = ? AND sequence = ? AND position = ?",
            [(agent, name, *key) for key in gone],
        )
        db.executemany(
            f"INSERT INTO alarm ({', '.join(LIFE)}) VALUES ({_marks(LIFE)})",
            [[getattr(life, column) for column in LIFE] for life in found],
        )
    db.executemany(
        "INSERT OR IGNORE INTO unit (agent, name) VALUES (?, ?)",
        {(agent, batch.unit) for batch, _ in change.batches if batch.frames},
    )
    for schema, layout in change.layouts.items():
        db.execute("INSERT OR IGNORE INTO layout VALUES (?, ?, ?)", [schema, layout.digest, layout.profile])
        db.executemany(
            "INSERT OR IGNORE INTO layout_point VALUES (?, ?, ?, ?, ?, ?)",
            [(layout.digest, *point) for point in layout.points],
        )
    kept = ", ".join(f"{column} = coalesce(excluded.{column}, {column})" for column in HEARD)
    db.executemany(
        f"INSERT INTO agent (agent, {', '.join(HEARD)}) VALUES (?, {_marks(HEARD)})"
        f" ON CONFLICT DO UPDATE SET {kept}",
        [(name, *(getattr(heard, column) for column in HEARD)) for name, heard in change.heard.items()],
    )
    if change.facts:
        db.execute("DELETE FROM facts")
        db.execute("INSERT INTO facts VALUES (?)", [change.facts])
