"""The job that makes figures: clocks that are set, schemas that come late or change, ends in the middle."""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from agent.wire import encode_schema
from collector.cli import main
from collector.figures.figures import CLOCKS
from collector.postgres import figure_tables as postgres
from collector.sqlite import figure_tables as sqlite
from tests.collector.figures.frames import (
    AGENT,
    AT_ONCE,
    BOOT,
    EPOCH,
    SCHEMA,
    SCHEMA_BODY,
    SECOND_NS,
    UNIT,
    UTC_S,
    Kept,
    batch_of,
    described,
    second_by_second,
)
from tests.collector.places import Place

YEARS_S = 20 * 365 * 86_400
UNSYNCHRONISED = np.zeros(10, np.uint8)


@pytest.fixture
def kept(place: Place) -> Iterator[Kept]:
    opened = Kept(place)
    yield opened
    opened.close()


def offset(sequence: int, utc_s: int, boottime_s: int = 0) -> dict[str, Any]:
    """A change whose event says that boot second 0 was `utc_s`."""
    told = {"boot_id": BOOT.hex(), "boottime_ns": boottime_s, "offset_ns": utc_s * SECOND_NS}
    return {"events": [(sequence, 0, "clock_offset", "", json.dumps(told))]}


def utc(kept: Kept) -> list[tuple[int, str]]:
    return [(one.span.utc_s, CLOCKS[one.clock]) for one in kept.minutes()]


@pytest.mark.parametrize("wrong_s", [-UTC_S, -3600, YEARS_S], ids=["1970", "an hour ago", "in twenty years"])
@pytest.mark.parametrize("first", ["frames", "offset"])
def test_what_was_read_before_a_clock_was_set_moves_to_its_own_minute(
    kept: Kept, wrong_s: int, first: str
) -> None:
    boottime_ns = np.arange(10) * SECOND_NS
    frames = batch_of(1, second_by_second(UTC_S + wrong_s, 10), boottime_ns=boottime_ns, clock=UNSYNCHRONISED)
    if first == "frames":
        kept.take(frames)
        kept.make()
        assert utc(kept) == [(UTC_S + wrong_s, "unsynchronised")]
        kept.take(**offset(2, UTC_S))
    else:
        kept.take(batch_of(2, second_by_second(UTC_S + 60, 1)), **offset(2, UTC_S))
        kept.take(frames)
    kept.make()
    assert utc(kept)[0] == (UTC_S, "repaired")
    assert len(utc(kept)) == (1 if first == "frames" else 2)
    assert kept.hours()[0].span.utc_s == UTC_S // 3600 * 3600
    assert len(kept.hours()) == 1
    assert kept.make() == 0


def test_the_offset_that_was_sealed_last_holds_whenever_it_comes(kept: Kept) -> None:
    boottime_ns = np.arange(10) * SECOND_NS
    kept.take(batch_of(1, second_by_second(0, 10), boottime_ns=boottime_ns, clock=UNSYNCHRONISED))
    kept.take(**offset(3, UTC_S + 600))
    kept.make()
    kept.take(**offset(2, UTC_S))  # healed
    kept.make()
    assert utc(kept) == [(UTC_S + 600, "repaired")]
    kept.take(**offset(4, UTC_S + 1200))
    kept.make()
    assert utc(kept) == [(UTC_S + 1200, "repaired")]


def test_two_schemas_within_a_minute_are_two_rows(kept: Kept) -> None:
    other, body = encode_schema(described("cell_temperature", "soc", scale=-2.0))
    narrow = batch_of(2, second_by_second(UTC_S + 10, 10), schema=other)
    narrow = replace(narrow, raw=narrow.raw[:, :2], quality=narrow.quality[:, :2])
    kept.take(batch_of(1, second_by_second(UTC_S, 10)), narrow, schemas={SCHEMA: SCHEMA_BODY, other: body})
    kept.make()
    found = {one.schema: one for one in kept.minutes()}
    assert set(found) == {SCHEMA, other}
    arrays = found[other].arrays
    assert arrays is not None
    assert arrays.mean.tolist() == [6 * -2.0 + 1.0] * 2
    assert found[SCHEMA].data_s == found[other].data_s == 10
    assert {hour.schema for hour in kept.hours()} == {SCHEMA, other}


