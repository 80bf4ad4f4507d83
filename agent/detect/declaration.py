"""The detectors of a unit: a row each.

The kernel compares the score of each channel with the limits of the alarm table. It does so only in a frame
in which the channel's source, the value that the score was computed from, is not NaN: an old score is no
evidence.
"""

from typing import NamedTuple

from agent.detect.channels import Bank, Channels, Floats
from agent.detect.explanations import cells, heat, surroundings
from agent.detect.explanations import inputs as input_faults
from agent.detect.explanations.case import Explanation
from agent.detect.kernels import conductance, heating, imbalance, inputs, load, resistance
from agent.detect.kernels import surroundings as around
from agent.detect.kernels.banks import Banks
from agent.detect.settings import Settings


class Column(NamedTuple):
    """A column of (n, k) float64, or (n,) float64 as a whole; a number per channel."""

    array: Floats
    column: int = 0


class Detector(NamedTuple):
    """A row. member: what its channels are called in the book, see `agent.detect.table.MEMBERS`."""

    member: str
    channels: Bank
    score: Column
    source: Column
    explain: Explanation


def detectors_of(banks: Banks, channels: Channels, settings: Settings) -> list[Detector]:
    """Return the table of a unit's detectors, in the order in which they are judged."""
    temps, volts, groups, circuits = channels.temps, channels.volts, channels.groups, channels.circuits
    temp, volt = Column(banks.temps.value), Column(banks.volts.value)
    median, amps = Column(banks.around.median), Column(banks.load.state, load.NOW)

    def hot(column: int) -> Column:
        return Column(banks.heat.verdict, column)

    def cell(column: int) -> Column:
        return Column(banks.cells.verdict, column)

    def group(column: int) -> Column:
        return Column(banks.around.group, column)

    def circuit(column: int) -> Column:
        return Column(banks.around.circuit, column)

    trip, raw = Column(banks.trips.score), Column(banks.temps.raw)
    lost = Column(banks.around.conductance, conductance.TIMES)
    ohm = Column(banks.resistances.cell, resistance.SCORE)
    over_room, overload = group(around.OVER), circuit(around.OVERLOAD)
    blind_temps, blind_volts = (Column(bank.score, inputs.BLIND) for bank in (banks.temps, banks.volts))
    temp_age, volt_age = Column(banks.temps.age_s), Column(banks.volts.age_s)
    faulty = Column(banks.temps.score, inputs.FAULTY)
    table = [
        Detector("last-resort", temps, trip, raw, heat.last_resort),
        Detector("thermal-slope", temps, hot(heating.AGAINST), temp, heat.thermal_slope),
        Detector("thermal-rate", temps, hot(heating.ALONE), temp, heat.thermal_rate),
        Detector("thermal-rest", temps, hot(heating.AT_REST), temp, heat.thermal_rate),
        Detector("over-temperature", temps, hot(heating.HOT), temp, heat.over_temperature),
        Detector("cooling", groups, group(around.COOLING), median, surroundings.cooling),
        Detector("cooling-lost", groups, lost, median, surroundings.cooling_lost),
        Detector(
            "cooling-degraded", groups, group(around.DEGRADED), over_room, surroundings.cooling_degraded
        ),
        Detector("cell-imbalance", volts, cell(imbalance.SUDDEN), volt, cells.cell_imbalance),
        Detector("cell-drift", volts, cell(imbalance.DRIFTING), volt, cells.cell_drift),
        Detector("resistance", volts, ohm, volt, cells.resistance),
        Detector("overload", circuits, overload, overload, surroundings.overload),
        Detector("blind", temps, blind_temps, temp_age, input_faults.blind),
        Detector("blind-voltage", volts, blind_volts, volt_age, input_faults.blind),
        Detector("sensor-fault", temps, faulty, temp, input_faults.sensor_fault),
    ]
    if settings.chemistry == "VRLA":
        warmer, float_ratio = Column(banks.around.over_room), circuit(around.FLOAT_RATIO)
        table += [
            Detector("vrla-over-room", temps, warmer, temp, surroundings.vrla_over_room),
            Detector("vrla-float-current", circuits, float_ratio, amps, surroundings.float_current),
        ]
    return table
