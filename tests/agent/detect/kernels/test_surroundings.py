"""What circuits carry, what a floating lead string draws, and how far it may be over its room."""

from collections.abc import Iterator

import numpy as np
import pytest

from agent.detect.channels import Floats
from agent.detect.settings import Settings
from agent.detect.watch import UnitDetectors
from hil.plant.duty import RoomAir
from hil.plant.events import SelfDischarge
from hil.plant.rack import Rack, RackParameters
from hil.plant.sensors import RackSource
from hil.plant.source import Arrangement
from tests.agent.detect.racks import feed, healthy, raised

HOUR = 360  # frames of 10 s


def watch_of(settings: Settings, profile: Floats | None = None) -> UnitDetectors:
    """Return the watch over a string with its current (0.01 A) and four cells."""
    places = ["string1", *(f"string1/module1/cell{i}" for i in range(1, 5))]
    return UnitDetectors(
        places, ["current"] + ["cell_voltage"] * 4, np.full(5, 0.001), 10.0, settings, profile
    )


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


def test_a_current_that_is_no_longer_read_is_no_overload() -> None:
    amps = np.concatenate([np.full(60, -90.0), np.full(4, -110.0), np.full(60, np.nan)])
    watch = watch_of(Settings(max_discharge_a=100.0))
    assert not raised(feed(watch, frames(amps), dt_s=10.0), "overload")


def test_a_power_over_the_profiles_is_told_as_power_and_a_current_beside_it_still_is() -> None:
    where = ["string1", "string1", *(f"string1/module1/cell{i}" for i in range(1, 5))]
    quantities = ["current", "power", *["cell_voltage"] * 4]
    limits = np.full((6, 3, 2), [-np.inf, np.inf])
    limits[0, 0], limits[1, 0] = [-100.0, 100.0], [-5000.0, 2000.0]

    def heard(amps: float, watts: float) -> list[str]:
        watch = UnitDetectors(where, quantities, np.full(6, 0.001), 10.0, profile=limits)
        said = np.column_stack([np.full(60, amps), np.full(60, watts), healthy(60, 4)])
        events = feed(watch, said, dt_s=10.0)
        return [e.text for e in events if (e.detector, e.severity) == ("overload", "warning")]

    what, rest = "of string1 was", "from which on it is a warning (of the profile)."
    assert heard(-90.0, -6500.0) == [f"The power {what} -6.5 kW when raised, 108 % of the 6 kW {rest}"]
    assert heard(-130.0, -4900.0) == [f"The current {what} -130.0 A when raised, 108 % of the 120 A {rest}"]
    assert heard(np.nan, 2500.0) == [f"The power {what} 2.5 kW when raised, 104 % of the 2.4 kW {rest}"]
    assert not heard(-90.0, -4900.0)


def test_tiers_of_a_load_are_those_of_the_profile_and_one_alarm() -> None:
    limits = np.full((5, 3, 2), [-np.inf, np.inf])
    limits[0] = [[-100.0, 20.0], [-150.0, 22.0], [-200.0, 24.0]]
    amps = np.concatenate([np.full(60, x) for x in (-95.0, -140.0, -160.0, -210.0)])
    events = feed(watch_of(Settings(), limits), frames(amps), dt_s=10.0)
    ours = [e for e in events if e.detector == "overload" and e.state == "NEW"]
    assert [(e.severity, e.limit, e.value_unit, e.name) for e in ours] == [
        ("advice", 100.0, "A", "overload:string1"),
        ("warning", 150.0, "A", "overload:string1"),
        ("critical", 200.0, "A", "overload:string1"),
    ]
    site = Settings({("overload", "warning"): {"limit": 1.1}}, max_discharge_a=130.0)
    (advice, warning) = Settings().unit_limits(["current"], limits[:1]).load[:2, 1]
    assert (advice, warning) == (100.0, 150.0)
    found = site.unit_limits(["current"], limits[:1])
    assert found.load[:, 1].tolist() == [130.0, pytest.approx(143.0), 200.0]
    assert found.load_band[:, 1].tolist() == pytest.approx([6.5, 13.0, 10.0])


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