def test_a_schema_that_comes_late_makes_its_minutes_readable(kept: Kept) -> None:
    kept.take(batch_of(1, second_by_second(UTC_S, 10)), schemas={})
    kept.make()
    (unread,) = kept.minutes()
    assert (unread.arrays, unread.data_s, unread.safety_s) == (None, 10, None)
    kept.take(schemas={SCHEMA: SCHEMA_BODY})
    kept.make()
    (read,) = kept.minutes()
    assert read.arrays is not None
    assert read.safety_s == 10
    assert kept.hours()[0].safety_s == 10


class Killed(Exception):
    """The process ended."""


def test_a_job_that_is_killed_anywhere_goes_on_when_it_is_run_again(kept: Kept, tmp_path: Path) -> None:
    boottime_ns = np.arange(10) * SECOND_NS
    for i in range(1, 6):
        kept.take(batch_of(i, second_by_second(UTC_S + 50 * i, 50)))
    kept.take(batch_of(6, second_by_second(0, 10), boottime_ns=boottime_ns, clock=UNSYNCHRONISED))
    kept.take(**offset(7, UTC_S + 3600))
    write, ends = kept.job._write, 0

    def die(work: object) -> None:
        raise Killed

    while True:
        kept.job._write = die  # before it is kept, and
        with pytest.raises(Killed):
            kept.job.run(AT_ONCE)
        kept.job._write = write  # by another that is started
        ends += 1
        if not kept.job.run(AT_ONCE) or ends > 50:
            break
        if not kept.archive.due(60, range(0), 1) and not kept.archive.due(3600, range(0), 1):
            break
    assert ends > 2
    assert [one.frames for one in kept.minutes()] == [10, 60, 60, 60, 60, 10]
    assert sum(hour.frames for hour in kept.hours()) == 260


def test_what_comes_while_figures_are_made_is_made_again(kept: Kept) -> None:
    kept.take(batch_of(1, second_by_second(UTC_S, 10)))
    write = kept.job._write

    def late(work: Any) -> None:
        kept.job._write = write
        kept.take(batch_of(2, second_by_second(UTC_S + 10, 10)))
        write(work)

    kept.job._write = late
    kept.make()
    assert [one.frames for one in kept.minutes()] == [20]
    assert [one.frames for one in kept.hours()] == [20]


def test_a_minute_is_not_made_before_it_has_settled_but_for_a_clock_that_went_back(kept: Kept) -> None:
    kept.take(batch_of(1, second_by_second(UTC_S, 10)))
    now_ns = kept.now_ns
    for after_s, made in ((0, False), (89, False), (90, True)):
        kept.now_ns = now_ns + after_s * SECOND_NS
        assert kept.job.run() == made, after_s
    kept.now_ns = now_ns
    kept.take(batch_of(2, second_by_second(UTC_S + 60, 10)))
    kept.now_ns = now_ns - YEARS_S * SECOND_NS
    assert kept.job.run()


def test_an_archive_of_an_earlier_version_gets_its_figures(kept: Kept) -> None:
    boottime_ns = np.arange(10) * SECOND_NS
    for i in range(1, 4):
        kept.take(batch_of(i, second_by_second(UTC_S + 10 * i, 10)))
    kept.take(batch_of(4, second_by_second(0, 10), boottime_ns=boottime_ns, clock=UNSYNCHRONISED))
    kept.take(**offset(5, UTC_S))
    kept.sink.close()
    kept.archive.close()
    _as_before(kept.place)
    kept = Kept(kept.place)
    kept.make()
    assert [one.frames for one in kept.minutes()] == [40]
    assert kept.make() == 0
    kept.close()


