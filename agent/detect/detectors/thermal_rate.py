"""A sensor that heats by itself, whatever its siblings do."""

from agent.detect.declaration import At, Detector, Judged
from agent.detect.explanations.heat import SAYS, alone
from agent.detect.kernels import heating
from agent.detect.table import CRITICAL, WARNING, Row

NAME = "thermal-rate"

DETECTOR = Detector(
    name=NAME,
    says=SAYS,
    order=30,
    family="heat",
    rows=(
        # Without siblings to compare: a cell under 2C of load heats 2.2 K/min, and nothing is wrong with it.
        Row(NAME, "temperature", CRITICAL, 6.0, "K/min", 2.0, 600.0, 3.0, True),
        Row(NAME, "temperature", WARNING, 3.0, "K/min", 30.0, 600.0, 1.5, False),
    ),
    judged=(Judged("temps", At("heat.verdict", heating.ALONE), At("temps.value")),),
    explain=alone,
    sees="a sensor that heats by itself, with a certain rise of 3 and 6 K/min",
    cannot_see="heating that a heavy load also causes",
    response="Critical: take load and charge off this string, do not open it. Else see why it heats.",
)
