"""What a configuration says that changes nothing, or that takes away more than it says."""

from collections import Counter
from collections.abc import Iterator, Mapping

import numpy as np

from agent.cli.common.in_force import Judged, judged
from agent.config.tables import Config
from agent.detect.channels import Codes, Floats
from agent.detect.limits import HIGH, LIMITED, LOADS, LOW, SITE, TIERS
from agent.message import Message
from drivers.profile.load import Profile

ENDS = ("low", "high")  # by side


def _crossed(one: Judged) -> Iterator[Message]:
    """Give a line for each limit of the site that is never told, and where no reading is within all."""
    limits, seen = one.limits, set[tuple[str, int]]()
    for i, quantity in enumerate(one.quantities):
        if quantity not in LIMITED or quantity in LOADS:
            continue
        low, high = limits.values[i, :, LOW].max(), limits.values[i, :, HIGH].min()
        for side in (LOW, HIGH):
            if (quantity, side) in seen:
                continue
            seen.add((quantity, side))
            yield from _behind(one, quantity, limits.values[i, :, side], limits.sources[i, :, side], side)
        if low >= high and SITE in limits.sources[i] and (quantity, -1) not in seen:
            seen.add((quantity, -1))
            yield Message(
                "contradiction: [[detection.limit]] {quantity}: every reading of {where} is below {low:g}"
                " {unit} or over {high:g}, and raises alarms; see cellwarden limits",
                quantity=quantity,
                where=one.unit.path,
                low=low,
                high=high,
                unit=LIMITED[quantity],
            )


def _behind(one: Judged, quantity: str, ends: Floats, sources: Codes, side: int) -> Iterator[Message]:
    """Give a line for each tier of the site that begins where a graver one has begun: it is never told."""
    sign = 1.0 if side == HIGH else -1.0
    for tier in range(len(TIERS) - 1):
        graver = tier + 1 + int(np.argmin(sign * ends[tier + 1 :]))
        if sources[tier] == SITE and sign * (ends[tier] - ends[graver]) >= 0.0:
            yield Message(
                "no effect: [[detection.limit]] {quantity}: {end} of {tier}, {limit:g} {unit}, is not within"
                " {other:g} {unit} of {graver} ({where}): the graver alarm comes first; write one within",
                quantity=quantity,
                end=ENDS[side],
                tier=TIERS[tier],
                limit=ends[tier],
                unit=LIMITED[quantity],
                other=ends[graver],
                graver=TIERS[graver],
                where=one.unit.path,
            )


def without_effect(config: Config, profiles: Mapping[str, Profile]) -> Iterator[Message]:
    """Give a line for each, with what to do. What units tell of that describe themselves is not known yet."""
    known = [one for one in judged(config, profiles) if not profiles[one.unit.profile].sunspec]
    for one in known:
        if one.unit.cells_per_block is not None and "module_voltage" not in one.quantities:
            yield Message(
                "no effect: [[unit]] {unit} cells_per_block: its profile {profile} tells no voltage of blocks"
                " (module_voltage); take it out",
                unit=one.unit.name,
                profile=one.unit.profile,
            )
    if len(known) == len(config.unit):
        told = {quantity for one in known for quantity in one.quantities}
        for quantity in dict.fromkeys(limit.quantity for limit in config.detection.limit):
            if quantity not in told:
                yield Message(
                    "no effect: [[detection.limit]] {quantity}: no unit tells it; see cellwarden limits",
                    quantity=quantity,
                )
    for one in known:
        yield from _crossed(one)
    rows = Counter((row.detector, row.severity) for row in config.detection.override)
    for (detector, severity), times in rows.items():
        if times > 1:
            yield Message(
                "no effect: [[detection.override]] {detector} {severity}: it stands there {n} times, and the"
                " last holds; take out the others",
                detector=detector,
                severity=severity,
                n=times,
            )
    if "no-measurement" in config.detection.shadow and "blind" not in config.detection.shadow:
        yield Message(
            "in the shadow: no-measurement: nobody is told of registers that hold no measurement, not by"
            " blind either, which leaves them to it"
        )
