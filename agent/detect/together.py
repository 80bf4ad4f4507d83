"""Several units silent by one cause: one alarm, with its units, which leave it one by one. Pure.

    what is silent at once                          the cause
    all units of a bus                              its line, or the gateway that it leads to
    units of several buses of one host              the gateway
    units of several buses                          a common supply or switch
    some units of a bus                             its cable, beyond the last that answers

Units that were read fell silent at once where they were read last within a minute of each other, or within
their period. Of units that were never read since the start nobody knows when they fell silent: they share a
cause only where nothing else of their bus, of their host, or of the site answers.

A unit is a member of its alarm in the book, by a number that is made of its name, so that a restart goes on
with the list. Who is listed needs no alarm of its own; when the list ends, who is still silent has one.
"""

import math
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from hashlib import blake2b

from agent.detect.alarms.book import CAUSE_S, PUT_ASIDE, AlarmBook
from agent.detect.alarms.states import Alarm, AlarmEvent, AlarmState, Member, called
from agent.detect.explanations.case import NOTHING
from agent.detect.explanations.said import Field, Said, Sentence, said
from agent.detect.knowledge import stale_s
from agent.detect.rows import rows_of
from agent.detect.table import Row

AT_ONCE_S = 60.0  # units that fall silent within so long of each other share a cause
LEAST_UNITS = 2
LEAST_S = 10.0  # of silence, however short the period
BACK_S = 10.0  # so long a unit is read again before it leaves the list
NAME = "silent-together"

FELL = Sentence(
    NAME, "{units:.0f} units fell silent together ({names}), {for_s:.0f} s before this was raised; {cause}."
)
NEVER = Sentence("silent-since-start", "{units:.0f} units were not read since the start ({names}); {cause}.")
FEWER = Sentence(
    "silent-still",
    "{still:.0f} of {units:.0f} units that fell silent together are still silent ({names}); {cause}.",
)
READ_AGAIN = Sentence("silent-read-again", "Read again: {again}.")
IT_IS_BACK = Sentence(
    "silent-no-more", "It is read again; of the {units:.0f} units that fell silent together {left}."
)
STILL = Sentence("#still-silent", "still silent: {}")
NONE_LEFT = Sentence("#none-silent", "none of them is silent any more")
#: What silent units share, and what to look at first.
SUPPLY = Sentence(
    "#cause-supply", "on {buses:.0f} buses: look for a common supply or switch, and for people at the racks"
)
GATEWAY = Sentence(
    "#cause-gateway", "all units of {bus}: look at their gateway {host}, its network and power first"
)
SOME_OF_GATEWAY = Sentence(
    "#cause-gateway-some", "some units of {bus}: look at their gateway {host}, its network and power first"
)
CABLE = Sentence("#cause-cable", "on {bus}: a cable beyond the last unit that answers, or a common supply")
BUS = Sentence(
    "#cause-bus", "all units of {bus}: look at the gateway {host}, its network and power first{trouble}"
)
LINE = Sentence("#cause-line", "all units of {bus}: look at its adapter, cable and supply first{trouble}")
TROUBLE = Sentence("#trouble", " ({})")
SAYS = (
    *(FELL, NEVER, FEWER, READ_AGAIN, IT_IS_BACK),
    *(STILL, NONE_LEFT, SUPPLY, GATEWAY, SOME_OF_GATEWAY, CABLE, BUS, LINE, TROUBLE),
)
_ROWS = rows_of(NAME)
_TIER, _ROW = next((tier, row) for tier, row in enumerate(_ROWS) if row)


@dataclass(frozen=True, slots=True)
class UnitContact:
    """A unit: when it was last read whole, s (None: never since the start), its period, s, and its bus.

    host: of the gateway that its bus leads to, "" for a line. trouble: of the bus. unseen_s: for how long it
    is looked for in vain. lost: for so long that it is out of sight. fair: it had the time to answer. alone:
    an alarm of its own says already that it is not read.
    """

    last_s: float | None
    period_s: float
    bus: str
    host: str = ""
    trouble: str = ""
    unseen_s: float = 0.0
    lost: bool = False
    fair: bool = True
    alone: bool = False

    def silent(self, t_s: float) -> bool:
        """Whether it was read, and is not any more."""
        overdue = self.last_s is not None and t_s - self.last_s > max(stale_s(self.period_s), LEAST_S)
        return overdue and self.fair

    def never(self) -> bool:
        """Whether it was not read since the start, in a time in which it should have been."""
        return self.last_s is None and self.fair and self.unseen_s > max(stale_s(self.period_s), LEAST_S)


Units = Mapping[str, UnitContact]
#: A unit ("": the site), and what happened to its alarm.
Told = tuple[str, AlarmEvent]


