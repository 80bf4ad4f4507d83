"""The alarms of one unit: one cause, one alarm.

Channels and detectors of one family and one scope (a string) that come up within `CAUSE_S` of each other show
one cause: the one of the highest tier leads, of those the worst, else the first; the others are counted.
What is too high and what is too low have two. A channel whose critical alarm stands opens no lesser one of
the same family beside it, however much later.
Events are given out when an alarm is raised, when its tier rises and when its state changes, never for each
follower. A follower that is worse than the leader leads from then on: the alarm says so wherever it is shown,
and that is no event.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from typing import Any

from agent.detect.alarms.states import Action, Alarm, AlarmEvent, AlarmState, Member, called
from agent.detect.explanations.said import Said
from agent.detect.rows import JUDGING, are_of_one_channel, are_opposite, family_of
from agent.detect.table import CRITICAL, TIERS, Row

CAUSE_S = 600.0  # neighbours of a hot cell follow within minutes

PUT_ASIDE = (AlarmState.SHELVED, AlarmState.OUT_OF_SERVICE)

#: What a detector says about one of its channels: (channel, row, its channels in the alarm) -> event.
Explain = Callable[[int, Row, set[int]], AlarmEvent]
#: How bad a channel of a detector is now, not clipped; NaN: not known, or nothing that could be compared.
HowBad = Callable[[Member], float]


def _unknown(_member: Member) -> float:
    return math.nan


class AlarmBook:
    """All alarms of one unit that are not over."""

    def __init__(self) -> None:
        self._alarms: list[Alarm] = []

    def change(
        self,
        detector: str,
        rows: tuple[Row | None, ...],
        changes: list[tuple[int, str, int]],
        t_s: float,
        explain: Explain,
        how_bad: HowBad = _unknown,
    ) -> list[AlarmEvent]:
        """Take what changed in one detector, as (channel, scope, new tier); return events."""
        events: list[AlarmEvent] = []
        for channel, _, tier in changes:
            if tier == 0:
                events += self._clear(detector, channel, t_s)
        raised = [change for change in changes if change[2] > 0]
        news: list[Alarm] = []
        retold: list[Alarm] = []

        def worst_first(change: tuple[int, str, int]) -> tuple[int, float]:
            bad = how_bad((detector, change[0]))
            return -change[2], 0.0 if math.isnan(bad) else -bad

        for channel, scope, tier in sorted(raised, key=worst_first):
            alarm, is_news = self._raise(detector, rows, channel, scope, tier, t_s)
            member = (detector, channel)
            if is_news and alarm not in news:
                news.append(alarm)
            elif tier == alarm.tier and how_bad(member) > how_bad(alarm.leader):
                alarm.leader = member
                retold.append(alarm)
        for alarm in [*news, *(alarm for alarm in retold if alarm not in news)]:  # all followers are known
            row = rows[alarm.tier]
            assert row is not None
            members = {channel for name, channel in alarm.members if name == detector}
            said = _finite(explain(alarm.leader[1], row, members))
            name = alarm.said.name if alarm.said else self._name(said, alarm.leader)
            alarm.said = replace(said, state=str(alarm.state), count=alarm.count, name=name)
            if alarm in news and alarm.state in (AlarmState.NEW, AlarmState.CLEARED_NEW):
                events.append(alarm.said)
        return events

    def _name(self, said: AlarmEvent, leader: Member) -> str:
        """Return what a new alarm is called: as its detector says, and by its channel where that is taken."""
        taken = {alarm.said.name for alarm in self._alarms if alarm.said}
        name = said.name or called(said.detector, said.location)
        while name in taken:
            name += f"~{leader[1]}"
        return name

    def _raise(
        self, detector: str, rows: tuple[Row | None, ...], channel: int, scope: str, tier: int, t_s: float
    ) -> tuple[Alarm, bool]:
        member = (detector, channel)
        row = rows[tier]
        assert row is not None  # a tier without a row has an infinite limit
        alarm = self._find(member, row.severity, scope, t_s)
        if alarm is None:
            alarm = Alarm(family_of(detector), scope, member, tier, t_s, t_s, row.latch, {member}, {member})
            self._alarms.append(alarm)
            return alarm, True
        again, worse = not alarm.standing, tier > alarm.tier
        waits = alarm.latch and alarm.state is AlarmState.NEW and tier < alarm.tier  # to be seen
        joins = member not in alarm.shown and t_s - alarm.joined_s <= CAUSE_S
        if again or joins:  # one that flickers, or comes late, does not keep a cause fresh for all others
            alarm.joined_s = t_s
        alarm.members.add(member)
        alarm.shown.add(member)
        if worse or (again and not waits and alarm.state not in PUT_ASIDE):
            alarm.leader = member
            alarm.tier = tier
            alarm.latch = row.latch
            alarm.raised_s = t_s
            # nobody has put aside what is worse than what he saw
            alarm.do(Action.UNSHELVE if alarm.state is AlarmState.SHELVED else Action.RAISE)
            return alarm, True
        return alarm, False

    def _find(self, member: Member, severity: str, scope: str, t_s: float) -> Alarm | None:
        """Return the alarm a member belongs to: its own, else the critical one of its channel, if it is less
        than that, else a fresh one of its family and scope; none that is put aside, for nobody did that to
        what comes later. What is critical joins none that is critical already and was acknowledged, or was
        raised long ago, whoever joined that since: it would go unheard.
        """
        family = family_of(member[0])
        ours = [alarm for alarm in self._alarms if alarm.family == family and alarm.scope == scope]
        for alarm in ours:
            if member in alarm.shown:
                return alarm
        open_to = [alarm for alarm in ours if alarm.standing and alarm.state not in PUT_ASIDE]
        for alarm in open_to:
            worse = alarm.severity == CRITICAL != severity
            if worse and any(are_of_one_channel(member, other) for other in alarm.members):
                return alarm
        return next(
            (
                alarm
                for alarm in open_to
                if t_s - alarm.joined_s <= CAUSE_S
                and not (severity == CRITICAL and _is_old(alarm, t_s))
                and not any(are_opposite(member[0], name) for name, _ in alarm.members)
            ),
            None,
        )

    def _clear(self, detector: str, channel: int, t_s: float) -> Iterator[AlarmEvent]:
        member = (detector, channel)
        for alarm in [alarm for alarm in self._alarms if member in alarm.members]:
            alarm.members.discard(member)
            if not alarm.standing and alarm.do(Action.CLEAR):
                yield self._say(alarm, t_s)

    def _say(self, alarm: Alarm, t_s: float) -> AlarmEvent:
        assert alarm.said is not None
        if alarm.state is AlarmState.NORMAL:
            self._alarms.remove(alarm)
        alarm.said = replace(alarm.said, state=str(alarm.state), t_s=t_s)
        return alarm.said

    def active(self) -> list[AlarmEvent]:
        """Return all alarms that are not over, as they are now, with the time when each was last raised:
        highest priority first, newest first within one priority.
        """
        ordered = sorted(self._alarms, key=lambda alarm: (alarm.priority, -alarm.raised_s))
        return [
            replace(a.said, state=str(a.state), count=a.count, t_s=a.raised_s)
            for a in ordered
            if a.said is not None
        ]

    def do(self, what: Action, name: str, t_s: float, until_s: float = 0.0) -> list[AlarmEvent]:
        """Let a person do something to the alarm of a name; return what it changed.

        ValueError when no such alarm is in the book.
        """
        found = [alarm for alarm in self._alarms if alarm.said and alarm.said.name == name]
        if not found:
            raise ValueError(f"no alarm {name}; it may have cleared already")
        changed = []
        for alarm in found:
            if what is Action.SHELVE:
                alarm.until_s = until_s
            if alarm.do(what):
                changed.append(self._say(alarm, t_s))
        return changed

    def unshelve_due(self, t_s: float) -> list[AlarmEvent]:
        """Bring shelved alarms back whose time is over."""
        due = [alarm for alarm in self._alarms if alarm.state is AlarmState.SHELVED and t_s >= alarm.until_s]
        return [self._say(alarm, t_s) for alarm in due if alarm.do(Action.UNSHELVE)]

    def retire(self, t_s: float) -> list[AlarmEvent]:
        """End every condition: nothing will judge these channels again. Unacknowledged alarms stay."""
        events = []
        for alarm in list(self._alarms):
            alarm.members.clear()
            if alarm.do(Action.CLEAR):
                events.append(self._say(alarm, t_s))
        return events

    def standing(self) -> list[Alarm]:
        """Return the alarms whose condition stands."""
        return [alarm for alarm in self._alarms if alarm.standing]

    def forget(self, name: str) -> None:
        """Let go of the alarm of a name that nothing shows any more: another book has it now."""
        self._alarms = [a for a in self._alarms if a.standing or a.said is None or a.said.name != name]

    def all(self) -> list[Alarm]:
        """Return all alarms."""
        return list(self._alarms)

    def empty(self) -> bool:
        """Is there no alarm at all."""
        return not self._alarms

    def lose(self, member: Member, t_s: float) -> list[AlarmEvent]:
        """End the condition of one channel: nothing will judge it again."""
        return list(self._clear(*member, t_s))

    def retell(self, member: Member, said: Said) -> None:
        """Say the alarm that a channel stands in otherwise; no event."""
        for alarm in self._alarms:
            if member in alarm.members and alarm.said is not None:
                alarm.said = replace(alarm.said, **said.told())

    def to_plain(self) -> list[dict[str, Any]]:
        """Return all alarms as plain data."""
        return [
            {
                **asdict(alarm),
                "members": sorted(alarm.members),
                "shown": sorted(alarm.shown),
                "said": alarm.said and alarm.said.to_plain(),
            }
            for alarm in self._alarms
        ]

    def from_plain(self, alarms: list[dict[str, Any]], later_s: float = 0.0) -> None:
        """Take alarms as `to_plain` gave them, in place of those in the book; `later_s`: how much later all
        that was is by this clock. LookupError, TypeError, ValueError where these are no alarms.
        """
        self._alarms = [_alarm(alarm, later_s) for alarm in alarms]
        for alarm in self._alarms:
            if alarm.said and not alarm.said.name:
                # version 0.1.0 had no names, and told some alarms alike; of what it measured it said "now"
                text = alarm.said.text
                said = f"When raised: {text}" if alarm.said.detector in JUDGING else text
                alarm.said = replace(alarm.said, text=said, name=self._name(alarm.said, alarm.leader))


def _is_old(alarm: Alarm, t_s: float) -> bool:
    """Is it critical, and known to people or to time."""
    heard = alarm.state is not AlarmState.NEW or t_s - alarm.raised_s > CAUSE_S
    return alarm.tier == TIERS.index(CRITICAL) and heard


def _finite(event: AlarmEvent) -> AlarmEvent:
    """Return the event with 0 for each number that is not finite: neither JSON nor the wire has NaN."""
    numbers = ("value", "limit", "since_s", "beyond_noise", "expected")
    odd: dict[str, Any] = {name: 0.0 for name in numbers if not math.isfinite(getattr(event, name))}
    return replace(event, **odd)


def _alarm(plain: dict[str, Any], later_s: float) -> Alarm:
    said = plain["said"] and AlarmEvent.from_plain(plain["said"])
    if said:
        said = replace(said, t_s=said.t_s + later_s, since_s=said.since_s + later_s)
    return Alarm(
        **{
            **plain,
            "leader": (plain["leader"][0], plain["leader"][1]),
            "members": {(name, channel) for name, channel in plain["members"]},
            "shown": {(name, channel) for name, channel in plain["shown"]},
            "state": AlarmState(plain["state"]),
            "said": said,
            **{key: plain[key] + later_s for key in ("raised_s", "joined_s", "until_s")},
        }
    )
