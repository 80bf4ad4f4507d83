"""One connected unit: every polled value with its place, its registers and its meaning."""

from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from math import isfinite
from typing import Any

import numpy as np
import numpy.typing as npt

from agent.quality import Quality
from agent.wire.schema import encode_schema
from drivers.decode import CODEC, Float64, Int64, Qualities, codec_table, decode, to_si
from drivers.guards import Vouching, homes_of
from drivers.identity import IdentityMark
from drivers.plan import ReadPlan
from drivers.registers import Reply
from drivers.values import Guard, Reading, Saying, Value, bit_name, number_name

__all__ = ["CODEC", "Image", "Layout"]

_STALE = int(Quality.STALE)  # a plain number: of an enumeration's member numpy makes an array first


class Image:
    """The words of one unit as they arrived in this cycle, and how they arrived."""

    def __init__(self, plan: ReadPlan) -> None:
        self.words = np.zeros(plan.words, np.uint16)
        self.word_quality = np.full(plan.words, Quality.STALE, np.uint8)
        self._slices = plan.slices

    def begin_cycle(self) -> None:
        """Forget: until a read is stored again its values are STALE."""
        self.word_quality.fill(_STALE)

    def store(self, read_index: int, reply: Reply) -> None:
        """Put one reply in place. ValueError if a GOOD one has not exactly the words that were asked for."""
        self._put(self._slices[read_index], reply, f"read {read_index}")

    def store_part(self, read_index: int, first: int, count: int, reply: Reply) -> None:
        """Put the reply to a part of a read in place: `count` words from its word `first` on. ValueError."""
        start = self._slices[read_index].start + first
        self._put(slice(start, start + count), reply, f"part of read {read_index}")

    def _put(self, where: slice, reply: Reply, called: str) -> None:
        if reply.quality == Quality.GOOD:
            if len(reply.words) != where.stop - where.start:
                raise ValueError(
                    f"{called}: {where.stop - where.start} words asked, {len(reply.words)} given"
                )
            self.words[where] = reply.words
        self.word_quality[where] = int(reply.quality)


