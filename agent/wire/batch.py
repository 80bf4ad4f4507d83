"""A batch: the frames of one unit and the events that travel with them, and its bytes.

The bytes are one zstd frame around one msgpack array; docs/wire-format.md is the specification.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agent.wire import columns
from agent.wire.errors import Malformed, TooLarge
from agent.wire.limits import DEFAULT_LIMITS, Limits
from agent.wire.packing import ID_BYTES, Fields, pack, unpack_tree
from agent.wire.zstd import deflate, inflate

#: Bits of `Batch.clock`.
CLOCK_SYNCHRONISED = 0x01
CLOCK_SIMULATED = 0x80
#: Never on the wire: a reader has put right what the clock said, by an offset record of the same boot.
CLOCK_REPAIRED = 0x02

VERSION = 1
FIELDS = 21
_COLUMNS = {"boottime_ns": np.int64, "utc_ns": np.int64, "clock": np.uint8}
_TABLES = {"raw": np.int64, "quality": np.uint8}


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """`n` frames of `m` values of one unit, immutable once sealed.

    `(agent, epoch, sequence)` names it for ever: `epoch` (16 random bytes) is made with each new database,
    `sequence` counts from 1. `unit` is "rack/unit", or "". A batch that only carries events has n = m = 0.
    `boottime_ns` (n,) is CLOCK_BOOTTIME of boot `boot_id`, `utc_ns` (n,) what the clock said then,
    `clock` (n,) whether it was to be believed. `raw` (n, m) holds the registers' own integers, `quality`
    (n, m) `agent.quality.Quality`; `schema` is the hash of what says how to read them. `events` are maps
    with a "kind".
    """

    agent: str
    epoch: bytes
    sequence: int
    unit: str
    schema: bytes | None
    boot_id: bytes
    boottime_ns: NDArray[np.int64]
    utc_ns: NDArray[np.int64]
    clock: NDArray[np.uint8]
    raw: NDArray[np.int64]
    quality: NDArray[np.uint8]
    events: tuple[dict[str, Any], ...] = ()

    def __post_init__(self) -> None:
        for name in ("epoch", "boot_id", "schema"):
            value = getattr(self, name)
            if len(value or b"") != ID_BYTES and not (name == "schema" and value is None):
                raise Malformed(f"{name} is {value!r}, expected {ID_BYTES} bytes")
        if not 1 <= self.sequence < 2**63:
            raise Malformed(f"sequence {self.sequence} is not in 1 ... 2**63 - 1")
        if self.raw.ndim != 2:
            raise Malformed(f"raw has {self.raw.ndim} dimensions, expected frames by values")
        n = len(self.raw)
        for shape, table in (((n,), _COLUMNS), (self.raw.shape, _TABLES)):
            for name, kind in table.items():
                array = getattr(self, name)
                if array.shape != shape or array.dtype != kind:
                    raise Malformed(
                        f"{name} is {array.dtype} {array.shape}, expected {np.dtype(kind)} {shape}"
                    )
        if self.values and self.schema is None:
            raise Malformed(f"{self.values} values and no schema to read them by")
        for event in self.events:
            if not isinstance(event, dict) or not isinstance(event.get("kind"), str):
                raise Malformed(f"an event without a kind: {str(event)[:80]}")

    def repaired(self, offset_ns: int | None) -> "Batch":
        """The same, with UTC of frames before the clock was set, from the boot's offset if it is known."""
        wrong = (self.clock & (CLOCK_SYNCHRONISED | CLOCK_SIMULATED)) == 0
        if offset_ns is None or not wrong.any():
            return self
        utc_ns = np.where(wrong, self.boottime_ns + offset_ns, self.utc_ns)
        clock = np.where(wrong, self.clock | CLOCK_REPAIRED, self.clock).astype(np.uint8)
        return replace(self, utc_ns=utc_ns, clock=clock)

    @property
    def frames(self) -> int:
        """How many frames."""
        return int(self.raw.shape[0])

    @property
    def values(self) -> int:
        """How many values, over all frames, good or not."""
        return int(self.raw.size)


def encode_batch(batch: Batch, limits: Limits = DEFAULT_LIMITS) -> bytes:
    """The bytes of a batch, final: whatever is resent, stored or compared is these.

    Raises `TooLarge` where a receiver with `limits` would have to refuse it: seal smaller batches then.
    """
    n, m = batch.raw.shape
    _check_size(n, m, limits)
    _check_sequence(batch.sequence, limits)
    start, step, jitter = _encode_times(batch.boottime_ns)
    offset = batch.utc_ns - batch.boottime_ns  # moves only when the clock is set
    quality, quality_runs = columns.encode_quality(batch.quality)
    first, small, large = columns.encode_values(batch.raw, batch.quality)
    events = pack(batch.events)
    _events(events, limits)  # a receiver would refuse it: better now than at the collector
    content = pack(
        (
            VERSION,
            batch.agent,
            batch.epoch,
            batch.sequence,
            batch.unit,
            batch.schema,
            batch.boot_id,
            n,
            m,
            start,
            step,
            jitter,
            int(offset[0]) if n else 0,
            columns.encode_narrow(columns.zigzag(np.diff(offset))),
            batch.clock.tobytes(),
            quality,
            quality_runs,
            first,
            large,
            events,
            small,
        )
    )
    if len(content) > limits.inflated:
        raise TooLarge(f"{n} frames of {m} values are {len(content)} bytes, the limit is {limits.inflated}")
    cut = len(content) - len(small)
    blob = deflate(content[:cut], content[cut:])
    if len(blob) > limits.compressed:
        raise TooLarge(
            f"{n} frames of {m} values compress to {len(blob)} bytes, the limit is {limits.compressed}"
        )
    return blob


