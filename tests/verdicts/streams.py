"""The frames that are judged: made from seeds, with a fault of every kind that a detector exists for."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from agent.detect.channels import Codes, Floats, Ints
from agent.detect.settings import Settings
from agent.quality import Quality
from agent.replay.parts import JudgedChannel, PlainLayout

_BIT = "protection_flags.bit0"


class StreamLayout(PlainLayout):
    """Values with limits of current, a promised heartbeat, and one alarm bit of the unit's own."""

    def __init__(self, channels: Sequence[JudgedChannel]) -> None:
        super().__init__(channels)
        for i, quantity in enumerate(self.quantities):
            if quantity == "heartbeat":
                self.changes_within_s[i] = 60.0
            if quantity == "alarm_bits":
                self.sayings = [(i, _BIT, "critical", "cell over-voltage protection")]
            if quantity == "current":
                self.limits[i, 0] = -120.0, 120.0

    def alarms(self, raw: Ints, quality: Codes) -> Sequence[tuple[int, str, str, str]]:
        """Return those of `sayings` that stand."""
        return [s for s in self.sayings if quality[s[0]] == Quality.GOOD and raw[s[0]] & 1]


@dataclass
class Stream:
    """Frames of one unit: `t_s` (n,), `si` (n, m) SI units, `quality` (n, m)."""

    name: str
    channels: Sequence[JudgedChannel]
    period_s: float
    settings: Settings
    t_s: Floats
    si: Floats
    quality: Codes = field(init=False)

    def __post_init__(self) -> None:
        self.quality = np.zeros(self.si.shape, np.uint8)

    def of(self, quantity: str) -> Ints:
        """Return the columns of a quantity."""
        return np.array([i for i, c in enumerate(self.channels) if c.quantity == quantity], np.int64)

    def frames(self) -> Iterator[tuple[float, Ints, Floats, Codes]]:
        """Give time, raw numbers, SI values and qualities of each frame, as a unit's registers would."""
        step = np.array([channel.step for channel in self.channels])
        raw = np.round(np.nan_to_num(self.si) / step).astype(np.int64)
        si = np.where(self.quality == Quality.GOOD, raw * step, np.nan)
        for i, t_s in enumerate(self.t_s.tolist()):
            yield t_s, raw[i], si[i], self.quality[i]


def _ramp(n: int, k_per_min: float, period_s: float) -> Floats:
    return np.arange(n) * (k_per_min * period_s / 60.0)


def _load(n: int, period_s: float, seed: int, most_a: float) -> Floats:
    """Return a current, A: rest, then pulses of minutes, as an inverter that is called upon draws them."""
    rng = np.random.default_rng(seed)
    amps, i = np.zeros(n), 0
    while i < n:
        rest, busy = rng.integers(20, 200, 2) * 5.0 / period_s
        i += max(1, int(rest))
        amps[i : i + max(1, int(busy))] = rng.choice((-1.0, 1.0)) * rng.uniform(0.2, 0.8) * most_a
        i += max(1, int(busy))
    return amps + 0.05 * rng.standard_normal(n)


def _battery(name: str, cells: int, sensors: int, n: int, period_s: float, seed: int) -> Stream:
    """Return a healthy lithium unit: cells that sag with the load, sensors that follow room and load."""
    rng = np.random.default_rng(seed)
    channels = [
        *(
            JudgedChannel(f"string1/module{1 + i // 16}/cell{1 + i % 16}", "cell_voltage", 0.001)
            for i in range(cells)
        ),
        *(
            JudgedChannel(f"string1/module{1 + i // 4}/sensor{1 + i % 4}", "cell_temperature", 0.1)
            for i in range(sensors)
        ),
        JudgedChannel("", "current", 0.1),
        JudgedChannel("", "heartbeat", 1.0),
        JudgedChannel("", "alarm_bits", 1.0),
    ]
    t_s = np.arange(n) * period_s
    amps = _load(n, period_s, seed + 1, 100.0)
    ohm = 0.0005 * (1.0 + 0.05 * rng.standard_normal(cells))
    volts = 3.3 + 0.003 * rng.standard_normal(cells) + amps[:, None] * ohm
    volts += 0.0007 * rng.standard_normal((n, cells))
    heat, warm = 0.0, np.empty(n)
    for i in range(n):  # one thermal mass, an hour to the room
        heat += period_s * (amps[i] ** 2 * 6e-7 - heat / 3600.0)
        warm[i] = heat
    room = 25.0 + 0.6 * np.sin(2.0 * np.pi * t_s / 86400.0)
    temps = (room + warm)[:, None] + 0.3 * rng.standard_normal(sensors)
    temps = temps + 0.04 * rng.standard_normal((n, sensors))
    beat = np.arange(n) % 65536
    return Stream(
        name, channels, period_s, Settings(), t_s, np.column_stack([volts, temps, amps, beat, np.zeros(n)])
    )


