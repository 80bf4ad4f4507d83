"""The history of a point, out of a real buffer: broken at gaps, thinned where there is much."""

import io
import re
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np
import pyarrow.parquet as pq
import pytest

from agent.clock import Stamp
from agent.frame import Frame
from agent.quality import Quality
from agent.store.open_batch import OpenBatch
from agent.store.store import Store
from agent.store.upstream import MAIN
from agent.web.ahead import first_of
from agent.web.history import MOST_BATCHES, Mark, Series, read
from agent.web.plot import plot, ticks
from agent.web.trace import as_plain, stretches, trace
from agent.wire.schema import encode_schema
from tests.agent.web.buffers import buffer as sagging_buffer
from tests.agent.web.buffers import sagging
from tests.agent.web.conftest import Room

DESCRIPTION = {
    "profile": "p",
    "name": ["cell_voltage", "soc"],
    "place": ["string2/cell17", ""],
    "unit": ["V", "%"],
    "quantity": ["cell_voltage", "soc"],
    "poll": ["safety", "state"],
    "reading": [0, 0],
    "width": [1, 1],
    "scale": [0.001, 1.0],
    "raw_offset": [0, 0],
    "offset": [0.0, 0.0],
}
ALARM = """INSERT INTO alarm (boottime_ns, utc_ns, boot_id, unit, location, detector, severity, state, text)
    VALUES (0, ?, x'00', 'rack-1', ?, 'blind', 'critical', 'NEW', ?)"""
DIGEST, BODY = encode_schema(DESCRIPTION)


def buffer(path: Path, batches: int, frames: int = 5, period_s: float = 2.0, hole: range = range(0)) -> Path:
    """A buffer whose last frame is from now; the cell does not answer in the batches of `hole`."""
    store = Store(path, "agent-1", b"b" * 16, [MAIN], lambda *_: pytest.fail("alarm"))
    store.add_schema(DIGEST, BODY)
    begin_s = time.time() - batches * frames * period_s
    found = []
    for b in range(batches):
        frames_ = [_frame(b, f, begin_s + (b * frames + f) * period_s, b in hole) for f in range(frames)]
        batch = OpenBatch(frames_[0])
        batch.frames += frames_[1:]
        found.append(batch)
    store.seal(found, [])
    store.close()
    return path


def _frame(b: int, f: int, utc_s: float, lost: bool) -> Frame:
    quality = [Quality.NO_REPLY if lost else Quality.GOOD, Quality.STALE if f else Quality.GOOD]
    raw = [0 if lost else 3200 + b % 7, 81]
    stamp = Stamp(round(utc_s * 1e9), round(utc_s * 1e9), True)
    return Frame("rack-1", "rack-1", DIGEST, stamp, np.array(raw, np.int64), np.array(quality, np.uint8))


def test_what_was_not_read_is_a_gap_and_what_rests_between_its_turns_is_none(tmp_path: Path) -> None:
    now_s = time.time()
    path = buffer(tmp_path / "buffer.db", 60, hole=range(20, 30))
    (cell,) = read(path, "rack-1", "string2/cell17", "", now_s - 600, now_s).series
    runs, gaps = stretches(cell.t_s, cell.value, now_s - 600, now_s)
    assert len(runs) == 2
    assert [round(b - a) for a, b in gaps] == [102]
    assert np.nanmin(cell.value) == pytest.approx(3.2)
    (soc,) = read(path, "rack-1", "", "soc", now_s - 600, now_s).series
    assert len(soc.value) == 60
    assert len(stretches(soc.t_s, soc.value, now_s - 600, now_s)[0]) == 1


def test_a_pause_of_the_agent_is_a_gap_too_and_so_is_what_was_never_read() -> None:
    t_s = np.concatenate([np.arange(100.0, 200.0, 2.0), np.arange(400.0, 500.0, 2.0)])
    _, gaps = stretches(t_s, np.ones(100), 0.0, 600.0)
    assert gaps == [(0.0, 100.0), (198.0, 400.0), (498.0, 600.0)]
    drawn = plot(trace(series(t_s, np.ones(100)), [], 0.0, 600.0), None)
    assert drawn.count('class="gap"') == 3
    assert drawn.count("<polyline") == 2
    assert stretches(t_s, np.full(100, np.nan), 0.0, 600.0) == ([], [(0.0, 600.0)])


