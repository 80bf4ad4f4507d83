"""What a unit is: profiles are held against it one by one, and ranked by the marks that it shows.

A mark is something a profile says that would hardly be so by accident: an identity it expects, cell voltages
and temperatures that are such, a pack voltage that is the sum of its cells. Flags, currents and states are no
marks: a register full of zeros fits them all.
"""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np

from agent.message import Message, told_by
from agent.modbus.survey.plausible import share, telling
from agent.modbus.verdict import OF_CODE, Verdict
from agent.quality import Quality
from drivers.asking import Asking
from drivers.connect import ConnectError, IdentityMismatch, connect
from drivers.identity import expectation
from drivers.layout import Image, Layout
from drivers.plan import PlanError
from drivers.profile.expansion import expand
from drivers.profile.load import Profile
from drivers.quantities import Poll
from drivers.registers import Area, Read, Reply

#: Asks one read, and keeps some seconds of silence after it.
Ask = Callable[[Read, float], Awaitable[Reply]]

ENOUGH = 0.8  # of a point's values: a sensor or two may be missing
SUM_WITHIN = 0.03
IN_VAIN_MOST = 2  # reads that bring nothing, before a profile is given up: gentle, and quick
# Refusals, before a profile is given up: at first, and for each register that was read. Of a block of which
# one register in two is missing fourteen reads are refused before the first is answered, then three for one.
REFUSED_MOST, REFUSED_PER_VALUE = 18, 4


@dataclass(frozen=True, slots=True)
class ShownMark:
    """One mark of a profile, and whether the unit shows it; `sure`: an identity, not a likeness."""

    says: str
    holds: bool
    sure: bool = False


@dataclass(frozen=True, slots=True)
class Match:
    """A profile held against a unit. `why`: what kept it from being read."""

    profile: Profile
    marks: tuple[ShownMark, ...] = ()
    layout: Layout | None = None
    image: Image | None = None
    why: str = ""

    @property
    def holding(self) -> int:
        """How many marks hold."""
        return sum(mark.holds for mark in self.marks)

    @property
    def fits(self) -> bool:
        """Whether every mark holds, and there is one."""
        return bool(self.marks) and self.holding == len(self.marks)

    @property
    def rank(self) -> tuple[bool, bool, float, int]:
        """The sort key: the better match has the greater one."""
        sure = any(mark.sure and mark.holds for mark in self.marks)
        part = self.holding / len(self.marks) if self.marks else 0.0
        return self.fits, sure, part, self.holding