def rack() -> Stream:
    """Return 16 cells and 4 sensors, 20,000 frames, with faults one after the other."""
    s = _battery("rack", 16, 4, 20_000, 5.0, 11)
    volts, temps = s.of("cell_voltage"), s.of("cell_temperature")
    (amps,), (beat,), (flags,) = s.of("current"), s.of("heartbeat"), s.of("alarm_bits")

    def at(first: int, n: int) -> slice:
        return slice(first, first + n)

    # the first two thousand frames are healthy: what is learned, is learned here
    s.si[at(2000, 240), temps[1]] += _ramp(240, 0.3, 5.0)  # a slow heating beside its siblings
    s.si[at(2600, 90), temps[2]] += _ramp(90, 4.0, 5.0)  # a fast one
    s.si[at(3200, 40), temps[0]] += _ramp(40, 80.0, 5.0)  # a runaway, and its cell sinks
    s.si[at(3200, 40), volts[3]] -= np.linspace(0.0, 2.5, 40)
    s.si[at(3800, 200), temps] += _ramp(200, 2.5, 5.0)[:, None]  # all of them, at rest
    s.si[at(3750, 300), amps] = 0.0
    s.si[at(4600, 60), temps[3]] = 66.0  # a step
    s.si[at(4800, 60), temps[3]] = 90.0
    s.si[at(5200, 900), volts[5]] -= 0.030  # a short begins: a step beside the siblings
    s.si[at(6600, 3000), volts[7]] -= np.linspace(0.0, 0.045, 3000)  # a drift
    pulses = s.si[at(9800, 4500), amps]
    s.si[at(9800, 4500), volts[9]] += 0.0012 * pulses  # a resistance three times its siblings'
    s.si[at(14_400, 900), amps] = 0.05
    s.si[at(14_400, 900), temps] += _ramp(900, 0.5, 5.0)[:, None]  # the room's cooling fails
    s.si[at(15_500, 40), amps] = 130.0  # an overload
    s.si[at(15_600, 60), amps] = 150.0  # a larger one
    s.quality[at(15_900, 40), temps[:2]] = Quality.STALE  # blind: two of four
    s.quality[at(16_000, 40), volts[4]] = Quality.MISSING
    s.quality[at(16_100, 3)] = Quality.OUT_OF_RANGE
    s.si[at(16_300, 40), temps[1]] = np.nan
    s.quality[at(16_300, 40), temps[1]] = Quality.OUT_OF_RANGE
    s.si[at(16_500, 200), temps[2]] += 35.0 * (np.arange(200) % 2)  # a sensor that jumps to and fro
    s.si[at(16_900, 1), temps[2]] = -40.0
    s.si[at(17_100, 60), beat] = s.si[17_100, beat]  # the heartbeat stands still
    held = s.si[17_400].copy()
    s.si[at(17_400, 200)] = held  # everything stands still
    s.si[at(18_600, 60), flags] = 1.0  # the unit reports an alarm itself
    s.t_s[18_800:] += 900.0  # a gap of a quarter of an hour
    s.t_s[19_000:] += 86_400.0  # of a day
    s.t_s[19_200:] -= 50_000.0  # a clock that is set back
    s.t_s[19_400] = s.t_s[19_399]  # a frame twice
    s.t_s[19_500] = np.nan
    return s


def large() -> Stream:
    """Return 240 cells and 60 sensors, every second: a step, a ramp, a string without its readings."""
    s = _battery("large", 240, 60, 2500, 1.0, 23)
    volts, temps = s.of("cell_voltage"), s.of("cell_temperature")
    s.si[1200:1500, temps[17]] += _ramp(300, 6.0, 1.0)
    s.si[1600:1900, volts[100]] -= 0.02
    s.quality[2000:2080, temps[:40]] = Quality.STALE
    s.si[2200:2240, temps[44]] += _ramp(40, 60.0, 1.0)
    s.si[2210:2240, volts[176:192]] -= 0.4
    return s


