"""The alarms of the buffer about itself: each goes to the log at once, to disk with the next commit."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from agent.detect.table import CRITICAL, WARNING
from agent.store.errors import Exchanged
from agent.store.ledger import Event
from agent.store.salvage import Salvage
from agent.wire.limits import DEFAULT_LIMITS

log = logging.getLogger(__name__)

CURE = "Find out what did it; stop the agent before its files are restored"


class MakeAlarm(Protocol):
    """How the agent makes an alarm about itself."""

    def __call__(self, detector: str, text: str, *, severity: str = CRITICAL) -> Sequence[Event]:
        """Return the events that announce it."""
        ...


class BufferAlarms:
    """`waiting`: events that are not on disk yet."""

    def __init__(self, path: Path, make: MakeAlarm) -> None:
        self._path, self._make = path, make
        self.waiting: list[Event] = []

    def renumbered(self, last_sequence: int) -> None:
        """A new epoch was begun: an older version let an answer move this buffer beyond all bounds."""
        text = (
            f"a collector had moved this buffer to sequence {last_sequence}, beyond the bound of"
            f" {DEFAULT_LIMITS.sequence}; a new epoch was begun, under which what was not delivered is sent."
            " Look at what answers under the URL of [upstream]"
        )
        self._raise("buffer_renumbered", text)

    def damaged(self, damage: str, aside: Path, known: Salvage, found: Salvage) -> None:
        """A damaged database was put aside. `known`: what this process knew of it, `found`: what was read.

        The gap record of the old epoch and the alarms that were not delivered wait with the alarm.
        """
        epoch = known.epoch or found.epoch
        if epoch:
            last = max(known.last_sequence, found.last_sequence if found.epoch == epoch else 0)
            record = {"kind": "gap", "ranges": [(1, last)] if last else [], "reason": "damaged buffer"}
            self.waiting.append(Event("", {**record, "epoch": epoch}))
        text = f"the buffer was damaged ({damage}) and is kept as {aside.name}; a new one was begun"
        self._raise("buffer_damaged", text)
        self.waiting += found.alarms

    def exchanged(self, how: Exchanged, then: str) -> Sequence[Event]:
        """The files were exchanged. `then`: what was done about it. Return all that waits."""
        text = f"the buffer's files were exchanged under the running agent ({how}); {then}. {CURE}"
        self._raise("buffer_exchanged", text)
        return self.waiting

    def renumbered_image(self, upstream: str, batches: int) -> None:
        """A new epoch was begun: an older image was restored, and numbers were drawn twice since."""
        text = (
            f"the collector of upstream {upstream} holds {batches} batches that this buffer does not"
            " remember: an older image of the disk was restored, and other batches of the same numbers have"
            " gone to another collector since. What was not delivered is sent under a new epoch"
        )
        self._raise("buffer_renumbered", text)

    def lost_by_collector(self, upstream: str, stored: int, gone: int) -> None:
        """A collector lacks batches that it had acknowledged: some are sent again, others are gone."""
        if stored:
            log.warning(
                "the collector of upstream %s lacks %d batches that it had acknowledged; they are sent again",
                upstream,
                stored,
            )
        if gone:
            text = (
                f"the collector lacks {gone} batches that it had acknowledged, and they are no"
                " longer in this box's history: no one has them, unless there is a backup of the"
                " collector. [store] history_mb says how much is kept"
            )
            self.waiting += self._make("collector_lost", text, severity=WARNING)

    def rolled_back(self, batches: int) -> Sequence[Event]:
        """Return the alarm of a buffer that remembers fewer batches than the collector holds."""
        text = (
            f"the collector holds {batches} batches more than this buffer remembers: the disk was restored"
            " from an older image, or lost what it had confirmed"
        )
        log.critical("%s: %s", self._path, text)
        return self._make("buffer_rolled_back", text)

    def _raise(self, detector: str, text: str) -> None:
        log.critical("%s: %s", self._path, text)
        self.waiting += self._make(detector, text)