def decode_batch(blob: bytes, limits: Limits = DEFAULT_LIMITS, strict: bool = False) -> Batch:
    """A batch from anyone's bytes, checked and decoded to its last value, or a `WireError`.

    strict: for who takes it in; what is stored is read as far as it can be.
    """
    fields = Fields("batch", inflate(blob, limits), VERSION, FIELDS)
    agent = _text(fields, "agent", limits)
    epoch = fields.take(bytes, "epoch", ID_BYTES)
    sequence = fields.take(int, "sequence")
    _check_sequence(sequence, limits)
    unit = _text(fields, "unit", limits)
    schema = fields.take_optional("schema", ID_BYTES)
    boot_id = fields.take(bytes, "boot id", ID_BYTES)
    n, m = fields.take(int, "frames"), fields.take(int, "values per frame")
    _check_size(n, m, limits)
    start, step = _int64(fields, "boot time"), _int64(fields, "step")
    boottime_ns = _running_sum(n, start, _running_sum(n - 1, step, _differences(fields, "times", n - 2)))
    offset = _int64(fields, "UTC offset")
    if strict and ((n < 2 and step) or (n < 1 and (start or offset))):
        raise Malformed(f"batch: a time, step or offset that {n} frames do not have")
    utc_ns = boottime_ns + _running_sum(n, offset, _differences(fields, "UTC", n - 1))
    clock = np.frombuffer(fields.take(bytes, "clock", n), np.uint8)
    quality = columns.decode_quality(fields.take(bytes, "quality"), fields.take(bytes, "quality runs"), n, m)
    first, large = fields.take(bytes, "first frame"), fields.take(bytes, "large differences")
    events = _events(fields.take(bytes, "events"), limits, strict)
    raw = columns.decode_values(first, fields.take(bytes, "small differences"), large, quality, strict)
    fields.end()
    return Batch(
        agent=agent,
        epoch=epoch,
        sequence=sequence,
        unit=unit,
        schema=schema,
        boot_id=boot_id,
        boottime_ns=boottime_ns,
        utc_ns=utc_ns,
        clock=clock,
        raw=raw,
        quality=quality,
        events=tuple(events),
    )


def renamed(blob: bytes, agent: str, old: tuple[bytes, int], new: tuple[bytes, int]) -> bytes:
    """The bytes of the batch `old` (epoch and sequence) of this agent as `new`; `Malformed` if it is another.

    Nothing else is decoded: a twentieth of what that and encoding would take.
    """
    content, was, name = inflate(blob), _head(agent, *old), _head(agent, *new)
    if not content.startswith(was):
        raise Malformed(f"not batch {old[1]} of this agent and epoch")
    changed = deflate(name + content[len(was) :])
    if len(changed) > DEFAULT_LIMITS.compressed:  # by a hair: `encode_batch` compresses a little better
        return encode_batch(replace(decode_batch(blob), epoch=new[0], sequence=new[1]))
    return changed


def _head(agent: str, epoch: bytes, sequence: int) -> bytes:
    """How every batch of this name begins: the array of its fields, and the first four of them."""
    opened = pack((VERSION, agent, epoch, sequence))
    return pack((None,) * FIELDS)[:-FIELDS] + opened[1:]


def _check_size(n: int, m: int, limits: Limits) -> None:
    if n < 0 or m < 0 or (n == 0) != (m == 0):
        raise Malformed(f"batch: {n} frames of {m} values")
    if n > limits.frames or n * m > limits.values:
        raise TooLarge(
            f"batch: {n} frames of {m} values, the limits are {limits.frames} frames "
            f"and {limits.values} values"
        )


def _check_sequence(sequence: int, limits: Limits) -> None:
    if not 1 <= sequence <= limits.sequence:
        raise Malformed(f"batch: sequence {sequence} is not in 1 ... {limits.sequence}")


def _events(packed: bytes, limits: Limits, strict: bool = True) -> list[Any]:
    events = unpack_tree("events", packed, limits.tree, limits.containers, limits.depth, strict)
    if not isinstance(events, list):
        raise Malformed(f"batch: events are {type(events).__name__}, expected an array")
    return events


def _encode_times(times: NDArray[np.int64]) -> tuple[int, int, bytes]:
    steps = np.diff(times)
    jitter = columns.encode_narrow(columns.zigzag(np.diff(steps)))
    return int(times[0]) if times.size else 0, int(steps[0]) if steps.size else 0, jitter


def _differences(fields: Fields, name: str, count: int) -> NDArray[np.int64]:
    return columns.unzigzag(columns.decode_narrow(name, fields.take(bytes, name), max(count, 0)))


def _running_sum(count: int, start: int, differences: NDArray[np.int64]) -> NDArray[np.int64]:
    """`start` and what follows from its differences: (count,) int64, wrapping."""
    if count < 1:
        return np.zeros(0, np.int64)
    return np.cumsum(np.concatenate((np.array([start], np.int64), differences)))


def _int64(fields: Fields, name: str) -> int:
    value = fields.take(int, name)
    if value >= 2**63:
        raise Malformed(f"batch: {name} {value} is no int64")
    return value


def _text(fields: Fields, name: str, limits: Limits) -> str:
    value: Any = fields.take(str, name)
    if len(value) > limits.text:
        raise TooLarge(f"batch: {name} of {len(value)} characters, the limit is {limits.text}")
    return str(value)
