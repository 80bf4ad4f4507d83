"""cellwarden report first-days: from a buffer; and where the status, the page and `limits` say so."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import time
from typing import Any

import pytest
from click.testing import CliRunner, Result

from agent.alarms.record import record_of
from agent.cli import main
from agent.clock import Stamp
from agent.detect.alarms.states import AlarmEvent
from agent.intervals import Intervals
from agent.quality import Quality
from agent.runtime.parts import Parts
from agent.store.intervals import Stretch
from agent.store.ledger import Event
from agent.store.store import Store
from agent.store.upstream import MAIN
from drivers.profile.load import parse_profile
from hil.run import configuration
from tests.agent.loaded import loaded
from tests.agent.replay.test_replay_stored import Agent, quiet
from tests.agent.runtime.test_kept import DAY_S, SetClock
from tests.agent.store.buffers import BOOT, own_alarm
from tests.agent.view.sites import rack, shown, status, unit

UNIT = "rack1/bmu1"


def day(ago: float) -> str:
    return (datetime.now(UTC) - timedelta(days=ago)).strftime("%Y-%m-%d")


def begin_s(ago: int) -> int:
    return int(datetime.fromisoformat(day(ago)).replace(tzinfo=UTC).timestamp())


def report(
    folder: Path, commissioned: str, *options: str, command: tuple[str, ...] = ("report", "first-days")
) -> Result:
    said = f"commissioned = {commissioned}\n" if commissioned else ""
    text = configuration.agent(folder) + configuration.tcp_unit("bmu1", 502, "pace-rtu")
    (folder / "agent.toml").write_text(
        text.replace('name = "bmu1"\n', f'name = "bmu1"\nrack = "rack1"\n{said}', 1)
    )
    return CliRunner().invoke(main, [*command, "--config", str(folder / "agent.toml"), *options])


@pytest.fixture
def recorded(tmp_path: Path) -> Path:
    """A unit that was commissioned 40 days ago; cell 2 sank by 9 mV since, and sensor 4 was lost today."""
    agent, then, now = Agent(tmp_path), begin_s(40) + 3600, int(time()) - 400
    agent.record(quiet(600), 100, then)
    sunk = quiet(300, seed=2)
    sunk[:, 1] -= 9
    agent.record(sunk, 100 + now - then, now, bad=[(slice(0, 300), 7, Quality.MISSING)])
    store = Store(agent.path, "agent-1", BOOT, [MAIN], own_alarm)
    intervals = Intervals(10.0)
    intervals.begin(0.0)
    for at_s in (1.0, 1000.0, 3600.0):
        intervals.add(at_s)
    _, tally = intervals.take(3600.0)
    for hour in range(1, 40 * 24):
        at = hour * 3600 * 10**9
        store.add_intervals([Stretch(UNIT, BOOT, at - 3600 * 10**9, at, begin_s(40) * 10**9 + at, tally)])
    event = AlarmEvent(
        "cell-drift", "advice", "NEW", "string1/cell2", "cell_voltage", 9, 5, "mV", "it sank", 1.0, name="x:y"
    )
    records = [
        record_of(UNIT, event, Stamp(1, (begin_s(40) + offset) * 10**9, True))
        for offset in (9, 9 * int(DAY_S))
    ]
    store.seal((), [Event(UNIT, record) for record in records])
    store.close()
    return tmp_path


def test_it_says_what_was_read_raised_apart_moved_and_blind(recorded: Path) -> None:
    result = report(recorded, day(40))
    assert result.exit_code == 0, result.output
    head, today, read, alarms, cells, temperatures, blind = result.output.splitlines()
    assert (head, today) == (f"{UNIT}: commissioned {day(40)}", "  day 41")
    assert read.startswith("  judged 0.0")
    assert read.endswith("the longest interval was 43 min")
    assert alarms == "  alarms: 2 advice (2 cell-drift)"
    assert cells.startswith("  cells lay ")
    assert "string1/cell2 moved most, by -8.5 mV" in cells
    assert temperatures.startswith("  temperatures lay ")
    assert blind.startswith("  blind: 1 of 8 had values in only: string1/sensor4 67 %")


def test_a_day_is_the_end_of_what_is_told(recorded: Path) -> None:
    week = report(recorded, day(40), "--day", "7").output.splitlines()
    assert week[1] == "  day 41: the first 7 days"
    assert week[3] == "  alarms: 1 advice (1 cell-drift)"
    assert week[-1] == "  blind: none; 8 cells and sensors had values"
    assert report(recorded, day(40), "--day", "90").output.splitlines()[1] == (
        "  day 41: day 90 is not over yet, this is up to now"
    )
    assert report(recorded, day(45)).output.splitlines()[4] == (
        f"  the buffer's first frame is of {day(40)}, 5 days later: what was before is at the collector,"
        " or was never read"
    )


def test_where_there_is_nothing_to_tell_it_says_why(recorded: Path) -> None:
    future = report(recorded, day(-10))
    assert future.exit_code == 1
    assert "that day is still to come" in future.output
    assert "nothing to report yet" in future.output
    none = report(recorded, day(0), "--day", "1")
    assert none.exit_code == 0  # of today there are frames
    (recorded / "buffer.db").unlink()
    Store(recorded / "buffer.db", "agent-1", BOOT, [MAIN], own_alarm).close()
    empty = report(recorded, day(3))
    assert (empty.exit_code, "the buffer holds no frame of it in that time" in empty.output) == (1, True)
    unsaid = report(recorded, "")
    assert (unsaid.exit_code, "commissioned = 2026-12-01" in unsaid.output) == (2, True)


def test_limits_and_the_page_say_that_it_is_so_and_until_when(tmp_path: Path) -> None:
    said = report(tmp_path, day(11), "--yes", command=("limits",)).output
    assert (
        f"{UNIT}: day 12 of the first 90 (commissioned {day(11)}): warnings of limits speak after half"
        in said
    )
    assert "of the first 90" not in report(tmp_path, day(91), command=("limits",)).output
    first: dict[str, Any] = {"commissioned": "2026-12-01", "day": 12, "days": 90, "until": "2027-03-01"}
    (shown_unit,) = shown(status([unit(first_days=first)]), {"rack-1": rack()})["units"]
    assert any(note.startswith("day 12 of the first 90") for note in shown_unit["notes"])


async def test_an_agent_lets_them_end_by_itself(tmp_path: Path) -> None:
    clock = SetClock()
    commissioned = datetime.fromtimestamp(clock.utc_s, UTC).date()
    text = configuration.tcp_unit("rack-1", 502, "cells").replace(
        'name = "rack-1"\n', f'name = "rack-1"\ncommissioned = {commissioned}\n', 1
    )
    profile = parse_profile(
        'schema = 1\nmodel = "cells"\n[[point]]\nname = "cell_temperature"\naddress = 0\ncount = 4\n'
        'place = "sensor"\nunit = "degC"\n'
    )
    parts = Parts(loaded(tmp_path, text), {"cells": profile}, clock)
    (one,) = parts.units.values()
    from drivers.connect import assume

    parts.watching.connected(one, assume(profile))
    watch = parts.watching._judges["rack-1"].watch
    parts.watching.look_around(parts.buses.values())
    assert watch.settings.early
    assert parts.watching.first_days("rack-1")["day"] == 1  # type: ignore[index]
    clock.pass_s(90 * DAY_S)
    parts.watching.look_around(parts.buses.values())
    assert not watch.settings.early
    assert parts.watching.first_days("rack-1") is None
    await parts.background.done()
    await parts.writer(parts.store.close)
    parts.writer.close()
