"""The arrays of a unit as they are made, and what a clock that was set back leaves of them."""

from operator import attrgetter

import numpy as np

from agent.detect.channels import Channels
from agent.detect.detectors import DETECTORS, cooling_lost, last_resort, resistance
from agent.detect.kernels import slope
from agent.detect.kernels.banks import Banks
from agent.detect.settings import Settings
from agent.detect.unit_arrays import arrays_of, new_banks, start_afresh
from tests.agent.detect.second_copies import copies


def banks_of() -> Banks:
    """The arrays of a unit of two groups of sensors with steps of their own."""
    places = [*(f"string{s}/sensor{i}" for s in (1, 2) for i in range(1, 5)), "cell1", ""]
    quantities = [*["cell_temperature"] * 8, "cell_voltage", "current"]
    steps = np.array([0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.001, 1.0])
    return new_banks(Channels(places, quantities, steps), Settings().unit_limits(quantities))


def test_a_group_has_the_register_step_of_its_first_sensor() -> None:
    assert banks_of().group_temperature.step.tolist() == [0.1, 0.5]


def test_time_that_goes_back_forgets_values_and_keeps_what_was_learned() -> None:
    banks, expected = banks_of(), banks_of()
    for path, _ in arrays_of():
        for of in (banks, expected):
            array = attrgetter(path)(of)
            array[:] = np.arange(array.size).reshape(array.shape) % 100 + 1
    start_afresh(banks)
    expected.gate.memory[:] = np.nan
    expected.gate.held[:] = 0
    e = expected
    slope.forget_values(slope.Slopes(e.temperature, e.gain, e.moments, e.scales, e.repeats))
    groups = e.group_temperature, e.group_gain, e.group_moments, e.group_scales
    slope.forget_values(slope.Slopes(*groups, e.repeats))
    expected.detectors.last_resort.state[:] = last_resort.new_state(8)
    expected.detectors.resistance.circuit[:, resistance.BEFORE] = np.nan
    cooling_lost.forget_values(expected.detectors.cooling_lost)
    for detector in DETECTORS:
        if detector.forget and detector.name in copies("ROWS"):
            detector.forget(getattr(expected.detectors, detector.key))
    for path, _ in arrays_of():
        found, left = attrgetter(path)(banks), attrgetter(path)(e)
        np.testing.assert_array_equal(found, left, err_msg=path)
    assert not banks.moments.any()
    assert not banks.group_moments.any()
