"""Reading what the job that makes figures needs, and the figures, from PostgreSQL."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from agent.wire import Batch, WireError
from collector.archive import decoded
from collector.figures.figures import HOUR_S, MINUTE_S, Arrays, Extremes, Figures, Span
from collector.figures.work import Due, Misplaced
from collector.postgres.connection import Connection
from collector.postgres.figures import NUMBERS, OFFSET, TABLES
from collector.sink import Stream

_UNIT = "(SELECT id FROM unit WHERE agent = $1 AND name = $2)"
_BETWEEN = f"unit = {_UNIT} AND utc_s >= $3 AND utc_s < $4"
_BODY = (
    " JOIN batch_key AS k ON k.stream = b.stream AND k.sequence = b.sequence"
    " JOIN batch_body AS body ON body.stream = k.stream AND body.sequence = k.sequence AND body.day = k.day"
)


class FigureQueries:
    """The part of `PostgresArchive` that is a `collector.figures.work.FigureSource`."""

    tell: Callable[[str], None]
    _db: Connection

    def not_indexed(self, limit: int) -> tuple[Stream, int, list[Batch]] | None:
        """Batches that an earlier version kept, in the order of sealing."""
        for number, agent, epoch, first, last in self._db.rows(
            "SELECT stream, agent, epoch, first, last FROM not_indexed JOIN stream ON id = stream LIMIT 1"
        ):
            found = self._db.rows(
                f"SELECT b.sequence, body.frames, blob FROM batch_key AS b{_BODY}"
                " WHERE b.stream = $1 AND b.sequence BETWEEN $2 AND $3 ORDER BY b.sequence LIMIT $4",
                *(number, first, last, limit),
            )
            through = found[-1][0] if len(found) == limit else last
            batches = (
                self._decoded(agent, epoch, sequence, blob) for sequence, frames, blob in found if frames
            )
            return (agent, epoch), through, [batch for batch in batches if batch]
        return None

    def misplaced(self, limit: int) -> tuple[list[Misplaced], list[tuple[str, bytes]]]:
        """Batches that do not lie where the offset of their boot puts them."""
        boots = [tuple(row) for row in self._db.rows("SELECT agent, boot_id FROM boot_due LIMIT $1", limit)]
        moving: list[Misplaced] = []
        for agent, boot_id in boots:
            found = self._db.rows(
                "SELECT stream.epoch, b.sequence, blob, b.offset_ns, now_ns FROM"
                f" (SELECT *, {OFFSET.format(of='v')} AS now_ns FROM unsynchronised AS v"
                " WHERE v.agent = $1 AND v.boot_id = $2) AS b JOIN stream ON stream.id = b.stream"
                f"{_BODY.replace(' JOIN', ' LEFT JOIN')}"
                " WHERE b.offset_ns IS DISTINCT FROM now_ns LIMIT $3",
                *(agent, boot_id, limit - len(moving)),
            )
            for epoch, sequence, blob, before_ns, now_ns in found:
                batch = self._decoded(agent, epoch, sequence, blob)
                moving.append(Misplaced((agent, epoch), sequence, boot_id, batch, before_ns, now_ns))
        return moving, boots

    def due(self, span_s: int, unsettled: range, limit: int) -> list[Due]:
        """What is to be made, the oldest mark first; before it minutes that waited for a schema."""
        found = []
        if span_s == MINUTE_S:
            found = self._db.rows(
                "SELECT DISTINCT agent, name, utc_s, 0, 0 FROM minute AS m JOIN layout USING (schema)"
                " JOIN unit ON id = unit WHERE min IS NULL AND NOT EXISTS (SELECT FROM due"
                " WHERE span_s = 60 AND due.unit = m.unit AND due.utc_s = m.utc_s) LIMIT $1",
                limit,
            )
        found += self._db.rows(
            "SELECT agent, name, utc_s, since_ns, marks FROM due JOIN unit ON id = unit WHERE span_s = $1"
            " AND NOT (since_ns >= $2 AND since_ns < $3) ORDER BY since_ns LIMIT $4",
            *(span_s, unsettled.start, unsettled.stop, limit - len(found)),
        )
        return [Due(Span(span_s, agent, unit, utc_s), *rest) for agent, unit, utc_s, *rest in found]

    def final(self, agent: str, unit: str, minutes: Sequence[int]) -> set[int]:
        """Minutes of which not all is here any more."""
        without = self._db.rows(
            f"SELECT DISTINCT utc_s FROM batch_minute AS b WHERE unit = {_UNIT} AND utc_s = ANY ($3)"
            " AND NOT EXISTS (SELECT FROM batch_key AS k WHERE k.stream = b.stream"
            " AND k.sequence = b.sequence)",
            *(agent, unit, list(minutes)),
        )
        hours = sorted({utc_s // HOUR_S * HOUR_S for utc_s in minutes})
        pruned = self._db.rows(
            f"SELECT utc_s FROM hour WHERE unit = {_UNIT} AND minutes_gone AND utc_s = ANY ($3)",
            *(agent, unit, hours),
        )
        gone = {row[0] for row in pruned}
        return {row[0] for row in without} | {one for one in minutes if one // HOUR_S * HOUR_S in gone}

    def in_minutes(self, agent: str, unit: str, minutes: Sequence[int]) -> list[Batch]:
        """The batches of minutes, each once."""
        found = self._db.rows(
            "SELECT epoch, b.sequence, offset_ns, blob FROM (SELECT DISTINCT stream, sequence"
            f" FROM batch_minute WHERE unit = {_UNIT} AND utc_s = ANY ($3)) AS b"
            f"{_BODY} JOIN stream ON stream.id = b.stream"
            " LEFT JOIN unsynchronised AS u ON u.stream = b.stream AND u.sequence = b.sequence"
            " ORDER BY epoch, b.sequence",
            *(agent, unit, list(minutes)),
        )
        batches = ((self._decoded(agent, epoch, s, blob), offset_ns) for epoch, s, offset_ns, blob in found)
        return [batch.repaired(offset_ns) for batch, offset_ns in batches if batch]

    def minutes(self, agent: str, unit: str, from_s: int, to_s: int) -> Iterator[Figures]:
        """Minute figures, in the order of time."""
        return self._figures(MINUTE_S, agent, unit, from_s, to_s)

    def hours(self, agent: str, unit: str, from_s: int, to_s: int) -> Iterator[Figures]:
        """Hour figures, in the order of time."""
        return self._figures(HOUR_S, agent, unit, from_s, to_s)

    def all_units(self) -> list[tuple[str, str]]:
        """The units."""
        found = self._db.rows("SELECT agent, name FROM unit ORDER BY 1, 2")
        return [(agent, unit) for agent, unit in found]

    def hours_with_anything(self, agent: str, unit: str, from_s: int, to_s: int) -> list[int]:
        """Hours of a unit, in the order of time."""
        each = f"SELECT utc_s / {HOUR_S} * {HOUR_S} FROM {{}} WHERE {_BETWEEN}"
        sql = f"{each.format('batch_minute')} UNION {each.format('minute')} ORDER BY 1"
        return [row[0] for row in self._db.rows(sql, agent, unit, from_s, to_s)]

    def with_frames(self, agent: str, unit: str, from_s: int, to_s: int) -> set[int]:
        """The minutes that batches lie in."""
        sql = f"SELECT DISTINCT utc_s FROM batch_minute WHERE {_BETWEEN}"
        return {row[0] for row in self._db.rows(sql, agent, unit, from_s, to_s)}

    def waiting(self, agent: str, unit: str, from_s: int, to_s: int) -> set[Span]:
        """What is due."""
        found = self._db.rows(f"SELECT span_s, utc_s FROM due WHERE {_BETWEEN}", agent, unit, from_s, to_s)
        return {Span(span_s, agent, unit, utc_s) for span_s, utc_s in found}

    def _figures(self, span_s: int, agent: str, unit: str, from_s: int, to_s: int) -> Iterator[Figures]:
        found = self._db.rows(
            f"SELECT {NUMBERS} FROM {TABLES[span_s]} WHERE {_BETWEEN} ORDER BY utc_s, schema",
            *(agent, unit, from_s, to_s),
        )
        for row in found:
            utc_s, schema, frames, data_s, safety_s, data_minutes, safety_minutes, clock = row[:8]
            yield Figures(
                span=Span(span_s, agent, unit, utc_s),
                schema=schema,
                frames=frames,
                data_s=data_s,
                safety_s=safety_s,
                data_minutes=data_minutes,
                safety_minutes=safety_minutes,
                clock=clock,
                extremes=Extremes(*row[8:13]),
                arrays=_arrays(row[13:]),
            )

    def _decoded(self, agent: str, epoch: bytes, sequence: int, blob: Any) -> Batch | None:
        try:
            return decoded(blob)
        except WireError as error:
            self.tell(f"{agent} epoch {epoch.hex()} batch {sequence} is damaged and left out: {error}")
            return None


def _arrays(columns: Sequence[Any]) -> Arrays | None:
    if any(column is None for column in columns):
        return None
    low, high, mean, last = (np.array(column, np.float32) for column in columns[:4])
    return Arrays(low, high, mean, last, np.array(columns[4], np.uint16))
