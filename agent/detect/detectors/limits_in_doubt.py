"""A chemistry that many cells contradict as soon as they are seen: a wrong one, or a battery in danger."""

from dataclasses import replace

import numpy as np

from agent.detect.alarms.states import AlarmEvent
from agent.detect.declaration import At, Detector, Judged
from agent.detect.detectors.voltage_limit import DOUBTED, HIGH, LOW
from agent.detect.explanations.case import Case
from agent.detect.explanations.said import Sentence, said
from agent.detect.table import WARNING, Row

NAME = "limits-in-doubt"


DOUBT = Sentence(
    "limits-in-doubt",
    "{beyond:.0f} of {known:.0f} voltages were beyond {low_v:g} to {high_v:g} V when first seen, {who} at "
    "{worst_v:.3f} V: these limits or the chemistry are wrong, or the whole battery is in danger. Limits "
    "of the chemistry raise nothing while this stands.",
)


def explain(case: Case) -> AlarmEvent:
    """Explain limits of a chemistry that do not fit the battery."""
    of, volts = case.banks.detectors.voltage_limit, case.banks.volts.raw
    low, high = of.derived[:, LOW], of.derived[:, HIGH]
    known = (np.isfinite(low) | np.isfinite(high)) & ~np.isnan(volts)
    beyond = known & ((volts < low) | (volts > high))
    worst = int(np.argmax(np.where(beyond, np.maximum(low - volts, volts - high), -np.inf)))
    text = said(
        DOUBT,
        beyond=beyond.sum(),
        known=known.sum(),
        low_v=low[worst],
        high_v=high[worst],
        who=case.channels.volts.places[worst],
        worst_v=volts[worst],
    )
    return replace(case.event(beyond.sum(), text), location="", quantity="cell_voltage")


DETECTOR = Detector(
    name=NAME,
    says=(DOUBT,),
    order=6,
    of_sight=True,
    rows=(Row(NAME, "voltage", WARNING, 1.0, "", 5.0, 60.0, 0.5, False, 3),),
    judged=(
        Judged(
            "circuits",
            At("detectors.voltage_limit.state", DOUBTED),
            At("detectors.voltage_limit.heard"),
        ),
    ),
    explain=explain,
    sees=(
        "two cells or more, and over a quarter of them, beyond what their chemistry lets be, within a minute "
        "of when they are first seen: in place of critical alarms"
    ),
    cannot_see="a wrong chemistry whose limits the battery happens to be within",
    response=(
        "Compare `chemistry` and `cells_per_block` in agent.toml with the label; if they are right, stop the "
        "charge or the discharge at once."
    ),
)
