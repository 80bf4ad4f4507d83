"""An archive of months, made by copying hours back in time, and how long its answers take.

The hours that are copied came in and were made into figures as always: one of a rack, and one of each site of
a fleet. Figures of one hour lie in an archive as those of any other.
"""

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Any, NamedTuple, TypeVar

import numpy as np

from agent.bench.collector import made
from agent.bench.figures import Figure
from agent.bench.sending import an_alarm
from agent.bench.wire import batch_of
from agent.wire import About, Limits, Request, decode_request, encode_batch, encode_schema
from collector.admission import admit
from collector.archive import Archive
from collector.export.blocks import Wanted, blocks
from collector.figures.figures import HOUR_S, MINUTE_S
from collector.figures.job import FigureJob
from collector.intake import Intake
from collector.questions.ask import ask
from collector.questions.table import QUESTIONS
from collector.sink import Sink

T = TypeVar("T")

RACK, PLACE, RACK_DAYS = "rack1/bmu", "string1/cell7", 35  # of 300 values; a week lies there as in a year
SITE, SITES, SITE_DAYS = "rack1/site", 200, 30  # of 20 values
MINUTES, REQUESTS = 60, HOUR_S // made.FRAMES  # of an hour
BLIND = "UPDATE hour SET safety_minutes = 59 WHERE utc_s / 3600 % 10 = 0"  # of every tenth hour a minute
NS, DAY_S = 10**9, 86_400


class Kept(NamedTuple):
    """An open archive. copy: makes of the figures of all units of a name so many hours, one before the other,
    and of every tenth one in which a minute was not seen. size: its bytes.
    """

    sink: Sink
    archive: Archive
    copy: Callable[[str, int], None]
    size: Callable[[], int]


def measure(kept: Kept, prefix: str = "") -> list[Figure]:
    """The figures of a new archive, of which it makes one of months. prefix: of their names."""
    intake = Intake(kept.sink, time.time_ns)
    values = _take(intake, _rack())
    _make_figures(kept)
    size = kept.size()
    _take(intake, _sites())
    _make_figures(kept)
    kept.copy(RACK, RACK_DAYS * 24)
    kept.copy(SITE, SITE_DAYS * 24)
    return [
        Figure(
            f"{prefix}archive_bytes_per_value", size / values, "B", "an hour of a rack: raw, figures, indexes"
        ),
        *_asked(kept.archive, prefix),
    ]


def _asked(archive: Archive, prefix: str) -> Iterator[Figure]:
    ((newest_ns,),) = archive.select("SELECT max(utc_ns) FROM unit_hour", {})
    now_ns = newest_ns + 2 * HOUR_S * NS
    week = {"unit": RACK, "place": PLACE, "from_ns": now_ns - 7 * DAY_S * NS}
    took_s, rows = _timed(lambda: ask(archive, QUESTIONS["point"], week, now_ns))
    yield Figure(f"{prefix}query_cell_week_s", took_s, "s", f"{len(rows)} minutes, of {RACK_DAYS} days")
    wanted = Wanted(unit=RACK, place=PLACE)
    took_s, count = _timed(lambda: sum(block.raw.size for block in blocks(archive, wanted)))
    yield Figure(f"{prefix}query_raw_hour_s", took_s, "s", f"{count} values of a cell")
    each = {}
    for name, question in QUESTIONS.items():
        asked = {"unit": SITE, "place": PLACE, "site": "Site 7"} if question.needs else {}
        each[name], _ = _timed(lambda q=question, a=asked: ask(archive, q, a, now_ns))  # type: ignore[misc]
    slowest = max(each, key=lambda name: each[name])
    told = ", ".join(f"{name} {s:.2f}" for name, s in each.items())
    rows_held = SITES * SITE_DAYS * DAY_S // MINUTE_S
    yield Figure(
        f"{prefix}query_ten_questions_s", each[slowest], "s", f"{slowest}; of {rows_held:,} minutes: {told}"
    )


def _timed(call: Callable[[], T]) -> tuple[float, T]:
    start_s = time.perf_counter()
    found = call()
    return time.perf_counter() - start_s, found


def _take(intake: Intake, requests: Iterable[Request]) -> int:
    """Take requests in; return how many values they brought."""
    return sum(intake.store(admit(request, Limits())).values for request in requests)


def _make_figures(kept: Kept) -> None:
    job = FigureJob(kept.archive, lambda work: kept.sink.write_figures(work, time.time_ns()), time.time_ns)
    while job.run({MINUTE_S: 0, HOUR_S: 0}):
        pass


def _rack() -> Iterator[Request]:
    """An hour of eight units."""
    for agent in made.agents(1, REQUESTS):
        for request in agent.requests:
            yield decode_request(request.partition(b"\r\n\r\n")[2])


def _sites() -> Iterator[Request]:
    """An hour of a unit for each site, a frame a minute, and an alarm."""
    rng = np.random.default_rng(7)
    schema, body = encode_schema({**made.described(16, 4), "profile": "cabinet"})
    record: dict[str, Any] = an_alarm(SITE).record
    for number in range(SITES):
        name, epoch = f"site-{number}", rng.bytes(16)
        batch = batch_of(rng, rng.integers(3200, 3300, (MINUTES, 20)), 1)
        later_ns = made.LATER_NS + np.arange(MINUTES) * (MINUTE_S - 1) * NS
        batch = replace(
            batch,
            agent=name,
            epoch=epoch,
            unit=SITE,
            schema=schema,
            events=(record,),
            boottime_ns=batch.boottime_ns + later_ns,
            utc_ns=batch.utc_ns + later_ns,
        )
        about = About(f"Site {number}", "0.2.0", 0, True)
        yield Request(name, epoch, [(1, encode_batch(batch))], [body], about=about)
