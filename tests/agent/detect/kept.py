"""What a restart keeps, written out a second time: bytes say only where they stand."""

from agent.detect.kernels.arrays import Part
from tests.agent.detect.second_copies import copies

#: Part -> its arrays, in their order. A detector may write its own in its twin test: see `second_copies`.
KEPT: dict[Part, list[str]] = {
    Part("sensors", 1): [
        "gate.memory", "gate.held", "temps.age_s", "temps.memory", "temps.score",
        "volts.age_s", "volts.memory", "volts.score",
        "drops.highest", "drops.dropped_s", "heat.slow_v", "heat.quiet_s",
    ],
    Part("measured", 1): ["measuring.last", "measuring.came"],
    Part("load", 2): [
        "load.state", "load.feature", "load.mean", "load.covariance",
        "own.cross", "own.mean", "own.age_s", "own.explained",
        "against.cross", "against.mean", "against.age_s", "against.explained",
    ],
    Part("slopes", 1): [
        "temperature.noise", "temperature.age_s", "temperature.learned", "gain.noise", "gain.age_s",
        "gain.learned", "moments", "scales", "group_temperature.noise", "group_temperature.age_s",
        "group_temperature.learned", "group_moments", "group_scales",
    ],
    Part("cells", 1): ["cells.state", "cells.verdict", "cells.left", "cells.quantile", "cells.waited_s"],
    Part("cells-by-charge", 1): ["cells.offset"],
    Part("resistance", 1): ["detectors.resistance.circuit", "detectors.resistance.cell"],
    Part("doubt", 2): ["doubt.state", "doubt.usual_v", "doubt.usual_ohm"],
    Part("surroundings", 3): ["around.group", "around.circuit", "around.room", "detectors.cooling_lost"],
}  # fmt: skip
KEPT |= {part: paths for kept in copies("KEPT").values() for part, paths in kept.items()}
