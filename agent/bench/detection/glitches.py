"""Bad frames of a healthy unit: in how many is anything called critical. Simulated.

A unit of 12 LFP cells and 8 sensors is polled every 1, 5, 10 or 30 s, at rest or under load, and learned for
400 frames. Then one or two frames are bad, and three where `agent.detect.kernels.measured` says that none of
its cells and sensors is measured; what is said of them, and of the sound frames after them, counts.
`python -m agent.bench.detection.glitches` prints it by kind and period.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from operator import attrgetter

import numpy as np
from numpy.typing import NDArray

from agent.detect.alarms.book import AlarmBook
from agent.detect.channels import Codes, Floats
from agent.detect.settings import Settings
from agent.detect.table import CRITICAL
from agent.detect.unit_arrays import arrays_of
from agent.detect.watch import UnitDetectors, warm_up

PERIODS_S = (1.0, 5.0, 10.0, 30.0)
SEEDS, LEARNED = 1000, 400
AFTER_S, AFTER_FRAMES = 10.0, 6  # sound frames that follow, the more
CELLS, SENSORS = 12, 8
JUDGED = slice(0, CELLS + SENSORS)
TEMPS = slice(CELLS, CELLS + SENSORS)
PLACES = [
    *(f"string1/cell{i + 1}" for i in range(CELLS)), *(f"string1/sensor{i + 1}" for i in range(SENSORS)),
    "string1", "string1", "string1",
]  # fmt: skip
QUANTITIES = ["cell_voltage"] * CELLS + ["cell_temperature"] * SENSORS + ["current", "voltage", "soc"]
STEP = np.array([0.001] * CELLS + [0.1] * SENSORS + [0.1, 0.1, 1.0])
SIGNED = np.array(["temperature" in quantity or quantity == "current" for quantity in QUANTITIES])
LOAD_A = -30.0

Registers = NDArray[np.int64]
Glitch = Callable[[Floats, np.random.Generator], Floats]


def read(registers: Registers) -> Floats:
    """Return what registers of 16 bits say, SI."""
    words = registers & 0xFFFF
    found: Floats = np.where(SIGNED & (words >= 0x8000), words - 0x10000, words) * STEP
    return found


def _registers(frame: Floats) -> Registers:
    words: Registers = np.rint(frame / STEP).astype(np.int64) & 0xFFFF
    return words


def _bytes_shifted(frame: Floats, rng: np.random.Generator) -> Floats:
    """Swap the bytes of each register, or let the whole answer begin a byte late."""
    words = _registers(frame)
    late = np.roll(words, 1) if rng.random() < 0.5 else words
    return read((late & 0xFF) << 8 | words >> 8)


def _full(frame: Floats, rng: np.random.Generator) -> Floats:
    """Let all registers read 0xFFFF; half of the units have no signed ones."""
    ones: Registers = np.full(len(frame), 0xFFFF)
    return read(ones) if rng.random() < 0.5 else ones * STEP


def _restarted(frame: Floats, rng: np.random.Generator) -> Floats:
    """Read what a unit begins with before it has measured; 85 degC is how a DS18B20 does."""
    begun = np.zeros(len(frame))
    begun[:CELLS] = rng.choice([0.0, 2.5, 3.0, 3.65, 4.2])
    begun[TEMPS] = rng.choice([-40.0, 0.0, 20.0, 25.0, 85.0])
    begun[-1] = rng.choice([0.0, 50.0, 100.0])
    return begun


#: By name: a healthy frame -> a bad one.
GLITCHES: Mapping[str, Glitch] = {
    "zeros": lambda frame, rng: np.zeros(len(frame)),
    "0xFFFF": _full,
    "one code everywhere": lambda frame, rng: read(np.full(len(frame), rng.integers(1, 0x10000))),
    "byte shift": _bytes_shifted,
    "factor 10": lambda frame, rng: 10.0 * frame,
    "factor 0.1": lambda frame, rng: (0.1 * frame / STEP).round() * STEP,
    "another unit": lambda frame, rng: sound(rng, rng.uniform(15.0, 40.0), rng.uniform(3.1, 3.45), LOAD_A),
    "restart defaults": _restarted,
}


def sound(rng: np.random.Generator, degc: float = 25.0, volts: float = 3.3, amps: float = 0.0) -> Floats:
    """Return a frame of a healthy unit."""
    cells = volts + 0.004 * rng.standard_normal(CELLS)
    temps = degc + 0.3 * rng.standard_normal(SENSORS)
    frame = np.concatenate([cells, temps, [amps, cells.sum(), 60.0]])
    found: Floats = np.rint(frame / STEP) * STEP
    return found


class Unit:
    """A unit that has learned, and can be rewound to there."""

    def __init__(self, period_s: float, amps: float) -> None:
        rng = np.random.default_rng(int(period_s))
        noise = STEP * rng.integers(-1, 2, (LEARNED, len(STEP)))
        noise[:, CELLS + SENSORS :] = 0.0
        self.period_s, self._healthy = period_s, sound(rng, amps=amps) + noise
        self.watch = UnitDetectors(PLACES, QUANTITIES, STEP, period_s, Settings(chemistry="LFP"))
        self._quality: Codes = np.zeros(len(PLACES), np.uint8)
        for i in range(LEARNED):
            self.watch.judge(i * period_s, self._healthy[i], self._quality)
        banks = self.watch._banks
        live = [attrgetter(path)(banks) for path, _ in arrays_of()]
        live += [array for judge in self.watch._judges for array in judge.delays]
        self._saved = [(array, array.copy()) for array in live if array.size and array.flags.writeable]

    def critical(self, glitch: Glitch, lasts: int, seed: int) -> bool | None:
        """Return whether anything is called critical; None: three such frames would be measurements."""
        for array, saved in self._saved:
            array[...] = saved
        watch, rng = self.watch, np.random.default_rng(seed)
        watch.book = AlarmBook()
        watch._t_s = (LEARNED - 1) * self.period_s
        first = int(rng.integers(LEARNED // 2))
        bad = glitch(self._healthy[first], rng)
        after = max(AFTER_FRAMES, int(AFTER_S / self.period_s))
        for i in range(lasts + after):
            frame = bad if i < lasts else self._healthy[first + i]
            events = watch.judge((LEARNED + i) * self.period_s, frame, self._quality)
            if any(event.severity == CRITICAL and event.state == "NEW" for event in events):
                return True
            if i == 0 and lasts == 3 and watch._banks.measured[JUDGED].any():
                return None
        return False


def count(seeds: int) -> Iterator[tuple[str, float, int, int]]:
    """Give (kind, period, glitches tried, called critical)."""
    for period_s in PERIODS_S:
        units = Unit(period_s, 0.0), Unit(period_s, LOAD_A)
        for name, glitch in GLITCHES.items():
            found = Counter(
                units[seed % 2].critical(glitch, lasts, seed) for seed in range(seeds) for lasts in (1, 2, 3)
            )
            yield name, period_s, found[True] + found[False], found[True]


def measure() -> list[tuple[str, float | None, str]]:
    """Return the figures of bad frames."""
    counted = list(count(SEEDS))
    return [
        ("glitch_frames_called_critical", float(sum(called for *_, called in counted)), "glitches"),
        ("glitch_frames_tried", float(sum(tried for *_, tried, _ in counted)), "glitches"),
    ]


if __name__ == "__main__":
    warm_up()
    for line in count(SEEDS):
        print("{:20} every {:2g} s: {:5} tried, {} called critical".format(*line), flush=True)
