"""The same dangers polled every 1, 5, 10 and 30 s, ours beside plain rules on the same frames. Real data.

Every abuse test is thinned to a period, and judged as it is, and among siblings: after an hour of rest,
beside twelve sensors with the noise of recorded rooms, two of which the runaway warms. What is printed by
`python -m agent.bench.detection.periods` stands in docs/detection.md.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from agent.bench.detection import plain, rooms
from agent.bench.detection.common import data_folder
from agent.bench.detection.recordings import ABUSE, HEAT, of_quantity, parts_of
from agent.detect.channels import Flags, Floats
from agent.detect.settings import Settings
from agent.detect.table import CRITICAL, WARNING
from agent.detect.watch import warm_up
from agent.replay.parts import JudgedChannel
from agent.replay.play import play
from agent.replay.recording import RecordedPart

PERIODS_S = (1.0, 5.0, 10.0, 30.0)
SLOWEST_S = 60.0  # in the table alone: beyond it nothing can be judged
LOUD = (WARNING, CRITICAL)  # what calls somebody
CALLS = (*HEAT, "unproven-heat")
SAFETY_DEGC = plain.FIXED_DEGC
WITNESSES, ROSE_K, FELL_V = 2, 3.0, 0.25  # beside the sensor that is hot
RUNAWAY_DEGC = 150.0
SLOW_S = 60.0  # so long before 150 degC a plain slope speaks: a runaway that leaves time
SIBLINGS, STEP_K, NOISE_K = 12, 0.1, 0.05
#: How tests are judged: somebody has set a safety limit of 60 degC.
SETTINGS = Settings(overrides={("over-temperature", CRITICAL): {"limit": SAFETY_DEGC}})
NEAR = ((0.3, 10.0), (0.15, 20.0))  # neighbours: their share of the rise, and how much later, s


@dataclass(frozen=True, slots=True)
class Heard:
    """When a test was heard, s from its beginning, infinite: never. loud_s, critical_s: by ours, a warning or
    worse, a critical alarm, of heat. plain_s: by rule. hot_s: 60 degC with two witnesses, and a frame after
    that. late: frames from there to the critical alarm. runaway_s: 150 degC.
    """

    test: str
    period_s: float
    loud_s: float
    critical_s: float
    plain_s: Mapping[str, float]
    hot_s: float
    late: float
    runaway_s: float


def thinned(part: RecordedPart, period_s: float) -> RecordedPart:
    """Return a part of which one row every `period_s` is left."""
    wanted = np.arange(part.t_s[0], part.t_s[-1], period_s)
    rows = np.unique(np.searchsorted(part.t_s, wanted))
    t_s, values = part.t_s[rows], part.values[rows]
    channels = tuple(replace(c, step=STEP_K) if _is_heat(c) else c for c in part.channels)
    return RecordedPart(part.group, channels, t_s, values, t_s, period_s, SETTINGS)


def among(part: RecordedPart, day: Floats, rng: np.random.Generator) -> RecordedPart:
    """Return a test among siblings; day (n, SIBLINGS): a day of these, degC, a row every rooms.PERIOD_S."""
    rest = int(plain.REST_S / part.period_s) + 1
    t_s = np.concatenate([part.t_s[0] + part.period_s * np.arange(-rest, 0), part.t_s])
    values = np.concatenate([np.repeat(part.values[:1], rest, axis=0), part.values])
    hot = [i for i, channel in enumerate(part.channels) if _is_heat(channel)]
    values[:rest, hot] += NOISE_K * rng.standard_normal((rest, len(hot)))
    at_s = rooms.PERIOD_S * np.arange(len(day))
    beside = np.stack([np.interp(t_s - t_s[0], at_s, sensor) for sensor in day.T], axis=1)
    beside += np.nanmedian(values[0, hot]) - np.median(beside[0])
    rise_k = np.nanmax(values[:, hot], axis=1) - np.nanmax(values[0, hot])
    for i, (share, later_s) in enumerate(NEAR):
        beside[:, i] += share * np.interp(t_s - later_s, t_s, np.maximum(rise_k, 0.0))
    beside += NOISE_K * rng.standard_normal(beside.shape)
    values[:, hot] = np.round(values[:, hot] / STEP_K) * STEP_K
    both = np.concatenate([values, np.round(beside / STEP_K) * STEP_K], axis=1)
    channels = [JudgedChannel(f"sibling{i + 1}", "cell_temperature", STEP_K) for i in range(SIBLINGS)]
    return replace(part, channels=(*part.channels, *channels), t_s=t_s, said=t_s, values=both)


def hear(part: RecordedPart) -> Heard:
    """Judge a test by ours and by the plain rules; what they say of the rest before it does not count."""
    temps, volts = of_quantity(part, "temperature"), of_quantity(part, "voltage")
    ours = [a for a in play([part], lambda _: None).alarms if a["detector"] in CALLS and a["t_s"] >= 0.0]
    loud_s = min((a["t_s"] for a in ours if a["severity"] in LOUD), default=np.inf)
    critical_s = min((a["t_s"] for a in ours if a["severity"] == CRITICAL), default=np.inf)

    def first_s(stands: Flags) -> float:
        return plain.first_s(part.t_s, np.logical_and(stands, part.t_s >= 0.0))

    hot_s = first_s(np.logical_and(hot_with_witnesses(temps, volts), part.t_s < part.t_s[-1]))
    at, told = np.searchsorted(part.t_s, (hot_s, critical_s))
    return Heard(
        part.group,
        part.period_s,
        loud_s,
        critical_s,
        {name: first_s(rule(part.t_s, temps, volts)) for name, rule in plain.RULES.items()},
        hot_s,
        float(told - at) if np.isfinite(critical_s) else np.inf,
        first_s(np.any(temps >= RUNAWAY_DEGC, axis=1)),
    )


def lead_share(one: Heard) -> float | None:
    """Return how much of the lead of a plain slope a warning or worse of ours has; None: no slow runaway."""
    lead_s = one.runaway_s - one.plain_s["1 K/min"]
    if not (np.isfinite(one.runaway_s) and lead_s >= SLOW_S):
        return None
    return (one.runaway_s - one.loud_s) / lead_s


def hot_with_witnesses(temps: Floats, volts: Floats) -> Flags:
    """Return where (n,) a sensor is beyond the limit, and two more sensors or cells say so too."""
    rose = (temps - temps[0] >= ROSE_K).sum(axis=1) - 1  # the hot one is no witness of itself
    fell = (volts[0] - volts >= FELL_V).sum(axis=1)
    found: Flags = np.any(temps >= SAFETY_DEGC, axis=1) & (rose + fell >= WITNESSES)
    return found


def _is_heat(channel: JudgedChannel) -> bool:
    return channel.quantity.endswith("temperature")


def tests(folder: Path, period_s: float) -> Iterator[tuple[str, RecordedPart]]:
    """Give every abuse test as it is, "alone", and beside healthy sensors, "among"."""
    supply, rng = rooms.Rooms(rooms.load(folder), SIBLINGS, seed=60), np.random.default_rng(60)
    for part in parts_of(folder, "abuse_ornl_dev", ABUSE):
        alone = thinned(part, period_s)
        yield "alone", alone
        yield "among", among(alone, supply.day(), rng)


def _heard(folder: Path, period_s: float) -> Iterator[tuple[str, Heard]]:
    for kind, part in tests(folder, period_s):
        yield kind, hear(part)


def measure() -> list[tuple[str, float | None, str]]:
    """Return the figures by period; None where the recordings are absent."""
    folder, figures = data_folder(), []
    for period_s in PERIODS_S:
        heard = [one for _, one in _heard(folder, period_s)] if folder else []
        late = [one.late for one in heard if np.isfinite(one.hot_s)]
        leads = [share for one in heard if (share := lead_share(one)) is not None]
        at = f"{period_s:g}s"
        figures += [
            (f"critical_after_fixed_60_frames_{at}", max(late, default=None), "frames"),
            (f"lead_ratio_to_plain_slope_{at}", min(leads, default=None), "ratio"),
        ]
    return figures


def table() -> None:
    """Print when each rule speaks, before or after a fixed 60 degC, and what slow polling costs."""
    warm_up()
    folder = data_folder()
    assert folder, "the recordings are not there: $CELLWARDEN_DATA"
    heard = {period_s: [*_heard(folder, period_s)] for period_s in (*PERIODS_S, SLOWEST_S)}
    names = [name for name in plain.RULES if name != "fixed 60 degC"]
    print("seconds before a fixed 60 degC: median, worst (-: not heard)\n")
    print("| period | tests |", " | ".join(["ours, warning", "ours, critical", *names]), "|")
    for period_s, of_period in heard.items():
        for kind in ("alone", "among"):
            hot = [one for how, one in of_period if how == kind and np.isfinite(one.plain_s["fixed 60 degC"])]
            rows = [[one.loud_s, one.critical_s, *(one.plain_s[n] for n in names)] for one in hot]
            lead = np.array([one.plain_s["fixed 60 degC"] for one in hot])[:, None] - np.array(rows)
            cells = [f"{np.median(x):.0f}, {x.min():.0f}".replace("-inf", "-") for x in lead.T]
            print(f"| {period_s:g} s | {len(hot)} {kind} |", " | ".join(cells), "|")
    print("\nof the lead of 1 K/min to 150 degC ours, a warning or worse, has\n")
    for period_s in PERIODS_S:
        for how, one in heard[period_s]:
            if (share := lead_share(one)) is None:
                continue
            lead_s = one.runaway_s - one.plain_s["1 K/min"]
            print(f"| {period_s:g} s | {one.test} {how} | {lead_s:.0f} s | {share:.3f} |")
    print("\nseconds later than with a frame a second, critical, of tests at 60 degC: median, worst; lost\n")
    reached = np.array([np.isfinite(one.plain_s["fixed 60 degC"]) for _, one in heard[1.0]])
    first_s = np.array([one.critical_s for _, one in heard[1.0]])
    for period_s in (*PERIODS_S[1:], SLOWEST_S):
        at_s = np.array([one.critical_s for _, one in heard[period_s]])
        known = reached & np.isfinite(first_s)
        later_s = at_s[known] - first_s[known]
        lost = np.isinf(later_s)
        print(
            f"| {period_s:g} s | {np.median(later_s):.0f} | {later_s[~lost].max():.0f} "
            f"| {lost.sum()} of {known.sum()} |"
        )


if __name__ == "__main__":
    table()
