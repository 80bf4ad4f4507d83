"""How doubt about heat ends, by period: real heat that is called a fault, and one sensor alone.

heat_called_fault counts abuse tests (see `periods`), alone and among siblings, that stand at 60 degC for two
frames, or for one with two witnesses, before their last frame, in which a sensor that reads 60 degC then or
later was called a fault, or cooling was blamed, or no alarm of heat came at all. (One frame of one sensor
alone is what a bad frame looks like.) One sensor alone is simulated: sixteen in a room, one of which jumps
and stays (unproven_heat_s, the longest) or fails in every way that `faults` knows
(unproven_heat_per_lone_fault, the most). `python -m agent.bench.detection.doubt` prints the tests.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from agent.bench.detection import plain
from agent.bench.detection.common import data_folder, sensors
from agent.bench.detection.faults import FAULTS
from agent.bench.detection.periods import PERIODS_S, hot_with_witnesses, tests
from agent.bench.detection.recordings import HEAT, of_quantity
from agent.detect.alarms.states import AlarmEvent
from agent.detect.channels import Flags, Floats
from agent.detect.watch import warm_up
from agent.replay.parts import JudgedChannel
from agent.replay.play import play
from agent.replay.recording import RecordedPart

FAULT = ("sensor-fault", "cooling", "cooling-lost", "cooling-degraded")
UNPROVEN = "unproven-heat"
N, AT, STEP_K = 16, 5, 0.1
LEARN_S, FAULTY_S, STANDS_S = 3600.0, 6.0 * 3600.0, 90.0
JUMPS_DEGC = (61.0, 84.0, 150.0, 300.0)
SEEDS = 5


def called_fault(part: RecordedPart) -> bool | None:
    """Return whether a test's heat was called a fault, or nothing; None: there is no such heat in it."""
    temps = of_quantity(part, "temperature")
    hot = temps >= plain.FIXED_DEGC
    stands = np.append(hot[1:], np.zeros((1, hot.shape[1]), bool), axis=0) & hot
    real = stands.any(axis=1) | hot_with_witnesses(temps, of_quantity(part, "voltage"))
    hot_s = plain.first_s(part.t_s, real & (part.t_s >= 0.0) & (part.t_s < part.t_s[-1]))
    if not np.isfinite(hot_s):
        return None
    last_s = {c.place: _last_s(part, hot[:, i]) for i, c in enumerate(_heat_channels(part))}
    alarms = [alarm for alarm in play([part], lambda _: None).alarms if alarm["t_s"] >= 0.0]
    blamed = any(a["detector"] in FAULT and a["t_s"] <= last_s.get(a["location"], np.inf) for a in alarms)
    return blamed or not any(a["detector"] in (*HEAT, UNPROVEN) for a in alarms)


def _heat_channels(part: RecordedPart) -> list[JudgedChannel]:
    return [channel for channel in part.channels if channel.quantity.endswith("temperature")]


def _last_s(part: RecordedPart, hot: Flags) -> float:
    """Return when a sensor was hot last, before all times: never."""
    at = np.flatnonzero(hot)
    return float(part.t_s[at[-1]]) if at.size else -np.inf


def heat_called_fault(folder: Path, period_s: float) -> Iterator[tuple[str, str]]:
    """Give (how, test) of those in which it is."""
    for how, part in tests(folder, period_s):
        if called_fault(part):
            yield how, part.group


def _room(rng: np.random.Generator, frames: int) -> Floats:
    room: Floats = 25.0 + rng.normal(0.0, 0.3, N) + rng.normal(0.0, 0.05, (frames, N))
    return room


def _told(room: Floats, period_s: float) -> Iterator[AlarmEvent]:
    """Give the alarms of unproven heat of a room."""
    watch, quality = sensors(N, N, STEP_K, period_s), np.zeros(N, np.uint8)
    room = np.round(room / STEP_K) * STEP_K
    for i, frame in enumerate(room):
        for event in watch.judge(i * period_s, frame, quality):
            if event.detector == UNPROVEN and event.state == "NEW":
                yield event


def unproven_s(degc: float, period_s: float, seed: int) -> float:
    """Return how long after its first frame a sensor alone that jumps and stays is told; infinite: never."""
    rng, learn = np.random.default_rng(seed), int(LEARN_S / period_s)
    room = _room(rng, learn + int(STANDS_S / period_s))
    room[learn:, AT] += degc - 25.0
    return min((event.t_s - learn * period_s for event in _told(room, period_s)), default=np.inf)


def lone_fault(fault: str, period_s: float, seed: int) -> int:
    """Return how many alarms of unproven heat a fault of one sensor is."""
    rng, learn = np.random.default_rng(seed), int(LEARN_S / period_s)
    room = _room(rng, learn + int(FAULTY_S / period_s))
    spoilt = room[learn:, AT].copy()
    FAULTS[fault](spoilt, rng)
    room[learn:, AT] = spoilt
    return len(list(_told(room, period_s)))


def measure() -> list[tuple[str, float | None, str]]:
    """Return the figures by period; None where the recordings are absent."""
    folder, figures = data_folder(), []
    for period_s in PERIODS_S:
        called = float(len(list(heat_called_fault(folder, period_s)))) if folder else None
        alone = max(unproven_s(degc, period_s, seed) for degc in JUMPS_DEGC for seed in range(SEEDS))
        most = max(lone_fault(fault, period_s, seed) for seed, fault in enumerate(FAULTS))
        at = f"{period_s:g}s"
        figures += [
            (f"heat_called_fault_{at}", called, "tests"),
            (f"unproven_heat_s_{at}", alone, "s"),
            (f"unproven_heat_per_lone_fault_{at}", float(most), "alarms"),
        ]
    return figures


if __name__ == "__main__":
    warm_up()
    data = data_folder()
    assert data, "the recordings are not there: $CELLWARDEN_DATA"
    for every_s in PERIODS_S:
        print(f"every {every_s:g} s:", list(heat_called_fault(data, every_s)), flush=True)
