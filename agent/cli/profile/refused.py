"""What the units of a box refuse of a profile, as their agent has learned it: read from its buffer."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from agent.cli.common.buffer_file import reading
from agent.cli.common.tables import plain_table
from agent.config.file import load_usable
from agent.modbus.learned import Block, Learned
from agent.runtime.restart_state import REFUSED
from agent.runtime.snapshot import UNREADABLE, Snapshot
from collector.told import SaidOnce
from drivers.layout import Layout
from drivers.plan import ReadPlan
from drivers.profile.load import Profile
from drivers.values import contains


@dataclass(frozen=True, slots=True)
class Refused:
    """What one unit refuses. plan: how it is read because of that; holds: for this profile as it is now."""

    unit: str
    learned: Learned
    plan: ReadPlan
    holds: bool

    @property
    def blocks(self) -> list[Block]:
        """Its blocks, by address."""
        return sorted(
            self.learned.blocks.values(), key=lambda b: (b.span.unit_offset, b.span.area, b.span.first)
        )

    @property
    def asked(self) -> int:
        """How many reads are left of its plan."""
        return sum(not self.learned.is_hole(span) for span in self.plan.spans)


def of_units(path: Path, name: str, profile: Profile, layout: Layout) -> Iterator[Refused]:
    """Yield what each unit of agent.toml with this profile refuses, if anything. Raises Misuse."""
    with reading(path, None, SaidOnce()) as buffer:
        rows = buffer.snapshots()
    for table in load_usable(path).unit:
        row = rows.get(f"{table.path}:{REFUSED}")
        if row is None or Path(table.profile).stem != Path(name).stem:
            continue
        try:
            learned = Learned.from_plain(Snapshot.from_bytes(row).content)
        except UNREADABLE as error:
            click.echo(f"{table.path}: what it refuses cannot be read ({error})", err=True)
            continue
        plan = layout.plan.with_cuts(learned.cuts)
        yield Refused(table.path, learned, plan, learned.profile == profile.hash)


def as_json(found: Refused, layout: Layout) -> dict[str, Any]:
    """Return what --json prints of a unit."""
    blocks = [
        {
            "table": str(block.span.area),
            "unit_offset": block.span.unit_offset,
            "first": block.span.first,
            "count": block.span.count,
            "apart_at": block.cut and block.cut[2],
            "points": _points(block, layout),
            "since_utc_ns": block.since_ns,
        }
        for block in found.blocks
    ]
    return {"unit": found.unit, "holds": found.holds, "reads": found.asked, "refused": blocks}


def show(console: Console, found: Refused, layout: Layout) -> None:
    """Print a unit for people."""
    console.print()
    if not found.holds:
        console.print(f"{found.unit}: what it refused is of the profile as it was; all of it is polled anew")
        return
    console.print(
        f"{found.unit} has refused what follows, and is read in {found.asked}; that is polled again after"
        " each reconnection, and daily at least:"
    )
    table = plain_table("registers", "what is done", "since (UTC)")
    for block in found.blocks:
        done = (
            f"read in two at {block.cut[2]}"
            if block.cut
            else f"not read: {', '.join(_points(block, layout))}"
        )
        since = datetime.fromtimestamp(block.since_ns / 1e9, UTC).strftime("%Y-%m-%d %H:%M")
        table.add_row(str(block.span), done, since)
    console.print(table)


def _points(block: Block, layout: Layout) -> list[str]:
    return [] if block.cut else [v.label for v in layout.values if contains(block.span, v.span)]
