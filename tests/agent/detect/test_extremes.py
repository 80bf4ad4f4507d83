"""Units that tell the highest and the lowest of their cells in place of each."""

import numpy as np
import pytest

from agent.cli.common.in_force import Judged, limits_of
from agent.config.tables import UnitTable
from agent.detect.channels import Channels
from agent.detect.limits import SAFETY
from agent.detect.places import judged_as
from agent.detect.settings import Settings
from agent.detect.watch import UnitDetectors
from drivers.connect import assume
from drivers.profile.load import load_profile
from tests.agent.detect.racks import Floats, feed

MAX, MIN = "cell_voltage_max", "cell_voltage_min"
HOT, COLD = "cell_temperature_max", "cell_temperature_min"
PLACES = ["string1", "string1", "string1", "string1", "string1"]
QUANTITIES = [MAX, MIN, HOT, COLD, "current"]


def watch_of(chemistry: str = "LFP", tiers: tuple[float, float] = (-np.inf, np.inf)) -> UnitDetectors:
    profile = np.tile((-np.inf, np.inf), (5, 3, 1))
    profile[2:4, SAFETY] = tiers
    steps = np.array([0.001, 0.001, 0.1, 0.1, 0.1])
    return UnitDetectors(PLACES, QUANTITIES, steps, 1.0, Settings(chemistry=chemistry), profile)


def quiet(n: int) -> Floats:
    rng = np.random.default_rng(3)
    frames = np.round(np.array([3.34, 3.32, 26.0, 24.0, 0.0]) + 0.001 * rng.standard_normal((n, 5)), 3)
    return frames * (1.0, 1.0, 1.0, 1.0, 0.0)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([f" {MAX}", f" {MIN}", " soc"], ["cell_voltage", "cell_voltage", "soc"]),
        (["cell1 cell_voltage", f" {MAX}"], ["cell_voltage", MAX]),
        (["string1/cell1 cell_voltage", f"string1 {MAX}", f"string2 {MAX}", f"string10 {MAX}"],
         ["cell_voltage", MAX, "cell_voltage", "cell_voltage"]),
        ([f" {HOT}", f"string1 {HOT}", f" {COLD}"], [HOT, "cell_temperature", "cell_temperature"]),
        (["module1 module_voltage", f"module1 {MAX}"], ["module_voltage", "cell_voltage"]),
        (["module1 module_temperature", " module_temperature_max"],
         ["module_temperature", "module_temperature_max"]),
    ],
)  # fmt: skip
def test_an_extreme_is_judged_where_nothing_nearer_to_the_cells_is_told(
    values: list[str], expected: list[str]
) -> None:
    places, quantities = zip(*(value.split(" ") for value in values), strict=True)
    assert judged_as(places, quantities) == tuple(expected)


def test_the_highest_voltages_of_strings_are_no_siblings_and_temperatures_are() -> None:
    quantities = [MAX, MIN, HOT, COLD, "battery_temperature"]
    places = [f"string{i}" for i in (1, 2) for _ in quantities]
    channels = Channels(places, quantities * 2, np.full(10, 0.1))
    assert sorted(np.diff(channels.volts.start)) == [1, 1, 1, 1]
    assert channels.volts.scope == ("string1", "string1", "string2", "string2")
    assert np.diff(channels.temps.start).tolist() == [2, 2, 2]
    (cells,) = set(channels.drop_group)
    assert channels.temps.quantities[channels.temps.member[channels.temps.start[cells]]] == HOT


@pytest.mark.parametrize(
    ("at", "value", "detector", "says"),
    [
        (0, 3.95, "voltage-limit",
         "The highest cell of string1 was at 3.950 V when raised, over its safety limit of 3.9 V"),
        (1, 1.70, "voltage-limit",
         "The lowest cell of string1 was at 1.700 V when raised, below its safety limit of 1.8 V"),
        (3, -21.0, "under-temperature",
         "The lowest sensor of string1 was at -21.0 degC when raised, below -20 degC"),
    ],
)  # fmt: skip
def test_an_extreme_beyond_a_safety_limit_is_critical(
    at: int, value: float, detector: str, says: str
) -> None:
    frames = quiet(60)
    frames[30:, at] = value
    events = [e for e in feed(watch_of(tiers=(-20.0, 60.0)), frames) if e.detector == detector]
    assert [(e.severity, e.location, e.quantity) for e in events] == [("critical", "string1", QUANTITIES[at])]
    assert events[0].text.startswith(says)
    assert events[0].t_s <= 45.0


def test_a_highest_temperature_that_climbs_over_its_limit_is_critical_and_quiet_ones_say_nothing() -> None:
    frames = quiet(90)
    assert not feed(watch_of(tiers=(-20.0, 60.0)), frames)
    frames[30:, 2] += np.minimum(np.arange(60.0), 40.0)
    watch = watch_of(tiers=(-20.0, 60.0))
    first = next(e for e in feed(watch, frames) if e.severity == "critical")
    assert (first.location, first.quantity, first.text[:30]) == (
        "string1",
        HOT,
        "The highest sensor of string1 ",
    )
    assert watch.tiers("over-temperature").tolist() == [3, 0]


def test_an_impossible_extreme_passes_no_limit() -> None:
    frames = quiet(60)
    frames[30:, 0] = 65.535
    said = [(e.detector, e.severity) for e in feed(watch_of(), frames)]
    assert ("no-measurement", "warning") in said
    assert not [detector for detector, _ in said if detector == "voltage-limit"]


def test_the_shipped_unit_that_tells_no_cell_is_limited_by_its_chemistry_and_partial_without_it() -> None:
    profile = load_profile("pylontech-powercube-m2")
    layout = assume(profile)
    bare = UnitDetectors(layout.places, layout.quantities, layout.resolution, 1.0, None, layout.limits)
    assert bare.limit_notes.unknown == "no voltage limit known: set chemistry"
    settings = Settings(chemistry="LFP")
    assert not UnitDetectors(
        layout.places, layout.quantities, layout.resolution, 1.0, settings, layout.limits
    ).limit_notes.unknown
    judged = judged_as(layout.places, layout.quantities)
    unit = UnitTable.model_construct(name="bmu1", rack="rack1", chemistry="LFP")
    found = {
        (of.what, of.bounds, of.beyond.removeprefix("alarm: "))
        for of in limits_of(Judged(unit, judged, layout.limits, settings), profile.model)
    }
    assert {
        ("cell_voltage", "over 3.9 V", "critical (safety)"),
        ("cell_voltage", "below 1.8 V", "critical (safety)"),
        ("cell_temperature", "over 60 degC", "critical (safety)"),
        ("cell_temperature", "below -20 degC", "critical (safety)"),
    } <= found
    cold = [i for i, quantity in enumerate(layout.quantities) if quantity == COLD]
    assert cold
    assert (layout.limits[cold, SAFETY] == (-20.0, 60.0)).all(), "[limits.cell_temperature] is of both"
