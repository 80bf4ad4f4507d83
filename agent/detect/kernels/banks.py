"""The arrays of one unit, made once from its channels."""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from agent.detect.channels import Bank, Floats, Ints, make_bank
from agent.detect.kernels import conductance, imbalance, load, resistance, slope, surroundings, trip, validity
from agent.detect.kernels.heating import new_heat
from agent.detect.kernels.inputs import new_inputs
from agent.detect.kernels.judge_unit import Banks, CoverageSeconds, Gate, Sizes, Trips
from agent.detect.kernels.memory import addresses
from agent.detect.places import TEMPERATURES, VOLTAGES, string_of
from agent.detect.settings import Settings

#: No temperature or voltage register is finer than this in effect; an unknown step (0) is taken for it too.
FINEST_K, FINEST_V = 0.01, 0.0005


class Channels:
    """Who is where: the sensors, cells and circuits of a unit, and the groups of its sensors."""

    def __init__(self, places: Sequence[str], quantities: Sequence[str], resolution: Floats) -> None:
        self.places, self.quantities = tuple(places), tuple(quantities)
        self.temps = make_bank(places, quantities, resolution, TEMPERATURES, FINEST_K)
        self.volts = make_bank(places, quantities, resolution, VOLTAGES, FINEST_V)
        self.circuits = _circuits(places, quantities)
        power_at = {place: i for i, place in enumerate(places) if quantities[i] == "power"}
        self.at_power = np.array([power_at.get(place, -1) for place in self.circuits.places], np.int64)
        self.groups = _of_places(self.temps.scope, "temperature")
        self.circuit_of_temps = self._circuit_of(self.temps)
        self.circuit_of_volts = self._circuit_of(self.volts)
        self.drop_group = self._drop_group()
        self.at_ambient = next((i for i, q in enumerate(quantities) if q == "ambient_temperature"), -1)
        self.sizes = Sizes(
            len(places), self.temps.n, len(self.temps.scope), self.volts.n, len(self.volts.scope),
            self.circuits.n,
        )  # fmt: skip
        frame, cells = len(places), self.volts.n
        # What every frame writes before it reads it, of all units: they are judged one after the other.
        self.gate_scratch = (
            np.full(frame, np.nan), np.zeros(frame, np.uint8), np.full(frame, np.nan),
            np.zeros(frame, np.uint8),
        )  # fmt: skip
        self.cell_scratch = self.volts.member.copy(), np.full(cells, np.nan), np.full(cells, np.nan)

    def _circuit_of(self, bank: Bank) -> Ints:
        """Return whose current passes each channel of a bank."""
        by_place = {place: j for j, place in enumerate(self.circuits.places)}
        found = [by_place.get(string_of(place), by_place.get("", 0)) for place in bank.places]
        return np.array(found, np.int64)

    def _drop_group(self) -> Ints:
        """Return for each cell the group of sensors its voltage drop counts for; one past the last: none."""
        by_scope = {scope: g for g, scope in enumerate(self.temps.scope)}
        nowhere = len(self.temps.scope)
        found = [by_scope.get(string_of(place), by_scope.get("", nowhere)) for place in self.volts.places]
        return np.array(found, np.int64)


def channels_of(places: Sequence[str], quantities: Sequence[str], resolution: Floats) -> Channels:
    """Return who is where; units of the same layout share one."""
    step = np.asarray(resolution, np.float64)
    return _shared(tuple(places), tuple(quantities), step.tobytes())


@lru_cache(maxsize=256)
def _shared(places: tuple[str, ...], quantities: tuple[str, ...], resolution: bytes) -> Channels:
    return Channels(places, quantities, np.frombuffer(resolution))


def _of_places(places: Sequence[str], quantity: str, index: Sequence[int] | None = None) -> Bank:
    """Return a bank of things that have no siblings: each is a group of its own."""
    n = len(places)
    own: Ints = np.arange(n, dtype=np.int64)
    return Bank(
        index=own if index is None else np.array(index, np.int64),
        group=own,
        member=own,
        start=np.arange(n + 1, dtype=np.int64),
        step=np.ones(n),
        places=tuple(places),
        quantities=(quantity,) * n,
        scope=tuple(places),
    )


def _circuits(places: Sequence[str], quantities: Sequence[str]) -> Bank:
    """Return one circuit per string whose current is measured, else one for the unit."""
    at = {places[i]: i for i, quantity in enumerate(quantities) if quantity == "current"}
    strings = [place for place in at if place and place == string_of(place)]
    chosen = strings or list(at)[:1]
    if not chosen:
        return _of_places([""], "", [-1])
    return _of_places(chosen, "current", [at[place] for place in chosen])


def new_banks(channels: Channels, settings: Settings) -> Banks:
    """Return the arrays of a unit of which nothing has been seen yet."""
    sizes, temps, volts = channels.sizes, channels.temps, channels.volts
    frame, n, groups, cells, _, circuits = sizes
    repeats = slope.new_repeats()
    slopes = slope.new_slopes(temps.step, repeats)
    group_step = np.array([temps.step[temps.member[first]] for first in temps.start[:-1]], float).reshape(-1)
    group_slopes = slope.new_slopes(group_step, repeats)
    si, quality, value, verdict = channels.gate_scratch
    return Banks(
        gate=Gate(
            si, quality, validity.limits_of(channels.quantities), np.full((frame, 5), np.nan),
            np.zeros(frame, np.uint8), value, verdict,
        ),
        temps=new_inputs(temps, channels.circuit_of_temps),
        volts=new_inputs(volts, channels.circuit_of_volts, faults=False),
        load=load.new_load(channels.circuits.index, channels.at_power, channels.at_ambient),
        own=load.new_model(n),
        against=load.new_model(n),
        temperature=slopes.temperature,
        gain=slopes.gain,
        moments=slopes.moments,
        scales=slopes.scales,
        heat=new_heat(n, cells),
        cells=imbalance.new_cells(cells, len(volts.scope)),
        resistances=resistance.new_resistances(cells, circuits, *channels.cell_scratch),
        around=surroundings.new_surroundings(groups, circuits, n, settings.load_limits()),
        group_temperature=group_slopes.temperature,
        group_gain=group_slopes.gain,
        group_moments=group_slopes.moments,
        group_scales=group_slopes.scales,
        trips=Trips(
            np.zeros(cells), np.full(groups + 1, np.inf), channels.drop_group, trip.new_state(n),
            np.full(n, np.nan),
        ),
        ledger=CoverageSeconds(np.zeros(4)),
        repeats=repeats,
    )  # fmt: skip


def bank_addresses(banks: Banks) -> list[tuple[int, ...]]:
    """Return the addresses of all arrays, in the order that `kernel.judge_unit` opens them."""
    return [addresses((bank,) if isinstance(bank, np.ndarray) else bank) for bank in banks]


def start_afresh(banks: Banks) -> None:
    """Forget all values, for time went back; keep what was learned."""
    banks.gate.memory[:] = np.nan
    banks.gate.held[:] = 0
    b = banks
    slope.forget_values(slope.Slopes(b.temperature, b.gain, b.moments, b.scales, b.repeats))
    slope.forget_values(
        slope.Slopes(b.group_temperature, b.group_gain, b.group_moments, b.group_scales, b.repeats)
    )
    conductance.forget_values(banks.around.conductance)
    banks.trips.state[:] = trip.new_state(len(banks.trips.state))
    banks.resistances.circuit[:, resistance.BEFORE] = np.nan
