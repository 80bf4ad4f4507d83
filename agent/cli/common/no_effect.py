"""What a configuration says that changes nothing, or that takes away more than it says."""

from collections import Counter
from collections.abc import Iterator, Mapping

from agent.cli.common.in_force import judged
from agent.config.tables import Config
from drivers.profile.load import Profile


def without_effect(config: Config, profiles: Mapping[str, Profile]) -> Iterator[str]:
    """Give a line for each, with what to do. What units tell of that describe themselves is not known yet."""
    known = [one for one in judged(config, profiles) if not profiles[one.unit.profile].sunspec]
    for one in known:
        if one.unit.cells_per_block is not None and "module_voltage" not in one.quantities:
            yield (
                f"no effect: [[unit]] {one.unit.name} cells_per_block: its profile {one.unit.profile} tells "
                "no voltage of blocks (module_voltage); take it out"
            )
    if len(known) == len(config.unit):
        told = {quantity for one in known for quantity in one.quantities}
        for quantity in dict.fromkeys(limit.quantity for limit in config.detection.limit):
            if quantity not in told:
                yield f"no effect: [[detection.limit]] {quantity}: no unit tells it; see cellwarden limits"
    rows = Counter((row.detector, row.severity) for row in config.detection.override)
    for (detector, severity), times in rows.items():
        if times > 1:
            yield (
                f"no effect: [[detection.override]] {detector} {severity}: it stands there {times} times, "
                "and the last holds; take out the others"
            )
    if "no-measurement" in config.detection.shadow and "blind" not in config.detection.shadow:
        yield (
            "in the shadow: no-measurement: nobody is told of registers that hold no measurement, not by "
            "blind either, which leaves them to it"
        )
