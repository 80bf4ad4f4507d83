"""Deleting what retention says, in small steps beside a serving collector."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

from collector.intake import Intake
from collector.notes import PRUNING, RETENTION, Notes, NotesError
from collector.retention import CLASSES, DAY_NS, Retention, Steady, present_ns, retention
from collector.sink import Old, Outdated, SinkError

log = logging.getLogger(__name__)

ROWS = 500  # that are looked at in one step: some 10 ms
PERIOD_S, FIRST_S = 3600.0, 60.0
SHARE = 3  # a step, and three times as long for others

OnThread = Callable[..., Awaitable[Any]]


class Pruner:
    """One look after another at what is old. Used by the thread that uses the sink.

    `trouble`: why the last look deleted nothing; "" where it could.
    """

    def __init__(self, intake: Intake, notes: Notes, utc_ns: Callable[[], int]) -> None:
        self._intake, self._notes, self._utc_ns = intake, notes, utc_ns
        self._retention = Retention()
        self._now_ns = 0
        self._left: list[str] = []  # classes
        self._after: Old | None = None
        self.trouble = ""

    def look(self) -> None:
        """Begin anew: what is kept how long, and what time it is."""
        self._left, self._after = [], None
        try:
            self._retention = retention(self._notes.read(RETENTION))
            self.trouble = self._clock_trouble() if self._retention.days else ""
        except (NotesError, ValueError) as error:
            self.trouble = f"nothing is deleted: {error}"
        if not self.trouble:
            self._left = [what for what in CLASSES if what in self._retention.days]

    def _clock_trouble(self) -> str:
        """Why no clock says what is old; "" where one does."""
        clock_ns = self._utc_ns()
        now_ns = present_ns(clock_ns, self._intake.heard_ns())
        if now_ns is None:
            return "nothing is deleted: no agent that is heard has a clock that was set"
        said = self._notes.read(PRUNING)
        before = Steady(int(said["now_ns"]), said.get("jumped_ns")) if said else Steady(now_ns)
        steady = before.at(now_ns)
        if steady != before or not said:
            self._notes.write(PRUNING, {"now_ns": steady.now_ns, "jumped_ns": steady.jumped_ns})
        if steady.jumped_ns is not None:
            days = (now_ns - steady.now_ns) // DAY_NS
            return f"nothing is deleted: the time jumped by {days} days, and is believed in a week"
        self._now_ns = now_ns
        return ""

    def step(self) -> int | None:
        """Look at the next few rows; return how many were deleted, None where none is left. SinkError."""
        with suppress(Outdated):
            return self._step()
        return self._step()

    def _step(self) -> int | None:
        if not self._left:
            return None
        what = self._left[0]
        before_ns = self._now_ns - self._retention.days[what] * DAY_NS
        most = max(1, ROWS // CLASSES[what].weight)
        rows = self._intake.old(what, before_ns, self._after, most)
        gone = [row for row in rows if self._is_due(what, row)]
        if gone:
            self._intake.prune(what, gone)
        self._after = rows[-1] if rows else None
        if len(rows) < most:
            self._left, self._after = self._left[1:], None
        return len(gone)

    def _is_due(self, what: str, row: Old) -> bool:
        due_ns = self._retention.due_ns(what, row)
        return due_ns is not None and due_ns <= self._now_ns


async def prune(pruner: Pruner, on_thread: OnThread) -> None:
    """Look once an hour, and delete in steps that let others in between, until cancelled."""
    await asyncio.sleep(FIRST_S)
    while True:
        await look(pruner, on_thread)
        await asyncio.sleep(PERIOD_S)


async def look(pruner: Pruner, on_thread: OnThread) -> int:
    """Look once; return how many rows were deleted."""
    deleted = 0
    try:
        await on_thread(pruner.look)
        if pruner.trouble:
            log.error("%s", pruner.trouble)
        while True:
            start_s = time.monotonic()
            gone = await on_thread(pruner.step)
            if gone is None:
                break
            deleted += gone
            await asyncio.sleep(SHARE * (time.monotonic() - start_s))
    except SinkError as error:
        log.error("not all that is old could be deleted: %s", error)
    if deleted:
        log.info("%d rows were deleted, as `cellwarden-collector retain` says", deleted)
    return deleted
