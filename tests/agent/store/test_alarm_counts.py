"""Counting raised alarms in the buffer itself: over restarts, wrong clocks, and a disk that refuses."""

from collections import Counter
from pathlib import Path
from typing import Any

from agent.store.alarm_counts import HOUR_NS, Counting, Raised
from agent.store.ledger import Event
from agent.store.store import Store
from agent.store.upstream import MAIN
from tests.agent.store.buffers import ALARM, BOOT, own_alarm

NOW_NS = 1_795_600_000 * 10**9


def raised(hours_ago: float, **more: Any) -> dict[str, Any]:
    utc_ns = NOW_NS - round(hours_ago * HOUR_NS)
    return {**ALARM, "boottime_ns": utc_ns // 2, "utc_ns": utc_ns, "recorded": True, **more}


def filled(folder: Path, *records: dict[str, Any]) -> Path:
    path = folder / "buffer.db"
    for half in (records[::2], records[1::2]):  # the agent was started twice
        store = Store(path, "agent-1", BOOT, [MAIN], own_alarm)
        store.seal([], [Event("rack-1", record) for record in half])
        store.close()
    return path


def test_a_day_and_a_week_are_counted_by_severity_over_restarts(tmp_path: Path) -> None:
    path = filled(
        tmp_path,
        raised(1),
        raised(23, severity="warning"),
        raised(25, severity="warning"),
        raised(167),
        raised(169),
        raised(2, state="NORMAL"),
        raised(3, detector="tried-out"),
    )
    count = Counting(path, ["tried-out"]).of([], NOW_NS)
    assert count is not None
    assert count.by_hours == {24: Counter(critical=1, warning=1), 168: Counter(critical=2, warning=2)}
    assert count.ended_ns == NOW_NS - 2 * HOUR_NS


def test_an_alarm_from_before_the_clock_was_set_counts_where_it_belongs(tmp_path: Path) -> None:
    early = raised(0, boottime_ns=60 * 10**9, utc_ns=60 * 10**9)  # 1970
    offset = {"kind": "clock_offset", "boot_id": BOOT, "boottime_ns": 90 * 10**9}
    path = filled(tmp_path, early, {**offset, "offset_ns": NOW_NS - 5 * HOUR_NS})
    assert Counting(path, ()).of([], NOW_NS) == Raised(
        {24: Counter(critical=1), 168: Counter(critical=1)}, None
    )


def test_what_no_disk_has_taken_yet_counts_too_and_once(tmp_path: Path) -> None:
    path = filled(tmp_path, raised(1))
    log = [raised(1), raised(0, recorded=False)]
    counting = Counting(path, ())
    twice = Raised({24: Counter(critical=2), 168: Counter(critical=2)}, None)
    assert counting.of(log, NOW_NS) == twice
    store = Store(path, "agent-1", BOOT, [MAIN], own_alarm)
    store.seal([], [Event("rack-1", log[1])])
    store.close()
    log[1]["recorded"] = True
    assert counting.of(log, NOW_NS) == twice


def test_a_buffer_that_cannot_be_read_gives_no_number(tmp_path: Path) -> None:
    assert Counting(tmp_path / "gone.db", ()).of([raised(1)], NOW_NS) is None
