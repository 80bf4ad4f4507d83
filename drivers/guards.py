"""Values that say how others read (scale factors, counts, SunSpec headers), and what they vouch for."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from agent.quality import Quality
from drivers.decode import Int64, Qualities, Words, codec_table, decode
from drivers.needs import Need
from drivers.plan import ReadPlan
from drivers.quantities import Poll
from drivers.values import Guard, Value, contains, usable

# By quality, whether a value of it came from the unit; np.isin would cost more than all the rest of a cycle.
_ARRIVED = np.zeros(256, np.bool_)
_ARRIVED[[Quality.GOOD, Quality.MISSING, Quality.OUT_OF_RANGE]] = True


def needs_of(values: Sequence[Value], guards: Sequence[Guard]) -> list[Need]:
    """What must be read: values, each with its guards, and guards that no value has."""
    factors = {g.value.name: g.value.span for g in guards if not g.counts}
    counts = {g.value.name: g.value.span for g in guards if g.counts}
    used = {name for value in values for name in value.guards}
    idle = [guard.value for guard in guards if guard.value.name not in used]
    return [
        *(
            Need(
                v.span,
                v.poll,
                v.pause_ms,
                tuple(factors[name] for name in v.guards if name in factors),
                tuple(counts[name] for name in v.guards if name in counts),
            )
            for v in values
        ),
        *(Need(v.span, Poll.STATE, v.pause_ms) for v in idle),
    ]


def homes_of(values: Sequence[Value], guards: Sequence[Guard], plan: ReadPlan) -> list[int]:
    """The read in which each value is taken, with as many of its guards as come along."""
    spans = {guard.value.name: guard.value.span for guard in guards}
    return [plan.home(v.span, [spans[name] for name in v.guards if name in spans]) for v in values]


@dataclass(frozen=True)
class Vouching:
    """Where the guards of a layout arrive, and which values need which of them to be as they were.

    Each row is one guard in one read; value `value[i]` is taken only if row `row[i]` is as it was.
    """

    guards: tuple[Guard, ...]  # of each row
    codec: npt.NDArray[np.void]
    missing: Int64
    raw: Int64
    value: npt.NDArray[np.intp]
    row: npt.NDArray[np.intp]

    @classmethod
    def of(
        cls, values: Sequence[Value], homes: Sequence[int], guards: Sequence[Guard], plan: ReadPlan
    ) -> "Vouching":
        """Find in which reads of `plan` the guards are, and which of them speak for which value."""
        known = {guard.value.name: guard for guard in guards if guard.raw is not None}
        rows = [
            (guard, index)
            for guard in known.values()
            for index, span in enumerate(plan.spans)
            if contains(span, guard.value.span)
        ]
        at = {(guard.value.name, index): row for row, (guard, index) in enumerate(rows)}
        pairs: list[tuple[int, int]] = []
        for i, (value, home) in enumerate(zip(values, homes, strict=True)):
            for name in filter(known.__contains__, value.guards):
                where = [index for known_as, index in at if known_as == name]
                if (name, home) in at:
                    seen = [home]
                else:
                    before = [k for k in where if plan.turns[k] < plan.turns[home]]
                    after = [k for k in where if plan.turns[k] > plan.turns[home]]
                    seen = [min(after, key=plan.turns.__getitem__)]
                    if not known[name].counts:
                        seen.append(max(before, key=plan.turns.__getitem__))
                pairs += [(i, at[name, index]) for index in seen]
        # "not available" counts as a number of its own
        told = [replace(guard.value, missing=(), valid=None) for guard, _ in rows]
        codec, missing = codec_table(
            told, [plan.slot(v.span, k) for v, (_, k) in zip(told, rows, strict=True)]
        )
        return cls(
            guards=tuple(guard for guard, _ in rows),
            codec=codec,
            missing=missing,
            raw=np.array([guard.raw for guard, _ in rows], np.int64),
            value=np.array([i for i, _ in pairs], np.intp),
            row=np.array([row for _, row in pairs], np.intp),
        )

    def changed(self, words: Words, word_quality: Qualities) -> list[str]:
        """Return what was read at connect and is different now, in words.

        A factor that is not available now has not changed: its values are STALE until it is back.
        """
        if not self.guards:
            return []
        now, arrived = self._read(words, word_quality)
        return list(
            dict.fromkeys(
                f"{guard.value.label} was {guard.raw} at connect and is {now[k]}"
                for k in np.flatnonzero(arrived & (now != self.raw)).tolist()
                if (guard := self.guards[k]).counts or usable(int(now[k]))
            )
        )

    def take_back(self, words: Words, word_quality: Qualities, raw: Int64, quality: Qualities) -> None:
        """Make values STALE that were read while nobody knows how they read."""
        if not self.value.size:
            return
        now, arrived = self._read(words, word_quality)
        doubtful = self.value[~(arrived & (now == self.raw))[self.row]]
        doubtful = doubtful[_ARRIVED[quality[doubtful]]]
        raw[doubtful], quality[doubtful] = 0, Quality.STALE

    def _read(self, words: Words, word_quality: Qualities) -> tuple[Int64, npt.NDArray[np.bool_]]:
        raw, quality = np.zeros(len(self.raw), np.int64), np.zeros(len(self.raw), np.uint8)
        decode(words, word_quality, self.codec, self.missing, raw, quality)
        return raw, _ARRIVED[quality]
