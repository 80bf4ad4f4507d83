"""What a frame says that cannot be believed (missing, refused, stale, frozen) is no evidence of anything: no
detector raises a word on it, and what the battery really does is heard once it can be believed again.
"""

from collections.abc import Callable
from functools import cache, partial

import numpy as np
import pytest

from agent.detect.alarms.states import AlarmEvent
from agent.detect.channels import Floats
from agent.detect.detectors import DETECTORS
from agent.detect.rows import JUDGING
from agent.detect.settings import Settings
from agent.detect.unit import UnitJudges
from agent.detect.watch import UnitDetectors
from agent.quality import Quality
from drivers.connect import assume
from drivers.layout import Layout
from drivers.profile.load import parse_profile
from tests.agent.detect.racks import feed, healthy, places, si_of, watch_of

BAD = [quality for quality in Quality if quality is not Quality.GOOD]
CELLS = SENSORS = 8
N, FAULT = 1800, 900

PROFILE = """
schema = 1
model = "beats"
topology = { modules = 1, cells = 8 }
[[point]]
name = "cell_voltage"
address = 100
count = 8
place = "cell"
scale = 0.001
unit = "V"
[[point]]
name = "cell_temperature"
address = 200
count = 8
place = "cell"
type = "i16"
scale = 0.1
unit = "degC"
[[point]]
name = "heartbeat"
address = 300
changes_within_s = 10
"""
LITHIUM, LEAD = Settings(), Settings(chemistry="VRLA")


def rises(k_per_s: float, *columns: int) -> Callable[[Floats], None]:
    """Return what lets sensors rise from FAULT on."""

    def fault(frames: Floats) -> None:
        rise = k_per_s * np.arange(N - FAULT)
        for c in columns or range(CELLS, CELLS + SENSORS):
            frames[FAULT:, c] = np.round(frames[FAULT:, c] + np.minimum(rise, 150.0), 1)

    return fault


def steps(volts: float) -> Callable[[Floats], None]:
    """Return what lets a cell sink at FAULT."""

    def fault(frames: Floats) -> None:
        frames[FAULT:, 3] -= volts

    return fault


FAULTS: dict[str, Callable[[Floats], None]] = {
    "last-resort": rises(1.5, CELLS + 3),
    "thermal-slope": rises(0.01, CELLS + 3),
    "thermal-rate": rises(0.15, CELLS + 3),
    "thermal-rest": rises(0.04, CELLS + 3),
    "thermal-onset": rises(0.1, CELLS + 3),
    "over-temperature": rises(0.5, CELLS + 3),
    "cooling": rises(0.02),
    "cell-imbalance": steps(0.03),
}
HEAT = {
    "last-resort", "thermal-slope", "thermal-rate", "thermal-rest", "thermal-onset", "over-temperature",
    "cooling",
}  # fmt: skip


@cache
def told(detector: str) -> Floats:
    frames = healthy(N, CELLS, SENSORS)
    FAULTS[detector](frames)
    return frames


@cache
def raised_at(detector: str) -> int:
    """In which frame a detector first speaks where every frame can be believed."""
    watch = watch_of(CELLS, SENSORS)
    for i, frame in enumerate(told(detector)):
        watch.judge(float(i), frame, np.zeros(CELLS + SENSORS, np.uint8))
        if watch.tiers(detector).any():
            return i
    raise AssertionError(detector)


@pytest.mark.parametrize("goes_on", [True, False], ids=["rises", "stands"])
@pytest.mark.parametrize("quality", BAD)
@pytest.mark.parametrize("detector", FAULTS)
def test_no_detector_raises_a_word_on_what_cannot_be_believed(
    detector: str, quality: Quality, goes_on: bool
) -> None:
    frames, watch = told(detector), watch_of(CELLS, SENSORS)
    last = raised_at(detector)
    feed(watch, frames[:last])
    said: list[AlarmEvent] = []
    for i in range(last, last + 150):
        shown = frames[i] if goes_on else frames[last]
        said += watch.judge(float(i), shown, np.full(CELLS + SENSORS, quality, np.uint8))
    assert {e.detector for e in said} <= {"blind", "no-measurement"}
    assert not watch.tiers(detector).any()
    feed(watch, frames[last + 150 : last + 500], t_s=last + 150.0)
    heat = [watch.tiers(name).any() for name in (HEAT if detector in HEAT else {detector})]
    assert any(heat)


