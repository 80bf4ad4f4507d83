"""Open batches and events become rows of a transaction; those around an alarm get an earlier turn."""

from collections.abc import Iterable, Mapping

from agent.store.account import BufferSettings
from agent.store.black_box import ROUTINE, BlackBox, Remembered, rack_of
from agent.store.ledger import Event, Ledger
from agent.store.open_batch import OpenBatch

EVENT_BYTES = 1024  # about what a batch with one event takes; a value takes less than one


class Sealing:
    """Which batches an alarm wants early: those sealed before it, and those to come."""

    def __init__(self, settings: BufferSettings) -> None:
        self._black_box = BlackBox(settings.before_alarm_s, settings.after_alarm_s)
        self._remembered: list[Remembered] = []  # of the transaction under way

    def insert(
        self, ledger: Ledger, batches: Iterable[OpenBatch], events: Iterable[Event]
    ) -> dict[int, Event]:
        """Insert events, then batches; return the events by their sequences."""
        said, self._remembered = {}, []
        for event in events:
            said[ledger.seal_event(event)] = event
            record = event.record
            if record["kind"] == "alarm" and record["state"] == "NEW" and event.unit:
                ledger.raise_priority(self._black_box.alarm(rack_of(event.unit), record["boottime_ns"]))
        for batch in batches:
            first, last = batch.frames[0].stamp.boottime_ns, batch.frames[-1].stamp.boottime_ns
            priority = self._black_box.priority(batch.rack, first)
            sequences = ledger.seal_frames(batch, priority)
            if priority == ROUTINE:
                self._remembered += [(sequence, batch.rack, last) for sequence in sequences]
        return said

    def committed(self) -> None:
        """Remember what was inserted last, for an alarm that may want it."""
        for sealed in self._remembered:
            self._black_box.sealed(*sealed)
        self._remembered = []


def needed_bytes(batches: Iterable[OpenBatch], events: int, snapshots: Mapping[str, bytes]) -> int:
    """At most about what these will take; `events`: how many."""
    frames = sum(b.frames[0].raw.size * len(b.frames) for b in batches)
    return EVENT_BYTES * events + frames + sum(map(len, snapshots.values()))
