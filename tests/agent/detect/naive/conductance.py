"""How well a group gets rid of its heat, told plainly: linear algebra of two unknowns, filters one by one."""

import math
from dataclasses import dataclass, field

FAST_S, SLOW_S, BODY_S = 600.0, 3.0 * 3600.0, 50.0 * 60.0
HOUR_S, DAY_S = 3600.0, 86400.0
SUMS = ("uu", "ux", "zu", "zx", "uy", "zy", "zz", "yy", "xx", "xy")


@dataclass
class Filtered:
    """A signal after one and two low-passes of ten minutes, and a third of three hours."""

    once: float = 0.0
    twice: float = 0.0
    thrice: float = 0.0

    def take(self, dt_s: float, x: float) -> None:
        self.once = _towards(self.once, x, dt_s / FAST_S)
        self.twice = _towards(self.twice, self.once, dt_s / FAST_S)
        self.thrice = _towards(self.thrice, self.twice, dt_s / SLOW_S)

    @property
    def banded(self) -> float:
        return self.twice - self.thrice

    @property
    def rate(self) -> float:
        """Its slope after the band-pass: that of `twice` less that of `thrice`."""
        return (self.once - self.twice) / FAST_S - (self.twice - self.thrice) / SLOW_S


def _towards(before: float, x: float, times: float) -> float:
    return x + (before - x) * math.exp(-times)


@dataclass
class Learned:
    """Clocks of the block; ln of the baseline, its scatter, blocks, seconds, last block; the verdict."""

    block: float
    lived: float
    waited: float
    since: float
    room: float
    ln_base: float
    square: float
    blocks: float
    learned_s: float
    previous: float
    now: float
    times: float


@dataclass
class Group:
    """One group of sensors: temperature over the room, squared current, temperature; sums of a block."""

    x: Filtered
    u: Filtered
    t: Filtered
    body: float
    learned: Learned
    sums: dict[str, float] = field(default_factory=lambda: dict.fromkeys(SUMS, 0.0))

    def take(self, dt_s: float, degc: float, room_degc: float, amps: float, rests: bool) -> None:
        own = self.learned
        own.since += dt_s
        if math.isnan(degc) or math.isnan(amps):
            return
        room = 0.0 if math.isnan(room_degc) else 1.0
        over = degc - room_degc if room else degc
        signals = ((self.x, over), (self.u, amps**2), (self.t, degc))
        if own.since > 600.0 or own.room != room:
            for signal, now in signals:
                signal.once = signal.twice = signal.thrice = now
            self.body, own.room = 0.0, room
            own.since = min(own.since, 600.0)
            own.lived = 0.0 if rests else 0.5 * HOUR_S - 3.0 * SLOW_S
        dt_s, own.since = own.since, 0.0
        for signal, now in signals:
            signal.take(dt_s, now)
        self.body = _towards(self.body, self.u.banded, dt_s / BODY_S)
        own.lived += dt_s
        if own.lived < 0.5 * HOUR_S:
            return
        self._gather(dt_s)
        own.block += dt_s
        own.waited += dt_s
        if own.waited >= 300.0:
            own.waited = 0.0
            self._judge()

    def _gather(self, dt_s: float) -> None:
        now = {"u": self.u.banded, "x": self.x.banded, "z": self.body, "y": self.t.rate}
        for a, b in SUMS:
            self.sums[a + b] += dt_s * now[a] * now[b]

    def _judge(self) -> None:
        own = self.learned
        if own.block < 2.0 * HOUR_S or self.u.banded > self.body:
            return
        k, error = solve(self.sums, own.block)
        base = math.exp(own.ln_base) if own.blocks > 0.0 else 0.0
        exact = error <= 0.15 * max(k, base)
        if exact and base > 0.0:
            own.now = k
            own.times = self._certainly_lower(k + error, base)
        long_enough = own.block >= (DAY_S if own.blocks >= 2.0 else 2.0 * HOUR_S)
        if own.block >= 3.0 * DAY_S or (exact and long_enough):
            if exact and k > 0.0 and own.times < 1.25:
                self._learn(math.log(k))
            self.sums = dict.fromkeys(SUMS, 0.0)
            own.block = 0.0

    def _certainly_lower(self, highest: float, base: float) -> float:
        """Return how many times lower than its baseline the conductance certainly is, else 0."""
        own = self.learned
        scatter = (3.0 * 0.15**2 + own.blocks * own.square) / (3.0 + own.blocks)
        lowest = base * math.exp(-3.0 * math.sqrt(scatter + scatter / own.blocks))
        times = lowest / max(highest, 0.02 * base)
        if own.blocks <= 2.0:
            times = min(times, 1.9)
        return times if times >= 1.25 else 0.0

    def _learn(self, ln_k: float) -> None:
        own = self.learned
        own.learned_s += own.block
        own.blocks += 1.0
        if own.blocks == 1.0:
            own.ln_base = own.previous = ln_k
        share = own.block / min(own.learned_s, 30.0 * DAY_S)
        scatter = (ln_k - own.previous) ** 2 / 2.0
        own.square += share * (scatter - own.square)
        own.ln_base += share * (ln_k - own.ln_base)
        own.previous = ln_k


def solve(sums: dict[str, float], block_s: float) -> tuple[float, float]:
    """Return k and its standard error of y = a u - k x, with the instruments u and z; infinite: not known."""
    uu, ux, zu, zx, uy, zy, zz, yy, xx, xy = (sums[name] for name in SUMS)
    singular = zu * ux - uu * zx  # the determinant of [[uu, -ux], [zu, -zx]], which maps (a, k) to (uy, zy)
    if zx**2 <= 0.3 * zz * xx or singular == 0.0:
        return 0.0, math.inf
    inverse_a, inverse_k = (-zx / singular, ux / singular), (-zu / singular, uu / singular)
    a = inverse_a[0] * uy + inverse_a[1] * zy
    k = inverse_k[0] * uy + inverse_k[1] * zy
    samples = block_s / (45.0 * 60.0)
    if samples <= 2.0:
        return k, math.inf
    left_over = yy + a**2 * uu + k**2 * xx - 2.0 * (a * uy + a * k * ux - k * xy)  # of (y - a u + k x)^2
    of_u, of_z = inverse_k
    spread = of_u**2 * uu + 2.0 * of_u * of_z * zu + of_z**2 * zz  # of k, for instruments u and z
    return k, math.sqrt(max(left_over, 0.0) / (samples - 2.0) * max(spread, 0.0))
