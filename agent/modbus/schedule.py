"""Which unit of a bus may speak next: earliest deadline first, safety points before everything else. Pure.

Theory. Reads cannot be interrupted, so this is non-preemptive EDF: as long as the line has time for all
cycles, each ends within its period and the longest single read; what else a read of the longest kind (a
probe of a silent unit, a state point) can cost is computed in `proof`. Below safety stand state points,
probes and the first conversation with a unit; what has waited beyond its own deadline is urgent too, so that
a bus with too much to do starves nobody for ever. Silent units get a share of the line by that, and no more:
twenty dead ones have more to be asked than it has time for, and must not delay the living one. Behind a
gateway, who has never answered is silent too. Each such unit is asked once as soon as nothing else is to be
asked, those first that were in sight when the agent ended last; after that silent units wait for what a
gateway may still have to do (`backlog`), one at a time.
"""

from collections.abc import Sequence
from dataclasses import replace
from math import inf

from agent.modbus.backlog import Backlog
from agent.modbus.cycle import CONNECT, PROBE, Candidate
from agent.modbus.identity_share import IdentityShare
from agent.modbus.patience import OTHERS_WITHIN_S
from agent.modbus.ports import Answer, LateReply
from agent.modbus.read_request import ReadRequest
from agent.modbus.unit import Unit
from agent.modbus.verdict import Verdict, verdict_of

OF_NO_PLAN = frozenset({PROBE, CONNECT})
SILENT_SHARE = 0.2  # of the line's time, for what silent units are asked when it has waited too long
# A gateway that was seen to wait within so long: silent units are asked so many of its waits apart, until one
# that was gone is back; who lives has on top of its time-out what the gateway may need for the dead.
WAITS_APART, WAITS_FOR_S = 1.2, 60.0


class Schedule:
    """The units behind one port, and whose turn it is."""

    def __init__(self, units: Sequence[Unit], start_s: float) -> None:
        self.units = sorted(units, key=lambda unit: unit.unseen)
        self.backlog = Backlog(len(units))
        self._asked: tuple[Unit, float] | None = None  # who has the line with no read of its plan, since when
        self._hurry_from_s = -inf  # before this no such request comes before a safety point
        self._probed_s = -inf  # when a silent unit was asked last
        self._lives = False  # one of the units has answered
        self._gateway = len(units) > 1 and units[0].patience.has_transaction_ids
        # before this nobody has waited too long
        self._overdue_s = start_s + OTHERS_WITHIN_S if self._gateway else -inf
        self._identity = IdentityShare(start_s)
        for k, unit in enumerate(self.units):
            unit.identity_share = self._identity
            unit.patience.alone = len(units) == 1
            # spread over their first period, so that their requests do not queue
            unit.release_s = start_s + unit.period_s * k / len(units)

    def next(self, now_s: float) -> tuple[Unit, ReadRequest] | float:
        """Return whom to ask now, and what; or until when there is nothing to ask."""
        if self._asked is not None:
            (unit, since_s), self._asked = self._asked, None
            if unit.patience.silences:
                self._hurry_from_s = now_s + (now_s - since_s) * (1 / SILENT_SHARE - 1)
        wake_s, chosen = self._choose(now_s)
        if chosen is None:
            return wake_s
        unit, candidate = chosen
        silent = self._is_silent(unit, candidate)
        if silent:
            self._probed_s = now_s
        if silent or (candidate.purpose in OF_NO_PLAN and not candidate.safety):
            self._asked = unit, now_s
        request = unit.request(candidate, now_s)
        if self._waits(now_s) and not silent:
            more_s = max(0.0, self.backlog.free_s - now_s)
            request = replace(request, timeout_s=request.timeout_s + more_s)
        return unit, request

    def took(self, unit: Unit, request: ReadRequest, answer: Answer, now_s: float) -> None:
        """Note what came of a request, before the unit is told."""
        if request.purpose == CONNECT and unit.connection is not None:
            self._identity.spend(now_s - request.at_s, now_s)
        if not self._gateway:
            return
        if answer.response_s is None and not answer.damaged:
            lost = unit.patience.times.heard and not self._waits(now_s)
            self.backlog.unanswered(request.at_s, lost=lost)
            return
        verdict = verdict_of(answer)
        self._lives |= verdict is Verdict.SOUND
        self.backlog.answered(request.at_s, now_s, dead=verdict is Verdict.GATEWAY)
        if verdict is Verdict.SOUND and request.purpose == PROBE and not unit.patience.is_there:
            self.backlog.waited_s = -inf

    def came_late(self, reply: LateReply, now_s: float) -> None:
        """Take a reply that came after its time-out, and tell whom it is from."""
        self.backlog.answered(now_s - reply.response_s, now_s, late=True)
        for unit in self.units:
            if reply.unit_id in unit.asked_ids and not reply.gateway:
                unit.heard_late(reply.response_s, now_s)

    def _waits(self, now_s: float) -> bool:
        """Whether a gateway was seen to wait for who is dead."""
        return self._gateway and now_s - self.backlog.waited_s < WAITS_FOR_S

    def _silent_from_s(self, now_s: float) -> tuple[float, float]:
        """Return from when silent units may be asked for the first time, and again."""
        if not self._gateway:
            return -inf, -inf
        free_s = self.backlog.free_s
        if not self._waits(now_s):
            return free_s if self._lives and not self.backlog.at_once else -inf, free_s
        return free_s, max(free_s, self._probed_s + WAITS_APART * self.backlog.waits_s)

    def _is_silent(self, unit: Unit, candidate: Candidate) -> bool:
        """Whether a unit is asked for a sign of life: behind a gateway, also who has never answered."""
        return candidate.purpose == PROBE or (self._gateway and unit.patience.is_stranger)

    def due(self, now_s: float) -> float:
        """Return when there is something to ask, and ask nothing."""
        wake_s, chosen = self._choose(now_s)
        return wake_s if chosen is None else now_s

    def _choose(self, now_s: float) -> tuple[float, tuple[Unit, Candidate] | None]:
        best: tuple[int, float] | None = None
        chosen: tuple[Unit, Candidate] | None = None
        wake_s = inf
        silent_may, waits = now_s >= self._hurry_from_s, self._waits(now_s)
        first_s, again_s = self._silent_from_s(now_s)
        for unit in self.units:
            unit.advance(now_s, can_ask=True)
            wake_s = min(wake_s, unit.release_s)
            candidate = unit.candidate()
            if candidate is None:
                continue
            at_s, silent = candidate.at_s, self._is_silent(unit, candidate)
            if silent and (waits or not unit.patience.is_there):
                at_s = max(at_s, again_s if unit.asked_ids else first_s)
            if at_s > now_s:
                wake_s = min(wake_s, at_s)
                continue
            may = silent_may or not (silent or candidate.purpose in OF_NO_PLAN)
            deadline_s = max(candidate.deadline_s, self._overdue_s) if silent else candidate.deadline_s
            urgent = (candidate.safety and not silent) or (may and deadline_s <= now_s)
            key = (0 if urgent else 1 + silent, deadline_s)
            if best is None or key < best:
                best, chosen = key, (unit, candidate)
        return wake_s, chosen

    def idle(self, now_s: float) -> float:
        """Let the units say that nothing can be asked; return when they will have more to say."""
        for unit in self.units:
            unit.advance(now_s, can_ask=False)
        return min(unit.release_s for unit in self.units)
