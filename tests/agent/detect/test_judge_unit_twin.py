"""The kernel of a unit, which opens its arrays by their addresses, against the one that is given them."""

from collections.abc import Iterator
from operator import attrgetter

import numpy as np
import pytest

from agent.detect.channels import Channels
from agent.detect.judge_unit import judge_unit
from agent.detect.kernels import imbalance, slope, wander
from agent.detect.kernels.banks import Banks
from agent.detect.kernels.debounce import CHANGED, Delays, new_delays
from agent.detect.kernels.memory import addresses, table_of
from agent.detect.rows import rows_of
from agent.detect.settings import Settings
from agent.detect.unit_arrays import arrays_of, bank_addresses, new_banks
from tests.agent.detect.banks import Judging, judging
from tests.agent.detect.naive.judge_unit import judge_plainly

SENSORS = [f"string{s}/sensor{i}" for s in (1, 2) for i in range(1, 5)] + ["lone"]
CELLS = [f"string1/cell{i}" for i in range(1, 6)] + ["lone1", "lone2"]
PLACES = ["string1", *SENSORS, *CELLS, "", "string1", "string2"]
QUANTITIES = [
    "current",
    *["cell_temperature"] * 9,
    *["cell_voltage"] * 7,
    "ambient_temperature",
    "power",
    "current",
]
SETTINGS = Settings(chemistry="VRLA", max_charge_a=20.0)
HOT_DEGC, BLIND_S = 60.0, 30.0


class Judged:
    """A unit with arrays of its own: units of one layout share what every frame makes anew."""

    def __init__(self) -> None:
        self.channels = Channels(PLACES, QUANTITIES, np.array([0.1] * 10 + [0.001] * 7 + [0.1] * 3))
        self.banks: Banks = new_banks(self.channels, SETTINGS.unit_limits(QUANTITIES))
        table = judging(self.banks, self.channels, SETTINGS)
        rows = [rows_of(row.detector.name, SETTINGS.rows()) for row in table]
        delays = new_delays([(row.channels.n, of) for row, of in zip(table, rows, strict=True)])
        self.judges: list[tuple[Judging, Delays]] = list(zip(table, delays, strict=True))

    def arrays(self) -> Iterator[tuple[str, np.ndarray]]:
        """Give all that a frame may change."""
        for path, _ in arrays_of():
            yield path, attrgetter(path)(self.banks)
        for detector, delays in self.judges:
            for name, array in delays._asdict().items():
                yield f"{detector.member}.{name}", array


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # plain Python's word on what IEEE 754 calls NaN
def test_a_unit_is_judged_as_by_its_kernels_one_after_the_other() -> None:
    rng, opened, plain = np.random.default_rng(0), Judged(), Judged()
    sizes = tuple(opened.channels.sizes)
    assert len(set(sizes)) == len(sizes) - 1, "sizes that are the same could be taken for each other"
    windows = rng.choice([0.0, slope.LEARNT_WINDOWS, 1e3], len(SENSORS))
    ages_s = np.zeros((len(CELLS), imbalance.COLUMNS))
    for regime, c in enumerate((0, 1, 3, 5)):  # in each regime one cell is just learnt, and no other
        ages_s[c, imbalance.AGE + regime] = imbalance.LEARNT_S
    for column in (imbalance.AGE - 1, imbalance.AGE + imbalance.REGIMES):
        ages_s[[2, 4], column] = 2.0 * imbalance.LEARNT_S  # beside the ages
    for unit in (opened, plain):
        unit.banks.temperature.learned[:, slope.LEARNT_SCALE, wander.WINDOWS] = windows
        unit.banks.cells.state[:] = ages_s
    _bank_table, at = table_of(bank_addresses(opened.banks))
    rows = [
        (
            detector.channels.n, len(delays.table), len(delays.limit), *_address(detector.score),
            *_address(detector.source),
            *addresses(delays),
        )
        for detector, delays in opened.judges
    ]  # fmt: skip
    _judge_table, judges_at = table_of(rows)
    t_s, changed = 1000.0, 0
    degc, volts = 25.0 + rng.normal(0.0, 0.3, len(SENSORS)), 3.3 + rng.normal(0.0, 0.003, len(CELLS))
    for frame in range(12):
        dt_s = float(rng.choice([5.0, 5.0, 5.0, 20.0]))
        t_s += dt_s
        degc[3:5] += 9.0 * frame / 5
        volts[2] -= 0.02 * (frame > 6)
        amps = float(rng.choice([0.0, 10.0, 50.0]))
        si = np.array([amps, *degc.round(1), *volts.round(3), 22.0, 3.3 * amps, -amps])
        si[1:10][rng.random(9) < 0.03] = np.nan
        si[[9, 16]] = np.nan  # no sensor
        si[[2, 12]] = np.nan if frame > 4 else si[[2, 12]]
        told_s = BLIND_S if frame % 8 else np.nan
        counted_s = min(dt_s, 15.0)
        for unit in (opened, plain):
            unit.banks.gate.si[:] = si
            unit.banks.gate.quality[:] = np.where(np.isnan(si), 4, 0)
        found = judge_unit(t_s, dt_s, counted_s, BLIND_S, told_s, HOT_DEGC, sizes, at, judges_at)
        expected = judge_plainly(t_s, dt_s, counted_s, BLIND_S, told_s, HOT_DEGC, plain.banks, plain.judges)
        assert found == expected
        changed += found
        for (path, array), (_, other) in zip(opened.arrays(), plain.arrays(), strict=True):
            np.testing.assert_array_equal(array, other, err_msg=path)
        for unit in (opened, plain):
            for _, delays in unit.judges:
                delays.tier[:] &= ~np.uint8(CHANGED)
    assert changed > 3
    assert (opened.banks.ledger.seconds > 0.0).all()


def test_of_twenty_thousand_channels_the_last_is_judged_too() -> None:
    unit, n = Judged(), 20_000
    score = np.full(n, np.nan)
    score[-1] = 1.0
    (delays,) = new_delays([(n, rows_of("last-resort"))])
    _bank_table, at = table_of(bank_addresses(unit.banks))
    where = _address((score, 0))
    _judge_table, judges_at = table_of([(n, len(delays.table), 0, *where, *where, *addresses(delays))])
    unit.banks.gate.si[:], unit.banks.gate.quality[:] = np.nan, 4
    sizes = tuple(unit.channels.sizes)
    assert judge_unit(1000.0, 5.0, 5.0, BLIND_S, BLIND_S, HOT_DEGC, sizes, at, judges_at) == 1
    assert np.flatnonzero(delays.tier).tolist() == [n - 1]


def _address(of: object) -> tuple[int, int]:
    array, column = of  # type: ignore[misc]
    (at,) = addresses([array])
    return at + 8 * column, array.shape[1] if array.ndim == 2 else 1
