"""What the status says of a unit's limits."""

from pathlib import Path

from agent.control.status import health
from agent.runtime.parts import Parts
from drivers.connect import assume
from drivers.profile.load import parse_profile
from hil.run import configuration
from tests.agent.loaded import loaded
from tests.agent.runtime.test_kept import SetClock

PROFILE = """
schema = 1
model = "cells"
[[point]]
name = "cell_voltage"
address = 0
count = 4
unit = "mV"
"""
WIDE = """[[detection.limit]]
quantity = "cell_voltage"
tier = "safety"
high = 4.0
reviewed_by = "A. Engineer"
why = "cells of maker B"
"""


async def told(folder: Path, unit: str, limits: str = "") -> object:
    text = configuration.tcp_unit("rack-1", 502, "cells").replace(
        'name = "rack-1"\n', f'name = "rack-1"\n{unit}', 1
    )
    profile = parse_profile(PROFILE)
    parts = Parts(loaded(folder, text + limits), {"cells": profile}, SetClock())
    (one,) = parts.units.values()
    assert parts.watching.limits("rack-1") is None, "not yet connected"
    parts.watching.connected(one, assume(profile))
    said = parts.watching.limits("rack-1")
    await parts.background.done()
    await parts.writer(parts.store.close)
    parts.writer.close()
    return said


async def test_a_unit_whose_voltages_have_no_limit_says_what_to_set(tmp_path: Path) -> None:
    why = "no voltage limit known: set chemistry"
    assert await told(tmp_path, "") == {"unknown": why, "widened": ()}
    unit = {"name": "rack-1", "knowledge": "PARTIAL", "trouble": "", "watched": True, "empty": []}
    status = {
        "units": [{**unit, "limits": {"unknown": why}}],
        "buses": [],
        "upstreams": [],
        "clock_synchronised": True,
    }
    assert health(status, [])["degraded"] == [f"unit rack-1: PARTIAL; {why}"]


async def test_a_limit_that_a_site_made_wider_is_told_with_who_answers_for_it(tmp_path: Path) -> None:
    assert await told(tmp_path, 'chemistry = "LFP"\n') == {"unknown": "", "widened": ()}
    (tmp_path / "wide").mkdir()
    assert await told(tmp_path / "wide", 'chemistry = "LFP"\n', WIDE) == {
        "unknown": "",
        "widened": (
            "cell_voltage: the highest safety limit 4 V is wider than 3.9 V of the chemistry; reviewed by "
            "A. Engineer: cells of maker B",
        ),
    }
