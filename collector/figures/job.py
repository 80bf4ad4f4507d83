"""The job that makes figures: reads what is due, makes it, hands it to the one who writes. Run again at any
moment, after any end, it goes on where rows say that something is left.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby

from agent.wire import Batch
from collector.figures.figures import HOUR_S, MINUTE_S, Figures, Span
from collector.figures.hour import hour_figures
from collector.figures.marks import Placed, placed
from collector.figures.minute import Channels, minute_figures, minutes_of
from collector.figures.work import Due, FigureSource, Made, Misplaced, Work
from collector.latest import Latest

#: Since the first batch of a minute came, the others of a live agent have; an hour waits for ten minutes.
SETTLE_S = {MINUTE_S: 90, HOUR_S: 600}
SPANS_AT_ONCE = 64  # of one transaction: 5 kB each of 300 values
BATCHES_AT_ONCE = 256
CHANNELS = 4096  # of schemas that are kept: some 10 kB each of 300 values
SECOND_NS = 10**9


class FigureTrouble(Exception):
    """What was made could not be kept."""


class FigureJob:
    """Makes what is due in an archive.

    write: keeps a piece of work, in one transaction. now_ns: the collector's clock, UTC.
    """

    def __init__(
        self, source: FigureSource, write: Callable[[Work], None], now_ns: Callable[[], int]
    ) -> None:
        self._source, self._write, self._now_ns = source, write, now_ns
        self._channels: Latest[bytes, Channels | None] = Latest(CHANNELS)

    def run(self, settle_s: dict[int, int] = SETTLE_S) -> bool:
        """Do a piece of what there is to do; return whether there was any."""
        for work in (
            self._index(),
            self._move(),
            *(self._make(span_s, settle_s[span_s]) for span_s in settle_s),
        ):
            if work:
                self._write(work)
                return True
        return False

    def _index(self) -> Work | None:
        found = self._source.not_indexed(BATCHES_AT_ONCE)
        if found is None:
            return None
        stream, through, batches = found
        return Work(placed=[placed(stream, batch) for batch in batches], indexed=[(stream, through)])

    def _move(self) -> Work | None:
        misplaced, boots = self._source.misplaced(BATCHES_AT_ONCE)
        return Work(placed=[_moved(one) for one in misplaced], looked_at=boots) if boots else None

    def _make(self, span_s: int, settle_s: int) -> Work | None:
        now_ns = self._now_ns()
        unsettled = range(now_ns - settle_s * SECOND_NS + 1, now_ns + 1)  # a future mark: a clock went back
        with self._source.as_of_now():
            due = self._source.due(span_s, unsettled, SPANS_AT_ONCE)
            made = list((self._minutes if span_s == MINUTE_S else self._hours)(due))
        return Work(made=made) if made else None

    def _minutes(self, due: Sequence[Due]) -> Iterator[Made]:
        for (agent, unit), some in _by_unit(due):
            wanted = {one.span.utc_s: one for one in some}
            final = self._source.final(agent, unit, list(wanted))
            found = self.minutes(agent, unit, sorted(wanted.keys() - final))
            for utc_s, one in wanted.items():
                made = [figures for figures in found if figures.span.utc_s == utc_s]
                yield Made(one, None if utc_s in final else made)

    def minutes(self, agent: str, unit: str, minutes: Sequence[int]) -> list[Figures]:
        """The figures of some minutes of a unit, made anew from its batches."""
        of_schema: dict[bytes, list[Batch]] = {}
        for batch in self._source.in_minutes(agent, unit, minutes):
            of_schema.setdefault(batch.schema or b"", []).append(batch)
        return [
            figures
            for digest, batches in of_schema.items()
            for figures in self._of_schema(agent, unit, digest, batches, minutes)
        ]

    def _of_schema(
        self, agent: str, unit: str, digest: bytes, batches: list[Batch], minutes: Sequence[int]
    ) -> Iterable[Figures]:
        channels = self._channels.get(digest) or Channels.of(self._source.description(digest))
        self._channels[digest] = channels
        m = channels.m if channels else batches[0].raw.shape[1]
        fitting = [batch for batch in batches if batch.raw.shape[1] == m]
        if len(fitting) < len(batches):
            self._source.tell(f"{agent} {unit}: batches of other than {m} values in a frame have no figures")
        return minute_figures(agent, unit, fitting, minutes, channels) if fitting else ()

    def _hours(self, due: Sequence[Due]) -> Iterator[Made]:
        for one in due:
            yield Made(one, self.hour(one.span))

    def hour(self, span: Span) -> list[Figures]:
        """The figures of an hour, made anew from its minutes."""
        of_schema: dict[bytes, list[Figures]] = {}
        for minute in self._source.minutes(span.agent, span.unit, span.utc_s, span.utc_s + HOUR_S):
            of_schema.setdefault(minute.schema, []).append(minute)
        return [hour_figures(minutes) for minutes in of_schema.values()]


def _moved(one: Misplaced) -> Placed:
    """The batch where it belongs; one that is gone, or damaged, stays where it is."""
    if one.batch is None:
        return Placed(one.stream, one.sequence, "", one.boot_id, (), (), True, one.offset_ns)
    now = placed(one.stream, one.batch, one.offset_ns)
    return now._replace(gone=minutes_of(one.batch.repaired(one.placed_by_ns)))


def _by_unit(due: Sequence[Due]) -> Iterator[tuple[tuple[str, str], Iterator[Due]]]:
    def unit(one: Due) -> tuple[str, str]:
        return one.span.agent, one.span.unit

    return groupby(sorted(due, key=unit), unit)
