"""The alarms at a collector: the last record of each counts, and now is the last value that it holds."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from agent.wire import Limits, Request, decode_batch, encode_batch
from collector.admission import admit
from collector.alarms import alarm_lines, held_alarms
from collector.cli import main
from collector.intake import Intake
from collector.sqlite.archive import SqliteArchive
from collector.sqlite.sink import SqliteSink
from collector.standing import standing
from tests.collector.processes import EPOCH, SCHEMA_BODY, seal

SECOND_NS = 10**9
BEGIN_S = 1_800_000_000
UNIT = "rack-37"
AHEAD = {"to_degc": 80.0, "slope_k_per_s": 0.0467, "in_s": 1020.0, "soonest_s": 900.0, "latest_s": 1140.0}


def record(state: str = "NEW", **more: Any) -> dict[str, Any]:
    return {
        "kind": "alarm",
        "id": f"{UNIT}:cell-collapse:string1/cell5",
        "utc_ns": BEGIN_S * SECOND_NS,
        "boottime_ns": 0,
        "detector": "cell-collapse",
        "severity": "critical",
        "state": state,
        "location": "string1/cell5",
        "quantity": "cell_voltage",
        "text": "string1/cell5 stood 300 mV below the median when raised.",
        "evidence_for": "sensor2 beside it heats",
        **more,
    }


def batch(
    sequence: int, volts: float, *events: dict[str, Any], synchronised: bool = True
) -> tuple[int, bytes]:
    """Ten frames, a second apart, from 10 s times `sequence` on; the last of them lacks cell 5."""
    sealed = decode_batch(seal(sequence)[1])
    raw, quality = sealed.raw.copy(), sealed.quality.copy()
    raw[:, 4], quality[-1, 4] = round(volts * 1000), 1
    boottime_ns = (np.arange(10) + 10 * sequence) * SECOND_NS
    changed = replace(
        sealed,
        unit=UNIT,
        raw=raw,
        quality=quality,
        boottime_ns=boottime_ns,
        utc_ns=boottime_ns + BEGIN_S * SECOND_NS,
        clock=np.full(10, synchronised, np.uint8),
        events=events,
    )
    return sequence, encode_batch(changed)


class Held:
    """A collector's database, and what it says of alarms."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "collector.db"

    def take(self, at_s: float, *batches: tuple[int, bytes], agent: str = "site-1") -> None:
        """Store a request that comes so long after the beginning."""
        intake = Intake(SqliteSink(self.path), lambda: round((BEGIN_S + at_s) * SECOND_NS))
        stored = intake.store(admit(Request(agent, EPOCH, list(batches), [SCHEMA_BODY]), Limits()))
        intake.close()
        assert stored.acknowledgement.refused == []

    def alarms(self, at_s: float) -> list[dict[str, Any]]:
        archive = SqliteArchive(self.path, lambda line: pytest.fail(line))
        found = list(held_alarms(archive, None, datetime.fromtimestamp(BEGIN_S + at_s, UTC)))
        archive.close()
        return found


@pytest.fixture
def held(tmp_path: Path) -> Held:
    return Held(tmp_path)


def told(*states: str, **more: Any) -> list[tuple[str, str, str]]:
    return [("site-1", UNIT, json.dumps(record(state, **more))) for state in states]


def test_the_last_record_of_an_alarm_counts_and_one_that_is_over_is_gone() -> None:
    assert [alarm.record["state"] for alarm in standing(told("NEW", "ACK"))] == ["ACK"]
    assert standing(told("NEW", "ACK", "NORMAL")) == []
    assert standing(told("NEW", shadow=True)) == []
    other = told("NEW", id="x", severity="advice")
    over = told("CLEARED-NEW", id="y")
    assert [alarm.id[-1] for alarm in standing([*over, *other, *told("NEW")])] == ["5", "x", "y"]


