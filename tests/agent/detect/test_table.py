"""The alarm table, written out a second time, and each of its rows just before and just after its numbers."""

from typing import NamedTuple

import numpy as np
import pytest

from agent.detect.detectors import DETECTORS
from agent.detect.facts import FACTS
from agent.detect.kernels.debounce import CHANGED, debounce, new_delays
from agent.detect.rows import JUDGING, ROWS, SIGHT, detector_of, family_of, response_to, rows_of
from agent.detect.table import PRIORITY, TIERS, Row
from tests.agent.detect.second_copies import copies

#: Detector, quantity, severity, limit, unit, on-delay and off-delay in s, dead band, whether it is
#: latched, and how many frames it takes where that is more than one.
#: The notes in agent/detect/detectors say where the numbers are from.
EXPECTED = """
last-resort        temperature critical   1      -       0    600   0.5    latched
sudden-heat        temperature critical   1      -       0    600   0.5    latched
unproven-heat      temperature critical   1      -       0   3600   0.5    latched
thermal-slope      temperature critical   0.5    K/min  15    600   0.25   latched
thermal-slope      temperature warning    0.1    K/min  10    900   0.05   -
thermal-slope      temperature advice     0.003  K/min   0   1800   0.002  -
thermal-rate       temperature critical   6      K/min   2    600   3      latched
thermal-rate       temperature warning    3      K/min  30    600   1.5    -
thermal-rest       temperature critical   1.5    K/min  15    600   0.75   latched
thermal-rest       temperature warning    0.5    K/min  15    600   0.25   -
over-temperature   temperature critical  75      degC    0.5  600   5      latched  2
over-temperature   temperature warning   60      degC   30    600   3      -
over-temperature   temperature advice   inf      degC   60    600   3      -
cooling            temperature warning    0.1    K/min 120   1800   0.05   -
cooling            temperature advice     0.02   K/min 300   1800   0.01   -
cooling-lost       temperature warning    2      times 600  86400   0.5    -
cooling-lost       temperature advice     1.25   times 600  86400   0.1    -
cooling-degraded   temperature advice     2      K    3600  86400   0.5    -
cell-imbalance     voltage     warning   12      mV      5    600   3      -
cell-imbalance     voltage     advice    10      mV    300   3600   3      -
cell-drift         voltage     warning   20      mV   1800  86400   5      -
cell-drift         voltage     advice     3      mV   1800  86400   1      -
resistance         voltage     warning    2.5    times 600  86400   0.5    -
resistance         voltage     advice     1.5    times 3600 86400   0.2    -
overload           current     critical inf      times   5     60   0.05   latched  3
overload           current     warning    1.2    times   5     60   0.1    -
overload           current     advice     1      times  60     60   0.05   -
blind              -           warning    2      -      15     10   0      -
blind              -           advice     1      -      15     10   0      -
sensor-fault       -           advice     1      -       0    600   0      -
vrla-over-room     temperature critical  10      K     600   3600   2      latched
vrla-over-room     temperature advice     3      K    1800   3600   0.5    -
vrla-float-current current     warning    3      times 3600 86400   0.5    -
vrla-float-current current     advice     2      times 3600 86400   0.3    -
reported           -           critical   1      -       0     60   0      latched
reported           -           warning    1      -       0     60   0      -
reported           -           advice     1      -       0     60   0      -
identity           -           warning    1      -       0      0   0      -
exchanged          -           advice     1      -       0      0   0      -
refused-point      -           warning    1      -       0      0   0      -
refused-point      -           advice     1      -       0      0   0      -
heartbeat          -           warning   30      s       0      0   0      -
held-frame         -           warning   30      s       0      0   0      -
stuck-sensor       -           advice    30      s       0      0   0      -
silent-together    -           warning    2      units   0      0   0      -
same-unit          -           advice     2      units   0      0   0      -
"""


#: Detector and its number in the order of judging.
ORDERS = {
    "last-resort": 10, "sudden-heat": 15, "unproven-heat": 16, "thermal-slope": 20, "thermal-rate": 30,
    "thermal-rest": 40, "over-temperature": 50, "cooling": 60, "cooling-lost": 70, "cooling-degraded": 80,
    "cell-imbalance": 90, "cell-drift": 100, "resistance": 110, "overload": 120, "blind": 130,
    "sensor-fault": 140, "vrla-over-room": 150, "vrla-float-current": 160,
}  # fmt: skip


class Line(NamedTuple):
    """A line of EXPECTED."""

    detector: str
    quantity: str
    severity: str
    limit: float
    unit: str
    on_delay_s: float
    off_delay_s: float
    dead_band: float
    latch: bool
    frames: int = 1

    @property
    def tier(self) -> int:
        """The number of its severity."""
        return {"advice": 1, "warning": 2, "critical": 3}[self.severity]


def line_of(text: str) -> Line:
    words = ["" if word == "-" else word for word in text.split()]
    detector, quantity, severity, limit, unit, on_s, off_s, dead_band, latch, *frames = words
    numbers = float(limit), unit, float(on_s), float(off_s), float(dead_band)
    return Line(detector, quantity, severity, *numbers, latch == "latched", *map(int, frames))


