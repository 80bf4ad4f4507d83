"""Which values of a unit the detectors look at, and who is whose sibling: worked out once per layout."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from agent.detect.places import EXTREMES, MIN_IN_STRING, TEMPERATURES, VOLTAGES, judged_as, string_of

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Codes = NDArray[np.uint8]
Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Bank:
    """The channels one kind of detector looks at.

    index (n,) int64: positions in the unit's frame. group (n,) int64: sibling group of each channel, counted
    from 0. member, start: the channels of group g are member[start[g]:start[g + 1]]. step (n,): size of one
    register step in SI. scope: the place shared by each group.
    """

    index: Ints
    group: Ints
    member: Ints
    start: Ints
    step: Floats
    places: tuple[str, ...]
    quantities: tuple[str, ...]
    scope: tuple[str, ...]

    @property
    def n(self) -> int:
        """How many channels there are."""
        return len(self.index)

    @cached_property
    def keys(self) -> tuple[str, ...]:
        """What tells each channel from all others, see `distinct`."""
        return distinct(self.places, self.quantities)


def make_bank(
    places: Sequence[str],
    quantities: Sequence[str],
    resolution: Floats,
    wanted: tuple[str, ...],
    floor: float,
) -> Bank:
    """Return the bank of all channels that are judged as one of `wanted`; no step is finer than `floor`. The
    highest voltage of a string has no siblings: strings are charged and switched each by itself.
    """
    index = [i for i, quantity in enumerate(judged_as(places, quantities)) if quantity in wanted]
    strings: dict[tuple[str, str], int] = {}
    for i in index:
        key = (quantities[i], string_of(places[i]))
        strings[key] = strings.get(key, 0) + 1
    groups: dict[tuple[str, str, str], list[int]] = {}
    for c, i in enumerate(index):
        string = string_of(places[i])
        apart = places[i] if EXTREMES.get(quantities[i]) in VOLTAGES else ""
        lone = not apart and strings[quantities[i], string] < MIN_IN_STRING
        groups.setdefault((quantities[i], "" if lone else string, apart), []).append(c)
    group = np.zeros(len(index), np.int64)
    for g, members in enumerate(groups.values()):
        group[members] = g
    step = np.abs(np.asarray(resolution, float)[index]) if index else np.zeros(0)
    step = np.where(np.isfinite(step), np.maximum(step, floor), floor)
    return Bank(
        index=np.array(index, np.int64),
        group=group,
        member=np.array([c for members in groups.values() for c in members], np.int64),
        start=np.cumsum([0, *(len(members) for members in groups.values())]).astype(np.int64),
        step=step,
        places=tuple(places[i] for i in index),
        quantities=tuple(quantities[i] for i in index),
        scope=tuple(scope for _, scope, _ in groups),
    )


def distinct(places: Sequence[str], quantities: Sequence[str]) -> tuple[str, ...]:
    """Return what tells each channel from all others: its place, and where that is not enough its quantity,
    and then which one of them it is.
    """
    at, of = Counter(places), Counter(zip(places, quantities, strict=True))
    told: Counter[tuple[str, str]] = Counter()
    found = []
    for key in zip(places, quantities, strict=True):
        told[key] += 1
        quantity = f".{key[1]}" if at[key[0]] > 1 else ""
        found.append(key[0] + quantity + (f"~{told[key]}" if of[key] > 1 else ""))
    return tuple(found)


def common_place(places: Sequence[str]) -> str:
    """Return the innermost place that holds all of `places`; "" is the whole unit."""
    shared: list[str] = []
    for parts in zip(*(place.split("/") for place in places), strict=False):
        if len(set(parts)) > 1:
            break
        shared.append(parts[0])
    return "/".join(shared)


OF_CELLS = ("cell_temperature", "cell_temperature_max")
#: No temperature or voltage register is finer than this in effect; an unknown step (0) is taken for it too.
FINEST_K, FINEST_V = 0.01, 0.0005


class Sizes(NamedTuple):
    """How many: values of a frame, sensors and their groups, cells and their groups, circuits."""

    frame: int
    sensors: int
    sensor_groups: int
    cells: int
    cell_groups: int
    circuits: int


class Channels:
    """Who is where: the sensors, cells and circuits of a unit, and the groups of its sensors."""

    def __init__(self, places: Sequence[str], quantities: Sequence[str], resolution: Floats) -> None:
        self.places, self.quantities = tuple(places), tuple(quantities)
        self.judged_as = judged_as(places, quantities)
        self.temps = make_bank(places, quantities, resolution, TEMPERATURES, FINEST_K)
        self.volts = make_bank(places, quantities, resolution, VOLTAGES, FINEST_V)
        self.circuits = _circuits(places, quantities)
        power_at = {place: i for i, place in enumerate(places) if quantities[i] == "power"}
        self.at_power = np.array([power_at.get(place, -1) for place in self.circuits.places], np.int64)
        self.groups = _of_places(self.temps.scope, "temperature")
        self.circuit_of_temps = self._circuit_of(self.temps)
        self.circuit_of_volts = self._circuit_of(self.volts)
        self.drop_group = self._drop_group()
        self.at_soc = self._at_soc()
        self.at_ambient = next((i for i, q in enumerate(quantities) if q == "ambient_temperature"), -1)
        self.at_insulation = next((i for i, q in enumerate(quantities) if q == "insulation_resistance"), -1)
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
        self.cell_scratch = np.full(cells, np.nan), np.full(cells, np.nan), np.full(cells, np.nan)

    def _circuit_of(self, bank: Bank) -> Ints:
        """Return whose current passes each channel of a bank."""
        by_place = {place: j for j, place in enumerate(self.circuits.places)}
        found = [by_place.get(string_of(place), by_place.get("", 0)) for place in bank.places]
        return np.array(found, np.int64)

    def _at_soc(self) -> Ints:
        """Return where the charge of each circuit is; the unit's for the first where none has its own."""
        at = {self.places[i]: i for i, quantity in enumerate(self.quantities) if quantity == "soc"}
        found: Ints = np.array([at.get(place, -1) for place in self.circuits.places], np.int64)
        if at and (found < 0).all():
            found[0] = next(iter(at.values()))
        return found

    def _drop_group(self) -> Ints:
        """Return for each cell the group of sensors its voltage drop counts for; one past the last: none."""
        temps = self.temps
        groups = sorted(
            range(len(temps.scope)), key=lambda g: temps.quantities[temps.member[temps.start[g]]] in OF_CELLS
        )
        by_scope = {temps.scope[g]: g for g in groups}  # of several the last: that of the cells
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
