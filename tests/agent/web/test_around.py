"""The figure inside an alarm: out of a real buffer, measured against expected, no more than is known."""

import asyncio
import contextlib
import json
import re
import sqlite3
import time
from pathlib import Path

import aiohttp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.web import plot_around
from agent.web.around import BINS, Around, members, read, thin
from agent.web.plots import MOST
from agent.wire.schema import encode_schema
from tests.agent.view.sites import alarm
from tests.agent.web.buffers import FRAMES, ONSET, buffer, cells_in_alarm, description, sagging
from tests.agent.web.conftest import Room
from tests.agent.web.test_page import BUDGET_BYTES, get, messages

CELL = ("rack-1", "string1/cell3", "cell_voltage")


def lost(f: int) -> list[int | None] | None:
    """The same, without an answer for two minutes, and one value missing here and there."""
    if 300 <= f < 360:
        return None
    return [None] * 10 if 400 <= f < 420 or f % 50 == 7 else sagging(f)


def around(path: Path, raw=sagging, asked: tuple[str, str, str] = CELL, **more) -> Around:
    begin_s = buffer(path, raw, FRAMES)
    found = read(path, *asked, begin_s + 2.0 * ONSET, time.time(), **more)
    assert found is not None
    return found


def test_a_cell_is_drawn_beside_what_its_siblings_lead_to_expect(tmp_path: Path) -> None:
    cell = around(tmp_path / "buffer.db", usual=-0.002)
    assert (cell.alone, cell.members, cell.unit) == (True, 5, "V")
    np.testing.assert_allclose(cell.expected, 3.298, atol=1.01e-3)
    np.testing.assert_allclose((cell.low.min(), cell.high.max()), (3.299, 3.301))
    onset_s = cell.begin_s + 2.0 * ONSET
    np.testing.assert_allclose(cell.own[cell.t_s < onset_s - 30], 3.301)
    np.testing.assert_allclose(cell.own[cell.t_s > onset_s + 30], 3.276)
    assert cell.t_s.size <= 2 * BINS + 2
    assert set(cell.stretch) == {0}


def test_what_was_not_known_is_hatched_to_the_second_and_a_single_lost_reading_is_not(tmp_path: Path) -> None:
    cell = around(tmp_path / "buffer.db", lost)
    gaps = [(a - cell.begin_s, b - cell.begin_s) for a, b in plot_around._gaps(cell)]
    np.testing.assert_allclose(gaps, [(598, 720), (798, 840)], atol=0.1)


def test_an_alarm_of_a_group_shows_its_middle_and_its_range(tmp_path: Path) -> None:
    group = around(tmp_path / "buffer.db", asked=("rack-1", "string1", "cell_temperature"))
    assert (group.alone, group.members) == (False, 4)
    assert np.isnan(group.expected).all()
    np.testing.assert_allclose((group.own[-1], group.high[-1]), (25.05, 54.9))


def test_what_a_unit_reports_by_bits_is_not_drawn_its_other_words_are_no_siblings(tmp_path: Path) -> None:
    path = tmp_path / "buffer.db"
    raised_s = buffer(path, sagging, FRAMES) + 2.0 * ONSET
    assert read(path, "rack-1", "", "alarm_bits", raised_s, time.time()) is None


def test_siblings_are_those_of_the_string_where_it_has_enough_of_them() -> None:
    said = description(6, 2)
    places, quantities = said["place"], said["quantity"]
    assert members(places, quantities, "string1/cell3", "cell_voltage") == ([2, 0, 1, 3, 4, 5], True)
    others = ["string2/cell1", "string2/cell2"]
    found = members([*places, *others], [*quantities, *["cell_voltage"] * 2], "string2/cell2", "cell_voltage")
    assert found == ([11, 0, 1, 2, 3, 4, 5, 10], True)
    assert members(places, quantities, "", "cell_temperature") == ([6, 7], False)
    assert members(places, quantities, "string1/cell3", "soc") == ([], False)


def test_a_spike_of_one_reading_survives_the_thinning() -> None:
    t_s = np.arange(0.0, 3600.0, 1.0)
    own = np.full(3600, 3.3)
    own[1234] = 3.1
    rows, stretch = thin(t_s, own, 0.0, 3600.0, 0)
    assert 1234 in rows
    assert rows.size <= 2 * BINS + 2
    assert not stretch.any()


def test_the_drawing_says_in_words_what_it_shows(tmp_path: Path) -> None:
    cell = around(tmp_path / "buffer.db", lost)
    raised_s = cell.begin_s + 2.0 * ONSET
    row = {**alarm("string1/cell3"), "raised_utc_s": raised_s, "limit_value": 12.0}
    text = plot_around.figure(row, cell, None)
    said = re.sub(r"\d\d:\d\d:\d\d", "T", plot_around.caption(row, cell, None))
    assert said == (
        "String 1 cell 3, V: 3.301 at T, 3.276 when raised, 3.276 at T. "
        "Dashed: expected from 5 siblings, 3.300 when raised. Grey: their range. Hatched: not known."
    )
    assert said.split(":")[0] in text
    assert (text.count('class="ln"'), text.count('class="ex"'), text.count('class="gap"')) == (3, 3, 2)
    x = int(re.search(r'class="at" d="M(\d+)', text)[1])
    assert x == pytest.approx(plot_around.WIDTH * ONSET / FRAMES, abs=2)
    assert len(text) < 3500