def _as_before(place: Place) -> None:
    """Take the tables and views of figures, and the migration that made them, out of a database."""
    statements = {"sqlite": ";".join(sqlite.FIGURES), "postgresql": postgres.FIGURES}[place.scheme]
    found = re.findall(r"^\s*CREATE (TABLE|VIEW) (\w+)", statements.replace(";", "\n"), re.MULTILINE)
    for kind, name in reversed(found):
        place.say(f"DROP {kind} {name}")
    place.say(
        {
            "sqlite": "DELETE FROM _sqlite_migrations WHERE name = 'm006_figures'",
            "postgresql": "DELETE FROM cellwarden_migration WHERE name = 'figures'",
        }[place.scheme]
    )


def test_a_damaged_batch_is_told_and_left_out(kept: Kept) -> None:
    kept.take(batch_of(1, second_by_second(UTC_S, 10)))
    kept.take(batch_of(2, second_by_second(UTC_S + 10, 10)))
    kept.place.say(
        {
            "sqlite": "UPDATE batch SET blob = x'00' WHERE sequence = 1",
            "postgresql": "UPDATE batch_body SET blob = '\\x00' WHERE sequence = 1",
        }[kept.place.scheme]
    )
    kept.make()
    assert [one.frames for one in kept.minutes()] == [10]
    assert f"{AGENT} epoch {EPOCH.hex()} batch 1 is damaged" in kept.told[0]


def figures(kept: Kept, *options: str) -> tuple[int, dict[str, Any]]:
    ran = CliRunner().invoke(main, ["figures", "--json", *options, "--sink", kept.text])
    return ran.exit_code, json.loads(ran.stdout)


def test_figures_are_compared_with_what_frames_come_to(kept: Kept) -> None:
    for i in range(1, 4):
        kept.take(batch_of(i, second_by_second(UTC_S + 30 * i, 30)))
    assert figures(kept) == (0, {"minutes": 0, "hours": 0, "waiting": 2, "final": 0, "wrong": []})
    kept.make()
    assert figures(kept) == (0, {"minutes": 2, "hours": 1, "waiting": 0, "final": 0, "wrong": []})
    kept.take(batch_of(4, second_by_second(UTC_S + 180, 30)))
    kept.place.say(f"UPDATE minute SET frames = 31 WHERE utc_s = {UTC_S}")
    wrong = [
        {"agent": AGENT, "unit": UNIT, "utc_ns": utc_s * SECOND_NS, "span_s": span_s}
        for utc_s, span_s in ((UTC_S, 60), (UTC_S // 3600 * 3600, 3600))
    ]
    assert figures(kept) == (1, {"minutes": 2, "hours": 1, "waiting": 1, "final": 0, "wrong": wrong})
    assert figures(kept, "--unit", "another") == (0, {**dict.fromkeys(NUMBERS, 0), "wrong": []})
    kept.make()
    kept.place.say(f"DELETE FROM {HELD[kept.place.scheme]} WHERE sequence = 4")
    kept.place.say(f"DELETE FROM minute WHERE utc_s = {UTC_S + 60}")
    exit_code, said = figures(kept, "--from", "2026-01-01")
    assert (exit_code, said["final"]) == (1, 1)
    assert {one["utc_ns"] for one in said["wrong"]} >= {(UTC_S + 60) * SECOND_NS}


HELD = {"sqlite": "batch", "postgresql": "batch_key"}
NUMBERS = ("minutes", "hours", "waiting", "final")


@pytest.mark.parametrize("place", ["postgresql"], indirect=True)
def test_of_two_processes_one_makes_figures_and_what_is_stale_is_not_kept(kept: Kept) -> None:
    other = Kept(kept.place)
    assert (kept.sink.makes_figures(), other.sink.makes_figures()) == (True, False)
    kept.take(batch_of(1, second_by_second(UTC_S, 10)))
    write = other.job._write

    def overtaken(work: Any) -> None:
        kept.make()
        kept.now_ns += 1
        kept.take(batch_of(2, second_by_second(UTC_S + 10, 10)))
        kept.make()
        write(work)

    other.job._write = overtaken
    other.job.run(AT_ONCE)
    assert [one.frames for one in kept.minutes()] == [20]
    kept.sink.close()
    assert other.sink.makes_figures()
    other.close()
