"""Datasheets as technicians meet them, typed in TOML alone, against captures worked out by hand.

Each folder of `datasheets/` is an invented unit: a profile with the datasheet in its head, a dump, and what
its registers mean, computed from the datasheet and not by the drivers.
"""

from pathlib import Path

import numpy as np
import pytest

from agent.quality import Quality
from drivers.connect import connect
from drivers.dump import hold, parse_dump
from drivers.profile.check import check_profile
from drivers.profile.load import load_profile

SHEETS = sorted(path for path in (Path(__file__).parent / "datasheets").iterdir() if path.is_dir())
FURTHER = {"gridbox": 2}  # the second unit behind its gateway was captured


def expected(sheet):
    rows = (line.split() for line in (sheet / "expected.txt").read_text().splitlines()[1:])
    return {(name, "" if place == "-" else place): told for name, place, told in rows}


@pytest.mark.parametrize("sheet", SHEETS, ids=[sheet.name for sheet in SHEETS])
def test_a_datasheet_typed_in_toml_reads_its_unit_right(sheet):
    profile = load_profile(sheet / "profile.toml")
    assert check_profile(profile) == []
    dump = parse_dump((sheet / "dump.txt").read_text())
    layout = hold(connect(profile, instance=FURTHER.get(sheet.name, 1)), dump, dump.units()[0])
    raw, quality, si = np.zeros(layout.n, np.int64), np.zeros(layout.n, np.uint8), np.empty(layout.n)
    layout.decode(dump.image(layout, dump.units()[0]), raw, quality)
    layout.to_si(raw, quality, si)
    wanted = expected(sheet)
    for i, label in enumerate(zip(layout.names, layout.places, strict=True)):
        told = wanted.pop(label, "refused")  # what is not in the dump
        if quality[i] == Quality.GOOD:
            assert si[i] == pytest.approx(float(told), abs=1e-9), label
        else:
            assert Quality(int(quality[i])).name.lower() == told, label
    assert wanted == {}
