"""The alarm table: one row per detector, quantity and tier. Delays are seconds of good input."""

from dataclasses import dataclass

CRITICAL, WARNING, ADVICE = "critical", "warning", "advice"
TIERS = ("", ADVICE, WARNING, CRITICAL)  # by rising tier number: the one rank of severities
PRIORITY = {severity: rank for rank, severity in enumerate(reversed(TIERS[1:]), 1)}  # ISA-18.2: 1 is worst


@dataclass(frozen=True, slots=True)
class Row:
    """When a detector's score becomes an alarm of one severity, and when it ceases to be one.

    The alarm is raised when the score has been at or above `limit` for `on_delay_s`, and returns to normal
    when it has been below `limit - dead_band` for `off_delay_s`. A latched one also waits for somebody to
    acknowledge it.
    """

    detector: str
    quantity: str
    severity: str
    limit: float
    unit: str
    on_delay_s: float
    off_delay_s: float
    dead_band: float
    latch: bool


ROWS: tuple[Row, ...] = (
    Row("last-resort", "temperature", CRITICAL, 1.0, "", 0.0, 600.0, 0.5, True),
    # A short of 0.3 ohm in a 100 Ah cell heats 1.1 K/min and ends above 100 degC; one of 1 ohm 0.34 and 47
    # degC; self-heating is first seen at 0.02 to 0.05 K/min in calorimeters.
    Row("thermal-slope", "temperature", CRITICAL, 0.5, "K/min", 15.0, 600.0, 0.25, True),
    Row("thermal-slope", "temperature", WARNING, 0.1, "K/min", 10.0, 900.0, 0.05, False),
    Row("thermal-slope", "temperature", ADVICE, 0.003, "K/min", 0.0, 1800.0, 0.002, False),
    # Without siblings to compare: a cell under 2C of load heats 2.2 K/min, and nothing is wrong with it.
    Row("thermal-rate", "temperature", CRITICAL, 6.0, "K/min", 2.0, 600.0, 3.0, True),
    Row("thermal-rate", "temperature", WARNING, 3.0, "K/min", 30.0, 600.0, 1.5, False),
    # While nothing loads the battery, no cell has a reason to heat by itself.
    Row("thermal-rest", "temperature", CRITICAL, 1.5, "K/min", 15.0, 600.0, 0.75, True),
    Row("thermal-rest", "temperature", WARNING, 0.5, "K/min", 15.0, 600.0, 0.25, False),
    # Limits of lithium cells in general: most allow 60 degC on discharge; SEI decomposes from 80 degC.
    Row("over-temperature", "temperature", CRITICAL, 75.0, "degC", 10.0, 600.0, 5.0, True),
    Row("over-temperature", "temperature", WARNING, 60.0, "degC", 30.0, 600.0, 3.0, False),
    # A short of 0.1 ohm pulls 33 A through about 0.5 mohm: the cell steps down by some 17 mV.
    Row("cell-imbalance", "voltage", WARNING, 12.0, "mV", 5.0, 600.0, 3.0, False),
    Row("cell-imbalance", "voltage", ADVICE, 10.0, "mV", 300.0, 3600.0, 3.0, False),
    Row("cell-drift", "voltage", WARNING, 20.0, "mV", 1800.0, 86400.0, 5.0, False),
    Row("cell-drift", "voltage", ADVICE, 3.0, "mV", 1800.0, 86400.0, 1.0, False),
    Row("resistance", "voltage", WARNING, 2.5, "times", 600.0, 86400.0, 0.5, False),
    Row("resistance", "voltage", ADVICE, 1.5, "times", 3600.0, 86400.0, 0.2, False),
    Row("cooling", "temperature", WARNING, 0.1, "K/min", 120.0, 1800.0, 0.05, False),
    Row("cooling", "temperature", ADVICE, 0.02, "K/min", 300.0, 1800.0, 0.01, False),
    # Fans that fail leave a third to a fifth of the conductance, a filter that clogs takes it bit by bit.
    Row("cooling-lost", "temperature", WARNING, 2.0, "times", 600.0, 86400.0, 0.5, False),
    Row("cooling-lost", "temperature", ADVICE, 1.25, "times", 600.0, 86400.0, 0.1, False),
    Row("cooling-degraded", "temperature", ADVICE, 2.0, "K", 3600.0, 86400.0, 0.5, False),
    # Vendors of VRLA: 3 K over the room at most; over 10 K suspect thermal runaway.
    Row("vrla-over-room", "temperature", CRITICAL, 10.0, "K", 600.0, 3600.0, 2.0, True),
    Row("vrla-over-room", "temperature", ADVICE, 3.0, "K", 1800.0, 3600.0, 0.5, False),
    Row("vrla-float-current", "current", WARNING, 3.0, "times", 3600.0, 86400.0, 0.5, False),
    Row("vrla-float-current", "current", ADVICE, 2.0, "times", 3600.0, 86400.0, 0.3, False),
    Row("overload", "current", WARNING, 1.2, "times", 5.0, 60.0, 0.1, False),
    Row("overload", "current", ADVICE, 1.0, "times", 60.0, 60.0, 0.05, False),
    # Sight. 2: and so are half of its siblings.
    Row("blind", "", WARNING, 2.0, "", 15.0, 10.0, 0.0, False),
    Row("blind", "", ADVICE, 1.0, "", 15.0, 10.0, 0.0, False),
    Row("sensor-fault", "", ADVICE, 1.0, "", 60.0, 600.0, 0.0, False),
    # What the unit itself reports, with the severity that its profile gives it.
    Row("reported", "", CRITICAL, 1.0, "", 0.0, 60.0, 0.0, True),
    Row("reported", "", WARNING, 1.0, "", 0.0, 60.0, 0.0, False),
    Row("reported", "", ADVICE, 1.0, "", 0.0, 60.0, 0.0, False),
    # Not a measurement: the unit is, or is not, what its profile describes.
    Row("identity", "", WARNING, 1.0, "", 0.0, 0.0, 0.0, False),
    Row("exchanged", "", ADVICE, 1.0, "", 0.0, 0.0, 0.0, False),  # the unit is another one than it was
    # Seconds of standing still; how long is improbable is learned from the unit, see liveness.
    Row("heartbeat", "", WARNING, 30.0, "s", 0.0, 0.0, 0.0, False),
    Row("held-frame", "", WARNING, 30.0, "s", 0.0, 0.0, 0.0, False),
    Row("stuck-sensor", "", ADVICE, 30.0, "s", 0.0, 0.0, 0.0, False),
    Row("silent-together", "", WARNING, 2.0, "units", 0.0, 0.0, 0.0, False),
)

