"""cellwarden report intervals: the measurement intervals that were achieved, as CSV or as a page to print."""

import csv
import sqlite3
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO

import click

from agent.cli.common.ask_agent import json_option
from agent.cli.common.errors import Finding, Misuse
from agent.cli.common.load import config_option, load
from agent.cli.report.paper import paper
from agent.intervals import Tally
from agent.store.intervals import Stretch, read
from collector.failing import print_json
from collector.moment import between_options

COLUMNS = ("unit", "from_utc", "to_utc", "intervals", "p50_s", "p99_s", "max_s", "deadline_s", "misses")
TEXTS = COLUMNS[:3]
NOTE = (
    "An interval is the time between two complete readings of a unit's safety points (temperatures, cell"
    " voltages, current, alarms). A miss is an interval longer than the deadline; one that lasts until the"
    " end of a line's time is a miss, too. Quantiles are exact to 2 %, never too low. Times without an agent"
    " are in no line."
)


@click.command("intervals")
@config_option
@between_options
@click.option("--html", "as_html", is_flag=True, help="A page to print, with a summary, instead of CSV.")
@json_option
def command(path: Path, start: int | None, end: int | None, as_html: bool, as_json: bool) -> None:
    """Print how often every unit's safety points were read: p50, p99, longest interval, and misses.

    The agent records them hour by hour, keeps them for 92 days, and may be running meanwhile. CSV with one
    line per unit and hour; the page begins with one line per unit for the whole time. Exit 1 where nothing
    was recorded in that time.

    \b
    Examples:  cellwarden report intervals --config agent.toml > intervals.csv
               cellwarden report intervals --from 2026-11-01 --to 2026-12-01 --html > november.html
    """
    config, _ = load(path)
    try:
        stretches = list(read(config.store.path, start or 0, 2**62 if end is None else end))
    except sqlite3.Error as error:
        told = f"{config.store.path}: {error}; has an agent of this version run with it?"
        raise Misuse(told, "CW-604") from error
    if not stretches:
        seen = "nothing was recorded in that time; the first hour is recorded when it is over"
        raise Finding(seen, "CW-006")
    if as_json:
        print_json({"agent": config.agent.id, "rows": [_json(stretch) for stretch in stretches]})
    elif as_html:
        click.echo(page(config.agent.id, stretches))
    else:
        write_csv(sys.stdout, stretches)


def row_of(unit: str, first_ns: int, last_ns: int, tally: Tally) -> list[str]:
    """Return the columns of one line."""
    p50, p99 = tally.quantile(0.5), tally.quantile(0.99)
    return [
        unit,
        _utc(first_ns),
        _utc(last_ns),
        str(tally.count),
        "" if p50 is None else f"{p50:.3f}",
        "" if p99 is None else f"{p99:.3f}",
        f"{tally.longest_s:.3f}",
        f"{tally.deadline_s:g}",
        str(tally.misses),
    ]


def _json(stretch: Stretch) -> dict[str, Any]:
    """Return one line as --json prints it: numbers, null where there is none."""
    row = row_of(stretch.unit, stretch.first_utc_ns, stretch.last_utc_ns, stretch.tally)
    told = dict(zip(COLUMNS, row, strict=True))
    return {key: value if key in TEXTS else float(value) if value else None for key, value in told.items()}


def _utc(at_ns: int) -> str:
    return datetime.fromtimestamp(at_ns // 10**9, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _rows(stretches: list[Stretch]) -> list[list[str]]:
    return [row_of(s.unit, s.first_utc_ns, s.last_utc_ns, s.tally) for s in stretches]


def _totals(stretches: list[Stretch]) -> list[list[str]]:
    rows = []
    for unit in sorted({s.unit for s in stretches}):
        own = [s for s in stretches if s.unit == unit]
        total = Tally.sum((s.tally for s in own), max(s.tally.deadline_s for s in own))
        rows.append(row_of(unit, own[0].first_utc_ns, own[-1].last_utc_ns, total))
    return rows


def write_csv(out: TextIO, stretches: list[Stretch]) -> None:
    """Write one line per unit and hour."""
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(_rows(stretches))


def page(agent: str, stretches: list[Stretch]) -> str:
    """Return a page without any request to elsewhere."""
    missed = [s for s in stretches if s.tally.misses]
    verdict = (
        f"{len(missed)} of {len(stretches)} unit hours had a miss."
        if missed
        else "No interval was longer than the deadline."
    )
    return paper(
        "intervals.html",
        f"Measurement intervals of {agent}",
        agent,
        columns=COLUMNS,
        verdict=verdict,
        note=NOTE,
        totals=_totals(stretches),
        missed=_rows(missed),
        hours=_rows(stretches),
    )
