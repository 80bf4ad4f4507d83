"""Which of a source's channels each value of a unit shows: by place and quantity, aggregates included."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hil.plant.source import Channel, Floats, Source

Indices = NDArray[np.intp]
Combine = Callable[..., Any]  # one of numpy's: (values, axis=) -> values

# Quantities that a management unit works out of others: which channels of its place, and how.
AGGREGATES: dict[str, tuple[str, Combine]] = {
    "cell_voltage_max": ("cell_voltage", np.max),
    "cell_voltage_min": ("cell_voltage", np.min),
    "cell_voltage_avg": ("cell_voltage", np.mean),
    "module_voltage": ("cell_voltage", np.sum),
    "cell_temperature_max": ("cell_temperature", np.max),
    "cell_temperature_min": ("cell_temperature", np.min),
    "module_temperature": ("cell_temperature", np.mean),
    "module_temperature_max": ("cell_temperature", np.max),
    "module_temperature_min": ("cell_temperature", np.min),
    "battery_temperature": ("cell_temperature", np.mean),
    "mosfet_temperature": ("cell_temperature", np.mean),  # idle: as warm as the pack
    "terminal_temperature": ("cell_temperature", np.mean),
}
# What a place counts by: "cell5" is the fifth cell of its container, "sensor2" its second probe.
_COUNTED = {"cell": "cell_voltage", "sensor": "cell_temperature"}
_ANYWHERE = ("ambient_temperature",)


@dataclass(frozen=True, slots=True)
class Binding:
    """`indices[i]` is the channel of value i, -1 for none; `worked_out` are (value, channels, function)."""

    indices: Indices
    worked_out: tuple[tuple[int, Indices, Combine], ...]

    def values(self, channels: Floats) -> Floats:
        """Values, float64[..., n], from what a source reads; NaN where the source has no such thing."""
        out: Floats = np.where(self.indices >= 0, channels[..., self.indices], np.nan)
        for i, members, combine in self.worked_out:
            out[..., i] = combine(channels[..., members], axis=-1)
        return out


def bind(source: Source, wanted: Sequence[Channel]) -> Binding:
    """Find a channel, or several and a function, for each wanted place and quantity."""
    index = {channel: i for i, channel in enumerate(source.channels)}
    indices = np.full(len(wanted), -1, np.intp)
    worked_out = []
    for i, channel in enumerate(wanted):
        if channel.quantity in AGGREGATES:
            quantity, function = AGGREGATES[channel.quantity]
            members = _members(source, channel.place, quantity)
            if len(members):
                worked_out.append((i, members, function))
        else:
            indices[i] = _single(source, index, channel)
    return Binding(indices, tuple(worked_out))


def _single(source: Source, index: dict[Channel, int], channel: Channel) -> int:
    place, quantity = _without_rack(channel.place), channel.quantity
    if quantity in _ANYWHERE:
        place = ""
    if (found := index.get(Channel(place, quantity))) is not None:
        return found
    container, _, last = place.rpartition("/")
    counted = re.fullmatch(r"(cell|sensor)(\d+)", last)
    if not counted:
        return -1
    members = _members(source, container, _COUNTED[counted[1]])
    if not 1 <= int(counted[2]) <= len(members):
        return -1
    member = source.channels[members[int(counted[2]) - 1]]
    return index.get(Channel(member.place, quantity), -1)


def _members(source: Source, place: str, quantity: str) -> Indices:
    """The channels of a quantity at or below a place; levels that the place leaves out match any."""
    asked = set(_without_rack(place).split("/")) - {""}
    return np.array(
        [
            i
            for i, channel in enumerate(source.channels)
            if channel.quantity == quantity and asked <= set(channel.place.split("/"))
        ],
        np.intp,
    )


def _without_rack(place: str) -> str:
    return re.sub(r"^rack\d+/?", "", place)
