"""How well a group of sensors gets rid of the heat of its load: cooling that is lost, at once or over weeks.

A rack that is heated by its current I obeys, its heat capacity divided out,

    dT/dt = a I^2 - k (T - T_room)        k: conductance over heat capacity, 1/s

and so do all of its terms after the same linear filter. A band-pass takes off what is slower than hours (the
room's mean, the day) and faster than ten minutes (noise, rounding). The room's remaining swings would still
pull k to zero in least squares, for they move T too; therefore the equation is solved with instruments that
the room cannot move: the filtered I^2, and what a body of 50 minutes would make of it (instrumental
variables; Young 1970). T_room itself is used where it is measured, and not needed where it is not.

Evidence is gathered in blocks. A closed block that agrees with the baseline is learned into it, one that is
certainly lower is told and not learned. The scatter from block to block is learned too, so that a battery
whose fans or coolant are switched is not judged as one whose cooling is always the same.
"""

import math

import numpy as np

from agent.detect.alarms.states import AlarmEvent
from agent.detect.channels import Floats
from agent.detect.declaration import At, Detector, Judged
from agent.detect.explanations.case import Case
from agent.detect.explanations.said import Sentence, said
from agent.detect.kernels.arrays import Array, Group
from agent.detect.kernels.compiled import compiled
from agent.detect.kernels.inputs import Inputs
from agent.detect.kernels.load import NOW as AMPS
from agent.detect.kernels.load import REST, Circuits
from agent.detect.kernels.surroundings import SURROUNDINGS, Surroundings
from agent.detect.table import ADVICE, WARNING, Row

NAME = "cooling-lost"

FAST_S, SLOW_S, BODY_S = 600.0, 10800.0, 3000.0  # band-pass; the instrument's body
GAP_S = 600.0  # longer, and the filters start afresh
SETTLE_S, SETTLE_LOADED_S = 1800.0, 3 * SLOW_S  # after a start at rest, or under a load of unknown age
JUDGE_EVERY_S = 300.0
CORRELATED_S = 2700.0  # what is left of the room after the filter is no better than one sample in so long

BLOCK_S, FIRST_BLOCK_S, LONGEST_S = 86400.0, 7200.0, 3 * 86400.0
FIRST_BLOCKS = 2.0  # shorter ones, so that there is soon something to compare with
TOLD_ERROR, LEAST_KNOWN = 0.15, 1.0  # of k, or of so much of the baseline where k is less
LEAST_SHARE = 0.3  # of the variance of T that the instrument must explain: else it is a weak one
LEAST_KEPT = 0.02  # no fall is told larger than fifty times

PRIOR_SPREAD, PRIOR_BLOCKS = 0.15, 3.0  # of ln k between blocks, before anything is known
SPREADS, ERRORS = 3.0, 1.0  # taken off the baseline, added to the block (whose error is reckoned amply)
FALLEN = 1.25  # times: such a block is no lesson
YOUNG_AT_MOST = 1.9  # times; below the warning's limit, while the baseline is of FIRST_BLOCKS or fewer
BASELINE_S = 30 * 86400.0

# Columns of the state: three signals (T over the room, I^2, T) after one, two and three low-passes; the
# instrument; sums over the block.
X, U, T = range(3)
ONCE, TWICE, THRICE, BODY = 0, 3, 6, 9
UU, UX, ZU, ZX, UY, ZY, ZZ, YY, XX, XY = range(10, 20)
# Seconds of the block, since the filters began, since the last judgement, since the last good sample; was the
# room measured. Then what is learned: ln of the baseline, mean square of the scatter, blocks, seconds, ln of
# the last block. Last the verdict: k of the last judgement, 1/s, and how many times lower than usual it
# certainly is (0: it is not).
BLOCK, LIVED, WAITED, SINCE, ROOM, LN_BASE, SQUARE, BLOCKS, LEARNED_S, PREVIOUS, NOW, TIMES = range(20, 32)
COLUMNS = TIMES + 1

CONDUCTANCE = Group(None, conductance=Array(("sensor_groups", COLUMNS), kept=SURROUNDINGS))


def new_conductance(groups: int) -> Floats:
    """Return the state (groups, COLUMNS) of groups that have not been seen yet."""
    state: Floats = CONDUCTANCE.new(sensor_groups=groups)
    forget_values(state)
    return state


def forget_values(state: Floats) -> None:
    """Begin the filters anew with the next sample; keep what was learned."""
    state[:, SINCE] = 2.0 * GAP_S


@compiled
def judge_cooling_lost(
    dt_s: float, temps: Inputs, load: Circuits, around: Surroundings, cooling_lost: Floats
) -> None:
    """Follow all groups of sensors, by their medians, room and circuits; see `judge_conductance`."""
    for g in range(around.median.size):
        j = temps.circuit[temps.member[temps.start[g]]]
        rests = load.regime[j] == REST
        judge_conductance(
            dt_s, around.median[g], load.ambient[0], load.state[j, AMPS], rests, cooling_lost, g
        )


