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


def of_string(
    fell: int, cells: int, period_s: float, amps: float | None, lasts: int = 100
) -> tuple[list[AlarmEvent], set[int]]:
    """Return what is told of a collapse, and the tiers of `lone-cell`, where so many of a string lose 1 V
    in the 401st frame, for a while.
    """
    rng = np.random.default_rng(cells)
    watch = UnitDetectors(
        [*(f"cell{i + 1}" for i in range(cells)), ""],
        ["cell_voltage"] * cells + ["current"],
        np.array([0.001] * cells + [0.1]),
        period_s,
    )
    volts = np.round(3.3 + rng.normal(0.0, 0.001, (500, cells)), 3)
    volts[400 : 400 + lasts, :fell] -= 1.0
    found, tiers = [], set()
    for i, frame in enumerate(volts):
        quality = np.array([0] * cells + [4 if amps is None else 0], np.uint8)
        flows = np.nan if amps is None else amps * (i >= 400)
        found += watch.judge(i * period_s, np.append(frame, flows), quality)
        tiers |= set(watch.tiers("lone-cell").tolist())
    return [e for e in found if e.state == "NEW" and e.detector in ("lone-cell", "cell-collapse")], tiers


@pytest.mark.parametrize("period_s", [1.0, 5.0, 10.0, 30.0])
@pytest.mark.parametrize(("fell", "cells"), [(2, 3), (4, 5), (13, 14)])
def test_cells_that_collapse_at_rest_with_the_median_of_their_string_are_critical(
    fell: int, cells: int, period_s: float
) -> None:
    """All but one: which side is right, only what each was says."""
    (first, *_), _ = of_string(fell, cells, period_s, 0.0)
    assert (first.detector, first.severity) == ("lone-cell", "critical")
    assert first.t_s - 400 * period_s <= max(10.0, 3 * period_s)
    assert first.location in {f"cell{i + 1}" for i in range(fell)}


@pytest.mark.parametrize("period_s", [1.0, 5.0, 10.0, 30.0])
@pytest.mark.parametrize(("fell", "cells"), [(2, 3), (4, 5), (13, 14)])
def test_where_nobody_measures_the_current_they_are_a_warning(fell: int, cells: int, period_s: float) -> None:
    """It may be one with `cell-imbalance`, of the cell that stayed."""
    told, tiers = of_string(fell, cells, period_s, None)
    assert max(tiers) == 2
    assert not [e for e in told if e.severity == "critical"]


@pytest.mark.parametrize("period_s", [1.0, 5.0, 10.0, 30.0])
@pytest.mark.parametrize(
    ("fell", "amps", "lasts"), [(3, 0.0, 100), (3, None, 100), (2, -50.0, 100), (2, 0.0, 2), (2, None, 2)]
)
def test_a_string_that_falls_as_one_or_under_a_load_or_for_two_frames_is_no_collapse(
    fell: int, amps: float | None, lasts: int, period_s: float
) -> None:
    assert of_string(fell, 3, period_s, amps, lasts) == ([], {0})