@dataclass(frozen=True, eq=False)
class Layout:
    """What one connected unit is asked in each cycle, and how its answers read. Immutable.

    Raises nothing after it was built; `n` values, in the order of `values`.
    """

    profile_model: str
    profile_hash: bytes
    identity: dict[str, str | int | float]
    values: tuple[Value, ...]
    plan: ReadPlan
    guards: tuple[Guard, ...] = ()
    notes: tuple[str, ...] = ()  # what the unit said of itself that does not add up, in words
    instance: int = 1
    empty: tuple[str, ...] = ()  # the counts by which the unit says that it has none of something
    marks: tuple[IdentityMark, ...] = ()  # by which another unit can be told from this one, best first
    _codec: npt.NDArray[np.void] = field(init=False, repr=False)
    _missing: Int64 = field(init=False, repr=False)
    _vouching: Vouching = field(init=False, repr=False)

    def __post_init__(self) -> None:
        homes = homes_of(self.values, self.guards, self.plan)
        slots = [self.plan.slot(v.span, home) for v, home in zip(self.values, homes, strict=True)]
        codec, missing = codec_table(self.values, slots)
        object.__setattr__(self, "_codec", codec)
        object.__setattr__(self, "_missing", missing)
        object.__setattr__(self, "_vouching", Vouching.of(self.values, homes, self.guards, self.plan))

    @property
    def n(self) -> int:
        """Values in a frame."""
        return len(self.values)

    @property
    def codec(self) -> npt.NDArray[np.void]:
        """One `CODEC` row per value, read-only; `encode` and `decode` of drivers.decode work by it."""
        return self._codec

    @property
    def sentinels(self) -> Int64:
        """Raw values that mean "not available"; row i's are `[missing_from:missing_to]`."""
        return self._missing

    def read_by(self, plan: ReadPlan) -> "Layout":
        """The same values by another plan of the same needs: frames stay the same, the image is a new one."""
        return replace(self, plan=plan)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Point names."""
        return tuple(v.name for v in self.values)

    @cached_property
    def places(self) -> tuple[str, ...]:
        """Where each value is, outermost level first: "string1/module2/cell5"; "" is the whole unit."""
        return tuple(v.place for v in self.values)

    @cached_property
    def units(self) -> tuple[str, ...]:
        """Unit of each SI value."""
        return tuple(v.unit for v in self.values)

    @cached_property
    def quantities(self) -> tuple[str, ...]:
        """Keys of drivers.quantities.QUANTITIES, or ""."""
        return tuple(v.quantity for v in self.values)

    @cached_property
    def resolution(self) -> Float64:
        """SI size of one raw step; 0 for floats, whose step is finer than what they measure."""
        floats = (Reading.FLOAT_32, Reading.FLOAT_64)
        return np.array([0.0 if v.coding.reading in floats else abs(v.scale) for v in self.values])

    @cached_property
    def limits(self) -> Float64:
        """(n, 3, 2): operating, recommended, safety x low, high, in SI; infinite where nothing is given."""
        out = np.empty((self.n, 3, 2))
        out[:] = (-np.inf, np.inf)
        for i, value in enumerate(self.values):
            if value.limits:
                out[i] = (value.limits.operating, value.limits.recommended, value.limits.safety)
        return out

    @cached_property
    def changes_within_s(self) -> Float64:
        """For a heartbeat the time in which it must move; infinite for the others."""
        return np.array([v.changes_within_s for v in self.values])

    def image(self) -> Image:
        """A new image for this layout's plan."""
        return Image(self.plan)

    def decode(self, image: Image, raw: Int64, quality: Qualities) -> None:
        """Fill `raw` (n) int64 and `quality` (n) uint8 from what the image holds.

        A value is STALE whose scale factor or count is not what it was at connect, or was not read with it.
        """
        decode(image.words, image.word_quality, self._codec, self._missing, raw, quality)
        self._vouching.take_back(image.words, image.word_quality, raw, quality)

    def to_si(self, raw: Int64, quality: Qualities, out: Float64) -> None:
        """Fill `out` (n) float64 with SI values, NaN where quality is not GOOD."""
        to_si(self._codec, raw, quality, out)

    def changed_guards(self, image: Image) -> list[str]:
        """What was read at connect and is different now, in words; not empty means: connect again."""
        return self._vouching.changed(image.words, image.word_quality)

    def split(self, read_index: int) -> "tuple[Layout, str] | None":
        """The layout with a refused read taken apart, and what was done; None if it holds a single value.

        Values, codec and slots stay, so frames stay the same; the image must be a new one.
        """
        parted = self.plan.split(read_index)
        return None if parted is None else (replace(self, plan=parted[0]), parted[1])

    @cached_property
    def sayings(self) -> tuple[Saying, ...]:
        """All alarms of the unit's own that it can say."""
        return tuple(
            (i, name, meaning.severity.value, meaning.text)
            for i, value in enumerate(self.values)
            for name, meaning in (
                *((bit_name(value.name, bit), m) for bit, m in value.bits.items()),
                *((number_name(value.name, number), m) for number, m in value.numbers.items()),
            )
            if meaning.severity
        )

    def alarms(self, raw: Int64, quality: Qualities) -> list[Saying]:
        """The unit's own alarms that stand in a decoded frame."""
        found: list[Saying] = []
        for i in self.speaking.tolist():
            if quality[i] != Quality.GOOD:
                continue
            value, number = self.values[i], int(raw[i])
            said = [
                (bit_name(value.name, bit), m)
                for bit, m in value.bits.items()
                if (number >> bit) & 1 == m.active
            ]
            said += [(number_name(value.name, number), m)] if (m := value.numbers.get(number)) else []
            found += [(i, name, m.severity.value, m.text) for name, m in said if m.severity]
        return found

    def meanings(self, index: int, number: int) -> list[str]:
        """Return all that a raw value says, in words: alarms with their severity, flags, named numbers."""
        value = self.values[index]
        said = [m for bit, m in value.bits.items() if (number >> bit) & 1 == m.active]
        said += [m] if (m := value.numbers.get(number)) else []
        return [f"{m.severity.value}: {m.text}" if m.severity else m.text for m in said]

    @cached_property
    def speaking(self) -> npt.NDArray[np.intp]:
        """Values that can say an alarm of the unit's own."""
        return np.array(sorted({i for i, *_ in self.sayings}), np.intp)

    @cached_property
    def schema(self) -> tuple[bytes, bytes]:
        """Hash and body of its description, as on the wire: frames name by the hash how they are read."""
        return encode_schema(self.describe())

    def describe(self) -> dict[str, Any]:
        """The schema: how a reader far away turns raw values into SI, as plain lists and numbers."""
        values = self.values
        return {
            "profile": self.profile_model,
            "profile_hash": self.profile_hash,
            "identity": dict(self.identity),
            "name": list(self.names),
            "place": list(self.places),
            "unit": list(self.units),
            "quantity": list(self.quantities),
            "poll": [str(v.poll) for v in values],
            "reading": [int(v.coding.reading) for v in values],
            "width": [v.coding.width for v in values],
            "scale": [v.scale for v in values],
            "raw_offset": [v.raw_offset for v in values],
            "offset": [v.offset for v in values],
            "limits": {str(i): asdict(v.limits) for i, v in enumerate(values) if v.limits},
            "changes_within_s": {
                str(i): v.changes_within_s for i, v in enumerate(values) if isfinite(v.changes_within_s)
            },
            "bits": {str(i): _plain(v.bits) for i, v in enumerate(values) if v.bits},
            "numbers": {str(i): _plain(v.numbers) for i, v in enumerate(values) if v.numbers},
        }


def _plain(meanings: Any) -> dict[str, list[Any]]:
    return {str(k): [m.text, m.severity and str(m.severity), m.active] for k, m in meanings.items()}
