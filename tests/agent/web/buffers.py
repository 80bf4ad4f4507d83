"""A buffer as an agent leaves it, filled with what a test says was read."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from agent.clock import Stamp
from agent.frame import Frame
from agent.quality import Quality
from agent.store.ledger import Event
from agent.store.open_batch import OpenBatch
from agent.store.store import Store
from agent.store.upstream import MAIN
from agent.wire.schema import encode_schema
from tests.agent.view.sites import alarm, record, status, unit

FRAMES, ONSET = 900, 600  # half an hour of readings every 2 s; a cell leaves its siblings after 20 min
PER_BATCH = 5
WORDS = 2  # status words of the unit, always 0


def description(cells: int, sensors: int) -> dict[str, object]:
    """The schema of one string: cells in mV, sensors in tenths of a degree, two words of the whole unit."""
    n = cells + sensors + WORDS
    places = [f"string1/cell{c + 1}" for c in range(cells)] + [
        f"string1/sensor{s + 1}" for s in range(sensors)
    ]
    places += [""] * WORDS
    quantities = ["cell_voltage"] * cells + ["cell_temperature"] * sensors + ["alarm_bits"] * WORDS
    return {
        "profile": "p",
        "name": quantities,
        "place": places,
        "unit": ["V"] * cells + ["degC"] * sensors + [""] * WORDS,
        "quantity": quantities,
        "poll": ["safety"] * n,
        "reading": [0] * n,
        "width": [1] * n,
        "scale": [0.001] * cells + [0.1] * sensors + [1.0] * WORDS,
        "raw_offset": [0] * n,
        "offset": [0.0] * n,
    }


def buffer(
    path: Path,
    raw: Callable[[int], list[int | None] | None],
    frames: int,
    period_s: float = 2.0,
    cells: int = 6,
    sensors: int = 4,
    events: list[Event] | None = None,
) -> float:
    """Fill a buffer whose last frame is from now; return when its first one is from, UTC in s.

    raw: what frame f says, None for a value that did not come; None for the whole: there is no such frame.
    """
    store = Store(path, "agent-1", b"b" * 16, [MAIN], lambda *_: pytest.fail("alarm"))
    digest, body = encode_schema(description(cells, sensors))
    store.add_schema(digest, body)
    begin_s = time.time() - frames * period_s
    found: list[OpenBatch] = []
    for f in range(frames):
        said = raw(f)
        if said is None:
            continue
        said = [*said, *[0] * WORDS]
        utc_ns = round((begin_s + f * period_s) * 1e9)
        frame = Frame(
            "rack-1",
            "rack-1",
            digest,
            Stamp(utc_ns, utc_ns, True),
            np.array([v or 0 for v in said], np.int64),
            np.array([Quality.NO_REPLY if v is None else Quality.GOOD for v in said], np.uint8),
        )
        if not found or len(found[-1].frames) == PER_BATCH:
            found.append(OpenBatch(frame))
        else:
            found[-1].frames.append(frame)
    store.seal(found, events or [])
    store.close()
    return begin_s


def sagging(f: int) -> list[int | None]:
    """Cell 3 loses 25 mV at the onset; sensor 2 heats from then on."""
    cells = [3300 + c - 1 for c in range(3)] + [3301, 3300, 3299]
    cells[2] -= 25 * (f >= ONSET)
    return [*cells, 250, 250 + max(f - ONSET, 0), 251, 250]


def cells_in_alarm(room: Any, count: int = 1) -> None:
    """Alarms of the cells from 3 on, raised ten minutes ago by the clock of this machine."""
    rows = [alarm(f"string1/cell{c}") for c in range(3, 3 + count)]
    log = [{**record(a, "NEW", 0.0), "utc_ns": int((time.time() - 600.0) * 1e9)} for a in rows]
    room.status = status([unit()], rows, log)