class LeadString:
    """Twelve floating lead cells in a room, a sensor at each."""

    def __init__(self, room: RoomAir, period_s: float = 20.0) -> None:
        parameters = RackParameters(Arrangement(1, 1, 12, 12), chemistry="VRLA", room=room, seed=3)
        self.source = RackSource(Rack(parameters), step_s=2.0)
        self.places, self.quantities = zip(*self.source.channels, strict=True)
        self.room_at = self.quantities.index("ambient_temperature")
        self.period_s, self.over_k = period_s, [0.0]

    def watch(self, chemistry: str = "VRLA") -> UnitDetectors:
        """Return the watch over it."""
        steps = np.array([self.source.quantum.get(quantity, 0.0) for quantity in self.quantities])
        return UnitDetectors(
            self.places, self.quantities, steps, self.period_s, Settings(chemistry=chemistry)
        )

    def frames(self, hours: float, dries_out_h: float = np.inf) -> Iterator[Floats]:
        """Give its frames; keep how far its hottest cell is over the room, in truth."""
        for i in range(int(hours * 3600.0 / self.period_s)):
            if i == dries_out_h * 3600.0 / self.period_s:
                self.source.apply(SelfDischarge(2.0))  # of each cell, at 25 degC; the warmer the more
            yield self.source.read_at(i * self.period_s)
            self.over_k.append(float(self.source.rack.cells["temp_degc"].max()) - self.source.rack.room_degc)


def test_a_lead_string_that_dries_out_is_told_by_how_far_it_is_over_its_room() -> None:
    string = LeadString(RoomAir())
    events = feed(string.watch(), string.frames(4.5, dries_out_h=1.0), dt_s=string.period_s)
    over = [e for e in events if e.detector == "vrla-over-room"]
    assert [e.severity for e in over if e.state == "NEW"] == ["advice", "critical"]
    true_k = np.array(string.over_k)
    for event, delay_s in zip(over, (1800.0, 600.0), strict=True):
        assert event.value == pytest.approx(true_k[int(event.t_s / string.period_s)], abs=0.6)
        crossed_s = string.period_s * np.argmax(true_k > event.limit)
        assert event.t_s == pytest.approx(crossed_s + delay_s, abs=600.0)
    lithium = LeadString(RoomAir())
    assert not raised(feed(lithium.watch("LFP"), lithium.frames(4.5, 1.0), dt_s=20.0), "vrla-over-room")


ROOMS = {
    "a window opens in winter": RoomAir(swing_k=3.0, steps=((6 * 3600.0, 13.0, 600.0),)),
    "no cooling at night": RoomAir(swing_k=4.0),
    "its cooling fails and comes back": RoomAir(steps=((3600.0, 35.0, 3600.0), (10 * 3600.0, 22.0, 600.0))),
}


@pytest.mark.parametrize("room", ROOMS.values(), ids=ROOMS)
def test_a_healthy_lead_string_follows_its_room_slowly_and_is_left_in_peace(room: RoomAir) -> None:
    string = LeadString(room, period_s=60.0)
    assert not raised(feed(string.watch(), string.frames(24.0), dt_s=60.0))
    assert max(string.over_k) > 2.0


def test_over_a_room_that_is_not_seen_nothing_is_claimed_and_after_it_the_room_is_what_it_is_now() -> None:
    string = LeadString(RoomAir(), period_s=60.0)
    frames = np.array(list(string.frames(4.5, dries_out_h=1.0)))
    for unseen in (np.nan, 394.0, -273.0):
        blind = frames.copy()
        blind[30:, string.room_at] = unseen
        assert not raised(feed(string.watch(), blind, dt_s=60.0), "vrla-over-room")
    watch, before = string.watch(), frames[:25].copy()
    before[:, string.room_at] = [40.0, *[np.nan] * 24]  # a day before, and not seen since
    feed(watch, before, dt_s=3600.0)
    events = feed(watch, frames, t_s=86460.0, dt_s=60.0)
    assert [severity for _, severity, _ in raised(events, "vrla-over-room")] == ["advice", "critical"]
