"""What stands is decided by the agent's order: batches may come in any order, late, healed, or all again."""

import itertools
import json
import shutil
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from agent.wire import Limits, Request
from collector.admission import admit
from collector.facts.order import in_order
from collector.intake import Intake
from collector.sqlite.sink import SqliteSink
from tests.collector.places import PLACES, Place
from tests.collector.processes import EPOCH, seal

ROOT = Path(__file__).parents[1]
YOUNG = b"y" * 16
NAME = "rack1/bmu1:cell-collapse:string1/cell5"


def alarm(state: str, **more: Any) -> dict[str, Any]:
    return {
        "kind": "alarm", "id": NAME, "state": state, "severity": "critical", "detector": "cell-collapse",
        "location": "string1/cell5", "utc_ns": 10**18, "text": "한국 'quoted' \"text\"", **more,
    }  # fmt: skip


ACKNOWLEDGED = {"kind": "change", "what": "acknowledge", "alarm": NAME, "who": "지영 O'Hara", "uid": 1000}
STORY = (
    alarm("NEW"), alarm("CLEARED-NEW"), alarm("NORMAL"), ACKNOWLEDGED, alarm("NEW", severity="warning"),
    alarm("ACK", severity="warning"),
)  # fmt: skip


def sealed(*events: dict[str, Any], epoch: bytes = EPOCH) -> list[tuple[int, bytes]]:
    return [seal(n, epoch=epoch, frames=0, events=(event,)) for n, event in enumerate(events, 1)]


def give(place: Place, *batches: tuple[int, bytes], epoch: bytes = EPOCH) -> None:
    intake = Intake(place.open(), lambda: 2 * 10**18)
    intake.store(admit(Request("site-1", epoch, list(batches)), Limits()))
    intake.close()


def rows(place: Place, sql: str) -> list[tuple[Any, ...]]:
    archive = place.read()
    try:
        return list(archive.select(sql, {}))
    finally:
        archive.close()


def held(place: Place) -> list[tuple[Any, ...]]:
    return rows(
        place,
        "SELECT sequence, stands, state, severity, worst, acknowledged_by FROM alarm ORDER BY id, sequence",
    )


@pytest.mark.parametrize("scheme", PLACES)
def test_whatever_the_order_of_arrival_the_lives_are_the_same(scheme: str, tmp_path: Path) -> None:
    wanted = [
        (1, 0, "NORMAL", "critical", "critical", "지영 O'Hara"),
        (5, 1, "ACK", "warning", "warning", ""),
    ]
    story = sealed(*STORY)
    orders = [story, story[::-1], *itertools.islice(itertools.permutations(story), 91, 720, 211)]
    for number, order in enumerate(orders):
        (tmp_path / str(number)).mkdir()
        place = Place(scheme, PLACES[scheme].new(tmp_path / str(number)))
        intake = Intake(place.open(), lambda: 2 * 10**18)
        for given in (*([batch] for batch in order), order):
            intake.store(admit(Request("site-1", EPOCH, list(given)), Limits()))
        intake.close()
        assert held(place) == wanted, [sequence for sequence, _ in order]


def test_an_alarm_that_is_over_is_never_new(place: Place) -> None:
    new, over = sealed(alarm("NEW"), alarm("NORMAL"))
    give(place, over)
    assert held(place) == []
    give(place, new)
    assert [row[1] for row in held(place)] == [0]


def test_an_epoch_that_a_later_one_says_has_ended_stands_before_it_whenever_it_comes(place: Place) -> None:
    ended = {"kind": "gap", "ranges": [], "epoch": EPOCH, "reason": "damaged"}
    give(place, *sealed(ended, alarm("NORMAL"), epoch=YOUNG), epoch=YOUNG)
    give(place, *sealed(alarm("NEW")))
    assert [row[1:3] for row in held(place)] == [(0, "NORMAL")]


def test_an_alarm_of_any_name_is_kept_and_found_again(place: Place) -> None:
    for number, name in enumerate(("nul\0" * 3, "x" * 4000, "x" * 3999 + "y", "'한국\"")):
        epoch = bytes([number]) * 16
        give(place, *sealed(alarm("NEW", id=name), alarm("ACK", id=name), epoch=epoch), epoch=epoch)
    assert [row[1:3] for row in held(place)] == 4 * [(1, "ACK")]


def test_epochs_stand_by_arrival_but_for_what_their_agent_says() -> None:
    a, b, c = b"a", b"b", b"c"
    assert in_order([b, a, c], []) == [b, a, c]
    assert in_order([b, a, c], [(a, b)]) == [a, b, c]
    assert in_order([a, b], [(a, b), (b, a)]) == [a, b]


@pytest.mark.parametrize("shift", [-5, 5])
def test_a_time_by_a_clock_that_was_wrong_by_years_is_mended_by_its_boot(place: Place, shift: int) -> None:
    wrong_ns = 10**18 + shift * 31_536_000 * 10**9
    offset = {"kind": "clock_offset", "boot_id": b"b" * 16, "boottime_ns": 60, "offset_ns": 10**18}
    give(place, *sealed(alarm("NEW", utc_ns=wrong_ns, boottime_ns=50)))
    give(place, sealed(alarm("NEW"), offset)[1])
    assert rows(place, "SELECT raised_utc_ns FROM alarm") == [(10**18 + 50,)]


def test_an_archive_of_0_1_0_is_taken_over(tmp_path: Path) -> None:
    for path in (ROOT / "vectors" / "0.1.0").glob("collector.db*"):
        shutil.copy(path, tmp_path)
    Intake(SqliteSink(tmp_path / "collector.db"), lambda: 2 * 10**18).close()
    db = sqlite3.connect(tmp_path / "collector.db")
    told = [json.loads(text) for (text,) in db.execute("SELECT record FROM event WHERE kind = 'alarm'")]
    assert bool(told) == bool(db.execute("SELECT count(*) FROM alarm").fetchone()[0])
    assert db.execute("SELECT count(*) FROM layout_point").fetchone()[0] > 0
    assert db.execute("SELECT count(*) FROM unit").fetchone()[0] > 0
    assert db.execute("SELECT version FROM facts").fetchall() == [(1,)]


def test_what_an_earlier_version_derived_is_derived_anew(place: Place) -> None:
    give(place, *sealed(*STORY))
    before = held(place)
    for sql in ("DELETE FROM alarm", "DELETE FROM facts"):
        place.say(sql)
    assert held(place) == []
    give(place)
    assert held(place) == before
