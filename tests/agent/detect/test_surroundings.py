"""What circuits carry, and what a floating lead string draws."""

import numpy as np
from racks import feed, healthy, raised

from agent.detect.channels import Floats
from agent.detect.settings import Settings
from agent.detect.watch import RackWatch

HOUR = 360  # frames of 10 s


def watch_of(settings: Settings) -> RackWatch:
    """Return the watch over a string with its current (0.01 A) and four cells."""
    places = ["string1", *(f"string1/module1/cell{i}" for i in range(1, 5))]
    return RackWatch(places, ["current"] + ["cell_voltage"] * 4, np.full(5, 0.001), 10.0, settings)


def frames(amps: Floats) -> Floats:
    """Return quiet frames with these currents."""
    return np.column_stack([np.round(amps, 2), healthy(len(amps), 4)])


def test_a_load_over_what_the_site_allows_is_told_in_its_own_direction_only() -> None:
    settings = Settings(max_charge_a=20.0, max_discharge_a=100.0)
    amps = np.concatenate([np.full(60, -95.0), np.full(60, -110.0), np.full(60, -130.0), np.full(60, 15.0)])
    events = raised(feed(watch_of(settings), frames(amps), dt_s=10.0), "overload")
    assert events == [("overload", "advice", "string1"), ("overload", "warning", "string1")]
    assert raised(feed(watch_of(settings), frames(np.full(60, 22.0)), dt_s=10.0), "overload")
    assert not raised(feed(watch_of(Settings()), frames(amps), dt_s=10.0), "overload")


def test_what_the_profile_lets_a_current_be_holds_where_the_site_does_not_say() -> None:
    limits = np.full((5, 3, 2), [-np.inf, np.inf])
    limits[0] = [[-100.0, 20.0], [-110.0, 22.0], [-120.0, 24.0]]
    quantities = ["current"] + ["cell_voltage"] * 4
    profile = Settings().or_of_profile(quantities, limits)
    assert (profile.max_charge_a, profile.max_discharge_a) == (20.0, 100.0)
    site = Settings(max_charge_a=30.0).or_of_profile(quantities, limits)
    assert (site.max_charge_a, site.max_discharge_a) == (30.0, 100.0)
    silent = Settings().or_of_profile(["cell_voltage"], np.full((1, 3, 2), [-np.inf, np.inf]))
    assert silent == Settings()


def test_a_float_current_that_grows_into_a_charge_is_told_and_a_recharge_is_not() -> None:
    rng = np.random.default_rng(1)
    quiet = 0.1 + 0.02 * rng.standard_normal(24 * HOUR)
    grows = np.concatenate([quiet, np.linspace(0.1, 3.0, 6 * HOUR)])
    recharge = np.concatenate(
        [quiet, np.full(HOUR // 4, -50.0), 10.0 * np.exp(-np.arange(8 * HOUR) / HOUR), quiet]
    )
    lead = Settings(chemistry="VRLA")
    assert raised(feed(watch_of(lead), frames(grows), dt_s=10.0), "vrla-float-current")
    assert not raised(feed(watch_of(lead), frames(recharge), dt_s=10.0), "vrla-float-current")
    lithium = Settings(chemistry="LFP")
    assert not raised(feed(watch_of(lithium), frames(grows), dt_s=10.0), "vrla-float-current")