@compiled  # no fastmath: it may delete the NaN tests below
def judge_conductance(
    dt_s: float, degc: float, room_degc: float, amps: float, rests: bool, s: Floats, g: int
) -> None:
    """
    Follow one group; its verdict is in columns NOW and TIMES.

    Parameters
    ----------
    dt_s : float, s
    degc : float, degC
        Median of the group.
    room_degc : float, degC
    amps : float, A
        NaN, as the two above, where not known: without a room the rest still works, without the others time
        passes and nothing is learned.
    rests : bool
        The battery is not loaded.
    s : (groups, COLUMNS) float64
    g : int
    """
    s[g, SINCE] += dt_s
    if np.isnan(degc) or np.isnan(amps):
        return
    roomed = 0.0 if np.isnan(room_degc) else 1.0
    over = degc if np.isnan(room_degc) else degc - room_degc
    if s[g, SINCE] > GAP_S or s[g, ROOM] != roomed:
        _start(over, amps * amps, degc, s, g)
        s[g, LIVED] = 0.0 if rests else SETTLE_S - SETTLE_LOADED_S
        s[g, ROOM] = roomed
    passed_s = s[g, SINCE]
    s[g, SINCE] = 0.0
    rate = _filter(passed_s, over, amps * amps, degc, s, g)
    s[g, LIVED] += passed_s
    if s[g, LIVED] < SETTLE_S:
        return
    _gather(passed_s, rate, s, g)
    s[g, BLOCK] += passed_s
    s[g, WAITED] += passed_s
    if s[g, WAITED] >= JUDGE_EVERY_S:
        s[g, WAITED] = 0.0
        _judge(s, g)


@compiled
def _start(over: float, square: float, degc: float, s: Floats, g: int) -> None:
    """Make the past as if it had always been so."""
    for stage in (ONCE, TWICE, THRICE):
        s[g, stage + X] = over
        s[g, stage + U] = square
        s[g, stage + T] = degc
    s[g, BODY] = 0.0
    s[g, SINCE] = min(s[g, SINCE], GAP_S)


@compiled
def _filter(dt_s: float, over: float, square: float, degc: float, s: Floats, g: int) -> float:
    """Advance the filters; return the filtered dT/dt, which needs no differences: K/s."""
    fast, slow = 1.0 - math.exp(-dt_s / FAST_S), 1.0 - math.exp(-dt_s / SLOW_S)
    for k, x in ((X, over), (U, square), (T, degc)):
        s[g, ONCE + k] += fast * (x - s[g, ONCE + k])
        s[g, TWICE + k] += fast * (s[g, ONCE + k] - s[g, TWICE + k])
        s[g, THRICE + k] += slow * (s[g, TWICE + k] - s[g, THRICE + k])
    s[g, BODY] += (1.0 - math.exp(-dt_s / BODY_S)) * (_banded(s, g, U) - s[g, BODY])
    return float((s[g, ONCE + T] - s[g, TWICE + T]) / FAST_S - (s[g, TWICE + T] - s[g, THRICE + T]) / SLOW_S)


@compiled
def _banded(s: Floats, g: int, signal: int) -> float:
    """Return a signal after the band-pass."""
    return float(s[g, TWICE + signal] - s[g, THRICE + signal])


@compiled
def _gather(dt_s: float, y: float, s: Floats, g: int) -> None:
    x, u, z = _banded(s, g, X), _banded(s, g, U), s[g, BODY]
    s[g, UU] += dt_s * u * u
    s[g, UX] += dt_s * u * x
    s[g, ZU] += dt_s * z * u
    s[g, ZX] += dt_s * z * x
    s[g, UY] += dt_s * u * y
    s[g, ZY] += dt_s * z * y
    s[g, ZZ] += dt_s * z * z
    s[g, YY] += dt_s * y * y
    s[g, XX] += dt_s * x * x
    s[g, XY] += dt_s * x * y


@compiled
def _judge(s: Floats, g: int) -> None:
    least_s = BLOCK_S if s[g, BLOCKS] >= FIRST_BLOCKS else FIRST_BLOCK_S
    heats = _banded(s, g, U) > s[g, BODY]
    if s[g, BLOCK] < FIRST_BLOCK_S or heats:  # only what cools tells of cooling
        return
    k, error = _solve(s, g)
    base = math.exp(s[g, LN_BASE]) if s[g, BLOCKS] > 0.0 else 0.0
    told = error <= TOLD_ERROR * max(k, LEAST_KNOWN * base)
    if base > 0.0 and told:
        times = _certainly_lower(k + ERRORS * error, s, g)
        s[g, NOW] = k
        s[g, TIMES] = times if times >= FALLEN else 0.0
    if s[g, BLOCK] >= LONGEST_S or (told and s[g, BLOCK] >= least_s):
        if told and k > 0.0 and not s[g, TIMES] >= FALLEN:
            _learn(math.log(k), s, g)
        for column in range(UU, XY + 1):
            s[g, column] = 0.0
        s[g, BLOCK] = 0.0


