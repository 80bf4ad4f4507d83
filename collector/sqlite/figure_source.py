"""Reading what the job that makes figures needs, and the figures, from SQLite."""

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from math import isfinite
from struct import Struct
from typing import Any

from agent.wire import Batch, WireError
from collector.archive import decoded
from collector.figures.figures import HOUR_S, MINUTE_S, Extremes, Figures, Span
from collector.figures.work import Due, Misplaced
from collector.sink import Stream
from collector.sqlite.figure_tables import value_view
from collector.sqlite.figures import NUMBERS, OFFSET, TABLES, arrays_of

_FLOAT, _WHOLE = Struct(">f"), Struct(">H")
_LYING = (
    "FROM unit JOIN batch_minute AS lies ON lies.unit = unit.id WHERE agent = ? AND name = ? AND utc_s IN"
)
_BETWEEN = "unit = (SELECT id FROM unit WHERE agent = ? AND name = ?) AND utc_s >= ? AND utc_s < ?"


def fast_views(db: sqlite3.Connection) -> None:
    """Let a connection read values by functions of its own, in place of SQL alone: 20 times as fast."""
    db.create_function("float_at", 2, _float_at, deterministic=True)
    db.create_function("whole_at", 2, _whole_at, deterministic=True)
    for table in TABLES.values():
        view = value_view(table, "float_at({})", "whole_at({})")
        db.execute(f"CREATE TEMP VIEW {table}_value AS {view}")


def _float_at(blob: bytes, position: int) -> float | None:
    value: float = _FLOAT.unpack_from(blob, 4 * position)[0]
    return value if isfinite(value) else None


def _whole_at(blob: bytes, position: int) -> int:
    value: int = _WHOLE.unpack_from(blob, 2 * position)[0]
    return value