def test_a_forecast_is_a_line_and_a_band_behind_the_hour_and_said_in_words(tmp_path: Path) -> None:
    asked = ("rack-1", "string1/sensor1", "cell_temperature")
    sensor = around(tmp_path / "buffer.db", asked=asked)
    ahead = {"value": float(sensor.own[-1]), "to_degc": 80.0, "slope_k_per_s": 0.05}
    ahead |= {"utc_s": sensor.end_s, "in_s": 600.0, "soonest_s": 500.0, "latest_s": 800.0}
    row = {**alarm(asked[1]), "raised_utc_s": sensor.begin_s + 2.0 * ONSET, "limit_value": 0.5}
    row |= {"quantity": asked[2], "value_unit": "K/min", "ahead": ahead, "until": "to 80 °C, about 21:15"}
    text = plot_around.figure(row, sensor, None)
    begin, to = (int(x) for x in re.search(r'class="fc" d="M(\d+) \d+L(\d+) ', text).groups())
    band = [int(x) for x in re.search(r'class="band" d="M(\d+) \d+L(\d+) \d+H(\d+)z', text).groups()]
    assert begin < band[1] < to < band[2] == plot_around.WIDTH
    assert (band[2] - begin) / (to - begin) == pytest.approx(800 / 600, abs=0.02)
    assert "Red, from now on: if it heats on so, to 80 °C, about 21:15." in text
    assert ">80 °C</text>" in text
    later = plot_around.figure({**row, "ahead": {**ahead, "utc_s": sensor.end_s + 61.0}}, sensor, None)
    assert 'class="fc"' not in later


@given(st.lists(st.integers(0, 240), min_size=1, max_size=80), st.integers(1, 9))
def test_a_line_leaves_out_only_what_nobody_would_see(heights: list[int], step: int) -> None:
    x, y = step * np.arange(len(heights)), np.array(heights)
    kept = plot_around.corners(x, y)
    assert {0, len(heights) - 1} <= set(kept)
    assert np.abs(np.interp(x, x[kept], y[kept]) - y).max() <= plot_around.FLAT
    back = plot_around.corners(x[::-1], y[::-1])
    assert np.abs(np.interp(x, x[::-1][back][::-1], y[::-1][back][::-1]) - y).max() <= plot_around.FLAT


def test_a_line_that_trembles_by_a_step_of_its_register_is_straight() -> None:
    y = 100 + np.arange(80) % 3
    assert plot_around.corners(np.arange(80), y) == [0, 79]


async def test_the_figure_is_inside_the_alarm_and_sent_again_only_when_it_was_drawn_again(
    sagging_room: Room,
) -> None:
    _, _, page = await get(sagging_room.url)
    drawn = r'(?s)<article class="al a2 new" id="a-(.+?)">.*?<figure class="around" id="p-(.+?)">'
    inside = re.search(drawn, page)
    assert inside is not None
    assert inside[1] == inside[2]
    assert "when raised" in page
    async with aiohttp.ClientSession() as session, session.get(sagging_room.url + "events") as response:
        (whole,) = await messages(response, 1)
        assert "<figcaption>" in whole["slots"]["al"]
        sagging_room.status["alarms"][0]["value"] = 19.0
        (change,) = await messages(response, 1)
    assert "19 mV" in change["slots"]["al"]
    assert "<figcaption>" not in change["slots"]["al"]
    assert " data-kept>" in change["slots"]["al"]
    assert len(json.dumps(change)) < 3000


async def test_of_many_alarms_the_first_have_figures_and_the_page_keeps_its_budget(
    sagging_room: Room,
) -> None:
    cells_in_alarm(sagging_room, 9)  # nine in ten minutes are no flood yet
    page = ""
    async with aiohttp.ClientSession() as session:
        with contextlib.suppress(TimeoutError):  # the picture is kept for a second, figures come one by one
            async with asyncio.timeout(20):
                while page.count("<figure") != 4:
                    async with session.get(sagging_room.url) as response:
                        page = await response.text()
                    await asyncio.sleep(0.1)
    assert page.count("<figure") == 4  # there are six cells
    assert len(page.encode()) < BUDGET_BYTES
    assert MOST * 3500 + 68_000 < BUDGET_BYTES


async def test_a_schema_that_lacks_something_costs_a_figure_and_not_the_page(
    sagging_room: Room, tmp_path: Path
) -> None:
    said = description(6, 4)
    del said["scale"]
    with sqlite3.connect(tmp_path / "buffer.db") as db:
        db.execute("UPDATE schema SET body = ?", [encode_schema(said)[1]])
    code, _, page = await get(sagging_room.url)
    assert code == 200
    assert "<figure" not in page
    assert "History around it" in page
