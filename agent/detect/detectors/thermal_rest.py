"""A sensor that heats by itself while nothing loads the battery."""

from agent.detect.declaration import At, Detector, Judged
from agent.detect.explanations.heat import SAYS, alone
from agent.detect.kernels import heating
from agent.detect.table import CRITICAL, WARNING, Row

NAME = "thermal-rest"

DETECTOR = Detector(
    name=NAME,
    says=SAYS,
    order=40,
    family="heat",
    rows=(
        # While nothing loads the battery, no cell has a reason to heat by itself.
        Row(NAME, "temperature", CRITICAL, 1.5, "K/min", 15.0, 600.0, 0.75, True),
        Row(NAME, "temperature", WARNING, 0.5, "K/min", 15.0, 600.0, 0.25, False),
    ),
    judged=(Judged("temps", At("heat.verdict", heating.AT_REST), At("temps.value")),),
    explain=alone,
    sees="heating by itself while current, or where that is not measured the voltage, stands still",
    cannot_see="anything under load; rooms without voltage or current",
    response="Nothing loads it and it heats: take the string off, do not open the cabinet.",
)
