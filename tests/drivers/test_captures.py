"""Captures of real devices, laid here by `cellwarden profile tried`: each is read as it was, and played."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from agent.quality import Quality
from drivers.connect import connect
from drivers.dump import Dump, hold, parse_dump
from drivers.layout import Layout
from drivers.profile.load import load_profile
from hil.modbus.captured import Captured

CAPTURES = Path(__file__).parent / "captures"


def of(folder: Path) -> tuple[Layout, Dump, int, dict[tuple[str, str], str]]:
    """Return what a captured device said of itself, the capture, its unit id, its values by point."""
    head, *rows = (folder / "expected.txt").read_text().splitlines()
    model, unit = head.removeprefix("# ").partition(":")[0].split(", unit ")
    dump, profile = parse_dump((folder / "capture.txt").read_text()), load_profile(model)
    layout = hold(connect(profile), dump, int(unit), profile.address_step)
    expected = {}
    for name, place, value in (row.split() for row in rows):
        expected[name, "" if place == "-" else place] = value
    return layout, dump, int(unit), expected


def wrong(folder: Path) -> Iterator[str]:
    """Name each value of a capture that is not what it was, and each read that is played otherwise."""
    layout, dump, unit, expected = of(folder)
    step = layout.plan.address_step
    raw, quality, si = np.zeros(layout.n, np.int64), np.zeros(layout.n, np.uint8), np.empty(layout.n)
    layout.decode(dump.image(layout, unit, step), raw, quality)
    layout.to_si(raw, quality, si)
    for i, label in enumerate(zip(layout.names, layout.places, strict=True)):
        good = quality[i] == Quality.GOOD
        said = expected.pop(label, "nothing")
        now = repr(float(si[i])) if good else Quality(int(quality[i])).name.lower()
        if said != now and not (good and said == pytest.approx(si[i])):
            yield f"{label}: was {said}, is {now}"
    yield from (f"{label}: is not read any more" for label in expected)
    tables = Captured(dump, "tcp").tables
    for read in layout.plan.reads:
        known = dump.reply(read, unit, step).quality is Quality.GOOD
        if (tables[unit + read.unit_offset].read(read.area, read.address, read.count) is not None) != known:
            yield f"{read}: the bench says otherwise"


def test_every_capture_is_read_as_it_was() -> None:
    folders = sorted(path.parent for path in CAPTURES.glob("*/capture.txt"))
    assert {folder.name: list(wrong(folder)) for folder in folders if list(wrong(folder))} == {}
