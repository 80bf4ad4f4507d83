"""cellwarden report first-days: what was seen of a battery since it was commissioned, from the buffer."""

import math
import sqlite3
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from time import time
from typing import Any

import click
import numpy as np

from agent.cli.common.ask_agent import json_option
from agent.cli.common.errors import Misuse
from agent.cli.common.load import config_option, load
from agent.cli.common.tables import terminal
from agent.detect.channels import Floats
from agent.detect.duration import duration
from agent.detect.first_days import DAYS, REPORTS, FirstDays
from agent.detect.places import TEMPERATURES, VOLTAGES, string_of
from agent.detect.table import TIERS
from agent.intervals import upper_s
from agent.store.errors import ERRORS
from agent.store.intervals import read as read_intervals
from agent.store.reading import Buffer, BufferUnreadable
from agent.wire import Batch
from agent.wire.si import to_si
from collector.failing import print_json

HOUR_S, DAY_S = 3600.0, 86400.0
MOST_BATCHES = 400  # decoded of the whole time, and of each of the two hours
SEEN_SHARE = 0.99  # of the frames; a channel that has fewer values is named
NAMED = 5
KINDS = (("cells", VOLTAGES, 1e3, "mV"), ("temperatures", TEMPERATURES, 1.0, "K"))
RAISED = """SELECT coalesce(a.boottime_ns + o.offset_ns, a.utc_ns), a.detector, a.severity
    FROM alarm AS a LEFT JOIN clock_offset AS o USING (boot_id) WHERE a.unit = ? AND a.state = 'NEW'"""


@dataclass(frozen=True, slots=True)
class Channel:
    """A cell or a sensor over some batches: its place and quantity, how far it is from the median of its
    siblings (NaN: no value), and the share of frames in which it has a value.
    """

    place: str
    quantity: str
    away: float
    seen: float


@click.command("first-days")
@config_option
@click.option(
    "--day", type=click.Choice([str(day) for day in REPORTS]), help="Up to this day; up to now if not said."
)
@json_option
def command(path: Path, day: str | None, as_json: bool) -> None:
    """Print what was seen of each battery in its first 90 days: most failures are early ones.

    Of each [[unit]] with `commissioned = DATE`: how much of the time it was read, its alarms, how far its
    cells and sensors lay apart in the first hour and lie apart now, and which of them were blind. Exit 1
    where there is nothing to report of any of them.

    \b
    Examples:  cellwarden report first-days
               cellwarden report first-days --day 30
    """
    config, _ = load(path)
    units = {unit.path: FirstDays(unit.commissioned) for unit in config.unit if unit.commissioned}
    if not units:
        raise Misuse(
            'no [[unit]] says when it was commissioned: commissioned = 2026-12-01, and "cellwarden check"'
        )
    try:
        buffer = Buffer(config.store.path)
    except BufferUnreadable as error:
        raise Misuse(f"{error}", "CW-604") from error
    console, told, units_told = terminal(), False, []
    with closing(buffer):
        for unit, first in units.items():
            lines, found = _of_unit(buffer, config.store.path, unit, first, int(day) if day else None, time())
            told |= found
            units_told.append({"unit": unit, "commissioned": f"{first.commissioned}", "lines": lines})
            if as_json:
                continue
            console.print(f"{unit}: commissioned {first.commissioned}", style="bold", soft_wrap=True)
            for line in lines:
                console.print(f"  {line}", soft_wrap=True)
    if as_json:
        print_json({"told": told, "units": units_told})
    if not told:
        sys.exit(1)


def _of_unit(
    buffer: Buffer, database: Path, unit: str, first: FirstDays, day: int | None, now_s: float
) -> tuple[list[str], bool]:
    """Return the lines on a unit, and whether there was anything to tell."""
    begin_s, today = first.begin_s(), first.day(now_s)
    if today < 1:
        return [f"that day is still to come ({duration(begin_s - now_s)}): nothing to report yet"], False
    end_s = min(begin_s + (day or DAYS) * DAY_S, now_s)
    said = f"day {today}" if today <= DAYS else f"its first {DAYS} days were over on {first.until}"
    if day and today <= day:
        said = f"day {today}: day {day} is not over yet, this is up to now"
    elif day:
        said += f": the first {day} days" if day > 1 else ": its first day"
    batches, there = buffer.thinned(unit, int(begin_s * 1e9), int(end_s * 1e9), MOST_BATCHES)
    batches = [b for b in batches if b.utc_ns[-1] >= begin_s * 1e9 and b.utc_ns[0] < end_s * 1e9]
    if not batches:
        return [said, "the buffer holds no frame of it in that time: is it polled? cellwarden status"], False
    lines = [said, *_read(database, unit, begin_s, end_s), *_alarms(database, unit, begin_s, end_s)]
    first_s = float(min(b.utc_ns[0] for b in batches)) / 1e9
    last_s = float(max(b.utc_ns[-1] for b in batches)) / 1e9
    if first_s > begin_s + DAY_S:
        lines.append(
            f"the buffer's first frame is of {_date(first_s)}, {duration(first_s - begin_s)} later: what was"
            " before is at the collector, or was never read"
        )
    then = _channels(buffer, _near(buffer, unit, first_s, first_s + HOUR_S))
    now = _channels(buffer, _near(buffer, unit, max(last_s - HOUR_S, first_s), last_s + 1.0))
    for kind, quantities, scale, told in KINDS:
        lines += _spread(kind, _of(then, quantities), _of(now, quantities), scale, told)
    whole = _channels(buffer, batches)
    lines += _blind(_of(whole, VOLTAGES + TEMPERATURES), len(batches), there)
    return lines, True


