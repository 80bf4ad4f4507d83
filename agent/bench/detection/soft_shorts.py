"""Where a soft short can be heard, and where not: by chemistry, state of charge and resistance. Simulated.

`python -m agent.bench.detection.soft_shorts` prints the map; about a minute.
"""

from collections.abc import Iterator
from math import isfinite

from agent.bench.detection.shorts import delay_s, rack
from agent.detect.watch import warm_up
from hil.plant.duty import OPEN, Duty, Phase
from hil.plant.rack import Cooling

OHM, PERIOD_S, DAYS = (1.0, 10.0, 30.0, 100.0), 20.0, 7
SOC = {"LFP": (0.2, 0.5, 0.8, 1.0), "NMC": (0.2, 0.5, 0.8, 1.0)}
REST = Duty(phases=(Phase(0.0, OPEN),))


def days() -> Iterator[tuple[str, float, list[float]]]:
    """Give chemistry, state of charge, and the days until each of OHM is heard in a resting rack."""
    for chemistry, states in SOC.items():
        for soc in states:
            resting = rack(Cooling(), chemistry=chemistry, soc=soc, duty=REST)
            heard_s = [delay_s(ohm, resting, DAYS * 86400.0, PERIOD_S) for ohm in OHM]
            yield chemistry, soc, [s / 86400.0 for s in heard_s]


if __name__ == "__main__":
    warm_up()
    print("days until a short is heard in a resting rack; -: not within", DAYS, "days")
    print("chemistry  SoC ", *(f"{ohm:6g} ohm" for ohm in OHM))
    for chemistry, soc, found in days():
        print(f"{chemistry:9} {soc:4.0%} ", *(f"{d:10.2g}" if isfinite(d) else f"{'-':>10}" for d in found))