@compiled
def _solve(s: Floats, g: int) -> tuple[float, float]:
    """Return k and its standard error, 1/s; the error is infinite where load tells nothing about it."""
    det = s[g, ZU] * s[g, UX] - s[g, UU] * s[g, ZX]
    strong = s[g, ZX] * s[g, ZX] > LEAST_SHARE * s[g, ZZ] * s[g, XX]
    if det == 0.0 or not strong:
        return 0.0, np.inf
    a = (s[g, UX] * s[g, ZY] - s[g, ZX] * s[g, UY]) / det
    k = (s[g, UU] * s[g, ZY] - s[g, ZU] * s[g, UY]) / det
    left = s[g, YY] + a * a * s[g, UU] + k * k * s[g, XX]
    left += 2.0 * (k * s[g, XY] - a * s[g, UY] - a * k * s[g, UX])
    spread = s[g, UU] * (s[g, UU] * s[g, ZZ] - s[g, ZU] * s[g, ZU]) / (det * det)
    free = s[g, BLOCK] / CORRELATED_S - 2.0  # as good as so many samples, less two unknowns
    if free <= 0.0:
        return k, np.inf
    square = spread * max(left, 0.0) / free
    return k, math.sqrt(max(square, 0.0))


@compiled
def _certainly_lower(highest: float, s: Floats, g: int) -> float:
    """Return how many times lower than the baseline a conductance is that is `highest` at most."""
    n = s[g, BLOCKS]
    square = (PRIOR_BLOCKS * PRIOR_SPREAD**2 + n * s[g, SQUARE]) / (PRIOR_BLOCKS + n) * (1.0 + 1.0 / n)
    base = math.exp(s[g, LN_BASE])
    times = base * math.exp(-SPREADS * math.sqrt(square)) / max(highest, LEAST_KEPT * base)
    return times if n > FIRST_BLOCKS else min(times, YOUNG_AT_MOST)


@compiled
def _learn(ln_k: float, s: Floats, g: int) -> None:
    s[g, LEARNED_S] += s[g, BLOCK]
    s[g, BLOCKS] += 1.0
    if s[g, BLOCKS] == 1.0:
        s[g, LN_BASE] = ln_k
        s[g, PREVIOUS] = ln_k
    share = s[g, BLOCK] / min(s[g, LEARNED_S], BASELINE_S)
    # from block to block: a slow fall is what is looked for, and must not pass for scatter
    step = ln_k - s[g, PREVIOUS]
    s[g, PREVIOUS] = ln_k
    s[g, SQUARE] += share * (0.5 * step * step - s[g, SQUARE])
    s[g, LN_BASE] += share * (ln_k - s[g, LN_BASE])


LOST = Sentence(
    "cooling-lost",
    "{where} lost two thirds of the heat of a load in {usual_s:duration}, when raised {now}: cooled "
    "{worse_times:.1f} times worse, as is certain (limit {limit_times:g}). Check fans, filters and whether "
    "air gets in and out.",
)
IN_TIME, HARDLY = Sentence("#in-time", "in {now_s:duration}"), Sentence("#hardly", "hardly at all")


def explain(case: Case) -> AlarmEvent:
    """Explain a group that loses the heat of its load more slowly than it used to."""
    group = case.banks.detectors.cooling_lost[case.c]
    times, now_per_s = group[TIMES], group[NOW]
    usual_per_s = math.exp(group[LN_BASE])
    text = said(
        LOST,
        where=case.where_first,
        usual_s=1.0 / usual_per_s,
        now=HARDLY,
        worse_times=times,
        limit_times=case.row.limit,
    )
    if now_per_s > 0.1 * usual_per_s:
        text = text.then(now=IN_TIME, now_s=1.0 / now_per_s)
    return case.event(times, text, expected=1.0)


DETECTOR = Detector(
    name=NAME,
    says=(LOST, IN_TIME, HARDLY),
    order=70,
    family="heat",
    rows=(
        # Fans that fail leave a third to a fifth of the conductance, a filter that clogs takes it bit by bit.
        Row(NAME, "temperature", WARNING, 2.0, "times", 600.0, 86400.0, 0.5, False),
        Row(NAME, "temperature", ADVICE, 1.25, "times", 600.0, 86400.0, 0.1, False),
    ),
    judged=(Judged("groups", At("detectors.cooling_lost", TIMES), At("around.median")),),
    arrays=CONDUCTANCE,
    new=lambda channels, _: new_conductance(channels.sizes.sensor_groups),
    kernel=judge_cooling_lost,
    forget=forget_values,
    explain=explain,
    sees=(
        "a group loses the heat of its load more slowly than it used to, at once or over weeks; the room "
        "need not be measured"
    ),
    cannot_see=(
        "racks that never see a load, or whose current is not measured; failed fans, until the next load "
        "has passed"
    ),
    response="See whether the fans turn and the filters are clear, before the next load if you can.",
)
