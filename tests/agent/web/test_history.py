"""The history of a point, out of a real buffer: broken at gaps, thinned where there is much."""

import time
from pathlib import Path

import aiohttp
import numpy as np
import pytest

from agent.clock import Stamp
from agent.frame import Frame
from agent.quality import Quality
from agent.store.open_batch import OpenBatch
from agent.store.store import Store
from agent.store.upstream import MAIN
from agent.web.history import MOST_BATCHES, read
from agent.web.plot import plot, stretches, ticks
from agent.wire.schema import encode_schema
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
    (cell,) = read(path, "rack-1", "string2/cell17", "", now_s - 600, now_s)
    runs, gaps = stretches(cell.t_s, cell.value, now_s - 600, now_s)
    assert len(runs) == 2
    assert [round(b - a) for a, b in gaps] == [102]
    assert np.nanmin(cell.value) == pytest.approx(3.2)
    (soc,) = read(path, "rack-1", "", "soc", now_s - 600, now_s)
    assert len(soc.value) == 60
    assert len(stretches(soc.t_s, soc.value, now_s - 600, now_s)[0]) == 1


def test_a_pause_of_the_agent_is_a_gap_too_and_so_is_what_was_never_read() -> None:
    t_s = np.concatenate([np.arange(100.0, 200.0, 2.0), np.arange(400.0, 500.0, 2.0)])
    _, gaps = stretches(t_s, np.ones(100), 0.0, 600.0)
    assert gaps == [(0.0, 100.0), (198.0, 400.0), (498.0, 600.0)]
    drawn = plot(t_s, np.ones(100), 0.0, 600.0, "V", None)
    assert drawn.count('class="gap"') == 3
    assert drawn.count("<polyline") == 2
    assert stretches(t_s, np.full(100, np.nan), 0.0, 600.0) == ([], [(0.0, 600.0)])


def test_of_a_long_stretch_every_nth_batch_is_drawn_and_that_is_said(tmp_path: Path) -> None:
    now_s = time.time()
    (cell,) = read(
        buffer(tmp_path / "buffer.db", 2 * MOST_BATCHES, frames=2), "rack-1", "string2/cell17", "", 0, now_s
    )
    assert (cell.taken, cell.there) == (MOST_BATCHES, 2 * MOST_BATCHES)
    runs, _ = stretches(cell.t_s, cell.value, cell.t_s[0], now_s)
    assert len(runs) == 1  # what was left out on purpose is no gap


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
        for wrong in ("span=x", "end=nan", "end=1e300", "at=-5"):
            async with session.get(f"{room.url}history?{where}&{wrong}") as refused:
                assert refused.status == 400
    await room.stop()
    assert len(lines) == 151
    assert lines[1].endswith("cell_voltage,string2/cell17,3.2,V")
    assert sum(line.split(",")[3] == "" for line in lines) == 10


async def test_a_buffer_that_cannot_be_read_harms_only_the_history(room: Room) -> None:
    async with aiohttp.ClientSession() as session:
        async with session.get(f"{room.url}history?u=rack-1&place=") as answer:
            assert answer.status == 503
        async with session.get(room.url) as page:
            assert page.status == 200
