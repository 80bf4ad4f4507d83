"""One unit under watch: frames in, alarm events out."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from agent.detect import keeping, limit_words, liveness
from agent.detect.alarms.book import AlarmBook
from agent.detect.alarms.states import AlarmEvent, Member, called
from agent.detect.alike import alike
from agent.detect.channels import Bank, Codes, Floats, Ints, channels_of
from agent.detect.declaration import At, Detector, Judged
from agent.detect.detectors import DETECTORS, filled_values
from agent.detect.explanations.ahead import Ahead
from agent.detect.explanations.case import Case
from agent.detect.explanations.heat import forecast_now
from agent.detect.judge_unit import judge_unit
from agent.detect.kernels.banks import Banks
from agent.detect.kernels.debounce import CHANGED, TIER, Delays, Rows, new_delays
from agent.detect.kernels.memory import addresses, table_of
from agent.detect.knowledge import blind_s
from agent.detect.learning import Coverage, Learning, learning_of, temperature_left_s, total, voltage_left_s
from agent.detect.limits import WHOSE, Limited, UnitLimits, heat_from
from agent.detect.places import parent_of
from agent.detect.rows import SIGHT, rows_of
from agent.detect.settings import Settings
from agent.detect.table import CRITICAL, TIERS, Row
from agent.detect.unit_arrays import bank_addresses, new_banks, start_afresh

POLLS_COUNTED = 3.0  # a frame is evidence for no more than so many polls, however long the gap before it


@dataclass(frozen=True, slots=True)
class Learned:
    """What a watch knew at `t_s`, s, the time of its last frame (NaN: it had none); see `keeping`."""

    t_s: float
    parts: keeping.Parts


#: What is given to the banks of a unit, and never written: by bank.
_GIVEN = {"gate": ("limits",), "measuring": ("quantity", "kind", "possible", "inner", "reach", "step")}


def _with_alike(banks: Banks) -> Banks:
    """Return banks whose constants are held once for all units alike."""
    return banks._replace(**{bank: alike(getattr(banks, bank), *names) for bank, names in _GIVEN.items()})


class _Judge:
    """A detector of the table with its rows of the alarm table, its delays and its standing tiers."""

    __slots__ = (
        "_at",
        "_score",
        "_worst",
        "bank",
        "delays",
        "detector",
        "explain",
        "limited",
        "member",
        "retold",
        "rows",
        "shadow",
        "stood",
    )

    def __init__(
        self,
        detector: Detector,
        judged: Judged,
        bank: Bank,
        banks: Banks,
        rows: Rows,
        delays: Delays,
        limited: Limited | None,
        shadow: bool,
    ) -> None:
        self.member, self.bank, self.explain = judged.member or detector.name, bank, detector.explain
        self.stood, self.retold = detector.stood, detector.retold
        self.rows, self.delays, self.detector, self.shadow = rows, delays, detector.name, shadow
        places = judged.score, judged.source
        self._at = tuple(x for at in places for x in _address(at, banks, bank.n, detector.name))
        score, self.limited = judged.score.of(banks), limited
        self._score = score.array if score.array.ndim == 1 else score.array[:, score.column]
        self._worst = judged.worst.of(banks) if judged.worst else None

    def at(self) -> tuple[int, ...]:
        """Return what the kernel needs to know of it."""
        limited = len(self.delays.limit)
        return self.bank.n, len(self.delays.table), limited, *self._at, *addresses(self.delays)

    def how_bad(self, c: int) -> float:
        """Return by how much a channel is the worst, see `Judged.worst`; NaN: not known."""
        if self._worst is None:
            return np.nan
        return float(abs(self._worst.array.reshape(self.bank.n, -1)[c, self._worst.column]))

    def changes(self) -> list[tuple[int, str, int]]:
        """Return (channel, scope, new tier) of what changed in this frame, once; of channels that have limits
        of their own, the one that is furthest beyond them first.
        """
        tier = self.delays.tier
        changed = np.flatnonzero(tier & CHANGED)
        tier[changed] ^= CHANGED
        if self.limited and len(changed) > 1:
            limit = self.limited.limit[changed, tier[changed].astype(np.int64) - 1]
            changed = changed[np.argsort(limit - self._score[changed], kind="stable")]
        found = [(int(c), self._scope(int(c)), int(tier[c])) for c in changed]
        return [*found, *self._worse(found)] if self._worst and found else found

    def _scope(self, c: int) -> str:
        return self.bank.scope[int(self.bank.group[c])]

    def _worse(self, changes: list[tuple[int, str, int]]) -> list[tuple[int, str, int]]:
        """Raise what is worse than what is raised in this frame, and beyond its limit too: it does not wait
        for its own delay, or a lesser one would be told in its place.
        """
        found = []
        for scope, tier in {(scope, tier) for _, scope, tier in changes if tier}:
            worst = max(self.how_bad(c) for c, *of in changes if of == [scope, tier])
            (row,) = np.flatnonzero(self.delays.table[:, TIER] == tier)
            waiting = (self.delays.over_s[:, row] > 0.0) & (self.delays.tier < tier)
            for c in map(int, np.flatnonzero(waiting)):
                if self._scope(c) == scope and self.how_bad(c) > worst:
                    self.delays.tier[c], self.delays.under_s[c] = tier, 0.0
                    found.append((c, scope, tier))
        return found

    def listens(self) -> Ints:
        """Return which values of a frame it judges: of those that have limits of their own, who has one."""
        if self.limited is None:
            return self.bank.index
        return self.bank.index[np.isfinite(self.limited.limit).any(axis=1)]

    def row_of(self, row: Row, c: int) -> tuple[Row, str]:
        """Return the row that holds for a channel, and whose limit that is, in words."""
        if self.limited is None:
            return row, ""
        tier = TIERS.index(row.severity) - 1
        limit = round(float(self.limited.limit[c, tier]), 6)
        return replace(row, limit=limit), WHOSE[self.limited.source[c, tier]]


class UnitDetectors:
    """The detectors of one unit.

    places, quantities, resolution: per value of the unit's frame (see `drivers.layout.Layout`); resolution is
    the SI size of one register step. period_s: how often frames are meant to come. profile (n, 3, 2): the
    limits that the profile gives, None: none.
    """

    def __init__(
        self,
        places: Sequence[str],
        quantities: Sequence[str],
        resolution: Floats,
        period_s: float,
        settings: Settings | None = None,
        profile: Floats | None = None,
    ) -> None:
        self.period_s = period_s
        self.settings = settings or Settings()
        self.book, self.shadow_book = AlarmBook(), AlarmBook()
        self._channels = channels_of(places, quantities, resolution)
        judged_as = self._channels.judged_as
        self.limits: UnitLimits = alike(self.settings.unit_limits(judged_as, profile))
        self.limit_notes = limit_words.notes(judged_as, self.settings, profile)
        self._config = self.settings.digest(self.limits)
        self._banks = _with_alike(new_banks(self._channels, self.limits))
        self._addresses, self._at = table_of(bank_addresses(self._banks))
        self._judges = self._make_judges()
        self._retelling = [judge for judge in self._judges if judge.retold]
        self._judge_addresses, self._judges_at = table_of([judge.at() for judge in self._judges])
        self._sizes = tuple(self._channels.sizes)
        self._blind_s = blind_s(period_s)
        self._hot_degc = heat_from(self.limits, self._channels.temps.index)
        self._t_s = np.nan

    def _make_judges(self) -> list[_Judge]:
        of_battery = [d for d in DETECTORS if d.chemistry in ("", self.settings.chemistry)]
        table = [(detector, judged) for detector in of_battery for judged in detector.judged]
        channels: list[Bank] = [getattr(self._channels, judged.channels) for _, judged in table]
        alarm_table = self.settings.rows()
        rows = [rows_of(detector.name, alarm_table) for detector, _ in table]
        limited = [
            alike(judged.limits(self._channels, self.limits)) if judged.limits else None
            for _, judged in table
        ]
        delays = new_delays([(bank.n, of) for bank, of in zip(channels, rows, strict=True)], limited)
        return [
            _Judge(
                detector,
                judged,
                bank,
                self._banks,
                of,
                alike(delay, "limit", "band"),
                own,
                detector.name in self.settings.shadow,
            )
            for (detector, judged), bank, of, delay, own in zip(
                table, channels, rows, delays, limited, strict=True
            )
        ]

    def hasten(self, early: bool) -> None:
        """Let warnings of limits speak after half their delay from now on, or not any more."""
        if early == self.settings.early:
            return
        self.settings = replace(self.settings, early=early)
        self._config = self.settings.digest(self.limits)
        alarm_table = self.settings.rows()
        for judge in self._judges:
            judge.rows = rows_of(judge.detector, alarm_table)
            (hastened,) = new_delays([(0, judge.rows)])
            judge.delays = judge.delays._replace(table=hastened.table)
        self._judge_addresses, self._judges_at = table_of([judge.at() for judge in self._judges])

    def listens(self) -> Ints:
        """Return which values of the frame a detector of the battery judges aloud."""
        b = self._channels
        aloud = [judge for judge in self._judges if not judge.shadow and judge.detector not in SIGHT]
        found = [judge.listens() for judge in aloud if judge.bank is b.temps or judge.bank is b.volts]
        banks = [judge.bank for judge in aloud]
        if any(b.groups is other for other in banks):
            found.append(b.temps.index)
        if any(len(judge.listens()) for judge in aloud if judge.bank is b.circuits):
            found += [b.circuits.index, b.at_power]
        at: Ints = np.unique(np.concatenate(found)) if found else np.zeros(0, np.int64)
        return at[at >= 0]

    def explained(self) -> Ints:
        """Return which values of the frame an alarm explains that stands: it is critical, or the unit fills
        values in there, into all that it reads in that place.
        """
        b, critical = self._channels, TIERS.index(CRITICAL)
        aloud = [
            judge
            for judge in self._judges
            if not judge.shadow and (judge.bank is b.temps or judge.bank is b.volts)
        ]
        at = [judge.bank.index[judge.delays.tier == critical] for judge in aloud]
        filled = {
            parent_of(judge.bank.places[c])
            for judge in aloud
            if judge.detector == filled_values.NAME
            for c in np.flatnonzero(judge.delays.tier)
        }
        for bank in (b.temps, b.volts):
            there = [parent_of(place) in filled for place in bank.places]
            at.append(bank.index[np.array(there, bool)])
        return np.unique(np.concatenate(at))

    def judge(
        self, t_s: float, si: Floats, quality: Codes, *, seen: bool = True, said_s: float = np.inf
    ) -> list[AlarmEvent]:
        """Judge one frame; return what happened to alarms, most often nothing.

        seen: False while another alarm says that the whole unit is out of sight: `blind` then raises nothing
        new for its channels. said_s: s, since the unit raised an alarm of its own that is a witness of heat.
        t_s: s, any monotonic clock. si (n,) float64: SI values. quality (n,) uint8: `agent.quality.Quality`.
        A frame whose time is not a number or stands still brings nothing new and is left out; time that goes
        backwards starts the slopes afresh.
        """
        if not math.isfinite(t_s) or t_s == self._t_s:
            return []
        dt_s = t_s - self._t_s
        self._t_s = t_s
        if not dt_s > 0:  # the first frame, or a clock that was set back
            start_afresh(self._banks)
            dt_s = self.period_s
        self._banks.gate.si[:] = si
        self._banks.gate.quality[:] = quality
        self._banks.doubt.said_s[0] = said_s
        counted_s = min(dt_s, POLLS_COUNTED * self.period_s)
        changed = judge_unit(
            t_s,
            dt_s,
            counted_s,
            self._blind_s,
            self._blind_s if seen else np.nan,
            self._hot_degc,
            self._sizes,
            self._at,
            self._judges_at,
        )
        events = self._events(t_s) if changed else []
        self._retell(t_s)
        return events

    def _retell(self, t_s: float) -> None:
        """Let what stands tell what it says of the last hour as it is now; that is no event."""
        for judge in self._retelling:
            if judge.retold is None or not judge.delays.tier.any():
                continue
            book = self.shadow_book if judge.shadow else self.book
            for alarm in book.standing():
                (member, c), row = alarm.leader, judge.rows[alarm.tier]
                if member == judge.member and row:
                    case = Case(row, judge.bank, c, {c}, t_s, self._banks, self._channels)
                    if said := judge.retold(case):
                        book.retell(alarm.leader, said)

    def _events(self, t_s: float) -> list[AlarmEvent]:
        events: list[AlarmEvent] = []
        for judge in self._judges:
            changes = judge.changes()
            if not changes:
                continue
            book = self.shadow_book if judge.shadow else self.book

            def explain(c: int, row: Row, members: set[int], judge: _Judge = judge) -> AlarmEvent:
                bank = judge.bank
                row, whose = judge.row_of(row, c)
                event = judge.explain(
                    Case(row, bank, c, members, t_s, self._banks, self._channels, whose, judge.member)
                )
                where = bank.keys[c] if event.location == bank.places[c] else event.location
                name = called(judge.detector if judge.limited else judge.member, where)
                return replace(event, config=self._config, shadow=judge.shadow, name=name)

            events += book.change(judge.member, judge.rows, changes, t_s, explain, self._how_bad)
        return events

    def _how_bad(self, member: Member) -> float:
        judge = next((judge for judge in self._judges if judge.member == member[0]), None)
        return judge.how_bad(member[1]) if judge else np.nan

    @property
    def t_s(self) -> float:
        """Time of the last frame, NaN before the first."""
        return self._t_s

    def tiers(self, detector: str) -> Codes:
        """Return the standing tiers of a detector's channels (n,), as they are kept: do not write to them."""
        return next(judge.delays.tier for judge in self._judges if judge.detector == detector)

    def active(self) -> list[AlarmEvent]:
        """Return the alarms that are not over, highest priority first."""
        return self.book.active()

    def forecast(self, event: AlarmEvent) -> Ahead | None:
        """Return the forecast of an alarm by the last frame, see `forecast_now`."""
        return forecast_now(event, self._banks, self._channels)

    def coverage(self) -> Coverage:
        """Return how many channels are judged, learning, blind, or have no sensor."""
        return total(self.learning())

    def learning(self) -> dict[str, Learning]:
        """Return the coverage of "temperature" and of "voltage", and how long what learns needs still."""
        b, left_s = self._banks, self._left_s()
        return {
            "temperature": learning_of(b.temps, left_s[0], self._blind_s),
            "voltage": learning_of(b.volts, left_s[1], self._blind_s),
        }

    def left_s(self) -> Floats:
        """Return for how long each value of a frame needs good input until it is learned, s (n,): 0: it is;
        NaN: nothing is learned of it.
        """
        left_s = np.full(self._channels.sizes.frame, np.nan)
        for bank, of in zip((self._channels.temps, self._channels.volts), self._left_s(), strict=True):
            left_s[bank.index] = of
        return left_s

    def _left_s(self) -> tuple[Floats, Floats]:
        return temperature_left_s(self._banks), voltage_left_s(self._banks)

    def seconds(self) -> Coverage:
        """Return the channel-seconds that were judged, learning, blind and without a sensor so far."""
        return Coverage(*map(float, self._banks.ledger.seconds))

    def learned(self) -> Learned:
        """Return all that was learned, and how far each judgement has come, as plain data."""
        parts = keeping.pack(self._banks, self._t_s)
        parts["delays"] = [self._config, keeping.pack_arrays(self._delays())]
        return Learned(self._t_s, parts)

    def take_up(self, learned: Learned, t_s: float, sure: bool = True) -> list[str]:
        """Take up what a watch of the same layout had learned, as after a gap; return what does not fit.

        t_s: when its last frame was, by this clock. Where that is not `sure`, no window reaches across.
        """
        unfit = keeping.unpack(self._banks, learned.parts, t_s)
        keeping.unpack_arrays(learned.parts.get("delays"), self._config, self._delays())  # or they begin anew
        self._t_s = t_s
        if not sure:
            start_afresh(self._banks)
        return unfit

    def _delays(self) -> list[Floats]:
        return [a for judge in self._judges for a in (judge.delays.over_s, judge.delays.under_s)]

    def standing(self) -> list[list[Any]]:
        """Return the standing tiers, as [member, channel, tier]."""
        return [
            [judge.member, int(c), int(judge.delays.tier[c])]
            for judge in self._judges
            for c in np.flatnonzero(judge.delays.tier)
        ]

    def stand_again(self, tiers: Sequence[Sequence[Any]], t_s: float) -> list[AlarmEvent]:
        """Give the channels of the alarms in the books their tiers back: they clear when they are seen to.

        What nobody judges any more, or not in this book, is over; returns the events.
        """
        was = {(member, channel): tier for member, channel, tier in tiers}
        judges = {judge.member: judge for judge in self._judges}
        events = []
        for book in (self.book, self.shadow_book):
            for member in sorted({m for alarm in book.standing() for m in alarm.members}):
                judge, tier = judges.get(member[0]), was.get(member, 0)
                ours = judge and judge.shadow == (book is self.shadow_book) and member[1] < judge.bank.n
                if judge and ours and 0 < tier < len(judge.rows) and judge.rows[tier]:
                    judge.delays.tier[member[1]] = tier
                    if judge.stood:
                        judge.stood(self._banks, member[1])
                else:
                    events += book.lose(member, t_s)
        return events


def _address(at: At, banks: Banks, n: int, detector: str) -> tuple[int, int]:
    """Return the address of a column, and its stride in numbers. Raises ValueError for one that has not a
    number for each of `n` channels: a kernel would read on beyond its end.
    """
    of = at.of(banks)
    width = of.array.shape[1] if of.array.ndim == 2 else 1
    if len(of.array) != n or not 0 <= of.column < width or of.array.dtype != np.float64:
        raise ValueError(
            f"{detector}: column {of.column} of {at.path}, {of.array.dtype} {of.array.shape}, is no float64 "
            f"for each of {n} channels"
        )
    (address,) = addresses([of.array])
    return address + 8 * of.column, width


def warm_up() -> None:
    """Compile or load every kernel, so that no poll waits for one."""
    watch = UnitDetectors(
        ["cell1", "sensor1"], ["cell_voltage", "cell_temperature"], np.array([0.001, 0.1]), 1.0
    )
    watch.judge(0.0, np.array([3.3, 25.0]), np.zeros(2, np.uint8))
    liveness.warm_up()