def test_records_of_0_1_0_without_an_id_are_the_same_alarm_by_place_and_detector() -> None:
    first, then = (record(state) for state in ("NEW", "NORMAL"))
    del first["id"], then["id"]
    rows = [("site-1", UNIT, json.dumps(one)) for one in (first, then)]
    assert standing(rows) == []
    (alarm,) = standing(rows[:1])
    assert alarm.id == "rack-37:cell-collapse:string1/cell5"


def test_now_is_the_last_value_that_is_held_with_its_age(held: Held) -> None:
    held.take(20.0, batch(1, 2.9, record()))
    held.take(31.0, batch(2, 2.754))
    (alarm,) = held.alarms(33.0)
    assert alarm["present"] == {"value": 2.754, "unit": "V", "age_s": 5.0, "seen": False, "held": True}
    assert alarm["first"] == (
        "rack-37 string 1 cell 5: STOP CHARGE AND LOAD. Do not open it. String 1 cell 5 stood 300 mV below"
        " the median when raised. 2.754 V at 08:00, the last that is held here, 5 s old."
    )
    assert alarm["below"] == ["For it, when raised: sensor 2 beside it heats"]
    (later,) = held.alarms(33.0 + 3600.0)
    assert later["present"]["age_s"] == 3605.0


def test_a_clock_that_is_not_synchronised_makes_nothing_younger_than_it_came(held: Held) -> None:
    held.take(500.0, batch(1, 2.9, record(), synchronised=False))
    (alarm,) = held.alarms(510.0)
    assert alarm["present"]["age_s"] == 11.0  # ten since it came, and it was the last but one


def test_time_left_is_of_when_it_was_raised_for_nothing_newer_is_known_here(held: Held) -> None:
    held.take(20.0, batch(1, 2.9, record(ahead=AHEAD)))
    (alarm,) = held.alarms(600.0)
    assert alarm["left"] == "When raised 08:00: 80 °C about 08:17 (08:15-08:19)"
    assert f"Do not open it. {alarm['left']}. String 1 cell 5" in alarm["first"]
    assert alarm["below"] == ["For it, when raised: sensor 2 beside it heats"]


def test_a_record_of_a_stranger_is_told_in_one_line_and_breaks_nothing(held: Held) -> None:
    wild = record(text="a\nb\x1b[31m", t_s=1e300, utc_ns=2**62, severity="odd", texts={"host": "\u202e"})
    held.take(20.0, batch(1, 2.9, {**wild, "location": "\n", "quantity": ""}))
    result = CliRunner().invoke(main, ["alarms", "--sink", f"sqlite:{held.path}"])
    assert result.exit_code == 1, result.output
    assert "\x1b" not in result.output
    assert len(result.output.splitlines()) == 3


def test_the_command_lists_by_agent_and_says_so_where_none_stands(held: Held) -> None:
    held.take(20.0, batch(1, 2.9))
    quiet = CliRunner().invoke(main, ["alarms", "--sink", f"sqlite:{held.path}"])
    assert (quiet.exit_code, quiet.output) == (0, "no alarm stands\n")
    held.take(20.0, batch(2, 2.9, record(), record("ACK", id="other", severity="warning")))
    lines = list(alarm_lines(held.alarms(30.0)))
    assert [line.split(":")[0] for line in lines] == [
        "site-1",
        "  critical NEW rack-37 string 1 cell 5",
        "    For it, when raised",
        "  warning ACK rack-37 string 1 cell 5",
        "    For it, when raised",
    ]
    result = CliRunner().invoke(
        main, ["alarms", "--json", "--agent", "site-1", "--sink", f"sqlite:{held.path}"]
    )
    assert [one["state"] for one in json.loads(result.output)] == ["NEW", "ACK"]
    result = CliRunner().invoke(
        main, ["alarms", "--json", "--agent", "site-2", "--sink", f"sqlite:{held.path}"]
    )
    assert (result.exit_code, json.loads(result.output)) == (0, [])
