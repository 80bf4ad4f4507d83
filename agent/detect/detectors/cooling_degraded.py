"""A group of sensors that stands ever further above its room."""

from agent.detect.alarms.states import AlarmEvent
from agent.detect.declaration import At, Detector, Judged
from agent.detect.explanations.case import Case
from agent.detect.kernels import surroundings
from agent.detect.table import ADVICE, Row

NAME = "cooling-degraded"


def explain(case: Case) -> AlarmEvent:
    """Explain a group that grows ever warmer than its room."""
    group = case.banks.around.group[case.c]
    more_k, over_k = group[surroundings.DEGRADED], group[surroundings.FAST]
    text = (
        f"{case.place or 'The unit'} was {over_k:.1f} K warmer than its room when raised, {more_k:.1f} K "
        f"more than it used to be (limit {case.row.limit:g} K). Check filters and fans."
    )
    return case.event(more_k, text, expected=over_k - more_k)


DETECTOR = Detector(
    name=NAME,
    order=80,
    rows=(Row(NAME, "temperature", ADVICE, 2.0, "K", 3600.0, 86400.0, 0.5, False),),
    judged=(
        Judged("groups", At("around.group", surroundings.DEGRADED), At("around.group", surroundings.OVER)),
    ),
    explain=explain,
    sees="a group stands ever further above its room, days against a month",
    cannot_see="racks whose room is not measured",
    response="Plan a look at fans, filters and the room's cooling.",
)
