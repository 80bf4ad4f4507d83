"""From frames to disk: open batches, one commit at a time, and nothing forgotten when the disk refuses."""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from agent.clock import Stamp
from agent.frame import Frame
from agent.store.errors import StoreError
from agent.store.ledger import Event
from agent.store.open_batch import OpenBatch, OpenBatches
from agent.store.store import Store
from agent.store.writer import Writer

log = logging.getLogger(__name__)

HELD_VALUES = 2_000_000  # in memory while the disk refuses: 18 MB
RETRY_S = 1.0
LOOK_S = 3.0  # between two looks at whether the buffer's files are still there


class Keeper(Protocol):
    """What else goes to disk with a commit."""

    def due(self) -> Mapping[str, bytes]:
        """Return what is to be kept now, by name."""

    def written(self, kept: Mapping[str, bytes]) -> None:
        """Take note that it is on disk."""

    def anew(self) -> None:
        """Take note that nothing of what was written is there any more."""


class Recorder:
    """Holds what is not on disk yet. `sealed(alarm)` is told after each commit; `keeper` adds to each."""

    def __init__(
        self, store: Store, writer: Writer, batch_frames: int, sealed: Callable[[bool], None]
    ) -> None:
        self.open = OpenBatches(batch_frames)
        self.unrecorded: list[Event] = []
        self.trouble = ""
        self._store, self._writer, self._sealed = store, writer, sealed
        self._lock, self._epoch = asyncio.Lock(), store.epoch
        self.keeper: Keeper | None = None
        self._lost: dict[str, tuple[int, Stamp, Stamp]] = {}  # unit: frames, the first's time, the last's

    def add(self, frame: Frame) -> bool:
        """Take a frame; return whether a commit is due: see `due`."""
        self.open.add(frame)
        if self.open.values > HELD_VALUES:
            for batch in self.open.drop_oldest(HELD_VALUES // 8):
                self._lose(batch)
        return self.due

    @property
    def due(self) -> bool:
        """Whether a batch is full, and nothing is being committed."""
        return self.open.full and not self._lock.locked()

    async def seal(self, rack: str | None = None, events: Sequence[Event] = ()) -> None:
        """Commit events, and open batches (of one rack). What the disk refuses waits for the next commit."""
        self.unrecorded += events
        async with self._lock:
            await self._commit(rack)

    async def _commit(self, rack: str | None) -> None:
        batches, events = self.open.take(rack), list(self.unrecorded)
        kept = self.keeper.due() if self.keeper else {}
        if not batches and not events and not kept:
            return
        lost, self._lost = self._lost, {}
        reason = self.trouble or "the disk was too slow"
        losses = [_loss(unit, *what, reason) for unit, what in lost.items()]
        try:
            await self._writer(self._store.seal, batches, [*events, *losses], kept)
        except StoreError as error:
            self._refused(error)
            self.open.put_back(batches)
            for unit, (count, first, last) in lost.items():
                more, _, last = self._lost.get(unit, (0, first, last))
                self._lost[unit] = (count + more, first, last)
            return
        del self.unrecorded[: len(events)]
        if self.keeper:
            self.keeper.written(kept)
        self.trouble = ""
        self._sealed(self._begun_anew() or any(event.record["kind"] == "alarm" for event in events))

    def _refused(self, error: StoreError) -> None:
        if not self.trouble:
            log.error("%s; it is tried again and again, and what was read is kept in memory", error)
        self.trouble = str(error)

    def _begun_anew(self) -> bool:
        """Whether the buffer had to begin anew since the last commit; it says so by an alarm of its own."""
        epoch, self._epoch = self._epoch, self._store.epoch
        if epoch == self._epoch:
            return False
        if self.keeper:
            self.keeper.anew()
        return True

    async def watch(self) -> None:
        """Notice within seconds, whatever is sealed meanwhile, that the buffer's files were exchanged."""
        while True:
            await asyncio.sleep(LOOK_S)
            async with self._lock:
                try:
                    await self._writer(self._store.look)
                except StoreError as error:
                    self._refused(error)
                    continue
                if self._begun_anew():
                    self._sealed(True)

    async def run(self, batch_s: float, more: Callable[[], Sequence[Event]]) -> None:
        """Seal periodically until cancelled, with what `more` has to say; sooner while the disk refuses."""
        while True:
            await asyncio.sleep(RETRY_S if self.trouble else batch_s)
            await self.seal(events=more())

    def _lose(self, batch: OpenBatch) -> None:
        """Count frames that memory cannot hold: the next commit records them as lost."""
        first, last = batch.frames[0].stamp, batch.frames[-1].stamp
        count, first, _ = self._lost.get(batch.unit, (0, first, last))
        self._lost[batch.unit] = (count + len(batch.frames), first, last)


def _loss(unit: str, count: int, first: Stamp, last: Stamp, reason: str) -> Event:
    record = {
        "kind": "lost",
        "frames": count,
        "first_boottime_ns": first.boottime_ns,
        "last_boottime_ns": last.boottime_ns,
        "reason": reason,
    }
    return Event(unit, record)