class Together:
    """Watches all units of a site."""

    def __init__(self, book: AlarmBook | None = None) -> None:
        self.book = book or AlarmBook()
        self._back_s: dict[str, float] = {}  # since when who is listed is read again
        self._waits_since_s: float | None = None

    def listed(self, units: Iterable[str]) -> frozenset[str]:
        """Return those units that a standing alarm lists, which nobody took out of service."""
        heard = (alarm for alarm in self.book.standing() if alarm.state is not AlarmState.OUT_OF_SERVICE)
        members = {member for alarm in heard for member in alarm.members}
        return frozenset(name for name in units if _member(name) in members)

    def judge(self, t_s: float, units: Units) -> list[Told]:
        """Judge all units, by name, at `t_s`; return what happened."""
        before = {id(alarm): set(alarm.members) for alarm in self.book.standing()}
        told = list(self._leave(t_s, units))
        for names, alarm in self._causes(t_s, units):
            told += [("", event) for event in self._raise(t_s, units, names, alarm)]
        for alarm in self.book.standing():
            was = before.get(id(alarm), alarm.members)
            if was != alarm.members:
                self.book.retell(next(iter(alarm.members)), self._words(alarm, units, t_s))
            if alarm.members - was:  # it is worse, and told again
                worse = replace(_said_of(alarm), state=str(alarm.state), count=alarm.count, t_s=t_s)
                told.append(("", worse))
        return told

    # ---- who leaves

    def _leave(self, t_s: float, units: Units) -> Iterator[Told]:
        for alarm in self.book.standing():
            names = {_member(name): name for name in units}
            for member in alarm.members - names.keys():  # not polled any more
                yield from (("", event) for event in self.book.lose(member, t_s))
            listed = sorted(names[member] for member in alarm.members)
            back = [name for name in listed if self._is_back(name, units[name], t_s)]
            left = set(listed) - set(back)
            for name in back:
                self._back_s.pop(name, None)
                yield name, _read_again(t_s, alarm, left)
                yield from (("", event) for event in self.book.lose(_member(name), t_s))
            if len(left) < LEAST_UNITS:  # what one unit has, nobody shares
                for name in left:
                    yield from (("", event) for event in self.book.lose(_member(name), t_s))

    def _is_back(self, name: str, unit: UnitContact, t_s: float) -> bool:
        if unit.last_s is None or t_s - unit.last_s > max(stale_s(unit.period_s), LEAST_S):
            self._back_s.pop(name, None)
            return False
        return unit.last_s - self._back_s.setdefault(name, unit.last_s) >= BACK_S

    # ---- who joins, and what begins

    def _causes(self, t_s: float, units: Units) -> Iterator[tuple[list[str], Alarm | None]]:
        """Give names of silent units that are not listed, with the alarm that they join, None: a new one."""
        listed = self.listed(units)
        waits = False
        silent = (
            (u.last_s, n, u.period_s) for n, u in units.items() if u.last_s is not None and u.silent(t_s)
        )
        for cluster in _at_once(silent):
            fresh = [name for name in cluster if name not in listed]
            alarm = self._alarm_of(listed.intersection(cluster), t_s)
            if fresh and (alarm or len(fresh) >= LEAST_UNITS):
                if alarm is None and self._others_may_follow(t_s, units):
                    waits = True
                else:
                    yield fresh, alarm
        if not waits:
            self._waits_since_s = None
        for names in _never(units):
            fresh = [name for name in names if name not in self.listed(units) and not units[name].alone]
            around = {name for name in listed if units[name].bus in {units[n].bus for n in fresh}}
            alarm = self._alarm_of(around, t_s)
            if fresh and (alarm or len(fresh) >= LEAST_UNITS):
                yield fresh, alarm

    def _alarm_of(self, names: Collection[str], t_s: float) -> Alarm | None:
        """Return the standing alarm that lists one of these, while others may still join it."""
        members = {_member(name) for name in names}
        ours = (a for a in self.book.standing() if a.members & members and a.state not in PUT_ASIDE)
        return next((alarm for alarm in ours if t_s - alarm.joined_s <= CAUSE_S), None)

    def _others_may_follow(self, t_s: float, units: Units) -> bool:
        """Return whether a unit is overdue that is not silent yet: the alarm waits for it, for its text
        names all units that are silent. It waits for LEAST_S at most: a unit may answer now and then.
        """
        overdue = any(
            unit.last_s is not None and t_s - unit.last_s > stale_s(unit.period_s)
            for unit in units.values()
            if not unit.silent(t_s)
        )
        if self._waits_since_s is None:
            self._waits_since_s = t_s
        return overdue and t_s - self._waits_since_s <= LEAST_S

    def _raise(self, t_s: float, units: Units, names: list[str], alarm: Alarm | None) -> list[AlarmEvent]:
        members = {_member(name) for name in names}
        over = (a for a in self.book.all() if a.shown & members)  # it waits to be acknowledged, and goes on
        scope = next((a.scope for a in ([alarm] if alarm else over)), names[0])

        def explain(_channel: int, row: Row, channels: set[int]) -> AlarmEvent:
            listed = [name for name in units if _member(name)[1] in channels]
            since_s = min(_since_s(units[name], t_s) for name in listed)
            return AlarmEvent(
                row.detector, row.severity, "NEW", "", "", len(listed), row.limit, row.unit, t_s=t_s,
                since_s=since_s, **_told(units, listed, t_s - since_s, t_s).told(),
            )  # fmt: skip

        return self.book.change(
            NAME, _ROWS, [(_member(name)[1], scope, _TIER) for name in names], t_s, explain
        )

    def _words(self, alarm: Alarm, units: Units, t_s: float) -> Said:
        """Return what to say of an alarm whose list is another one than when it was raised."""
        listed = sorted(name for name in units if _member(name) in alarm.members)
        raised = _said_of(alarm)
        if len(listed) == alarm.count:
            return _told(units, listed, raised.t_s - raised.since_s, t_s)
        again = sorted(name for name in units if _member(name) in alarm.shown - alarm.members)
        told = said(
            FEWER, still=len(listed), units=alarm.count, names=", ".join(listed), **_cause(units, listed, t_s)
        )
        return told.then(READ_AGAIN, again=", ".join(again)) if again else told


