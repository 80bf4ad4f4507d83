"""The rows of the buffer, changed within a transaction that the caller holds: every batch is accounted."""

import sqlite3
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from agent.store.black_box import BLACK_BOX, EVENTS, ROUTINE
from agent.store.cursor import COLUMNS, Cursor
from agent.store.database import PAGE_BYTES
from agent.store.open_batch import OpenBatch
from agent.store.receipt import Receipt
from agent.wire.batch import Batch, decode_batch, encode_batch, renamed
from agent.wire.errors import TooLarge
from agent.wire.ranges import Ranges
from agent.wire.sound import fitting

ROW_BYTES = 96  # of a batch beside its blob
RANGES_PER_GAP = 1000  # well below what collectors take in one batch's events
DEAD_LETTERS_KEPT = 100
ALARMS_KEPT = 10_000
BEYOND_HISTORY = "no longer in the history"
OF_ENDED_EPOCHS = (-(2**63), 0)  # the sequences of history that was delivered under another epoch
Range = tuple[int, int]
Row = tuple[Any, ...]  # of the table batch: sequence, priority, unit, frames, values, schema, times, blob


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened at a unit ("" for the agent itself), as it goes onto the wire.

    Alarms get a row for people besides. `receipt`: of one that somebody waits for.
    """

    unit: str
    record: dict[str, Any]
    receipt: Receipt | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Identity:
    """Whose batches these are."""

    agent: str
    epoch: bytes
    boot_id: bytes

    @classmethod
    def of(cls, db: sqlite3.Connection, agent: str, boot_id: bytes) -> "Identity":
        """Who a database is."""
        (epoch,) = db.execute("SELECT epoch FROM account").fetchone()
        return cls(agent, epoch, boot_id)


class Ledger:
    """The buffer as one transaction changes it.

    `cursors`: how far each upstream is, by name. They and `last_sequence`, the last that was drawn, count
    only once the transaction is committed, so each transaction has a Ledger of its own.
    """

    def __init__(self, db: sqlite3.Connection, who: Identity, cursors: Iterable[Cursor] = ()) -> None:
        self._db, self._who = db, who
        self.cursors = {cursor.upstream.name: cursor.copy() for cursor in cursors}
        self.last_sequence: int = db.execute("SELECT last_sequence FROM account").fetchone()[0]

    def used_bytes(self) -> int:
        """Bytes of the database that hold something."""
        (pages,) = self._db.execute("PRAGMA page_count").fetchone()
        (free,) = self._db.execute("PRAGMA freelist_count").fetchone()
        return int(pages - free) * PAGE_BYTES

    # sealing

    def seal_event(self, event: Event) -> int:
        """Insert a batch that carries one event, and the alarm's row for people; return its sequence."""
        event = replace(event, record=fitting(event.record))
        nothing, none = np.empty(0, np.int64), np.empty(0, np.uint8)
        batch = Batch(
            agent=self._who.agent,
            epoch=self._who.epoch,
            sequence=self.last_sequence + 1,
            unit=event.unit,
            schema=None,
            boot_id=self._who.boot_id,
            boottime_ns=nothing,
            utc_ns=nothing,
            clock=none,
            raw=nothing.reshape(0, 0),
            quality=none.reshape(0, 0),
            events=(event.record,),
        )
        self.insert(batch, EVENTS)
        if event.record["kind"] == "alarm":
            self._log_alarm(event)
        elif event.record["kind"] == "clock_offset":
            self._db.execute(
                "INSERT OR REPLACE INTO clock_offset VALUES (:boot_id, :boottime_ns, :offset_ns)",
                event.record,
            )
        return self.last_sequence

    def seal_frames(self, batch: OpenBatch, priority: int) -> list[int]:
        """Insert a batch, or its halves where it is larger than collectors take; return the sequences."""
        who = self._who
        try:
            self.insert(batch.batch(who.agent, who.epoch, who.boot_id, self.last_sequence + 1), priority)
        except TooLarge:
            if len(batch.frames) == 1:
                raise
            return [s for half in batch.halves() for s in self.seal_frames(half, priority)]
        return [self.last_sequence]

    def insert(self, batch: Batch, priority: int, anew: bool = True) -> None:
        """Insert a batch whose sequence is the next one; `anew`: it was not counted before."""
        blob = encode_batch(batch)
        times = (int(batch.utc_ns.min()), int(batch.utc_ns.max())) if batch.frames else (None, None)
        row = (batch.sequence, priority, batch.unit, batch.frames, batch.values, batch.schema, *times, blob)
        self._insert_row(row, anew)

    def _insert_row(self, row: Row, anew: bool) -> None:
        sequence, _, _, frames, values, *_, blob = row
        self._db.execute("INSERT INTO batch VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", row)
        self._db.execute(
            "UPDATE ledger SET last_sequence = ?, frames = frames + ?, value_count = value_count + ?,"
            " wire_bytes = wire_bytes + ? WHERE name = ''",
            [sequence, *((frames, values, len(blob)) if anew else (0, 0, 0))],
        )
        self.last_sequence = sequence
        for cursor in self.cursors.values():
            cursor.sealed(sequence, frames)
        if not frames and not all(cursor.upstream.frames for cursor in self.cursors.values()):
            self._note_events(sequence)

    def _note_events(self, sequence: int) -> None:
        """Remember a batch without frames for upstreams that have only these, also when it is gone."""
        longer = "UPDATE event_range SET last = ? WHERE last = ?"
        if not self._db.execute(longer, [sequence, sequence - 1]).rowcount:
            self._db.execute("INSERT INTO event_range VALUES (?, ?)", [sequence, sequence])

    def withhold(self, upstreams: Iterable[str]) -> None:
        """Keep the batch that was sealed last from upstreams that have it under another epoch."""
        for name in upstreams:
            self.cursors[name].withhold(Ranges([(self.last_sequence, self.last_sequence)]))

    def take(self, row: Row, epoch: bytes) -> int:
        """Insert a batch of an epoch of this agent that has ended; return its sequence. Raises WireError."""
        who, new = self._who, self.last_sequence + 1
        blob = renamed(row[-1], who.agent, (epoch, row[0]), (who.epoch, new))
        self._insert_row((new, *row[1:-1], blob), anew=True)
        return new

    def take_events(self, batch: Batch, logged: bool) -> int:
        """Insert events of an epoch of this agent that has ended; return their sequence.

        logged: the alarms among them are in the people's list already.
        """
        self.insert(replace(batch, epoch=self._who.epoch, sequence=self.last_sequence + 1), EVENTS)
        for record in () if logged else batch.events:
            if record["kind"] == "alarm":
                self._log_alarm(Event(batch.unit, record))
        return self.last_sequence

    def take_rows(self, table: str, rows: Sequence[tuple[Any, ...]]) -> None:
        """Insert rows of another buffer, of this agent too, as they are."""
        if rows:
            marks = ", ".join("?" * len(rows[0]))
            self._db.executemany(f"INSERT OR IGNORE INTO {table} VALUES ({marks})", rows)

    def _log_alarm(self, event: Event) -> None:
        self._db.execute(
            "INSERT INTO alarm (boottime_ns, utc_ns, boot_id, unit, location, detector, severity, state,"
            " text) VALUES (:boottime_ns, :utc_ns, :boot_id, :unit, :location, :detector, :severity,"
            " :state, :text)",
            {**event.record, "boot_id": self._who.boot_id, "unit": event.unit},
        )
        self._db.execute("DELETE FROM alarm WHERE id <= (SELECT max(id) FROM alarm) - ?", [ALARMS_KEPT])

    def raise_priority(self, sequences: Iterable[int]) -> None:
        """Let batches that are stored already, and still wanted, travel with the black box."""
        self._db.executemany(
            "UPDATE batch SET priority = ? WHERE sequence = ? AND priority = ?",
            [(BLACK_BOX, s, ROUTINE) for s in sequences if self._lacking(s)],
        )

    def keep_snapshots(self, bodies: Mapping[str, bytes]) -> None:
        """Keep these bodies in place of the last ones; an empty one is no more kept."""
        there = [(name, body) for name, body in bodies.items() if body]
        self._db.executemany("INSERT OR REPLACE INTO snapshot VALUES (?, ?)", there)
        gone = [(name,) for name, body in bodies.items() if not body]
        self._db.executemany("DELETE FROM snapshot WHERE unit = ?", gone)

    # what leaves

    def acknowledge(self, upstream: str, held: Ranges) -> None:
        """An upstream holds these."""
        self.cursors[upstream].acknowledge(held)

    def refuse(self, upstream: str, refused: Mapping[int, str]) -> None:
        """Put what an upstream will never take among the dead letters, and say that it was dropped."""
        by_reason = defaultdict(list)
        for sequence, reason in refused.items():
            self._db.execute(
                "INSERT OR REPLACE INTO refused SELECT sequence, ?, ?, blob FROM batch WHERE sequence = ?",
                [upstream, reason, sequence],
            )
            by_reason[f"refused: {reason}"].append(sequence)
        for reason, sequences in by_reason.items():
            self._give_up(sequences, reason, [self.cursors[upstream]])
        self._db.execute(
            "DELETE FROM refused WHERE sequence <="
            " (SELECT sequence FROM refused ORDER BY sequence DESC LIMIT 1 OFFSET ?)",
            [DEAD_LETTERS_KEPT],
        )

    def forget(self, wanted_bytes: int) -> int:
        """Delete the oldest history, to free some bytes; return the bytes freed.

        History is what no upstream needs that must have it. What others lack of it is dropped for them, but
        for events: those stay as long as there is room at all.
        """
        needed = Ranges(ends for c in self.cursors.values() if c.upstream.required for ends in self._open(c))
        lacking = Ranges(ends for c in self.cursors.values() for ends in self._open(c))
        history = Ranges.through(self.last_sequence).minus(needed)
        doomed, freed = list[int](), 0
        for sequence, size, priority in self._rows([OF_ENDED_EPOCHS, *history]):
            if freed >= wanted_bytes:
                break
            if priority != EVENTS or sequence not in lacking:
                doomed.append(sequence)
                freed += size + ROW_BYTES
        self._give_up(doomed, BEYOND_HISTORY, self.cursors.values())
        return freed

    def drop(self, wanted_bytes: int, reason: str) -> int:
        """Give up the oldest batches, routine first and alarms last, to free some bytes; return how many.

        History, and dead letters, which are accounted for already, go before all.
        """
        (freed,) = self._db.execute("SELECT coalesce(sum(length(blob)), 0) FROM refused").fetchone()
        if freed:
            self._db.execute("DELETE FROM refused")
        freed += self.forget(wanted_bytes - freed)
        victims: list[int] = []
        for priority in (ROUTINE, BLACK_BOX, EVENTS):
            for sequence, size, _ in self._rows(self.wanted(), priority):
                if freed >= wanted_bytes:
                    break
                victims.append(sequence)
                freed += size + ROW_BYTES
        self._give_up(victims, reason, self.cursors.values())
        return len(victims)

    def wanted(self) -> Ranges:
        """What any upstream still needs."""
        return Ranges(ends for cursor in self.cursors.values() for ends in self._open(cursor))

    def waiting(self) -> dict[str, Ranges]:
        """What each upstream needs that must have it, by name."""
        return {name: self._open(c) for name, c in self.cursors.items() if c.upstream.required}

    def _open(self, cursor: Cursor) -> Ranges:
        """What an upstream still needs."""
        return Ranges.through(self.last_sequence).minus(cursor.settled)

    def _lacking(self, sequence: int) -> list[str]:
        """The upstreams that still need a batch; none needs what was delivered under another epoch."""
        return [name for name, c in self.cursors.items() if sequence > 0 and sequence not in c.settled]

    def _rows(self, ranges: Iterable[Range], priority: int | None = None) -> Iterator[tuple[int, int, int]]:
        """Stored batches of some ranges, oldest first, as (sequence, bytes, priority)."""
        only = "" if priority is None else f" AND priority = {priority}"
        for first, last in list(ranges):
            yield from self._db.execute(
                "SELECT sequence, length(blob), priority FROM batch"
                f" WHERE sequence BETWEEN ? AND ?{only} ORDER BY sequence",
                [first, last],
            )

    def _give_up(self, sequences: Sequence[int], reason: str, cursors: Collection[Cursor]) -> None:
        """Drop batches for some upstreams, seal gap records that name them, and delete what nobody needs."""
        ranges: dict[str, list[Range]] = defaultdict(list)
        for sequence in sequences:
            lost = [c.upstream.name for c in cursors if sequence > 0 and c.drop(sequence)]
            if not self._lacking(sequence):
                self._db.execute("DELETE FROM batch WHERE sequence = ?", [sequence])
            if not lost:
                continue
            whose = "" if len(lost) == len(self.cursors) else f", not delivered to {', '.join(lost)}"
            ranges[reason + whose].append((sequence, sequence))
            for first, last, of_old in self._db.execute(
                "SELECT first, last, reason FROM gap WHERE reported_in = ?", [sequence]
            ).fetchall():
                ranges[of_old].append((first, last))  # their record goes too: a new one tells them
            self._db.execute("DELETE FROM gap WHERE reported_in = ?", [sequence])
        for why, found in ranges.items():
            self.report_gap(found, why)

    def report_gap(self, ranges: Iterable[Range], reason: str, epoch: bytes | None = None) -> None:
        """Seal records that name ranges that will never come, of this epoch or of one that ended."""
        whole = list(Ranges(ranges))
        for start in range(0, len(whole), RANGES_PER_GAP):
            part = whole[start : start + RANGES_PER_GAP]
            record = {"kind": "gap", "ranges": part, "reason": reason}
            told = self.seal_event(Event("", record if epoch is None else {**record, "epoch": epoch}))
            if epoch is None:
                self._db.executemany(
                    "INSERT INTO gap VALUES (?, ?, ?, ?)", [(*ends, reason, told) for ends in part]
                )

    # what an upstream lost again

    def unsettle(self, upstream: str, named: Ranges, reason: str) -> tuple[Ranges, Ranges]:
        """Take back that an upstream holds these: what is stored is pending again, the rest is lost with it.

        Return both, of what is lost the part that was not before. It is told once, for as long as the record
        that tells it is stored itself; it counts as dropped from then on, here as there.
        """
        cursor = self.cursors[upstream]
        named = named.both(cursor.settled)
        stored = Ranges(ends for part in named for ends in self._islands(*part))
        gone = named.minus(stored)
        new = cursor.unsettle(stored, gone)
        told = Ranges(
            self._db.execute(
                "SELECT first, last FROM gap WHERE EXISTS (SELECT 1 FROM batch WHERE sequence = reported_in)"
            )
        )
        untold = gone.minus(told)
        for ends in untold:
            self._db.execute("DELETE FROM gap WHERE first >= ? AND last <= ?", ends)
        self.report_gap(untold, reason)
        return stored, new

    def _islands(self, first: int, last: int) -> list[Range]:
        """The stored sequences of a range, as ranges."""
        return self._db.execute(
            "SELECT min(sequence), max(sequence) FROM"
            " (SELECT sequence, sequence - row_number() OVER (ORDER BY sequence) AS island FROM batch"
            " WHERE sequence BETWEEN ? AND ?) GROUP BY island ORDER BY 1",
            [first, last],
        ).fetchall()

    # sequences that this buffer has forgotten

    def rejoin(self, since: int, upstream: str, held: Ranges, reason: str) -> None:
        """Go on above what an upstream has seen of this epoch; this buffer remembers only up to `since`.

        What was sealed after `since` has never left this process: it gets new sequences, for the upstream may
        hold other batches under the old ones. Of the forgotten ones, what the upstream does not hold is lost;
        the other upstreams are asked before they are sent anything.
        """
        db, base = self._db, max(held.highest, self.last_sequence)
        anew = [row[0] for row in db.execute("SELECT sequence FROM batch WHERE sequence > ?", [since])]
        db.execute("DELETE FROM event_range WHERE first > ?", [since])
        db.execute("UPDATE event_range SET last = ? WHERE last > ?", [since, since])
        for cursor in self.cursors.values():
            cursor.forget(since + 1, base)
        self.last_sequence = base
        for sequence in sorted(anew):
            priority, blob = db.execute(
                "SELECT priority, blob FROM batch WHERE sequence = ?", [sequence]
            ).fetchone()
            db.execute("DELETE FROM batch WHERE sequence = ?", [sequence])
            self.insert(replace(decode_batch(blob), sequence=self.last_sequence + 1), priority, anew=False)
            db.execute("UPDATE gap SET reported_in = ? WHERE reported_in = ?", [self.last_sequence, sequence])
        self.remember(upstream, held, reason)

    def remember(self, upstream: str, held: Ranges, reason: str) -> None:
        """Take an upstream's word on what this buffer has forgotten, and on what it is not to have."""
        cursor = self.cursors[upstream]
        self.report_gap(cursor.remember(held), reason)
        cursor.adopt(held)

    def save(self) -> None:
        """Write what the cursors have become."""
        for name, cursor in self.cursors.items():
            cursor.healing = cursor.healing.minus(cursor.settled)
            row = cursor.row()
            marks = ", ".join("?" * len(row))
            self._db.execute(
                f"UPDATE ledger SET ({', '.join(COLUMNS)}) = ({marks})"
                f" WHERE name = ? AND ({', '.join(COLUMNS)}) IS NOT ({marks})",
                [*row, name, *row],
            )
