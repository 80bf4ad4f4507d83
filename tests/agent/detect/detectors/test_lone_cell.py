"""What lone-cell says of whole frames."""

import numpy as np
import pytest

from agent.detect.alarms.states import AlarmEvent
from agent.detect.channels import Floats
from agent.detect.watch import UnitDetectors

PERIOD_S = 10.0


def events_of(volts: Floats, amps: Floats | None) -> list[AlarmEvent]:
    """Return what is raised of one cell, with or without a current."""
    watch = UnitDetectors(["", ""], ["cell_voltage", "current"], np.array([0.001, 0.1]), PERIOD_S)
    found = []
    for i, x in enumerate(volts):
        quality = np.array([0, 0 if amps is not None else 4], np.uint8)
        si = np.array([round(x, 3), amps[i] if amps is not None else np.nan])
        found += watch.judge(i * PERIOD_S, si, quality)
    return [e for e in found if e.state == "NEW" and e.detector == "lone-cell"]


def falling(at: int, volts: float, over: int = 1) -> Floats:
    noise = np.random.default_rng(1).normal(0.0, 0.001, 200)
    frames: Floats = 3.3 + noise
    frames[at:] -= volts * np.minimum(np.arange(1, 201 - at) / over, 1.0)
    return frames


@pytest.mark.parametrize(
    ("volts", "over", "severity"), [(0.2, 1, "warning"), (0.4, 20, "warning"), (1.5, 1, "critical")]
)
def test_a_cell_that_falls_at_rest_is_heard(volts: float, over: int, severity: str) -> None:
    told = events_of(falling(100, volts, over), np.zeros(200))
    assert told[0].severity == severity
    assert told[0].t_s <= (100 + over + 6) * PERIOD_S
    assert "while no current flowed" in told[0].text


def test_what_a_load_explains_is_no_fall() -> None:
    amps = np.zeros(200)
    amps[100:] = -50.0
    assert not events_of(falling(100, 1.5), amps)
    assert not events_of(falling(100, 0.3, 40), amps)


def test_under_a_load_that_stands_a_quarter_is_a_warning_and_the_end_of_a_discharge_is_none() -> None:
    amps = np.full(200, -50.0)
    amps[::2] *= 1.2
    (told,) = events_of(falling(100, 1.5), amps)
    assert (told.severity, told.t_s <= 1060.0) == ("warning", True)
    assert "while the current hardly changed" in told.text
    assert not events_of(falling(100, 0.8, 12), amps), "2.5 V within two minutes"


def test_each_of_a_pair_is_judged_by_itself() -> None:
    watch = UnitDetectors(
        ["cell1", "cell2", ""], ["cell_voltage"] * 2 + ["current"], np.array([0.001, 0.001, 0.1]), PERIOD_S
    )
    frames = np.stack([falling(150, 0.0), falling(100, 0.2, 3), np.zeros(200)], axis=1)
    events = [e for i, si in enumerate(frames) for e in watch.judge(i * PERIOD_S, si, np.zeros(3, np.uint8))]
    assert ("lone-cell", "cell2") in {(e.detector, e.location) for e in events}
    assert "cell1" not in {e.location for e in events}


def test_where_nobody_measures_the_current_a_quarter_is_a_warning() -> None:
    (told,) = events_of(falling(100, 1.5), None)
    assert (told.severity, "nobody measures" in told.text) == ("warning", True)
    assert not events_of(falling(100, 0.6), None)


@pytest.mark.parametrize("amps", [np.zeros(200), None])
def test_two_wrong_readings_are_no_fall(amps: Floats | None) -> None:
    frames = falling(199, 0.0)
    frames[[100, 101]] = 1.0
    assert not events_of(frames, amps)
