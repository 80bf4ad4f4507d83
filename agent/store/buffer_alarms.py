"""The alarms of the buffer about itself: each goes to the log at once, to disk with the next commit."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from agent.detect.explanations.case import NOTHING
from agent.detect.explanations.said import Said, Sentence, said
from agent.detect.table import CRITICAL, WARNING
from agent.store.capacity import Full
from agent.store.errors import Exchanged
from agent.store.ledger import Event
from agent.store.salvage import Salvage
from agent.wire.limits import DEFAULT_LIMITS

log = logging.getLogger(__name__)

BEYOND = Sentence(
    "buffer-beyond",
    "a collector had moved this buffer to sequence {sequence:.0f}, beyond the bound of {bound:.0f}; a new "
    "epoch was begun, under which what was not delivered is sent. Look at what answers under the URL of "
    "[upstream]",
)
DAMAGED = Sentence(
    "buffer-damaged", "the buffer was damaged ({damage}) and is kept as {file}; a new one was begun"
)
EXCHANGED = Sentence(
    "buffer-exchanged",
    "the buffer's files were exchanged under the running agent ({how}); {then}. Find out what did it; stop "
    "the agent before its files are restored",
)
BEGUN = Sentence(
    "#begun-beside",
    "a new one was begun, with {moved:.0f} of {wanted:.0f} batches that wait for delivery{kept}",
)
KEPT = Sentence("#kept-as", "; what lay there is kept as {}")
NOT_BEGUN = Sentence("#not-begun", "no new one can be begun: {}")
RENUMBERED = Sentence(
    "buffer-renumbered",
    "the collector of upstream {upstream} holds {batches:.0f} batches that this buffer does not remember: "
    "an older image of the disk was restored, and other batches of the same numbers have gone to another "
    "collector since. What was not delivered is sent under a new epoch",
)
LOST = Sentence(
    "collector-lost",
    "the collector lacks {batches:.0f} batches that it had acknowledged, and they are no longer in this "
    "box's history: no one has them, unless there is a backup of the collector. [store] history_mb says how "
    "much is kept",
)
ROLLED_BACK = Sentence(
    "buffer-rolled-back",
    "the collector holds {batches:.0f} batches more than this buffer remembers: the disk was restored from "
    "an older image, or lost what it had confirmed",
)
FULL = Sentence(
    "buffer-full",
    "the buffer holds the {bound_bytes*0.000001:.0f} MB that it may, and {batches:.0f} batches wait for "
    "{upstreams}: the oldest values are dropped, alarms last. Find out why nothing is taken there, or raise "
    "[store] max_mb",
)
DISK_FULL = Sentence(
    "buffer-disk-full",
    "the disk is full, the buffer grows no more at {bound_bytes*0.000001:.0f} MB, and {batches:.0f} batches "
    "wait for {upstreams}: the oldest values are dropped, alarms last. Make room on the disk",
)
SAYS = (FULL, DISK_FULL, BEYOND, DAMAGED, EXCHANGED, BEGUN, KEPT, NOT_BEGUN, RENUMBERED, LOST, ROLLED_BACK)


def told_of(full: Full) -> Said:
    """Say in what way a buffer is full."""
    which, upstreams = DISK_FULL if full.disk else FULL, ", ".join(full.upstreams)
    return said(which, bound_bytes=full.bound_bytes, batches=full.batches, upstreams=upstreams)


class MakeAlarm(Protocol):
    """How the agent makes an alarm about itself."""

    def __call__(self, detector: str, told: Said, *, severity: str = CRITICAL) -> Sequence[Event]:
        """Return the events that announce it."""
        ...


class BufferAlarms:
    """`waiting`: events that are not on disk yet."""

    def __init__(self, path: Path, make: MakeAlarm) -> None:
        self._path, self._make = path, make
        self.waiting: list[Event] = []

    def renumbered(self, last_sequence: int) -> None:
        """A new epoch was begun: an older version let an answer move this buffer beyond all bounds."""
        bound = DEFAULT_LIMITS.sequence
        self._raise("buffer_renumbered", said(BEYOND, sequence=last_sequence, bound=bound))

    def damaged(self, damage: str, aside: Path, known: Salvage, found: Salvage) -> None:
        """A damaged database was put aside. `known`: what this process knew of it, `found`: what was read.

        The gap record of the old epoch and the alarms that were not delivered wait with the alarm.
        """
        epoch = known.epoch or found.epoch
        if epoch:
            last = max(known.last_sequence, found.last_sequence if found.epoch == epoch else 0)
            record = {"kind": "gap", "ranges": [(1, last)] if last else [], "reason": "damaged buffer"}
            self.waiting.append(Event("", {**record, "epoch": epoch}))
        self._raise("buffer_damaged", said(DAMAGED, damage=damage, file=aside.name))
        self.waiting += found.alarms

    def exchanged(self, how: Exchanged, moved: int, wanted: int, kept: str) -> Sequence[Event]:
        """The files were exchanged, and a new database was begun. `moved`, `wanted`: batches that are taken
        over, and that wait for delivery. `kept`: the name of what lay there, if anything. Return all that
        waits.
        """
        told = said(EXCHANGED, how=str(how), then=BEGUN, moved=moved, wanted=wanted)
        self._raise("buffer_exchanged", told.then(kept=KEPT.of(kept) if kept else NOTHING))
        return self.waiting

    def not_begun(self, how: Exchanged, error: Exception) -> None:
        """The files were exchanged, and no new database can be begun."""
        self._raise("buffer_exchanged", said(EXCHANGED, how=str(how), then=NOT_BEGUN.of(str(error))))

    def renumbered_image(self, upstream: str, batches: int) -> None:
        """A new epoch was begun: an older image was restored, and numbers were drawn twice since."""
        self._raise("buffer_renumbered", said(RENUMBERED, upstream=upstream, batches=batches))

    def lost_by_collector(self, upstream: str, stored: int, gone: int) -> None:
        """A collector lacks batches that it had acknowledged: some are sent again, others are gone."""
        if stored:
            log.warning(
                "the collector of upstream %s lacks %d batches that it had acknowledged; they are sent again",
                upstream,
                stored,
            )
        if gone:
            self.waiting += self._make("collector_lost", said(LOST, batches=gone), severity=WARNING)

    def rolled_back(self, batches: int) -> Sequence[Event]:
        """Return the alarm of a buffer that remembers fewer batches than the collector holds."""
        told = said(ROLLED_BACK, batches=batches)
        log.critical("%s: %s", self._path, told.text)
        return self._make("buffer_rolled_back", told)

    def _raise(self, detector: str, told: Said) -> None:
        log.critical("%s: %s", self._path, told.text)
        self.waiting += self._make(detector, told)