def test_of_a_long_stretch_every_nth_batch_is_drawn_and_that_is_said(tmp_path: Path) -> None:
    now_s = time.time()
    path = buffer(tmp_path / "buffer.db", 2 * MOST_BATCHES, frames=2)
    (cell,) = read(path, "rack-1", "string2/cell17", "", 0, now_s).series
    assert (cell.taken, cell.there) == (MOST_BATCHES, 2 * MOST_BATCHES)
    runs, _ = stretches(cell.t_s, cell.value, cell.t_s[0], now_s)
    assert len(runs) == 1  # what was left out on purpose is no gap


def series(t_s: np.ndarray, value: np.ndarray, spread: float = np.nan, **more: Any) -> Series:
    around = (value - spread, value, value + spread)
    return Series("cell_voltage", "string1/cell3", "cell_voltage", "V", t_s, value, 1, 1, *around, **more)


def test_of_much_the_lowest_and_highest_are_drawn_so_that_no_peak_is_lost() -> None:
    t_s, value = np.arange(86400.0), np.full(86400, 3.3)
    value[50000], value[70000] = 3.4, 3.1
    told = as_plain(trace(series(t_s, value), [], 0.0, 86400.0), None)
    assert len(told["t"]) <= 600
    assert (max(told["value"]), min(told["value"])) == (3.4, 3.1)
    assert told["low"] == [None] * len(told["t"])  # a cell without siblings


def test_between_two_runs_a_script_joins_nothing_and_knows_when_alarms_were_raised() -> None:
    t_s = np.array([0.0, 1.0, 2.0, 60.0, 61.0])
    told = as_plain(trace(series(t_s, t_s, 0.5), [Mark(61.0, 1, "hot")], 0.0, 61.0), None)
    assert told["t"] == [0.0, 1.0, 2.0, 31.0, 60.0, 61.0]
    assert told["value"] == [0.0, 1.0, 2.0, None, 60.0, 61.0]
    assert told["high"][3] is None
    assert (told["gaps"], told["marks"]) == ([[2.0, 60.0]], [[61.0, 1, "hot"]])


def test_a_limit_is_drawn_where_it_is_near_and_else_said() -> None:
    value, limits = np.linspace(3.30, 3.40, 50), (("safety", 2.5, 3.45), ("operating", 2.0, 4.5))
    drawn = trace(series(np.arange(50.0), value, limits=limits), [], 0.0, 50.0)
    assert drawn.limits == [("safety", 3.45)]
    picture = plot(drawn, None)
    assert "safety limit 3.45" in picture
    assert "Not drawn, for it is far: operating limit 2 to 4.5 V." in picture


def test_a_cell_is_shown_beside_its_siblings_and_the_alarms_of_its_place(tmp_path: Path) -> None:
    path = tmp_path / "buffer.db"
    begin_s = sagging_buffer(path, sagging, 120)
    with closing(sqlite3.connect(path)) as db, db:
        for where in ("string1/cell3", "string1", "string1/cell4", ""):
            at_ns = int((begin_s + 60.0) * 1e9)
            db.execute(ALARM, [at_ns, where, f"at {where}"])
    found = read(path, "rack-1", "string1/cell3", "", begin_s, begin_s + 240.0)
    (cell,) = found.series
    assert cell.siblings == 5
    assert (cell.low[0], cell.middle[0], cell.high[0]) == pytest.approx((3.299, 3.3, 3.301))
    assert [mark.text for mark in found.marks] == [
        "blind: at string1/cell3",
        "blind: at string1",
        "blind: at ",
    ]
    assert not read(path, "rack-1", "string1/cell3", "", begin_s + 61.0, begin_s + 240.0).marks


ROW = {
    "ahead": {
        "utc_s": 600.0,
        "value": 48.0,
        "to_degc": 80.0,
        "in_s": 300.0,
        "soonest_s": 240.0,
        "latest_s": None,
    },
    "until": "to 80 °C, about 21:15 (21:14 at the soonest)",
}