def _member(name: str) -> Member:
    return NAME, int.from_bytes(blake2b(name.encode(), digest_size=6).digest(), "big")


def _since_s(unit: UnitContact, t_s: float) -> float:
    return t_s - unit.unseen_s if unit.last_s is None else unit.last_s


def _said_of(alarm: Alarm) -> AlarmEvent:
    assert alarm.said is not None  # each was told when it was raised
    return alarm.said


def _at_once(silent: Iterable[tuple[float, str, float]]) -> list[list[str]]:
    """Return the units that were read last at about the same time, oldest first. silent: when each was read
    last, its name, its period.
    """
    clusters: list[list[str]] = []
    before_s, before_period_s = -math.inf, 0.0
    for last_s, name, period_s in sorted(silent):
        if last_s - before_s <= max(AT_ONCE_S, period_s, before_period_s):
            clusters[-1].append(name)
        else:
            clusters.append([name])
        before_s, before_period_s = last_s, period_s
    return clusters


def _never(units: Units) -> Iterator[list[str]]:
    """Give the units of which nothing was read since the start, nor of all that they share the site, a host
    or a bus with, once one of them is out of sight; the largest such groups first.
    """
    never = {name for name, unit in units.items() if unit.never()}
    lost = {name for name in never if units[name].lost}
    for share in (_site, _host, _bus):
        for what in sorted({share(units[name]) for name in lost} - {None}, key=str):
            names = sorted(name for name, unit in units.items() if share(unit) == what)
            if never.issuperset(names):
                yield names


def _site(_unit: UnitContact) -> str | None:
    return ""


def _host(unit: UnitContact) -> str | None:
    return unit.host or None


def _bus(unit: UnitContact) -> str | None:
    return unit.bus


def _told(units: Units, names: Iterable[str], for_s: float, t_s: float) -> Said:
    names = sorted(names)
    told: dict[str, Field] = {"units": len(names), "names": ", ".join(names), **_cause(units, names, t_s)}
    if all(units[name].last_s is None for name in names):
        return said(NEVER, **told)
    return said(FELL, for_s=for_s, **told)


def _cause(units: Units, names: Collection[str], t_s: float) -> dict[str, Field]:
    """Say what silent units share, and what to look at first."""
    buses, hosts = sorted({units[n].bus for n in names}), {units[n].host for n in names}
    if len(buses) > 1 and (len(hosts) > 1 or hosts == {""}):
        return {"cause": SUPPLY, "buses": len(buses)}
    (host,), bus = hosts, ", ".join(buses)
    unheard = {name for name, unit in units.items() if unit.silent(t_s) or unit.last_s is None}
    whole = unheard.issuperset(n for n, u in units.items() if u.bus in buses)
    if len(buses) > 1:
        return {"cause": GATEWAY if whole else SOME_OF_GATEWAY, "bus": bus, "host": host}
    if not whole:
        return {"cause": CABLE, "bus": bus}
    trouble = next((TROUBLE.of(units[n].trouble) for n in names if units[n].trouble), NOTHING)
    return {"cause": BUS if host else LINE, "bus": bus, "host": host, "trouble": trouble}


def _read_again(t_s: float, alarm: Alarm, left: Collection[str]) -> AlarmEvent:
    told = said(IT_IS_BACK, units=alarm.count, left=STILL.of(", ".join(sorted(left))) if left else NONE_LEFT)
    return AlarmEvent(
        NAME, _ROW.severity, str(AlarmState.NORMAL), "", "", len(left), _ROW.limit, _ROW.unit, t_s=t_s,
        since_s=_said_of(alarm).since_s, name=called(NAME, ""), **told.told(),
    )  # fmt: skip
