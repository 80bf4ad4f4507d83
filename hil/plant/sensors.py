"""What a battery management unit measures of a rack: fewer, coarser, noisier values than the cells have."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from hil.plant.events import RackEvent
from hil.plant.faults import SensorFault, SensorSwapped, find, strike
from hil.plant.kernel import Course
from hil.plant.rack import Rack
from hil.plant.source import UNIT_QUANTITIES, Floats


@dataclass(frozen=True, slots=True)
class SensorModel:
    """Noise and offset as standard deviations per quantity, SI; offsets are drawn once for each sensor."""

    noise: dict[str, float]
    offset: dict[str, float]
    quantum: dict[str, float]


# Engineering values for a BMS front end with 10 k thermistors and a shunt.
TYPICAL = SensorModel(
    noise={"cell_voltage": 0.0004, "cell_temperature": 0.03, "current": 0.02, "voltage": 0.005,
           "ambient_temperature": 0.03},
    offset={"cell_voltage": 0.001, "cell_temperature": 0.3, "ambient_temperature": 0.3},
    quantum={"cell_voltage": 0.001, "cell_temperature": 0.1, "current": 0.01, "voltage": 0.01, "soc": 0.1,
             "ambient_temperature": 0.1},
)  # fmt: skip

SENSOR = np.dtype(
    [
        ("seen", np.int64),  # the channel whose value this sensor sees: another's where two are swapped
        ("noise", np.float64),
        ("offset", np.float64),
        ("quantum", np.float64),  # 0: as fine as its register
        ("drift_per_s", np.float64),
        ("drift_from_s", np.float64),
        ("lag_s", np.float64),
        ("lagged", np.float64),  # NaN: nothing seen yet
        ("stuck", np.bool_),
        ("reads", np.float64),  # its last reading, and what it reads while stuck
    ]
)


@njit(cache=True)
def measure(
    true: NDArray[np.float64],
    normals: NDArray[np.float64],
    sensors: NDArray[Any],
    t_s: NDArray[np.float64],
    dt_s: float,
    out: NDArray[np.float64],
) -> None:
    """
    Read every sensor at each of k steps.

    Parameters
    ----------
    true : (k, n) float64, SI
    normals : (k, n) float64
        Standard normal numbers.
    sensors : (n,) SENSOR
        Changed in place: lags and last readings.
    t_s : (k,) float64, s
    dt_s : float, s
        Between two steps.
    out : (k, n) float64
        Output: what the sensors read.
    """
    for step in range(len(t_s)):
        for c in range(len(sensors)):
            sensor = sensors[c]
            value = true[step, sensor.seen]
            if sensor.lag_s > 0.0:
                if np.isnan(sensor.lagged):
                    sensor.lagged = value
                sensor.lagged += (value - sensor.lagged) * (1.0 - np.exp(-dt_s / sensor.lag_s))
                value = sensor.lagged
            if sensor.stuck:
                value = sensor.reads
            else:
                value += sensor.offset + sensor.noise * normals[step, c]
                if sensor.drift_per_s != 0.0:
                    value += sensor.drift_per_s * max(0.0, t_s[step] - sensor.drift_from_s)
                if sensor.quantum > 0.0:
                    value = np.rint(value / sensor.quantum) * sensor.quantum
                sensor.reads = value
            out[step, c] = value


class RackSource:
    """A `Source` over a rack: steps it on a fixed grid, so that values depend on the time alone."""

    BLOCK = 64  # steps that are advanced at once, and that share one draw of noise

    def __init__(self, rack: Rack, model: SensorModel = TYPICAL, step_s: float = 0.5) -> None:
        self.rack = rack
        self.step_s = step_s
        self.arrangement = rack.arrangement
        self.quantum = dict(model.quantum)
        self.channels = self.arrangement.channels()
        self._rated_ah = rack.parameters.capacity_ah * self.arrangement.strings
        self._steps = 0
        self._seed = rack.parameters.seed
        self._noise: tuple[int, Floats] = (-1, np.empty((0, 0)))
        quantities = [channel.quantity for channel in self.channels]
        self.sensors = np.zeros(len(quantities), SENSOR)
        self.sensors["seen"] = np.arange(len(quantities))
        self.sensors["noise"] = [model.noise.get(q, 0.0) for q in quantities]
        self.sensors["quantum"] = [model.quantum.get(q, 0.0) for q in quantities]
        self.sensors["lagged"] = np.nan
        spread = np.array([model.offset.get(q, 0.0) for q in quantities])
        self.sensors["offset"] = spread * self._normals_of(-1)[0]  # no block has this number
        probed = np.zeros(self.arrangement.shape, bool)
        probed[:, :, [cell - 1 for cell in self.arrangement.probed_cells()]] = True
        self._probed = probed.ravel()
        self._built = self.sensors.copy()
        self._last = self._measure(rack.course, 1)[-1]

    def apply(self, event: "RackEvent | SensorFault") -> None:
        """Let something happen to the rack or a sensor, at the grid step it has reached.

        ValueError where there is no such place.
        """
        if not isinstance(event, SensorFault):
            self.rack.apply(event)
            return
        at = find(self.channels, event.place, event.quantity)
        other = find(self.channels, event.other, event.quantity) if isinstance(event, SensorSwapped) else at
        strike(self.sensors, self._built, at, event, other, self._steps * self.step_s)

    def read_at(self, t_s: float) -> Floats:
        """Advance the rack to `t_s` and measure it: lag, noise, offset, then the sensor's own step."""
        while (due := int((t_s + 1e-9) / self.step_s) - self._steps) > 0:
            self._last = self.run(min(due, self.BLOCK))[-1]
        last: Floats = self._last
        return last

    def run(self, steps: int) -> Floats:
        """Advance by `steps` and return what was measured after each, (steps, channels)."""
        course = self.rack.run(steps, self.step_s)
        self._steps += steps
        return self._measure(course, steps)

    def _measure(self, course: Course, steps: int) -> Floats:
        numbers = np.arange(self._steps - steps, self._steps) + 1
        out = np.empty((steps, len(self.channels)))
        t_s: Floats = self.step_s * numbers.astype(np.float64)
        measure(self._true(course), self._normals(numbers), self.sensors, t_s, self.step_s, out)
        return out

    def _true(self, course: Course) -> Floats:
        """What perfect sensors would read, (k, channels)."""
        rack, strings, steps = self.rack, self.arrangement.strings, len(course.room_degc)
        string_soc = np.clip(100.0 * course.string_soc, 0.0, 100.0)
        string_ah = rack.cells["capacity_ah"].reshape(strings, -1).min(axis=1)
        n_whole = len(UNIT_QUANTITIES)
        out = np.empty((steps, len(self.channels)))
        out[:, 0] = course.string_a.sum(axis=1)
        out[:, 1] = course.string_v.mean(axis=1)
        out[:, 2] = string_soc.mean(axis=1)
        out[:, 3] = 100.0
        out[:, 4] = course.room_degc
        out[:, 5] = string_soc @ string_ah / 100.0
        out[:, 6:n_whole] = string_ah.sum(), self._rated_ah
        cells_from = n_whole + 4 * strings
        out[:, n_whole:cells_from:4] = course.string_a
        out[:, n_whole + 1 : cells_from : 4] = course.string_v
        out[:, n_whole + 2 : cells_from : 4] = string_soc
        out[:, n_whole + 3 : cells_from : 4] = 100.0
        probes_from = cells_from + course.cell_v.shape[1]
        out[:, cells_from:probes_from] = course.cell_v
        out[:, probes_from:] = course.cell_degc[:, self._probed]
        return out

    def _normals(self, numbers: NDArray[np.int64]) -> Floats:
        """Standard normal numbers of some steps in a row: a function of seed and step alone."""
        rows = []
        for block in range(numbers[0] // self.BLOCK, numbers[-1] // self.BLOCK + 1):
            inside = numbers[numbers // self.BLOCK == block] % self.BLOCK
            if self._noise[0] != block:
                self._noise = (block, self._normals_of(block))
            rows.append(self._noise[1][inside])
        return rows[0] if len(rows) == 1 else np.concatenate(rows)

    def _normals_of(self, block: int) -> Floats:
        bits = np.random.Philox(key=self._seed, counter=[0, 0, block + 1, 0])
        return np.random.Generator(bits).standard_normal((self.BLOCK, len(self.channels)))
