"""Cells: which one is named, what stands off from the first frame on. Simulated; recordings where present."""

from collections.abc import Iterable

import numpy as np

from agent.bench.detection.common import data_folder
from agent.bench.detection.recordings import CAR2, HEALTHY
from agent.detect.alarms.states import AlarmEvent
from agent.detect.channels import Codes, Floats
from agent.detect.detectors.filled_values import SURE
from agent.detect.watch import UnitDetectors
from agent.replay.mapping import RecordingMap
from agent.replay.play import play
from agent.replay.recording import load_parts

Figures = list[tuple[str, float | None, str]]

PERIODS_S = (1.0, 5.0, 10.0, 30.0)
CELLS, QUIET, AFTER = 32, 120, 40  # frames before and after what happens
TRIES = 10  # for each period
STANDING = "standing-imbalance"
STEPS_V, FILLED = (0.001, 0.005, 0.01), 4  # register steps; cells of 16 that are gone
FILLED_PERIOD_S, LEARNED, LOST = 5.0, 720, 8640  # an hour before they are gone, and twelve after
DAY_S, WEEK_S = 86400.0, 7 * 86400.0
#: Cells that stand off in a recording, as its JSON says.
KNOWN_OFF = {"ev_pack_car1": {"V_10", "V_85", "V_88", "V_91"}, "ev_pack_car2": {"V_82"}}
OF_CELLS = ("leaf_pack_6s", "dmegc18650_cells123", "ev_pack_car1", "ev_pack_car2")


def measure() -> Figures:
    """Return the figures of cells."""
    return [
        ("worst_named_share", _worst_named_share(), "share"),
        ("standing_imbalance_s", _standing_s(), "s"),
        ("standing_imbalance_false", _standing_false(), "alarms"),
        *(figure for step_v in STEPS_V for figure in _filled(step_v)),
        ("filled_values_false", _filled_false(), "alarms"),
        ("loose_contact_alarms_week", _loose_contact(), "alarms"),
    ]


def watch_of(cells: int, period_s: float, step_v: float = 0.001) -> UnitDetectors:
    """Return the watch over a string of cells."""
    places = [f"cell{i}" for i in range(cells)]
    return UnitDetectors(places, ["cell_voltage"] * cells, np.full(cells, step_v), period_s)


def events_of(watch: UnitDetectors, frames: Floats) -> Iterable[AlarmEvent]:
    """Give what is raised."""
    quality: Codes = np.zeros(frames.shape[1], np.uint8)
    for i, frame in enumerate(frames):
        for event in watch.judge(i * watch.period_s, frame, quality):
            if event.state == "NEW":
                yield event


def _worst_named_share() -> float:
    """Several cells leave in one frame, by 20 mV to 3.2 V, each by 1.3 times the last or more: is the one
    that left furthest the first that is named.
    """
    named = 0
    for period_s in PERIODS_S:
        for seed in range(TRIES):
            rng = np.random.default_rng(seed)
            volts = 3.35 + rng.normal(0.0, 0.0015, (QUIET + AFTER, CELLS))
            gone = rng.choice(CELLS, int(rng.integers(2, 5)), replace=False)
            away = -0.02 * np.cumprod(np.exp(rng.uniform(np.log(1.3), 1.27, len(gone))))
            away *= np.where(away > -0.5, rng.choice([1.0, -1.0], len(gone)), 1.0)
            volts[QUIET:, gone] += away + rng.normal(0.0, 0.002, (AFTER, len(gone)))
            first = next(iter(events_of(watch_of(CELLS, period_s), volts.round(3))), None)
            worst = f"cell{gone[np.argmax(np.abs(away))]}"
            named += first is not None and first.location == worst
    return named / (len(PERIODS_S) * TRIES)


def _standing_s() -> float | None:
    """Return when the last of the cells that stand off at commissioning is told, None: one is not."""
    last_s = 0.0
    for period_s in PERIODS_S:
        for away in (-1.9, -0.5, -0.15, -0.1, 0.15):
            volts = 3.9 + np.random.default_rng(4).normal(0.0, 0.001, (AFTER + 60, 16))
            volts[:, 6] += away
            told_s = [
                e.t_s for e in events_of(watch_of(16, period_s), volts.round(3)) if e.location == "cell6"
            ]
            if not told_s:
                return None
            last_s = max(last_s, told_s[0])
    return last_s


