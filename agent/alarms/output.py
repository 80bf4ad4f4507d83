"""The plug point of outputs, which alarms are passed to: a relay, a journal. `agent.outputs.table` has a row
for each.

An output is told after an alarm was judged and before any disk is asked to keep it. It is told from the event
loop that also polls: a call returns at once, and what takes longer belongs into `run`. What a call raises is
an alarm (`part_failed`, with the output's name), and keeps no other output from being told.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from agent.detect.alarms.states import AlarmEvent


class Output:
    """An output. A subclass overrides what it acts on; the rest does nothing."""

    @property
    def trouble(self) -> str:
        """Why it would tell nobody now; "" where it works."""
        return ""

    def expect(self, units: Iterable[str]) -> None:
        """Take the units that there are from now on, by name."""

    def called(self, labels: Mapping[str, str]) -> None:
        """Take what people call units, of those that have such a name."""

    def stands(self, unit: str, alarms: Sequence[AlarmEvent]) -> None:
        """Take the alarms of a unit that are not over: all of them, each time any of them changed. "" is the
        site.
        """

    def changed(self, unit: str, event: AlarmEvent) -> None:
        """Take what happened to one alarm, after `stands`."""

    def sights(self, knowledge: Iterable[tuple[str, str]]) -> None:
        """Take how much is known of units (`agent.detect.knowledge`), every second."""

    def test(self, seconds: float, who: str) -> None:
        """Act for some seconds as if a critical alarm stood: a person tests whether it is heard."""

    def lasting_trouble(self) -> str:
        """Return the trouble that is worth an alarm (`NAME_trouble`), and what follows of it; "" where it has
        lasted for a moment only. Asked every second; the alarm ends with `trouble`.
        """
        return self.trouble

    def report(self) -> dict[str, Any] | None:
        """Return its part of the status; None: it has none."""
        return None

    async def run(self) -> None:
        """Do what needs time, until cancelled. What it raises is an alarm, and it is begun anew."""
        await asyncio.Future()