#: Alarms of one family in one place within minutes have one cause: the worst speaks for all.
FAMILY = {
    "last-resort": "heat",
    "thermal-slope": "heat",
    "thermal-rate": "heat",
    "thermal-rest": "heat",
    "over-temperature": "heat",
    "cooling": "heat",
    "cooling-lost": "heat",
    "cell-imbalance": "voltage",
    "cell-drift": "voltage",
    "blind-voltage": "blind",
}

#: One detector over two banks: their channels are numbered alike, and must not be taken for each other.
MEMBERS = {"blind-voltage": "blind"}


def family_of(detector: str) -> str:
    """Return the family of a detector: its own name where it has no relatives."""
    return FAMILY.get(detector, detector)


def detector_of(member: str) -> str:
    """Return the detector that the channels of this name in an alarm belong to."""
    return MEMBERS.get(member, member)


def rows_of(detector: str, rows: tuple[Row, ...] = ROWS) -> tuple[Row | None, ...]:
    """Return a detector's rows by tier number: (None, advice, warning, critical), None for none."""
    found = {row.severity: row for row in rows if row.detector == detector}
    return tuple(found.get(tier) for tier in TIERS)


#: What tells that something is so; everything else judges measurements, and listens to a site's settings.
FACTS = ("reported", "identity", "exchanged", "heartbeat", "held-frame", "stuck-sensor", "silent-together")
SIGHT = ("blind", "sensor-fault")  # judge whether a value is seen, not what it says of the battery
DETECTORS = tuple(dict.fromkeys(row.detector for row in ROWS if row.detector not in FACTS))