@pytest.mark.parametrize("detector", sorted(set(JUDGING) - {"blind", "no-measurement"}))
@pytest.mark.parametrize("quality", BAD)
def test_a_score_of_earlier_frames_is_no_evidence_for_this_one(detector: str, quality: Quality) -> None:
    where, quantities, step = places(CELLS, SENSORS)
    more = ["current", "power", "ambient_temperature"]
    settings = LEAD if detector.startswith("vrla") else LITHIUM
    watch = UnitDetectors(
        [*where, "", "", ""], [*quantities, *more], np.array([*step, 0.1, 1.0, 0.1]), 10.0, settings
    )
    rest = np.array([1.0, 50.0, 24.0])
    frames = [np.concatenate([frame, rest]) for frame in healthy(400, CELLS, SENSORS)]
    feed(watch, frames)
    of = next(declared.judged for declared in DETECTORS if declared.name == detector)
    for i in range(400, 400 + 8000, 20):
        for judged in of:
            scores, column = judged.score.of(watch._banks)
            scores.reshape(len(scores), -1)[:, column] = 1e6
        found = watch.judge(float(i), frames[-1], np.full(len(frames[-1]), quality, np.uint8))
        assert {e.detector for e in found} <= {"blind", "no-measurement"}


def beating(seconds: int) -> tuple[Layout, np.ndarray]:
    """Return a layout with a heartbeat of 10 s, and raw frames of it at rest; it counts seconds."""
    layout = assume(parse_profile(PROFILE))
    raw = np.zeros((seconds, layout.n), np.int64)
    si = healthy(seconds, CELLS, SENSORS)
    raw[:, :CELLS] = np.rint(1000 * si[:, :CELLS])
    raw[:, CELLS : CELLS + SENSORS] = np.rint(10 * si[:, CELLS:])
    raw[:, -1] = np.arange(seconds)
    return layout, raw


def judged(layout: Layout, raw: np.ndarray, dt_s: float = 1.0) -> list[AlarmEvent]:
    judges, events = UnitJudges(layout, dt_s), []
    for i, frame in enumerate(raw):
        quality = np.zeros(layout.n, np.uint8)
        events += judges.judge(i * dt_s, frame, quality, partial(si_of, layout, frame))
    return events


@pytest.mark.parametrize("goes_on", [True, False], ids=["values move", "frame is held"])
def test_a_heartbeat_is_frozen_when_its_profile_says_so_and_nothing_after_it_is_heat(goes_on: bool) -> None:
    layout, raw = beating(900)
    stops = 600
    raw[stops + 12 :, CELLS + 3] += 3 * np.arange(len(raw) - stops - 12)
    raw[stops:800, -1] = raw[stops, -1]
    if not goes_on:
        raw[stops:800] = raw[stops]
    events = judged(layout, raw)
    first, *more = events
    assert (first.detector, first.limit) == ("heartbeat", 10.0)
    assert stops + 10 <= first.t_s <= stops + 12
    assert [(e.detector, e.state) for e in more if e.t_s < 800] == []
    back = {(e.detector, e.state) for e in more}
    assert ("heartbeat", "CLEARED-NEW") in back
    assert {detector for detector, state in back if state == "NEW"} & HEAT


@pytest.mark.parametrize(
    ("dt_s", "beat_s", "frozen"),
    [(1.0, 10.0, False), (4.0, 10.0, False), (30.0, 30.0, False), (4.0, 1e9, True), (30.0, 1e9, True)],
)
def test_a_heartbeat_that_moves_when_it_must_or_is_seldom_read_is_not_called_frozen(
    dt_s: float, beat_s: float, frozen: bool
) -> None:
    layout, raw = beating(300)
    raw[:, -1] = np.maximum(dt_s * (np.arange(300) - 100), 0.0) // beat_s
    raw[:100, -1] = -np.arange(100)[::-1]
    found = [e for e in judged(layout, raw, dt_s) if e.detector == "heartbeat"]
    assert bool(found) is frozen
    if frozen:
        assert found[0].t_s <= 100 * dt_s + max(10.0 + 2 * dt_s, 2 * dt_s)


def test_heat_is_heard_beside_a_counter_that_stops_and_that_nobody_promised() -> None:
    """Its clock, say; what moves is read, and no doubt of the unit may hide it."""
    profile = PROFILE.replace("changes_within_s = 10", 'quantity = "heartbeat"')
    layout = assume(parse_profile(profile))
    _, raw = beating(1200)
    raw[600:, -1] = raw[600, -1]
    raw[900:, CELLS + 3] += np.arange(300) // 2  # 3 K/min
    told = [(e.detector, e.severity) for e in judged(layout, raw)]
    assert told[0] == ("heartbeat", "warning")
    assert ("thermal-slope", "critical") in told


@pytest.mark.parametrize("seed", range(4))
def test_what_a_held_frame_happened_to_say_is_no_slope(seed: int) -> None:
    """Until it is known to be held: the noise of its one sample is no trend for being repeated."""
    frames = healthy(7500, CELLS, SENSORS, seed=seed, temp_sd=0.1)
    frames[7200:] = frames[7199]
    assert feed(watch_of(CELLS, SENSORS), frames) == []
