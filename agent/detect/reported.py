"""Alarms that a unit itself reports, by its bits and states: told as they are, in the words of its profile.

They are not judged here, only kept: an alarm whose register was not read now neither comes nor goes, and one
that flickers is one alarm, which is over when it has been away for its off-delay.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from agent.detect.alarms import AlarmEvent
from agent.detect.book import AlarmBook
from agent.detect.channels import Codes
from agent.detect.rows import TIERS, Row, rows_of
from agent.quality import Quality

Int64 = npt.NDArray[np.int64]
#: What stands in a frame: (raw, quality) -> (value index, severity, text) of each alarm.
Standing = Callable[[Int64, Codes], Sequence[tuple[int, str, str]]]

_ROWS = rows_of("reported")


class Reported:
    """The alarms of one unit's own making.

    places, quantities: per value of its frame. speaking (k,): the values that can say one. standing: reads
    them out of a frame.
    """

    def __init__(
        self,
        places: Sequence[str],
        quantities: Sequence[str],
        speaking: npt.NDArray[np.intp],
        standing: Standing,
    ) -> None:
        self.book = AlarmBook()
        self._places, self._quantities = places, quantities
        self._speaking, self._standing = speaking, standing
        self._heard = b""
        self._said: list[
            tuple[int, str, str]
        ] = []  # every alarm that ever stood: its channel is its index here
        self._channel: dict[tuple[int, str, str], int] = {}
        self._raised: set[int] = set()
        self._away_since_s: dict[int, float] = {}

    def judge(self, t_s: float, raw: Int64, quality: Codes) -> list[AlarmEvent]:
        """Take one frame; return what happened to alarms, most often nothing."""
        heard = raw[self._speaking].tobytes() + quality[self._speaking].tobytes()
        if heard == self._heard and not self._away_since_s:
            return []
        self._heard = heard
        now = {self._number(said) for said in self._standing(raw, quality)}
        changes = [(c, str(c), TIERS.index(self._said[c][1])) for c in sorted(now - self._raised)]
        for c in self._raised:
            if c in now or quality[self._said[c][0]] != Quality.GOOD:
                self._away_since_s.pop(c, None)
            elif t_s - self._away_since_s.setdefault(c, t_s) >= self._off_delay_s(c):
                changes.append((c, str(c), 0))
        for c, _, tier in changes:
            if tier:
                self._raised.add(c)
            else:
                self._raised.discard(c)
                self._away_since_s.pop(c, None)
        return self.book.change("reported", _ROWS, changes, t_s, self._explain(t_s)) if changes else []

    def said(self) -> list[list[Any]]:
        """Return what the alarms in the book stand for: value index, severity and text of each channel."""
        return [list(said) for said in self._said]

    def stand_again(self, said: Sequence[Sequence[Any]]) -> None:
        """Take up what `said` gave, and the alarms that stand in the book: they clear when they are away."""
        self._said = [(int(index), str(severity), str(text)) for index, severity, text in said]
        self._channel = {known: channel for channel, known in enumerate(self._said)}
        self._raised = {channel for alarm in self.book.standing() for _, channel in alarm.members}
        self._heard = b""

    def _number(self, said: tuple[int, str, str]) -> int:
        if said not in self._channel:
            self._channel[said] = len(self._said)
            self._said.append(said)
        return self._channel[said]

    def _off_delay_s(self, channel: int) -> float:
        row = _ROWS[TIERS.index(self._said[channel][1])]
        return row.off_delay_s if row else 0.0

    def _explain(self, t_s: float) -> Callable[[int, Row, set[int]], AlarmEvent]:
        def explain(channel: int, row: Row, _members: set[int]) -> AlarmEvent:
            index, severity, text = self._said[channel]
            place = self._places[index]
            return AlarmEvent(
                row.detector,
                severity,
                "NEW",
                place,
                self._quantities[index],
                1.0,
                row.limit,
                row.unit,
                f"The unit itself reports{f' for {place}' if place else ''}: {text}.",
                t_s,
                since_s=t_s,
            )

        return explain
