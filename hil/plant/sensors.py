"""What a battery management unit measures of a rack: fewer, coarser, noisier values than the cells have."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hil.plant.events import RackEvent
from hil.plant.rack import Rack
from hil.source import Channel, Floats


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


class RackSource:
    """A `Source` over a rack: steps it on a fixed grid, so that values depend on the time alone."""

    STEP_S = 0.5

    def __init__(self, rack: Rack, model: SensorModel = TYPICAL) -> None:
        self.rack = rack
        self.arrangement = rack.arrangement
        self.quantum = dict(model.quantum)
        self.channels: Sequence[Channel] = self.arrangement.channels()
        self._rated_ah = rack.parameters.capacity_ah * self.arrangement.strings
        self._steps = 0
        self._seed = rack.parameters.seed
        quantities = [channel.quantity for channel in self.channels]
        self._noise = np.array([model.noise.get(q, 0.0) for q in quantities])
        self._quantum = np.array([model.quantum.get(q, 0.0) for q in quantities])
        spread = np.array([model.offset.get(q, 0.0) for q in quantities])
        self._offset = spread * self._normals(-1)  # no step has this number
        probed = np.zeros(self.arrangement.shape, bool)
        probed[:, :, [cell - 1 for cell in self.arrangement.probed_cells()]] = True
        self._probed = probed.ravel()

    def apply(self, event: RackEvent) -> None:
        """Let something happen to the rack, at the grid step it has reached."""
        self.rack.apply(event)

    def read_at(self, t_s: float) -> Floats:
        """Advance the rack to `t_s` and measure it: noise, offset, then the sensor's own step."""
        while (self._steps + 1) * self.STEP_S <= t_s + 1e-9:
            self.rack.step(self.STEP_S)
            self._steps += 1
        values = self._true_values() + self._offset + self._noise * self._normals(self._steps)
        with np.errstate(invalid="ignore", divide="ignore"):
            stepped = np.round(values / self._quantum) * self._quantum
        return np.where(self._quantum > 0, stepped, values)

    def _true_values(self) -> Floats:
        rack = self.rack
        string_soc = 100.0 * rack.cells["soc"].reshape(self.arrangement.strings, -1).mean(axis=1)
        string_soc = np.clip(string_soc, 0.0, 100.0)
        healthy = np.full(self.arrangement.strings, 100.0)
        string_ah = rack.cells["capacity_ah"].reshape(self.arrangement.strings, -1).min(axis=1)
        capacity_ah = [string_ah @ string_soc / 100.0, string_ah.sum(), self._rated_ah]
        whole = [
            rack.string_a.sum(),
            rack.string_v.mean(),
            string_soc.mean(),
            100.0,
            rack.room_degc,
            *capacity_ah,
        ]
        strings = np.column_stack([rack.string_a, rack.string_v, string_soc, healthy]).ravel()
        return np.concatenate([whole, strings, rack.cells["v"], rack.cells["temp_degc"][self._probed]])

    def _normals(self, step: int) -> Floats:
        """Standard normal numbers of one step: a function of seed and step alone."""
        bits = np.random.Philox(key=self._seed, counter=[0, 0, step + 1, 0])
        return np.random.Generator(bits).standard_normal(len(self.channels))