def test_the_forecast_is_drawn_behind_the_last_value_and_no_wider_than_what_was() -> None:
    ahead = first_of([{}, ROW], "degC", 0.0, 600.0)
    assert ahead is not None
    assert (ahead.likely_s, ahead.soonest_s, ahead.end_s(0.0)) == (900.0, 840.0, 1200.0)
    t_s = np.arange(600.0)
    drawn = trace(series(t_s, 30.0 + t_s * 0.03), [], 0.0, 600.0, ahead)
    html = plot(drawn, None)
    x, y = (float(n) for n in re.search(r'class="fc" d="M([\d.]+) ([\d.]+)L', html).groups())
    assert x == pytest.approx(426.0)  # in the middle: as much is drawn behind it as before
    assert y == pytest.approx(143.5)  # 32 of 50 K below 80 °C, with a margin above it
    assert html.count('class="band"') == 1
    assert "if it heats on so, to 80 °C, about 21:15 (21:14 at the soonest)." in html
    told = as_plain(drawn, None)
    assert (told["end"], told["ahead"][:3], told["ahead"][4:]) == (
        1200.0,
        [600.0, 840.0, 900.0],
        [48.0, 80.0],
    )


@pytest.mark.parametrize("changed", [("V", 0.0, 600.0), ("degC", 601.0, 700.0), ("degC", 0.0, 500.0)])
def test_no_forecast_is_drawn_of_another_time_or_quantity(changed: tuple[str, float, float]) -> None:
    assert first_of([ROW], *changed) is None
    assert as_plain(trace(series(np.arange(9.0), np.ones(9)), [], 0.0, 9.0), None)["ahead"] is None


def test_times_along_the_axis_are_round() -> None:
    said = [text for _, text in ticks(1_795_576_984.0, 1_795_576_984.0 + 3600, None)]
    assert 4 <= len(said) <= 7
    assert all(text.endswith(("0", "5")) for text in said)


async def test_the_page_draws_zooms_and_gives_csv(tmp_path: Path) -> None:
    room = Room(buffer(tmp_path / "buffer.db", 30, hole=range(10, 12)))
    await room.start()
    where = "u=rack-1&place=string2/cell17&q=cell_voltage"
    async with aiohttp.ClientSession() as session:
        async with session.get(f"{room.url}history?{where}&span=600") as page:
            text = await page.text()
        assert "<polyline" in text
        assert 'class="gap"' in text
        assert "span=86400" in text
        async with session.get(f"{room.url}history.csv?{where}&span=600") as answer:
            lines = (await answer.text()).splitlines()
        async with session.get(f"{room.url}history?u=rack-1&place=nowhere") as nothing:
            assert "The buffer has no values of this place in this time." in await nothing.text()
        async with session.get(f"{room.url}history?u=rack-1") as hottest:
            assert "<title>History of rack-1 string 4 sensor 1<" in await hottest.text()
        when = {"from": "2026-12-02T03:00:00", "to": "2026-12-02T03:10:00"}
        async with session.get(f"{room.url}history?{where}", params=when) as chosen:
            assert 'name="from" step="1" value="2026-12-02T03:00:00"' in await chosen.text()
        async with session.get(f"{room.url}history.parquet?{where}&span=600") as answer:
            table = pq.read_table(io.BytesIO(await answer.read()))
        for wrong in (
            "span=x",
            "end=nan",
            "end=1e300",
            "at=-5",
            "from=x&to=y",
            "from=0001-01-01&to=9999-12-31",
        ):
            async with session.get(f"{room.url}history?{where}&{wrong}") as refused:
                assert refused.status == 400
    await room.stop()
    assert len(lines) == 151
    assert lines[1].endswith("cell_voltage,string2/cell17,3.2,V")
    assert sum(line.split(",")[3] == "" for line in lines) == 10
    assert (table.num_rows, table["value"].null_count) == (150, 10)


async def test_a_buffer_that_cannot_be_read_harms_only_the_history(room: Room) -> None:
    async with aiohttp.ClientSession() as session:
        async with session.get(f"{room.url}history?u=rack-1&place=") as answer:
            assert answer.status == 503
        async with session.get(room.url) as page:
            assert page.status == 200
