"""A group of sensors that stands ever further above its room."""

from agent.detect.alarms.states import AlarmEvent
from agent.detect.declaration import At, Detector, Judged
from agent.detect.explanations.case import Case
from agent.detect.explanations.said import Sentence, said
from agent.detect.kernels import surroundings
from agent.detect.table import ADVICE, Row

NAME = "cooling-degraded"


WARMER = Sentence(
    "cooling-degraded",
    "{where} was {over_room_k:.1f} K warmer than its room when raised, {more_k:.1f} K more than it used to "
    "be (limit {limit_k:g} K). Check filters and fans.",
)


def explain(case: Case) -> AlarmEvent:
    """Explain a group that grows ever warmer than its room."""
    group = case.banks.around.group[case.c]
    more_k, over_k = group[surroundings.DEGRADED], group[surroundings.FAST]
    text = said(WARMER, where=case.where_first, over_room_k=over_k, more_k=more_k, limit_k=case.row.limit)
    return case.event(more_k, text, expected=over_k - more_k)


DETECTOR = Detector(
    name=NAME,
    says=(WARMER,),
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
