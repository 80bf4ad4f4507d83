"""Questions of figures: what each answers of a story, the same from both databases."""

import csv
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from agent.quality import Quality
from collector.export.blocks import Wanted
from collector.export.figures import figures
from collector.export.files import export
from collector.questions.ask import ask
from collector.questions.table import QUESTIONS
from tests.collector.figures.frames import SECOND_NS, UNIT, Frame, Kept, batch_of, second_by_second
from tests.collector.places import Place

HOUR_S = int(datetime(2026, 9, 30, 22, tzinfo=UTC).timestamp())
NOW_NS = (HOUR_S + 4 * 3600 + 900) * SECOND_NS
LOST = (int(Quality.GOOD), int(Quality.GOOD), int(Quality.NO_REPLY), int(Quality.GOOD))


@pytest.fixture
def kept(place: Place) -> Iterator[Kept]:
    """Four hours of a unit: an hour whole; ten minutes of no temperature; an hour of nothing; one minute."""
    kept = Kept(place)
    kept.now_ns = NOW_NS
    for minute in (*range(60), *range(60, 120), 230):
        at_s = HOUR_S + 60 * minute
        frames = second_by_second(at_s, 2, raw=minute)
        if 70 <= minute < 80:
            frames = [Frame(at_s * SECOND_NS, (6, 6, 0, 6), LOST)]
        if minute == 90:
            frames = [Frame(at_s * SECOND_NS, (6, 16, 240, 6), (0, 0, 0, 0))]
        kept.take(batch_of(minute + 1, frames))
    kept.make()
    yield kept
    kept.close()


def answer(kept: Kept, name: str, **asked: Any) -> list[dict[str, Any]]:
    rows = ask(kept.archive, QUESTIONS[name], asked, NOW_NS)
    json.dumps(rows)
    return rows


def test_the_hottest_and_the_widest_are_told_with_where_and_when(kept: Kept) -> None:
    (hot,) = answer(kept, "hottest")
    at_ns = (HOUR_S + 90 * 60) * SECOND_NS
    assert (hot["unit"], hot["place"], hot["hottest"]) == (UNIT, "cell2", 121.0)
    assert hot["hottest_utc_ns"] == at_ns
    (wide,) = answer(kept, "spread")
    assert (wide["spread"], wide["spread_utc_ns"]) == (5.0, at_ns)
    (before,) = answer(kept, "hottest", from_ns=(HOUR_S + 3 * 3600) * SECOND_NS)
    assert before["hottest"] == 230 * 0.5 + 1
    assert answer(kept, "hottest", unit="another") == []


def test_one_place_is_told_by_minutes_or_by_hours(kept: Kept) -> None:
    rows = answer(kept, "point", unit=UNIT, place="cell1")
    assert len(rows) == 121
    assert [rows[90][name] for name in ("name", "min", "max", "mean", "last", "good_s")] == [
        *("cell_voltage", 9.0, 9.0, 9.0, 9.0, 1)
    ]
    hours = answer(kept, "point", unit=UNIT, place="cell1", from_ns=NOW_NS - 9 * 86_400 * SECOND_NS)
    assert [row["max"] for row in hours] == [30.5, 60.5, 116.0]
    lost = answer(kept, "point", unit=UNIT, place="cell2")[75]
    assert (lost["mean"], lost["good_s"]) == (None, 0)
    with pytest.raises(ValueError, match="point needs to know of which place"):
        answer(kept, "point", unit=UNIT)


def test_who_was_blind_is_told_by_spans(kept: Kept) -> None:
    spans = [
        (
            (row["begin_utc_ns"] // SECOND_NS - HOUR_S) // 60,
            row["end_utc_ns"] and row["minutes"],
            row["minutes"],
        )
        for row in answer(kept, "blind")
    ]
    assert spans == [(70, 10, 10), (120, 110, 110), (231, None, 9)]
    assert {row["unit_minutes"] for row in answer(kept, "blind")} == {129}
    later = answer(kept, "blind", from_ns=(HOUR_S + 2 * 3600) * SECOND_NS)
    assert [row["minutes"] for row in later] == [110, 9]


def test_months_have_shares_of_minutes_with_data(kept: Kept) -> None:
    rows = [(row["month"], row["data_minutes"], row["minutes"]) for row in answer(kept, "connected")]
    assert rows == [("2026-10", 1, 120), ("2026-09", 120, 120)]


def test_units_of_one_type_stand_side_by_side_and_the_outlier_is_named(kept: Kept) -> None:
    for number in range(8):
        frames = [
            Frame(HOUR_S * SECOND_NS, (6, 6 + (40 if number == 5 else 2 + number % 3), 50, 6), (0, 0, 0, 0))
        ]
        kept.take(batch_of(1000 + number, frames, unit=f"rack{number}"))
    kept.make()
    rows = answer(kept, "peers")
    assert (rows[0]["unit"], rows[0]["outlier"], rows[0]["spread_rank"], rows[0]["n"]) == (
        *("rack5", "spread", 1, 9),
    )
    assert [row["outlier"] for row in rows[1:] if row["unit"] != UNIT] == [""] * 7


def test_figures_are_exported_as_they_are_held(kept: Kept, tmp_path: Path) -> None:
    point = Wanted(name="cell_*", place="cell1")
    for every, spans in (("1m", 121), ("1h", 3)):
        table = figures(kept.archive, point, every)
        assert export(table, "csv", tmp_path / f"{every}.csv") == spans
        assert export(table, "parquet", tmp_path / f"{every}.parquet") == spans
        rows = list(csv.DictReader((tmp_path / f"{every}.csv").open()))
        same = pq.read_table(tmp_path / f"{every}.parquet").to_pylist()
        assert [float(row["mean"] or "nan") for row in rows] == pytest.approx(
            [row["mean"] for row in same], nan_ok=True
        )
    assert [rows[0][name] for name in ("unit", "utc", "clock", "place", "name", "max", "si_unit")] == [
        *(UNIT, "2026-09-30T22:00:00.000Z", "synchronised", "cell1", "cell_voltage", "30.5", "V")
    ]
    lost = figures(kept.archive, Wanted(place="cell2", from_ns=(HOUR_S + 75 * 60) * SECOND_NS), "1m")
    first = next(lost.rows())
    assert first[6:] == ("", "", "", "", "V", 0)
    assert next(lost.parts())["good_s"][0] == 0