class Remembered:
    """An `Ask` that asks no read twice: profiles have reads in common."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask
        self._said: dict[tuple[Area, int, int, int], Reply] = {}

    async def __call__(self, read: Read, pause_s: float) -> Reply:
        """Return the reply to a read."""
        key = read.area, read.address, read.count, read.unit_offset
        if key not in self._said:
            self._said[key] = await self._ask(read, pause_s)
        return self._said[key]

    @property
    def one_value(self) -> int | None:
        """The value that every register has, far apart as they are; None where they differ: such a unit holds
        a place, or serves one register at all addresses, and is like nothing.
        """
        spans, words = [], set()
        for (area, address, count, _), reply in self._said.items():
            if area in (Area.HOLDING, Area.INPUT) and reply.quality is Quality.GOOD:
                spans.append((area, address, address + count))
                words |= {int(word) for word in reply.words}
        apart = any(a[0] != b[0] or a[2] <= b[1] for a in spans for b in spans)
        return words.pop() if len(words) == 1 and apart else None


async def rank(profiles: Iterable[Profile], ask: Ask) -> list[Match]:
    """Hold profiles against a unit; return the ones with a mark that holds, the best first.

    None where its registers all have one value.
    """
    once = ask if isinstance(ask, Remembered) else Remembered(ask)
    found = [await hold(profile, once) for profile in profiles]
    if once.one_value is not None:
        return []
    return sorted((match for match in found if match.holding), key=lambda match: match.rank, reverse=True)


class Sureness(StrEnum):
    """How sure it is which profile fits; the words of scan and probe."""

    SURE = "sure"
    LIKELY = "likely"
    UNSURE = "unsure"
    NOT_RECOGNISED = "not recognised"


def sureness(matches: Sequence[Match]) -> Sureness:
    """Say how sure the first of ranked matches is."""
    if not matches or matches[0].rank[2] < 0.5:
        return Sureness.NOT_RECOGNISED
    best = matches[0]
    rival = len(matches) > 1 and matches[1].rank[:3] == best.rank[:3]
    if best.fits and best.rank[1] and not rival:
        return Sureness.SURE
    return Sureness.LIKELY if best.fits and len(best.marks) >= 2 and not rival else Sureness.UNSURE


async def hold(profile: Profile, ask: Ask, *, whole: bool = False) -> Match:
    """Hold one profile against a unit. whole: read its state points too, not only what marks are made of."""
    pause_s = (profile.pause_ms or 0.0) / 1e3
    known = tuple(
        ShownMark(Message("{name} is {wanted}", name=name, wanted=wanted), True, True)
        for name, wanted in _expected(profile)
    )
    try:
        layout = await converse(profile, ask)
    except IdentityMismatch as error:
        wrong = ShownMark(error.wrong, False, True)
        return Match(profile, (wrong,), why=told_by(error))
    except (ConnectError, PlanError) as error:
        return Match(profile, why=told_by(error))
    if profile.sunspec:
        known = (ShownMark(Message("SunSpec models where the standard puts them"), True, True), *known)
    layout, image = await _ask_values(layout, ask, pause_s, whole=whole)
    return Match(profile, (*known, *marks(layout, image)), layout, image)


async def _ask_values(layout: Layout, ask: Ask, pause_s: float, *, whole: bool) -> tuple[Layout, Image]:
    """Ask for all that marks are made of, or for the `whole` unit; what is refused in halves, as the agent
    does when it polls.
    """
    plan, in_vain, worth = layout.plan, 0, REFUSED_MOST
    indices = [i for i in plan.order if whole or plan.classes[i] is not Poll.STATE]
    asking = Asking(plan, indices)
    while (read := asking.read) and (whole or (in_vain < IN_VAIN_MOST and worth > 0)):
        reply = await ask(read, pause_s)
        lacking = lacks(reply)
        asking.take(reply, refused=lacking)
        worth += REFUSED_PER_VALUE * len(reply.words) - lacking
        in_vain += reply.quality is not Quality.GOOD and not lacking
    image = asking.image()
    return replace(layout, plan=asking.plan), image


def lacks(reply: Reply) -> bool:
    """Whether a reply says that the unit lacks one of the registers."""
    return reply.quality is Quality.REFUSED and OF_CODE.get(reply.exception_code or 0) is Verdict.ILLEGAL


def _expected(profile: Profile) -> list[tuple[str, str]]:
    if profile.sunspec:
        return []
    points = [(item.value.label, expectation(item.point)) for item in expand(profile).identity]
    return [(label, wanted) for label, wanted in points if wanted]


async def converse(profile: Profile, ask: Ask) -> Layout:
    """Ask a unit what its profile must know of it. Raises ConnectError, PlanError."""
    conversation = connect(profile)
    try:
        read = next(conversation)
        while True:
            read = conversation.send(await ask(read, (profile.pause_ms or 0.0) / 1e3))
    except StopIteration as done:
        layout: Layout = done.value
        return layout


def marks(layout: Layout, image: Image) -> list[ShownMark]:
    """Return what the values of a unit say for its layout, or against it."""
    raw, quality, si = np.zeros(layout.n, np.int64), np.zeros(layout.n, np.uint8), np.empty(layout.n)
    layout.decode(image, raw, quality)
    layout.to_si(raw, quality, si)
    names = np.array(layout.names)
    found = []
    for name in dict.fromkeys(value.name for value in layout.values if telling(value)):
        of_point = names == name
        first = layout.values[int(np.flatnonzero(of_point)[0])]
        present = of_point & (quality != Quality.MISSING)  # a unit may have fewer sensors than its map
        zeros = not raw[present].any()
        if first.poll is Poll.SAFETY or (quality[of_point] != Quality.STALE).any():
            found.append(
                ShownMark(
                    Message("{name} can be", name=name), share(first, si[present]) >= ENOUGH and not zeros
                )
            )
    return [*found, *_sums(layout, si)]


def _sums(layout: Layout, si: np.ndarray) -> list[ShownMark]:
    quantities, places = np.array(layout.quantities), layout.places
    cells = np.flatnonzero(quantities == "cell_voltage")
    totals = np.flatnonzero(quantities == "voltage")
    found = []
    for total in totals.tolist():
        within = [i for i in cells.tolist() if places[i].startswith(places[total])]
        strings = {places[i].split("/")[0] for i in within if places[i].startswith("string")} or {""}
        if len(within) < 2 or not np.isfinite(si[[total, *within]]).all() or si[total] <= 0:
            continue
        said, summed = float(si[total]), float(si[within].sum()) / len(strings)
        label = layout.values[total].label
        text = Message("{label} {v:.1f} V, cells add up to {sum:.1f} V", label=label, v=said, sum=summed)
        found.append(ShownMark(text, abs(summed - said) <= SUM_WITHIN * said))
    return found
