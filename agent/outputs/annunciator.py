"""Whether all is well enough for the relay to be energised. Pure: alarms and sight in, reasons out.

The relay is normally energised and drops on the first reason (fail-safe, as in ISA-18.2 annunciators): a
critical alarm that stands or that nobody has acknowledged, a unit whose values are not seen, or a test alarm.
At start nothing has been seen yet, so it starts dropped.
"""

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime

from agent.detect.alarms.states import AlarmEvent, AlarmState
from agent.detect.knowledge import UNSEEN, Knowledge
from agent.detect.table import CRITICAL
from agent.view.sayings import say
from agent.view.voice import voice

#: States in which an alarm still wants to be heard; shelved and out of service are a person's decision.
HEARD = frozenset({AlarmState.NEW, AlarmState.ACK, AlarmState.CLEARED_NEW})


class Annunciator:
    """The reasons of one site, by unit."""

    def __init__(self, units: Iterable[str]) -> None:
        self._sight: dict[str, str] = dict.fromkeys(units, Knowledge.NEVER)
        self._alarms: dict[str, list[str]] = {}
        self._test_until_s = float("-inf")

    def expect(self, units: Iterable[str]) -> None:
        """Take the units that there are from now on; of new ones nothing has been seen."""
        self._sight = {unit: self._sight.get(unit, Knowledge.NEVER) for unit in units}
        self._alarms = {unit: said for unit, said in self._alarms.items() if unit in self._sight or not unit}

    def alarms(self, unit: str, active: Sequence[AlarmEvent]) -> None:
        """Take the alarms of a unit that are not over: all of them, each time any of them changed."""
        self._alarms[unit] = [
            _reason(unit, alarm) for alarm in active if alarm.severity == CRITICAL and alarm.state in HEARD
        ]

    def sight(self, unit: str, knowledge: str) -> None:
        """Take how much is known of a unit (`agent.detect.known.knowledge`)."""
        self._sight[unit] = knowledge

    def test(self, until_s: float) -> None:
        """Act as if there were an alarm until then (same clock as `reasons`)."""
        self._test_until_s = until_s

    def reasons(self, now_s: float) -> list[str]:
        """Return why the relay must be dropped, in words; empty when it may be energised."""
        found = [reason for reasons in self._alarms.values() for reason in reasons]
        found += [f"{unit}: {known}" for unit, known in self._sight.items() if known in UNSEEN]
        if now_s < self._test_until_s:
            found.append("drill")  # a test alarm; others read the word
        return found


def _reason(unit: str, alarm: AlarmEvent) -> str:
    """Return place, state, action and what was wrong: no time left, for it stands as long as the alarm."""
    said = voice({**asdict(alarm), "unit": unit, "ahead": {}}, datetime.now(UTC))
    return say("reason", place=said.place, state=alarm.state, said=said.doing.removesuffix("."))
