"""The knowledge of a unit, worked out from its last frame and its liveness. Pure."""

import math

import numpy as np

from agent.detect.channels import Codes
from agent.detect.knowledge import Knowledge, blind_s, stale_s
from agent.detect.liveness import LivenessState
from agent.quality import Quality

_LOST = np.ones(256, np.bool_)  # by quality
_LOST[[Quality.GOOD, Quality.MISSING]] = False
_LOST[Quality.STALE] = False  # state points rest between their turns; that is no loss


def knowledge(
    age_s: float | None,
    period_s: float,
    quality: Codes | None,
    liveness: LivenessState | None,
    judged_age_s: float | None = None,
    limited: bool = True,
) -> Knowledge:
    """Return how much is known.

    age_s: of the last complete reading, None before the first. quality (n,) uint8: of the last frame.
    liveness: of the unit, None where nobody watches it. Values that provably stand still are as old as their
    last movement; where that cannot be proven or denied, knowledge is PARTIAL. judged_age_s: of the youngest
    value that anything judges, None: as old as that reading; infinite where there is none, or where the unit
    says that it has none of what it should have: such a unit is PARTIAL too. So is one that is not `limited`,
    whose voltages have none, and one that is not read whole any more, or never was, and tells a part.
    """
    if judged_age_s is None:
        judged_age_s = math.inf if age_s is None else age_s
    frozen = liveness is not None and liveness.frozen
    part = judged_age_s <= blind_s(period_s) and not frozen
    if age_s is None or quality is None:
        return Knowledge.PARTIAL if part and quality is not None else Knowledge.NEVER
    if liveness is not None and frozen:
        age_s = max(age_s, liveness.still_s)
    if age_s > blind_s(period_s):
        return Knowledge.PARTIAL if part else Knowledge.BLIND
    if age_s > stale_s(period_s):
        return Knowledge.STALE
    unproven = liveness is not None and liveness.unproven
    if not limited or _LOST[quality].any() or judged_age_s > blind_s(period_s) or unproven:
        return Knowledge.PARTIAL
    return Knowledge.LIVE
