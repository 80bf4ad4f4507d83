"""The battery management unit between sensors and registers: what it does to values, and how it fails."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hil.plant.source import OWN_ALARM, Arrangement, Floats, Source

WAKING_S = 5.0  # after a reboot it answers, and has measured nothing yet
HOT_DEGC = 60.0  # where units of the field raise their own alarm


@dataclass(frozen=True, slots=True)
class BmuAverages:
    """It tells the mean of the last `over_s`; 0: what it measures."""

    over_s: float


@dataclass(frozen=True, slots=True)
class BmuHolds:
    """It repeats one frame for `for_s`; its heartbeat may go on meanwhile."""

    for_s: float
    heartbeat: bool = False


@dataclass(frozen=True, slots=True)
class BmuHeartbeatStops:
    """Its heartbeat stands still for `for_s`, and its values go on."""

    for_s: float


@dataclass(frozen=True, slots=True)
class BmuReboots:
    """It answers nothing for `for_s`, then nothing measured for five seconds, which it tells as "missing" or
    as "zero"; its heartbeat starts at 0.
    """

    for_s: float = 10.0
    reads: str = "missing"

    def __post_init__(self) -> None:
        if self.reads not in ("missing", "zero"):
            raise ValueError(f'reads = "{self.reads}": missing or zero')


@dataclass(frozen=True, slots=True)
class BmuLosesModule:
    """The wire to one module ("string1/module2") breaks; its values are "missing", "zero", "held", or the
    "mean" of all others of their quantity, which units fill in for cells that they do not see.
    """

    place: str
    reads: str = "missing"
    for_s: float = math.inf

    def __post_init__(self) -> None:
        if self.reads not in ("missing", "zero", "held", "mean"):
            raise ValueError(f'reads = "{self.reads}": missing, zero, held or mean')


@dataclass(frozen=True, slots=True)
class BmuAlarm:
    """It raises its own alarm bit `late_s` after a cell of it is hot, or never (inf)."""

    late_s: float = 0.0


def module_of(arrangement: Arrangement, place: str) -> str:
    """The place of a module. ValueError, with the places there are, for what is none."""
    strings, modules, _ = arrangement.shape
    if place not in [f"string{s}/module{m}" for s, m in arrangement.modules_at()]:
        raise ValueError(
            f"no module {place!r}: modules are string1/module1 to string{strings}/module{modules}"
        )
    return place


BmuEvent = BmuAverages | BmuHolds | BmuHeartbeatStops | BmuReboots | BmuLosesModule | BmuAlarm


@dataclass(slots=True)
class _Window:
    """A time in which something holds."""

    from_s: float = math.inf
    until_s: float = -math.inf

    def open(self, now_s: float, for_s: float) -> None:
        self.from_s, self.until_s = now_s, now_s + for_s

    def during(self, t_s: Floats) -> NDArray[np.bool_]:
        return (t_s > self.from_s) & (t_s <= self.until_s)


@dataclass(frozen=True, slots=True)
class Signals:
    """What a unit tells in some steps: channels (k, n), its own seconds (k,), whether it answers (k,)."""

    t_s: Floats
    channels: Floats
    beat_s: Floats
    answers: NDArray[np.bool_]


class Bmu:
    """A `Source` between another source's sensors and the registers, with one channel more: its alarm."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.arrangement = source.arrangement
        self.quantum = source.quantum
        self.step_s = source.step_s
        self.channels = (*source.channels, OWN_ALARM)
        self._temps = np.array([c.quantity.endswith("_temperature") for c in source.channels])
        self._steps = 0
        self._average_s = 0.0
        self._past = np.empty((0, len(self.channels)))
        self._hold, self._standstill, self._reboot = _Window(), _Window(), _Window()
        self._held_heartbeat = False
        self._lost: list[tuple[_Window, NDArray[np.intp], str]] = []
        self._born_s, self._waking = 0.0, math.nan
        self._alarm_late_s, self._hot_since_s = 0.0, math.inf
        first = np.append(source.read_at(0.0), 0.0)
        self.now = Signals(np.zeros(1), first[None], np.zeros(1), np.ones(1, bool))
        self._frame, self._frozen_beat_s = first, 0.0

    @property
    def t_s(self) -> float:
        """The time it has reached."""
        return self._steps * self.step_s

    def apply(self, event: BmuEvent) -> None:
        """Let something happen to the unit now. ValueError where there is no such module."""
        match event:
            case BmuAverages(over_s):
                self._average_s = over_s
            case BmuHolds(for_s, heartbeat):
                self._hold.open(self.t_s, for_s)
                self._held_heartbeat = heartbeat
                self._stop_beating()
            case BmuHeartbeatStops(for_s):
                self._standstill.open(self.t_s, for_s)
                self._stop_beating()
            case BmuReboots(for_s, reads):
                self._reboot.open(self.t_s, for_s)
                self._born_s = self.t_s + for_s
                self._waking = 0.0 if reads == "zero" else math.nan
            case BmuLosesModule(place, reads, for_s):
                window = _Window()
                window.open(self.t_s, for_s)
                self._lost.append((window, self._columns_of(place), reads))
            case BmuAlarm(late_s):
                self._alarm_late_s = late_s

    def _stop_beating(self) -> None:
        self._frame = self.now.channels[-1].copy()
        self._frozen_beat_s = float(self.now.beat_s[-1])

    def _columns_of(self, place: str) -> NDArray[np.intp]:
        whole = module_of(self.arrangement, place) + "/"
        return np.array([i for i, c in enumerate(self.channels) if c.place.startswith(whole)], np.intp)

    def read_at(self, t_s: float) -> Floats:
        """Advance to `t_s`, and tell what the unit tells then."""
        while (due := int((t_s + 1e-9) / self.step_s) - self._steps) > 0:
            self.advance(min(due, 64))
        last: Floats = self.now.channels[-1]
        return last

    def run(self, steps: int) -> Floats:
        """Advance by `steps`, and return the values that the unit tells after each."""
        return self.advance(steps).channels

    def advance(self, steps: int) -> Signals:
        """Advance by `steps`, and return what the unit tells after each."""
        measured = self.source.run(steps)
        t_s = self.step_s * np.arange(self._steps + 1, self._steps + steps + 1, dtype=np.float64)
        self._steps += steps
        channels = np.column_stack([measured, self._own_alarm(measured, t_s)])
        if self._average_s > self.step_s:
            channels = self._averaged(channels)
        for window, columns, reads in self._lost:
            self._lose(channels, window.during(t_s), columns, reads)
        beat_s = t_s - np.where(t_s > self._born_s, self._born_s, 0.0)
        waking = (t_s > self._born_s) & (t_s <= self._born_s + WAKING_S) & (self._born_s > 0)
        channels[waking, :-1] = self._waking
        held = self._hold.during(t_s)
        channels[held] = self._frame
        still = self._standstill.during(t_s) | (held & (not self._held_heartbeat))
        beat_s[still] = self._frozen_beat_s
        self.now = Signals(t_s, channels, beat_s, ~self._reboot.during(t_s))
        return self.now

    def _averaged(self, channels: Floats) -> Floats:
        width = round(self._average_s / self.step_s)
        long = np.concatenate([self._past[-(width - 1) :], channels])
        self._past = long[-(width - 1) :]
        sums = np.cumsum(np.concatenate([np.zeros((1, long.shape[1])), long]), axis=0)
        ends = np.arange(len(long) - len(channels), len(long)) + 1
        starts = np.maximum(ends - width, 0)
        means: Floats = (sums[ends] - sums[starts]) / (ends - starts)[:, None]
        return means

    def _lose(
        self, channels: Floats, during: NDArray[np.bool_], columns: NDArray[np.intp], reads: str
    ) -> None:
        if reads == "mean":
            for column in columns:
                channels[during, column] = channels[np.ix_(during, self._others(column, columns))].mean(
                    axis=1
                )
            return
        filler = {"missing": np.nan, "zero": 0.0, "held": self.now.channels[-1][columns]}[reads]
        channels[np.ix_(during, columns)] = filler

    def _others(self, column: int, lost: NDArray[np.intp]) -> NDArray[np.intp]:
        """Return the channels of one quantity that are not lost."""
        quantity = self.channels[column].quantity
        alike = [i for i, c in enumerate(self.channels) if c.quantity == quantity and i not in lost]
        return np.array(alike, np.intp)

    def _own_alarm(self, measured: Floats, t_s: Floats) -> Floats:
        """1 where the unit's own alarm stands, else 0."""
        if not self._temps.any():
            return np.zeros(len(t_s))
        temps = measured[:, self._temps]
        hot = np.any(temps > HOT_DEGC, axis=1)
        if not hot.any():
            self._hot_since_s = math.inf
            return np.zeros(len(t_s))
        self._hot_since_s = min(self._hot_since_s, float(t_s[np.argmax(hot)]))
        stands: Floats = (hot & (t_s >= self._hot_since_s + self._alarm_late_s)).astype(np.float64)
        return stands
