"""What the demo measured, read from the two databases after every process has ended."""

import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any

from agent.cli.common.tables import plain_table, terminal
from agent.cli.demo.story import AT_SHORT, CRITICAL_S, OUTAGE_S, SHORT_OHM, SHORTED_LOCATION, SHORTED_UNIT
from agent.view.voice import place_of, told

# What is printed for people: the key of the result, and its words.
ROWS = (
    ("frames", "frames made by the agent"),
    ("values", "values in them"),
    ("poll_errors", "reads without an answer"),
    ("batches_sealed", "batches sealed on disk"),
    ("batches_acknowledged", "  acknowledged by the collector"),
    ("batches_pending", "  pending"),
    ("batches_dropped", "  dropped"),
    ("collector_frames", "frames at the collector"),
    ("collector_values", "values at the collector"),
    ("collector_duplicates", "batches that came twice (stored once)"),
    ("wire_bytes_per_value", "bytes per value on the wire"),
    ("rss_mb", "agent's memory, MB"),
    ("cpu_percent", "agent's CPU, % of one core"),
    ("stop_s", "agent's clean stop, s"),
)


def _rows(path: Path, query: str) -> list[sqlite3.Row]:
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
        db.row_factory = sqlite3.Row
        return db.execute(query).fetchall()


def delivery(folder: Path) -> dict[str, Any]:
    """Return the account at both ends."""
    (sent,) = _rows(
        folder / "buffer.db",
        "SELECT last_sequence, frames, value_count, wire_bytes, acknowledged, dropped,"
        " (SELECT count(*) FROM batch WHERE NOT EXISTS (SELECT 1 FROM settled"
        "  WHERE sequence BETWEEN first AND last)) AS pending FROM account, upstream",
    )
    (held,) = _rows(
        folder / "collector.db",
        "SELECT coalesce(sum(frames), 0) AS frames, coalesce(sum(value_count), 0) AS value_count,"
        " coalesce(sum(duplicates), 0) AS duplicates FROM stream",
    )
    return {
        "frames": sent["frames"],
        "values": sent["value_count"],
        "batches_sealed": sent["last_sequence"],
        "batches_acknowledged": sent["acknowledged"],
        "batches_pending": sent["pending"],
        "batches_dropped": sent["dropped"],
        "collector_frames": held["frames"],
        "collector_values": held["value_count"],
        "collector_duplicates": held["duplicates"],
        "wire_bytes_per_value": round(sent["wire_bytes"] / max(1, sent["value_count"]), 4),
    }


def alarms(folder: Path, began_s: float, log: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the alarms that were raised, with their time since the bench began, and their `first` line as it
    was then. log: of the agent's status, which has their whole records.
    """
    raised = _rows(folder / "buffer.db", "SELECT * FROM alarm WHERE state = 'NEW' ORDER BY id")
    records = {_key(record): record for record in log if record["kind"] == "alarm"}
    return [
        {
            "detector": row["detector"],
            "severity": row["severity"],
            "unit": row["unit"],
            "location": row["location"],
            "t_s": round(row["boottime_ns"] / 1e9 - began_s, 2),
            "text": row["text"],
            "first": told(said, local(row["utc_ns"])).first,
            "below": told(said, local(row["utc_ns"])).below,
        }
        for row in raised
        for said in [records.get(_key(row), dict(row))]
    ]


def _key(record: Any) -> tuple[Any, ...]:
    return tuple(record[key] for key in ("unit", "detector", "location", "state", "boottime_ns"))


def local(utc_ns: int) -> datetime:
    """Return a time as the clock on the wall has it."""
    return datetime.fromtimestamp(utc_ns / 1e9).astimezone()


def problems_of(result: dict[str, Any]) -> list[str]:
    """Return what should have been otherwise; empty when the demo shows what it is meant to show."""
    found = []
    places = result["batches_acknowledged"] + result["batches_pending"] + result["batches_dropped"]
    if result["batches_sealed"] != places:
        found.append(f"{result['batches_sealed']} batches were sealed, but {places} are accounted for")
    if result["collector_frames"] != result["frames"]:
        found.append(
            f"{result['frames']} frames were made, {result['collector_frames']} are at the collector"
        )
    if not any(a["unit"] == SHORTED_UNIT and a["location"] in AT_SHORT for a in result["alarms"]):
        found.append(f"no alarm at the shorted cell, {SHORTED_UNIT} {SHORTED_LOCATION}")
    false = sorted({alarm["unit"] for alarm in result["alarms"]} - {SHORTED_UNIT})
    if false:
        found.append(f"alarms on healthy units: {', '.join(false)}")
    return found


def outcome(result: dict[str, Any]) -> list[str]:
    """Return what the demo has shown, in the order in which a newcomer asks."""
    short_s, told = result["short_started_t_s"], result["alarms"]
    ours = [alarm for alarm in told if alarm["unit"] == SHORTED_UNIT]
    place = place_of(SHORTED_UNIT, SHORTED_LOCATION)
    if short_s is None:
        lines = ["The bench did not come to its internal short."]
    else:
        lines = [f"An internal short of {SHORT_OHM:g} ohm began in {place} at {short_s:.0f} s."]
    for severity in ("critical", "warning", "advice"):
        first = next((alarm for alarm in ours if alarm["severity"] == severity), None)
        if first and short_s is not None:
            lines.append(f"  {severity:<8} {first['t_s'] - short_s:4.0f} s later: {first['first']}")
            lines += [f"{'':25}{text}" for text in first["below"]] if severity == "critical" else []
        elif severity == "critical" and short_s is not None:
            lines.append(
                f"  No critical alarm within this run; it comes about {CRITICAL_S:.0f} s after the short."
                " A longer run shows it: --seconds 120."
            )
    others = len(told) - len(ours)
    lines.append(f"The two healthy racks: {others or 'no'} alarm{'s' * (others != 1)}.")
    lines.append(
        f"Nothing was lost: {result['frames']} frames were made, {result['collector_frames']} are at the"
        f" collector, which was away for {OUTAGE_S:.0f} s."
        if result["frames"] == result["collector_frames"]
        else f"{result['frames']} frames were made, {result['collector_frames']} are at the collector."
    )
    return [*lines, "Next, with your own batteries: cellwarden scan /dev/ttyUSB0, then cellwarden setup.", ""]


def print_result(result: dict[str, Any]) -> None:
    """Print for people what was shown, then the figures."""
    console = terminal()
    for line in outcome(result):
        console.print(line, soft_wrap=True)
    table = plain_table("measured", "figure")
    table.columns[1].justify = "right"
    for key, words in ROWS:
        table.add_row(words, f"{result[key]:,}" if isinstance(result[key], int) else str(result[key]))
    console.print(table)
