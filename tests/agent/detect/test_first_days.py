"""The first 90 days of a battery: what speaks sooner, how it ends by itself, and what people are told."""

from datetime import UTC, date, datetime
from typing import Any

import numpy as np
import pytest

from agent.detect.first_days import DAYS, LIMITS, REPORTS, FirstDays, sooner
from agent.detect.rows import ROWS
from agent.detect.settings import BY_VALUE, Settings
from agent.detect.watch import UnitDetectors
from agent.view.words import first_days

assert (REPORTS, DAYS) == ((1, 7, 30, 90), 90)
FIRST = FirstDays(date(2026, 12, 1))


def at(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("when", "day", "lasts"),
    [
        ("1970-01-01", -20787, True), ("2026-11-30T23:59:59", 0, True), ("2026-12-01", 1, True),
        ("2026-12-01T23:59:59", 1, True), ("2026-12-02", 2, True), ("2027-02-28T23:59:59", 90, True),
        ("2027-03-01", 91, False),
    ],
)  # fmt: skip
def test_the_day_of_commissioning_is_the_first_and_the_ninetieth_the_last(
    when: str, day: int, lasts: bool
) -> None:
    assert (FIRST.day(at(when)), FIRST.last(at(when))) == (day, lasts)
    said = FIRST.report(at(when))
    expected = {"commissioned": "2026-12-01", "day": day, "days": DAYS, "until": "2027-03-01"}
    assert said == (expected if lasts else None)


def test_only_warnings_of_limits_have_half_their_delay() -> None:
    changed = {(r.detector, r.severity, r.on_delay_s / was.on_delay_s)
               for r, was in zip(sooner(ROWS), ROWS, strict=True) if r != was}  # fmt: skip
    warned = {row.detector for row in ROWS if row.severity == "warning" and row.detector in LIMITS}
    assert changed == {(detector, "warning", 0.5) for detector in warned}
    assert warned == set(LIMITS)
    assert {row.detector for row in ROWS if row.severity == "warning" and row.detector in BY_VALUE} <= warned
    site = Settings({("over-temperature", "warning"): {"on_delay_s": 80.0}}, early=True)
    row = next(r for r in site.rows() if (r.detector, r.severity) == ("over-temperature", "warning"))
    assert row.on_delay_s == 40.0
    assert Settings(early=True).digest() != Settings().digest()


def heard_after_s(watch: UnitDetectors, begin_s: float) -> float:
    """Return after how many seconds above 60 degC the warning came."""
    for second in range(60):
        hot = np.array([62.0, 62.0])
        if any(e.severity == "warning" for e in watch.judge(begin_s + second, hot, np.zeros(2, np.uint8))):
            return float(second)
    raise AssertionError


def test_a_warning_comes_sooner_and_as_ever_when_the_days_are_over_without_a_new_start() -> None:
    delays: list[float] = []
    for early in (False, True):
        watch = UnitDetectors(
            ["sensor1", "sensor2"], ["cell_temperature"] * 2, np.full(2, 0.1), 1.0, Settings(early=early)
        )
        delays.append(heard_after_s(watch, 0.0))
    before = UnitDetectors(
        ["sensor1", "sensor2"], ["cell_temperature"] * 2, np.full(2, 0.1), 1.0, Settings(early=True)
    )
    other = UnitDetectors(
        ["sensor1", "sensor2"], ["cell_temperature"] * 2, np.full(2, 0.1), 1.0, Settings(early=True)
    )
    config = before.learned().parts["delays"][0]
    before.judge(0.0, np.array([59.0, 59.0]), np.zeros(2, np.uint8))
    before.hasten(False)
    assert before.learned().parts["delays"][0] != config
    delays += [heard_after_s(before, 1.0), heard_after_s(other, 0.0)]
    assert delays == [30.0, 15.0, 30.0, 15.0]


def test_people_are_told_until_when_and_of_a_day_that_is_still_to_come() -> None:
    said: dict[str, Any] | None = FIRST.report(at("2026-12-12"))
    assert first_days(said) == (
        "day 12 of the first 90 (commissioned 2026-12-01): warnings of limits speak after half their delay"
        " until 2027-03-01; cellwarden report first-days"
    )
    assert first_days(FIRST.report(at("2026-11-20"))).startswith(
        "not commissioned yet (commissioned 2026-12-01)"
    )
    assert first_days(None) == ""