class FigureQueries:
    """The part of `SqliteArchive` that is a `collector.figures.work.FigureSource`."""

    tell: Callable[[str], None]

    def _rows(self, query: str, parameters: Any = ()) -> Iterator[tuple[Any, ...]]:
        """What a query finds. Raises ArchiveError."""
        raise NotImplementedError

    def not_indexed(self, limit: int) -> tuple[Stream, int, list[Batch]] | None:
        """Batches that an earlier version kept, in the order of sealing."""
        for agent, epoch, first, last in self._rows(
            "SELECT agent, epoch, first, last FROM not_indexed LIMIT 1"
        ):
            found = list(
                self._rows(
                    "SELECT sequence, frames, blob FROM batch WHERE agent = ? AND epoch = ?"
                    " AND sequence BETWEEN ? AND ? ORDER BY sequence LIMIT ?",
                    [agent, epoch, first, last, limit],
                )
            )
            through = found[-1][0] if len(found) == limit else last
            batches = (
                self._decoded(agent, epoch, sequence, blob) for sequence, frames, blob in found if frames
            )
            return (agent, epoch), through, [batch for batch in batches if batch]
        return None

    def misplaced(self, limit: int) -> tuple[list[Misplaced], list[tuple[str, bytes]]]:
        """Batches that do not lie where the offset of their boot puts them."""
        boots = list(self._rows("SELECT agent, boot_id FROM boot_due LIMIT ?", [limit]))
        moving: list[Misplaced] = []
        for agent, boot_id in boots:
            found = self._rows(
                "SELECT u.epoch, u.sequence, blob, u.offset_ns, now_ns FROM"
                f" (SELECT *, {OFFSET.format(of='v')} AS now_ns FROM unsynchronised AS v"
                " WHERE v.agent = ? AND v.boot_id = ?) AS u LEFT JOIN batch USING (agent, epoch, sequence)"
                " WHERE u.offset_ns IS NOT now_ns LIMIT ?",
                [agent, boot_id, limit - len(moving)],
            )
            for epoch, sequence, blob, before_ns, now_ns in found:
                batch = self._decoded(agent, epoch, sequence, blob)
                moving.append(Misplaced((agent, epoch), sequence, boot_id, batch, before_ns, now_ns))
        return moving, [(agent, boot_id) for agent, boot_id in boots]

    def due(self, span_s: int, unsettled: range, limit: int) -> list[Due]:
        """What is to be made, the oldest mark first."""
        found = self._rows(
            "SELECT agent, name, utc_s, since_ns, marks FROM due JOIN unit ON id = unit WHERE span_s = ?"
            " AND NOT (since_ns >= ? AND since_ns < ?) ORDER BY since_ns LIMIT ?",
            [span_s, unsettled.start, unsettled.stop, limit],
        )
        return [Due(Span(span_s, agent, unit, utc_s), *rest) for agent, unit, utc_s, *rest in found]

    def final(self, agent: str, unit: str, minutes: Sequence[int]) -> set[int]:
        """Minutes of which not all is here any more."""
        marks = ", ".join("?" for _ in minutes)
        without = self._rows(
            f"SELECT DISTINCT utc_s {_LYING} ({marks}) AND NOT EXISTS (SELECT 1 FROM batch"
            " WHERE batch.agent = unit.agent AND batch.epoch = lies.epoch"
            " AND batch.sequence = lies.sequence)",
            [agent, unit, *minutes],
        )
        hours = sorted({utc_s // HOUR_S * HOUR_S for utc_s in minutes})
        pruned = self._rows(
            "SELECT utc_s FROM hour WHERE unit = (SELECT id FROM unit WHERE agent = ? AND name = ?)"
            f" AND minutes_gone AND utc_s IN ({', '.join('?' for _ in hours)})",
            [agent, unit, *hours],
        )
        gone = {utc_s for (utc_s,) in pruned}
        return {utc_s for (utc_s,) in without} | {one for one in minutes if one // HOUR_S * HOUR_S in gone}

    def in_minutes(self, agent: str, unit: str, minutes: Sequence[int]) -> list[Batch]:
        """The batches of minutes, each once."""
        found = self._rows(
            f"SELECT epoch, sequence, offset_ns, blob FROM (SELECT DISTINCT agent, epoch, sequence {_LYING}"
            f" ({', '.join('?' for _ in minutes)})) JOIN batch USING (agent, epoch, sequence)"
            " LEFT JOIN unsynchronised USING (agent, epoch, sequence) ORDER BY epoch, sequence",
            [agent, unit, *minutes],
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
        return [(agent, unit) for agent, unit in self._rows("SELECT agent, name FROM unit ORDER BY 1, 2")]

    def hours_with_anything(self, agent: str, unit: str, from_s: int, to_s: int) -> list[int]:
        """Hours of a unit, in the order of time."""
        each = f"SELECT utc_s / {HOUR_S} * {HOUR_S} FROM {{}} WHERE {_BETWEEN}"
        found = self._rows(
            f"{each.format('batch_minute')} UNION {each.format('minute')} ORDER BY 1",
            [agent, unit, from_s, to_s] * 2,
        )
        return [hour_s for (hour_s,) in found]

    def with_frames(self, agent: str, unit: str, from_s: int, to_s: int) -> set[int]:
        """The minutes that batches lie in."""
        found = self._rows(
            f"SELECT DISTINCT utc_s FROM batch_minute WHERE {_BETWEEN}", [agent, unit, from_s, to_s]
        )
        return {utc_s for (utc_s,) in found}

    def waiting(self, agent: str, unit: str, from_s: int, to_s: int) -> set[Span]:
        """What is due."""
        found = self._rows(
            f"SELECT span_s, utc_s FROM due WHERE span_s IN ({MINUTE_S}, {HOUR_S}) AND {_BETWEEN}",
            [agent, unit, from_s, to_s],
        )
        return {Span(span_s, agent, unit, utc_s) for span_s, utc_s in found}

    def _figures(self, span_s: int, agent: str, unit: str, from_s: int, to_s: int) -> Iterator[Figures]:
        found = self._rows(
            f"SELECT {NUMBERS} FROM {TABLES[span_s]} WHERE {_BETWEEN} ORDER BY utc_s, schema",
            [agent, unit, from_s, to_s],
        )
        for utc_s, schema, *row in found:
            frames, data_s, safety_s, data_minutes, safety_minutes, clock = row[:6]
            yield Figures(
                span=Span(span_s, agent, unit, utc_s),
                schema=schema,
                frames=frames,
                data_s=data_s,
                safety_s=safety_s,
                data_minutes=data_minutes,
                safety_minutes=safety_minutes,
                clock=clock,
                extremes=Extremes(*row[6:11]),
                arrays=arrays_of(row[11:]),
            )

    def _decoded(self, agent: str, epoch: bytes, sequence: int, blob: Any) -> Batch | None:
        try:
            return decoded(blob)
        except WireError as error:
            self.tell(f"{agent} epoch {epoch.hex()} batch {sequence} is damaged and left out: {error}")
            return None
