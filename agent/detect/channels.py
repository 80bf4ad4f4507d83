"""Which values of a unit the detectors look at, and who is whose sibling: worked out once per layout."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from agent.detect.places import MIN_IN_STRING, string_of

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
    """Return the bank of all channels whose quantity is one of `wanted`; no step is finer than `floor`."""
    index = [i for i, quantity in enumerate(quantities) if quantity in wanted]
    strings: dict[tuple[str, str], int] = {}
    for i in index:
        key = (quantities[i], string_of(places[i]))
        strings[key] = strings.get(key, 0) + 1
    groups: dict[tuple[str, str], list[int]] = {}
    for c, i in enumerate(index):
        string = string_of(places[i])
        lone = strings[quantities[i], string] < MIN_IN_STRING
        groups.setdefault((quantities[i], "" if lone else string), []).append(c)
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
        scope=tuple(scope for _, scope in groups),
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