def lines_of(text: str) -> list[Line]:
    return [line_of(line) for line in text.strip().splitlines()]


LINES = lines_of(EXPECTED)
#: Of detectors whose rows stand in their own test.
BESIDE = {detector: lines_of(text) for detector, text in copies("ROWS").items()}


class Channel:
    """One channel of a detector, as the kernel debounces it."""

    def __init__(self, line: Line) -> None:
        self.line = line
        (self.delays,) = new_delays([(1, rows_of(line.detector))])

    def take(self, score: float, counted_s: float = 0.0) -> bool:
        """Return whether the tier of the line, or a higher one, stands."""
        x = np.array([score])
        debounce(counted_s, x, 1, x, 1, self.delays)
        self.delays.tier[0] &= ~np.uint8(CHANGED)
        return bool(self.delays.tier[0] >= self.line.tier)


def test_the_table_has_these_rows_and_no_others() -> None:
    written = {line.detector for line in LINES} | {*BESIDE}
    unwritten = {row.detector for row in ROWS} - written
    assert not unwritten, f"{unwritten}: write the rows into ROWS of its twin test, as lines of EXPECTED"
    assert [Row(*line) for line in LINES] == [row for row in ROWS if row.detector not in BESIDE]


def test_a_detector_has_the_rows_of_its_own_test_and_no_others() -> None:
    for detector, lines in BESIDE.items():
        assert [Row(*line) for line in lines] == [row for row in ROWS if row.detector == detector]


@pytest.mark.parametrize(
    "line",
    [line for lines in (LINES, *BESIDE.values()) for line in lines if np.isfinite(line.limit)],
    ids=lambda line: f"{line.detector} {line.severity}",
)
def test_an_alarm_is_raised_at_its_limit_after_its_on_delay_and_is_over_after_its_off_delay(
    line: Line,
) -> None:
    at, below = line.limit, np.nextafter(line.limit, -np.inf)
    channel = Channel(line)
    for _ in range(3):
        assert not channel.take(below, 1e6)
    assert channel.take(at) == (line.on_delay_s == 0.0)
    if line.on_delay_s:
        for _ in range(line.frames - 2):
            assert not channel.take(at, 1e6)
        assert not channel.take(at, line.on_delay_s / max(line.frames - 1, 1) - 0.1)
        assert channel.take(at, 0.1)

    over = line.limit - line.dead_band
    for _ in range(3):
        assert channel.take(over, 1e6)
    under = np.nextafter(over, -np.inf)
    if line.off_delay_s:
        assert channel.take(under, line.off_delay_s - 0.1)
    assert not channel.take(under, 0.1)


HEAT = [
    "last-resort", "sudden-heat", "thermal-slope", "thermal-rate", "thermal-rest", "over-temperature",
    "cooling", "cooling-lost",
]  # fmt: skip


def test_severities_rise_with_their_tiers_and_the_worst_has_the_first_priority() -> None:
    assert TIERS == ("", "advice", "warning", "critical")
    assert PRIORITY == {"critical": 1, "warning": 2, "advice": 3}


@pytest.mark.parametrize(
    ("family", "detectors"),
    [
        ("heat", HEAT),
        ("voltage", ["cell-imbalance", "cell-drift"]),
        ("blind", ["blind", "blind-voltage"]),
        ("resistance", ["resistance"]),
    ],
)
def test_alarms_of_one_cause_are_of_one_family(family: str, detectors: list[str]) -> None:
    assert {family_of(detector) for detector in detectors} == {family}
    known = {member for detector in DETECTORS if detector.name not in BESIDE for member in detector.members()}
    assert {detector for detector in known if family_of(detector) == family} == set(detectors)


def test_blind_cells_are_judged_by_the_rows_of_blind_sensors() -> None:
    assert detector_of("blind-voltage") == "blind"
    assert [detector_of(name) for name in JUDGING] == list(JUDGING)


def test_detectors_judge_in_this_order() -> None:
    assert {detector.name: detector.order for detector in DETECTORS} == {**ORDERS, **copies("ORDER")}


def test_rows_lie_by_their_tier() -> None:
    rows = rows_of("vrla-over-room")
    assert [row and row.severity for row in rows] == [None, "advice", None, "critical"]
    other = (Row("blind", "", "warning", 9.0, "", 1.0, 1.0, 0.0, False),)
    assert rows_of("blind", other) == (None, None, other[0], None)
    assert rows_of("nothing") == (None, None, None, None)


def test_what_tells_a_fact_is_no_detector_and_what_judges_sight_is() -> None:
    names = list(dict.fromkeys(line.detector for line in LINES))
    first_fact = names.index("reported")
    assert [name for name in JUDGING if name not in BESIDE] == names[:first_fact]
    assert [fact.name for fact in FACTS] == names[first_fact:]
    assert set(SIGHT) - {*BESIDE} == {"blind", "sensor-fault"}


def test_every_alarm_has_a_response() -> None:
    assert all(response_to(row.detector) for row in ROWS)
    assert response_to("nothing") == ""
