"""Every profile, shipped or invented, served by the bench over a real socket and read through the drivers."""

from pathlib import Path

import numpy as np
import pytest

from agent.modbus.tcp import TcpPort
from agent.quality import Quality
from agent.wire.schema import unusable
from drivers.connect import connect
from drivers.layout import Layout
from drivers.line import Line
from drivers.profile.load import load_profile, shipped_profiles
from hil.run import rooms
from hil.run.bench import Bench
from hil.scenario.room import load_room

SHEETS = [path.parent for path in sorted(Path(__file__).parent.glob("drivers/datasheets/*/profile.toml"))]
# strings, modules and cells of the rack behind it; of a rack of one string and one module, 16 cells
SHAPES = {
    "soltaro-rack-b": (1, 20, 12),
    "jk-pb": (1, 1, 32),
    "sunspec-lithium-ion": (1, 2, 14),
    "kestrel": (1, 12, 14),
    "solmar": (2, 3, 12),
    "bigbox": (2, 4, 12),
    "cellnode": (1, 1, 24),
    "gridbox": (1, 1, 24),
    "voltan": (1, 1, 8),
    "floatbank": (1, 1, 4),
}


async def read_once(port: TcpPort, unit_id: int, name: str | Path) -> tuple[Layout, np.ndarray, np.ndarray]:
    """Connect to a unit and read all of it once; return its layout, SI values and qualities."""
    conversation = connect(load_profile(name), line=Line.tcp())
    try:
        read = next(conversation)
        while True:
            answer = await port.ask(unit_id + read.unit_offset, read, 2.0)
            read = conversation.send(answer.reply)
    except StopIteration as done:
        layout: Layout = done.value
    image = layout.image()
    for index, planned in enumerate(layout.plan.reads):
        answer = await port.ask(unit_id + planned.unit_offset, planned, 2.0)
        image.store(index, answer.reply)
    raw, quality, si = np.zeros(layout.n, np.int64), np.zeros(layout.n, np.uint8), np.empty(layout.n)
    layout.decode(image, raw, quality)
    layout.to_si(raw, quality, si)
    return layout, si, quality


@pytest.mark.parametrize(
    ("name", "profile"),
    [(name, name) for name in shipped_profiles()] + [(path.name, path / "profile.toml") for path in SHEETS],
)
async def test_the_bench_serves_it_and_the_drivers_read_it(
    name: str, profile: str | Path, tmp_path: Path
) -> None:
    strings, modules, cells = SHAPES.get(name, (1, 1, 16))
    room = tmp_path / "room.toml"
    rack = {"strings": strings, "modules": modules, "cells": cells, "seed": 1}
    room.write_text(rooms.tcp_unit("unit", str(profile), {"rack": rack}))
    bench = Bench(load_room(room))
    await bench.start()
    about = bench.units[0].describe()
    port = TcpPort(about["host"], about["port"])
    await port.open()
    try:
        layout, si, quality = await read_once(port, about["unit_id"], profile)
    finally:
        port.close()
        await bench.close()
    assert unusable(layout.describe()) == ""
    refused = [
        f"{layout.names[i]} {layout.places[i]}" for i in np.flatnonzero(quality > Quality.OUT_OF_RANGE)
    ]
    assert refused == []
    voltages = si[(np.array(layout.quantities) == "cell_voltage") & np.isfinite(si)]
    if voltages.size:
        assert voltages.size >= strings * modules * cells
        assert 3.0 < voltages.min() <= voltages.max() < 3.6