def _standing_false() -> float | None:
    """Return how many healthy cells of the recordings are told to stand off."""
    folder = data_folder()
    if folder is None:
        return None
    false = 0
    for name in OF_CELLS:
        mapping = RecordingMap.model_validate({**HEALTHY, "ev_pack_car2": CAR2}[name])
        alarms = play(load_parts(folder / f"{name}.parquet", mapping), lambda frames: None).alarms
        known = KNOWN_OFF.get(name, set())
        told = ("cell-collapse", STANDING)
        false += sum(a["detector"] in told and a["location"] not in known for a in alarms)
    return float(false)


def _string(frames: int, step_v: float, seed: int, period_s: float) -> Floats:
    """Return frames of 16 cells at float, in register steps: they differ by 3 mV, with 1 mV of noise."""
    rng = np.random.default_rng(seed)
    day = 0.002 * np.sin(2.0 * np.pi * np.arange(frames) * period_s / DAY_S)
    volts = 3.4 + rng.normal(0.0, 0.003, 16) + day[:, None] + rng.normal(0.0, 0.001, (frames, 16))
    steps: Floats = np.round(volts / step_v)
    return steps


def _filled(step_v: float) -> Figures:
    """Return when it is told at the latest that four of 16 cells say the mean of the others, at 5 s and after
    an hour of learning, None: of some it cannot be told within twelve hours; of which share of the tries it
    is; and how probable chance still is by then, at the most, as the detector reckons.
    """
    found, chance = [], []
    for seed in range(5):
        steps = _string(LEARNED + LOST, step_v, seed, FILLED_PERIOD_S)
        steps[LEARNED:, :FILLED] = np.round(steps[LEARNED:, FILLED:].mean(axis=1))[:, None]
        watch, quality = watch_of(16, FILLED_PERIOD_S, step_v), np.zeros(16, np.uint8)
        told_s, surest = [], 0.0
        for i, frame in enumerate((steps * step_v).round(6)):
            events = watch.judge(i * FILLED_PERIOD_S, frame, quality)
            told_s += [e.t_s for e in events if e.detector == "filled-values" and e.state == "NEW"]
            surest = max(surest, watch._banks.detectors.filled_values.state[:, SURE].max())
        found.append(told_s[0] - LEARNED * FILLED_PERIOD_S if told_s else np.inf)
        chance.append(np.exp(-surest))
    at, told = f"{1e3 * step_v:g}mv", np.isfinite(found)
    return [
        (f"filled_values_s_{at}", max(found) if told.all() else None, "s"),
        (f"filled_values_told_{at}", float(told.mean()), "share"),
        (f"filled_values_chance_{at}", float(max(chance)), "probability"),
    ]


def _filled_false() -> float:
    """Return the alarms of filled values in 24 h of float, at each step."""
    frames = [(step_v, _string(8640, step_v, seed, 10.0)) for step_v in STEPS_V for seed in range(3)]
    return float(
        sum(
            e.detector == "filled-values"
            for step_v, steps in frames
            for e in events_of(watch_of(16, 10.0, step_v), (steps * step_v).round(6))
        )
    )


def _loose_contact() -> float:
    """Return the alarms of a voltage tap that chatters for a week, from when that is known; every ten minutes
    or so it reads something else. Frames of a minute.
    """
    frames = _string(int(WEEK_S / 60.0), 0.001, 9, 60.0) * 0.001
    rng, volts = np.random.default_rng(9), 3.4
    for frame in frames:
        volts = float(rng.choice([3.4, 3.2, 2.6, 1.2, 4.1])) if rng.random() < 0.1 else volts
        frame[5] = volts + rng.normal(0.0, 0.001)
    told = [e for e in events_of(watch_of(16, 60.0), frames.round(3)) if e.location == "cell5"]
    known_s = min((e.t_s for e in told if e.detector == "loose-contact"), default=0.0)
    return float(sum(e.t_s >= known_s for e in told))