def _near(buffer: Buffer, unit: str, begin_s: float, end_s: float) -> list[Batch]:
    return buffer.thinned(unit, int(begin_s * 1e9), int(end_s * 1e9), MOST_BATCHES)[0]


def _read(database: Path, unit: str, begin_s: float, end_s: float) -> Iterator[str]:
    """Say how much of the time its safety points were read within the deadline."""
    try:
        stretches = [
            s for s in read_intervals(database, int(begin_s * 1e9), int(end_s * 1e9)) if s.unit == unit
        ]
    except sqlite3.Error as error:
        yield f"how often it was read is not known: {error}"
        return
    in_time_s, longest_s = 0.0, 0.0
    for s in stretches:
        late = sum(n * upper_s(b) for b, n in s.tally.bins.items() if upper_s(b) > s.tally.deadline_s)
        whole_s = (s.last_boottime_ns - s.first_boottime_ns) / 1e9
        in_time_s += max(whole_s - late, 0.0)
        longest_s = max(longest_s, s.tally.longest_s)
    if not stretches:
        yield "how often it was read is recorded hour by hour: the first hour is not over"
        return
    share = min(in_time_s / (end_s - begin_s), 1.0)
    yield (
        f"judged {100 * share:.2f} % of the time: its safety points were read within the deadline; the"
        f" longest interval was {duration(longest_s)}"
    )


def _alarms(database: Path, unit: str, begin_s: float, end_s: float) -> Iterator[str]:
    try:
        with closing(sqlite3.connect(f"{database.absolute().as_uri()}?mode=ro", uri=True)) as db:
            rows = db.execute(RAISED, [unit]).fetchall()
    except ERRORS as error:
        yield f"its alarms are not known: {error}"
        return
    raised = [(d, s) for at, d, s in rows if begin_s * 1e9 <= at < end_s * 1e9]
    if not raised:
        yield "no alarm was raised"
        return
    severities = Counter(severity for _, severity in raised)
    by_detector = Counter(detector for detector, _ in raised).most_common(NAMED)
    worst_first = [f"{severities[s]} {s}" for s in reversed(TIERS) if severities[s]]
    yield f"alarms: {', '.join(worst_first)} ({', '.join(f'{n} {d}' for d, n in by_detector)})"


def _channels(buffer: Buffer, batches: Sequence[Batch]) -> list[Channel]:
    """Return the judged channels over some batches of one layout: that of the last."""
    said: dict[str, Any] | None = buffer.description(batches[-1].schema) if batches else None
    if said is None:
        return []
    alike = [to_si(said, b.raw, b.quality) for b in batches if b.schema == batches[-1].schema]
    si: Floats = np.concatenate(alike)
    found = []
    siblings: dict[tuple[str, str], list[int]] = {}
    for i, (place, quantity) in enumerate(zip(said["place"], said["quantity"], strict=True)):
        if quantity in VOLTAGES + TEMPERATURES:
            siblings.setdefault((quantity, string_of(place)), []).append(i)
    for (quantity, _), group in siblings.items():
        values = si[:, group]
        some = np.isfinite(values).any(axis=1)
        if not some.any():
            found += [Channel(said["place"][i], quantity, math.nan, 0.0) for i in group]
            continue
        away = values[some] - np.nanmedian(values[some], axis=1, keepdims=True)
        for i, own in zip(group, away.T, strict=True):
            own = own[np.isfinite(own)]
            median = float(np.median(own)) if len(own) else math.nan
            found.append(Channel(said["place"][i], quantity, median, len(own) / len(si)))
    return found


def _of(channels: Sequence[Channel], quantities: Sequence[str]) -> list[Channel]:
    return [channel for channel in channels if channel.quantity in quantities]


def _spread(
    kind: str, then: Sequence[Channel], now: Sequence[Channel], scale: float, told: str
) -> Iterator[str]:
    """Say how far the channels of a kind lay apart in the first hour and the last, and which moved most."""
    before = {c.place: scale * c.away for c in then if math.isfinite(c.away)}
    after = {c.place: scale * c.away for c in now if math.isfinite(c.away)}
    if len(before) < 2 or len(after) < 2:
        return
    spans = [max(of.values()) - min(of.values()) for of in (before, after)]
    moved = {place: after[place] - before[place] for place in before.keys() & after.keys()}
    most = max(sorted(moved), key=lambda place: abs(moved[place]), default="")
    who = f"; {most} moved most, by {moved[most]:+.3g} {told}" if most and moved[most] else ""
    yield f"{kind} lay {spans[0]:.3g} {told} apart in the first hour, {spans[1]:.3g} {told} in the last{who}"


def _blind(channels: Sequence[Channel], taken: int, there: int) -> Iterator[str]:
    poor = sorted((c for c in channels if c.seen < SEEN_SHARE), key=lambda c: c.seen)
    of = f" (of {taken} of {there} batches)" if taken < there else ""
    if not poor:
        yield f"blind: none; {len(channels)} cells and sensors had values{of}"
        return
    named = ", ".join(f"{c.place} {100 * c.seen:.0f} %" for c in poor[:NAMED])
    more = f" and {len(poor) - NAMED} more" if len(poor) > NAMED else ""
    yield f"blind: {len(poor)} of {len(channels)} had values in only: {named}{more}{of}"


def _date(utc_s: float) -> str:
    return datetime.fromtimestamp(utc_s, UTC).strftime("%Y-%m-%d")
