"""A sensor that steps implausibly, or stands still while its siblings move."""

from agent.detect.alarms.states import AlarmEvent
from agent.detect.declaration import At, Detector, Judged
from agent.detect.explanations.case import Case
from agent.detect.explanations.said import Said, Sentence, said
from agent.detect.kernels import doubt, inputs
from agent.detect.table import ADVICE, Row

NAME = "sensor-fault"


FAULT = Sentence("sensor-fault", "{who} {what}. Check sensor and wiring; its readings are doubted.")
CHATTERS = Sentence(
    "#sensor-chatters",
    "chatters: it jumps again and again, and read {worst_degc:.4g} at its worst in the last hour",
)
STEPPED = Sentence(
    "#sensor-stepped",
    "stepped from {before_degc:.1f} to {read_degc:.1f} degC, which no heat or load could bring so fast",
)
STANDS = Sentence(
    "#sensor-stands",
    "had said {read_degc:.4g} for {stands_s:duration} when raised while its siblings moved",
)


def explain(case: Case) -> AlarmEvent:
    """Explain a temperature sensor that stepped implausibly, or stands still while its siblings move."""
    value, memory = case.banks.temps.value[case.c], case.banks.temps.memory[case.c]
    state = case.banks.doubt.state[case.c]
    if state[doubt.CHATTERS_S] > 0.0:
        text = _chatters(case)
    elif memory[inputs.SUSPECT] > 0.0:
        text = said(FAULT, who=case.who, what=STEPPED, before_degc=memory[inputs.BEFORE], read_degc=value)
    else:
        stands_s = memory[inputs.STANDS_S]
        text = said(FAULT, who=case.who, what=STANDS, read_degc=value, stands_s=stands_s)
    return case.event(value, text)


def _chatters(case: Case) -> Said:
    return said(FAULT, who=case.who, what=CHATTERS, worst_degc=case.banks.doubt.state[case.c, doubt.WORST])


def retold(case: Case) -> Said | None:
    """Tell the worst reading of the last hour of a contact that chatters, as it is now."""
    return _chatters(case) if case.banks.doubt.state[case.c, doubt.CHATTERS_S] > 0.0 else None


DETECTOR = Detector(
    name=NAME,
    says=(FAULT, CHATTERS, STEPPED, STANDS),
    order=140,
    of_sight=True,
    rows=(Row(NAME, "", ADVICE, 1.0, "", 0.0, 600.0, 0.0, False),),
    judged=(Judged("temps", At("doubt.score", doubt.FAULTY), At("temps.value")),),
    explain=explain,
    retold=retold,
    sees="a sensor that stands still while its siblings move, steps below a heat, or jumps again and again",
    cannot_see="slow drift of a sensor",
    response="Check the sensor and its cable; until then its place is not watched.",
)
