"""What an archive keeps how long, and what is deleted next: for people and for programs."""

from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from collector.archive import Archive
from collector.notes import PRUNING, RETENTION, Notes
from collector.retention import CLASSES, Hold, Retention, retention
from collector.sink import Old

PAGE, PAGES = 500, 40  # of what is held, until nobody looks further


def read(notes: Notes) -> Retention:
    """What was set; nothing: everything is kept. Raises NotesError, ValueError."""
    return retention(notes.read(RETENTION))


def deleted_next(archive: Archive, kept: Retention, what: str) -> tuple[Old, int] | None:
    """The oldest row of a class that is in no hold, and when it is due."""
    after = None
    for _ in range(PAGES):
        rows = archive.old(what, 2**63 - 1, after, PAGE)
        for row in rows:
            due_ns = kept.due_ns(what, row)
            if due_ns is not None:
                return row, due_ns
        if len(rows) < PAGE:
            return None
        after = rows[-1]
    return None


def plain(archive: Archive, kept: Retention, notes: Notes) -> dict[str, Any]:
    """What is kept and deleted, for JSON; times in ns of UTC."""
    said: dict[str, Any] = {"classes": {}, "holds": [asdict(hold) for hold in kept.holds]}
    for what in CLASSES:
        found = deleted_next(archive, kept, what) if what in kept.days else None
        row, due_ns = found or (None, None)
        said["classes"][what] = {
            "days": kept.days.get(what),
            "next_came_ns": row and row.received_ns,
            "next_due_ns": due_ns,
        }
    jumped_ns = (notes.read(PRUNING) or {}).get("jumped_ns")
    return {**said, "jumped_ns": jumped_ns}


def lines(said: dict[str, Any]) -> Iterator[str]:
    """The same for people."""
    for what, of in said["classes"].items():
        if of["days"] is None:
            yield f"{CLASSES[what].words}: kept for ever"
            continue
        line = f"{CLASSES[what].words}: kept for {of['days']} days"
        if of["next_due_ns"] is None:
            yield f"{line}; nothing that is here is ever due"
        else:
            came, due = utc(of["next_came_ns"]), utc(of["next_due_ns"])
            yield f"{line}; what came on {came} is deleted next, from {due} on"
    for hold in said["holds"]:
        yield hold_line(Hold(**hold))
    if said["jumped_ns"] is not None:
        yield f"nothing is deleted: the time jumped to {utc(said['jumped_ns'])}, and is believed in a week"


def hold_line(hold: Hold) -> str:
    """A hold."""
    of = " ".join(name for name in (hold.agent, hold.unit) if name) or "all agents"
    return f"hold {hold.number}: {utc(hold.start_ns)} to {utc(hold.end_ns)}, {of}: {hold.why}"


def utc(ns: int) -> str:
    """A time to the minute."""
    return datetime.fromtimestamp(ns // 10**9, UTC).strftime("%Y-%m-%d %H:%M UTC")