def lead() -> Stream:
    """Return a string of 24 blocks on float, every minute for four days: room, float current, a hot block."""
    n, blocks, period_s = 5760, 24, 60.0
    rng = np.random.default_rng(31)
    channels = [
        *(JudgedChannel(f"string1/block{i + 1}", "module_voltage", 0.01) for i in range(blocks)),
        *(JudgedChannel(f"string1/block{1 + 4 * i}", "module_temperature", 0.1) for i in range(6)),
        JudgedChannel("string1", "current", 0.01),
        JudgedChannel("", "ambient_temperature", 0.1),
    ]
    t_s = np.arange(n) * period_s
    room = 22.0 + 1.5 * np.sin(2.0 * np.pi * t_s / 86400.0)
    volts = 13.5 + 0.04 * rng.standard_normal(blocks) + 0.008 * rng.standard_normal((n, blocks))
    temps = room[:, None] + 0.8 + 0.2 * rng.standard_normal(6) + 0.05 * rng.standard_normal((n, 6))
    amps = 0.20 + 0.01 * rng.standard_normal(n)
    amps[4000:] += np.linspace(0.0, 0.9, n - 4000)  # float current rises: the string dries, or worse
    temps[4400:, 2] += np.linspace(0.0, 14.0, n - 4400)
    volts[3000:3300, 7] -= np.linspace(0.0, 1.2, 300)
    volts[3300:, 7] -= 1.2
    si = np.column_stack([volts, temps, amps, room + 0.05 * rng.standard_normal(n)])
    return Stream("lead", channels, period_s, Settings(chemistry="VRLA"), t_s, si)


def loaded() -> Stream:
    """Return 16 cells under a load that changes every 20 s, every second: one connection comes loose."""
    s = _battery("loaded", 16, 4, 9000, 1.0, 41)
    (amps,), volts, temps = s.of("current"), s.of("cell_voltage"), s.of("cell_temperature")
    rng = np.random.default_rng(42)
    load = np.repeat(rng.uniform(-60.0, 60.0, 450), 20)
    s.si[:, volts] += 0.0005 * (load - s.si[:, amps])[:, None]
    s.si[:, amps] = load
    s.si[:1200, temps[3]] += np.linspace(52.0, 30.0, 1200)  # it begins hot
    s.si[:, temps[0]] += 0.3 * rng.standard_normal(9000)
    s.si[7000:7600, temps[0]] = s.si[7000, temps[0]]  # a noisy sensor stands still
    s.si[2500:, volts[6]] += 0.0004 * load[2500:]
    s.si[5500:, volts[6]] += 0.0012 * load[5500:]
    return s


def cooling() -> Stream:
    """Return four sensors of a rack that is discharged thrice a day, every minute for twelve days.

    On the ninth its fans fail, on the eleventh its room's cooling.
    """
    n, period_s = 17_280, 60.0
    rng = np.random.default_rng(51)
    t_s = np.arange(n) * period_s
    room = 25.0 + 1.5 * np.sin(2.0 * np.pi * t_s / 86400.0)
    room[14_400:] += np.minimum(_ramp(n - 14_400, 0.15, period_s), 14.0)
    of_cycle_s = (t_s - 3600.0) % 28_800.0
    amps = np.where(of_cycle_s < 900.0, -100.0, np.where(of_cycle_s < 7200.0, 14.0, 0.05))
    conductance = np.where(np.arange(n) < 11_520, 1.0, 0.25) / 7200.0
    degc, true = np.empty(n), 25.0
    for i in range(n):
        true += period_s * (4e-7 * amps[i] ** 2 - conductance[i] * (true - room[i]))
        degc[i] = true
    channels = [
        *(JudgedChannel(f"string1/sensor{i + 1}", "cell_temperature", 0.1) for i in range(4)),
        JudgedChannel("string1", "current", 0.1),
        JudgedChannel("", "ambient_temperature", 0.1),
    ]
    degc[4320:4440] += 4.0  # two hours on the fourth, when too little is known to call that worse
    temps = degc[:, None] + 0.1 * rng.standard_normal(4) + 0.03 * rng.standard_normal((n, 4))
    si = np.column_stack([temps, amps, room + 0.03 * rng.standard_normal(n)])
    return Stream("cooling", channels, period_s, Settings(), t_s, si)


def limits() -> Stream:
    """Return 16 cells and 4 sensors, every second: what is short of the last resort's rule, what not."""
    s = _battery("limits", 16, 4, 3600, 1.0, 61)
    volts, temps = s.of("cell_voltage"), s.of("cell_temperature")
    for at, drop, sensor in ((600, 0.2, 2), (1100, 0.3, 3)):  # not hot: it counts beside a drop only
        s.si[at : at + 60, volts[5]] *= 1.0 - drop
        s.si[at + 5 : at + 300, temps[sensor]] += np.minimum(1.5 * np.arange(295), 12.0)
    s.si[1800:, temps] += 36.0  # hot
    for at, seconds, sensor in ((2400, 2, 0), (2900, 6, 1)):  # of 1.5 K/s
        s.si[at : at + 400, temps[sensor]] += np.minimum(1.5 * np.arange(400), 1.5 * seconds)
    return s


STREAMS: Sequence[Callable[[], Stream]] = (rack, large, loaded, lead, cooling, limits)
