"""Open batches: the frames of each unit that are not on disk yet."""

import numpy as np

from agent.clock import Stamp
from agent.frame import Frame
from agent.wire.batch import CLOCK_SIMULATED, CLOCK_SYNCHRONISED, Batch

MAX_OPEN_VALUES = 50_000  # keeps an inflated batch well below the collectors' limit of 1 MiB


class OpenBatch:
    """Frames of one unit, read with one schema, in the order in which they were made."""

    def __init__(self, first: Frame) -> None:
        self.unit = first.unit
        self.rack = first.rack
        self.schema = first.schema
        self.frames: list[Frame] = [first]

    def takes(self, frame: Frame, max_frames: int) -> bool:
        """Whether `frame` can be read with this batch's schema and still fits."""
        count = len(self.frames)
        return (
            frame.schema == self.schema
            and count < max_frames
            and (count + 1) * frame.raw.size <= MAX_OPEN_VALUES
        )

    @property
    def values(self) -> int:
        """Values in its frames."""
        return len(self.frames) * int(self.frames[0].raw.size)

    def halves(self) -> tuple["OpenBatch", "OpenBatch"]:
        """Return two batches that hold this one's frames."""
        middle = len(self.frames) // 2
        first, second = OpenBatch(self.frames[0]), OpenBatch(self.frames[middle])
        first.frames, second.frames = self.frames[:middle], self.frames[middle:]
        return first, second

    def batch(self, agent: str, epoch: bytes, boot_id: bytes, sequence: int) -> Batch:
        """Return what goes onto disk and the wire."""
        stamps = [frame.stamp for frame in self.frames]
        return Batch(
            agent=agent,
            epoch=epoch,
            sequence=sequence,
            unit=self.unit,
            schema=self.schema,
            boot_id=boot_id,
            boottime_ns=np.array([stamp.boottime_ns for stamp in stamps], np.int64),
            utc_ns=np.array([stamp.utc_ns for stamp in stamps], np.int64),
            clock=np.array([_clock_bits(stamp) for stamp in stamps], np.uint8),
            raw=np.stack([frame.raw for frame in self.frames]),
            quality=np.stack([frame.quality for frame in self.frames]),
            events=(),
        )


def _clock_bits(stamp: Stamp) -> int:
    return CLOCK_SYNCHRONISED * stamp.synchronised | CLOCK_SIMULATED * stamp.simulated


class OpenBatches:
    """The open batch of every unit, and the full ones that wait for the next commit."""

    def __init__(self, max_frames: int) -> None:
        self._max_frames = max_frames
        self._open: dict[str, OpenBatch] = {}
        self._full: list[OpenBatch] = []
        self.values = 0  # in them

    @property
    def frames(self) -> int:
        """Frames that a power cut would lose now."""
        return sum(len(batch.frames) for batch in (*self._full, *self._open.values()))

    def age_s(self, now: Stamp) -> float:
        """Seconds since the oldest of them was read; 0 where there is none."""
        first_ns = [batch.frames[0].stamp.boottime_ns for batch in (*self._full, *self._open.values())]
        return max(0.0, (now.boottime_ns - min(first_ns)) / 1e9) if first_ns else 0.0

    @property
    def full(self) -> bool:
        """Whether a batch is waiting that will not take another frame."""
        return bool(self._full)

    def add(self, frame: Frame) -> None:
        """Append a frame to its unit's open batch; a new schema or a full batch begins another.

        A frame without values (of a unit that tells nothing now) is no part of any batch.
        """
        if not frame.raw.size:
            return
        self.values += frame.raw.size
        batch = self._open.get(frame.unit)
        if batch is not None and batch.takes(frame, self._max_frames):
            batch.frames.append(frame)
            return
        if batch is not None:
            self._full.append(batch)
        self._open[frame.unit] = OpenBatch(frame)

    def take(self, rack: str | None = None) -> list[OpenBatch]:
        """Remove and return what is to be sealed: everything, or what belongs to `rack`."""

        def due(batch: OpenBatch) -> bool:
            return rack is None or batch.rack == rack

        taken = [batch for batch in (*self._full, *self._open.values()) if due(batch)]
        self._full = [batch for batch in self._full if not due(batch)]
        self._open = {unit: batch for unit, batch in self._open.items() if not due(batch)}
        self.values -= sum(batch.values for batch in taken)
        return taken

    def drop_oldest(self, values: int) -> list[OpenBatch]:
        """Remove and return the oldest full batches, of `values` values or a little more."""
        dropped = []
        while self._full and values > 0:
            dropped.append(self._full.pop(0))
            values -= dropped[-1].values
            self.values -= dropped[-1].values
        return dropped

    def put_back(self, batches: list[OpenBatch]) -> None:
        """Return batches whose commit failed; they go with the next one."""
        self._full = batches + self._full
        self.values += sum(batch.values for batch in batches)
