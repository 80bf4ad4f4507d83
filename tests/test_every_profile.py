"""Every shipped profile, served by the bench over a real socket and read through the drivers."""

from pathlib import Path

import numpy as np
import pytest

from agent.modbus.ports import TcpPort
from agent.quality import Quality
from drivers.connect import connect
from drivers.layout import Layout
from drivers.line import Line
from drivers.profile import load_profile, shipped_profiles
from hil.bench import Bench
from hil.room import load_room

ROOM = """
[[unit]]
name = "unit"
transport = "tcp"
listen = "127.0.0.1:0"
profile = "{profile}"
source = {{ rack = {{ strings = 1, modules = {modules}, cells = {cells}, seed = 1 }} }}
"""
SHAPES = {"soltaro-rack-b": (20, 12), "jk-pb": (1, 32), "sunspec-lithium-ion": (2, 14)}


async def read_once(port: TcpPort, unit_id: int, name: str) -> tuple[Layout, np.ndarray, np.ndarray]:
    """Connect to a unit and read all of it once; return its layout, SI values and qualities."""
    conversation = connect(load_profile(name), line=Line.tcp())
    layout = None
    read = next(conversation, None)
    while layout is None:
        assert read is not None
        reply = await port.ask(unit_id + read.unit_offset, read, 2.0)
        try:
            read = conversation.send(reply)
        except StopIteration as done:
            layout = done.value
    image = layout.image()
    for index, planned in enumerate(layout.plan.reads):
        image.store(index, await port.ask(unit_id + planned.unit_offset, planned, 2.0))
    raw, quality, si = np.zeros(layout.n, np.int64), np.zeros(layout.n, np.uint8), np.empty(layout.n)
    layout.decode(image, raw, quality)
    layout.to_si(raw, quality, si)
    return layout, si, quality


@pytest.mark.parametrize("name", shipped_profiles())
async def test_the_bench_serves_it_and_the_drivers_read_it(name: str, tmp_path: Path) -> None:
    modules, cells = SHAPES.get(name, (1, 16))
    room = tmp_path / "room.toml"
    room.write_text(ROOM.format(profile=name, modules=modules, cells=cells))
    bench = Bench(load_room(room))
    await bench.start()
    about = bench.units[0].describe()
    port = TcpPort(about["host"], about["port"])
    await port.open()
    try:
        layout, si, quality = await read_once(port, about["unit_id"], name)
    finally:
        port.close()
        await bench.close()
    refused = [
        f"{layout.names[i]} {layout.places[i]}" for i in np.flatnonzero(quality > Quality.OUT_OF_RANGE)
    ]
    assert refused == []
    voltages = si[(np.array(layout.quantities) == "cell_voltage") & np.isfinite(si)]
    if voltages.size:
        assert voltages.size >= modules * cells
        assert 3.0 < voltages.min() <= voltages.max() < 3.6
