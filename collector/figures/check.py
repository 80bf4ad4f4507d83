"""Whether figures are those that stored frames come to, made anew. Reads, and writes nothing."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from agent.wire.text import printable
from collector.figures.figures import HOUR_S, MINUTE_S, Figures, Span
from collector.figures.job import FigureJob
from collector.figures.work import FigureSource, Work

Key = tuple[Span, bytes]


@dataclass
class Checked:
    """How many minutes and hours were made anew, how many wait to be made, and of how many minutes not all
    frames are here any more; and the spans of which others are held than were made.
    """

    minutes: int = 0
    hours: int = 0
    waiting: int = 0
    final: int = 0
    wrong: list[Span] = field(default_factory=list)

    def plain(self) -> dict[str, Any]:
        """For JSON."""
        wrong = [
            {"agent": one.agent, "unit": one.unit, "utc_ns": one.utc_s * 10**9, "span_s": one.span_s}
            for one in self.wrong
        ]
        return {
            **{name: getattr(self, name) for name in ("minutes", "hours", "waiting", "final")},
            "wrong": wrong,
        }


def check(source: FigureSource, agent: str | None, unit: str | None, from_s: int, to_s: int) -> Checked:
    """Make the figures of [from_s, to_s) anew, hour by hour, and compare. Raises ArchiveError."""
    job = FigureJob(source, _nothing, lambda: 0)
    found = Checked()
    for name, of in source.all_units():
        if agent not in (None, name) or unit not in (None, of):
            continue
        for hour_s in source.hours_with_anything(name, of, from_s, to_s):
            with source.as_of_now():
                _check_hour(source, job, Span(HOUR_S, name, of, hour_s), found)
    return found


def checked_lines(checked: Checked) -> Iterator[str]:
    """What was found, for people."""
    for one in checked.wrong:
        what = "minute" if one.span_s == MINUTE_S else "hour"
        at = datetime.fromtimestamp(one.utc_s, UTC)
        yield printable(
            f"{one.agent} {one.unit}: the {what} from {at:%Y-%m-%d %H:%M} UTC is another one", 1000
        )
    rest = f"{checked.waiting} are still to be made, {checked.final} cannot be made again"
    if checked.wrong:
        yield f"{len(checked.wrong)} of {checked.minutes} minutes and {checked.hours} hours differ; {rest}"
    else:
        yield f"{checked.minutes} minutes and {checked.hours} hours agree with their frames; {rest}"


def _check_hour(source: FigureSource, job: FigureJob, hour: Span, found: Checked) -> None:
    agent, unit, from_s, to_s = hour.agent, hour.unit, hour.utc_s, hour.utc_s + HOUR_S
    waiting = source.waiting(agent, unit, from_s, to_s)
    held = list(source.minutes(agent, unit, from_s, to_s))
    every = source.with_frames(agent, unit, from_s, to_s) | {one.span.utc_s for one in held}
    late = {span.utc_s for span in waiting if span.span_s == MINUTE_S}
    final = source.final(agent, unit, sorted(every)) - late
    wanted = sorted(every - late - final)
    found.minutes += len(wanted)
    found.waiting += len(waiting)
    found.final += len(final)
    kept = [one for one in held if one.span.utc_s in set(wanted)]
    found.wrong += _differing(kept, job.minutes(agent, unit, wanted) if wanted else [])
    if held and hour not in waiting:
        found.hours += 1
        found.wrong += _differing(list(source.hours(agent, unit, from_s, to_s)), job.hour(hour))


def _differing(held: Sequence[Figures], made: Sequence[Figures]) -> list[Span]:
    ours, theirs = _by_key(held), _by_key(made)
    wrong = {
        key[0]
        for key in ours.keys() | theirs.keys()
        if key not in ours or key not in theirs or not ours[key].same(theirs[key])
    }
    return sorted(wrong)


def _by_key(figures: Iterable[Figures]) -> dict[Key, Figures]:
    return {(one.span, one.schema): one for one in figures}


def _nothing(work: Work) -> None:
    raise AssertionError("checking writes nothing")
