"""A sensor that steps implausibly, or stands still while its siblings move."""

from agent.detect.alarms.states import AlarmEvent
from agent.detect.declaration import At, Detector, Judged
from agent.detect.duration import duration
from agent.detect.explanations.case import Case
from agent.detect.kernels import doubt, inputs
from agent.detect.table import ADVICE, Row

NAME = "sensor-fault"


def explain(case: Case) -> AlarmEvent:
    """Explain a temperature sensor that stepped implausibly, or stands still while its siblings move."""
    value, memory = case.banks.temps.value[case.c], case.banks.temps.memory[case.c]
    state = case.banks.doubt.state[case.c]
    if state[doubt.CHATTERS_S] > 0.0:
        worst = state[doubt.WORST]
        what = f"chatters: it jumps again and again, and read {worst:.4g} at its worst in the last hour"
    elif memory[inputs.SUSPECT] > 0.0:
        from_to = f"{memory[inputs.BEFORE]:.1f} to {value:.1f} degC"
        what = f"stepped from {from_to}, which no heat or load could bring so fast"
    else:
        stands = duration(memory[inputs.STANDS_S])
        what = f"had said {value:.4g} for {stands} when raised while its siblings moved"
    return case.event(value, f"{case.name()} {what}. Check sensor and wiring; its readings are doubted.")


DETECTOR = Detector(
    name=NAME,
    order=140,
    of_sight=True,
    rows=(Row(NAME, "", ADVICE, 1.0, "", 0.0, 600.0, 0.0, False),),
    judged=(Judged("temps", At("doubt.score", doubt.FAULTY), At("temps.value")),),
    explain=explain,
    sees="a sensor that stands still while its siblings move, steps below a heat, or jumps again and again",
    cannot_see="slow drift of a sensor",
    response="Check the sensor and its cable; until then its place is not watched.",
)
