"""SunSpec units beside pysunspec2, the SunSpec Alliance's own client, on the same registers."""

import random

import numpy as np
import pytest

from agent.quality import Quality
from drivers.connect import connect
from drivers.profile.load import load_profile
from drivers.sunspec.image import Sketch, compose
from drivers.sunspec.models import definition
from tests.drivers.units import Frame, Unit, block, converse

client = pytest.importorskip("sunspec2.modbus.client", reason="pysunspec2 is not installed")

# Points of the profile, by model and SunSpec name; a repeating group is read by its first point.
WANTED = {
    802: {"SoC": "soc", "SoH": "soh", "NCyc": "cycles", "V": "voltage", "A": "current", "W": "power"},
    804: {"CellVMax": "cell_voltage_max", "A": "current", "ModTmpMin": "module_temperature_min"},
    805: {"V": "module_voltage", "SoC": "soc", "CellV": "cell_voltage", "CellTmp": "cell_temperature"},
}
PLACES = {802: "", 804: "string2", 805: "string2/module3"}
CELLS = 45  # longer than one read


class Registers(client.SunSpecModbusClientDevice):
    """pysunspec2's device over the words of a unit instead of a socket."""

    def __init__(self, words, base):
        super().__init__()
        self.words, self.base = words, base

    def read(self, addr, count):
        if not self.base <= addr <= addr + count <= self.base + len(self.words):
            raise client.SunSpecModbusClientError(f"no registers at {addr}")
        at, count = int(addr) - self.base, int(count)
        return b"".join(int(w).to_bytes(2, "big") for w in self.words[at : at + count])


def image(chance):
    """A unit whose values and scale factors are drawn; some are "not implemented"."""
    told = {804: {"Idx": 2, "NMod": 2}, 805: {"StrIdx": 2, "ModIdx": 3, "NCell": CELLS}}
    words = compose([Sketch(1), Sketch(802), Sketch(804, 2, told[804]), Sketch(805, CELLS, told[805])])
    at = 2 + definition(1).size
    while words[at] != 0xFFFF:
        model, end = definition(words[at]), at + 2 + words[at + 1]
        factors = {p.offset for p in model.points.values() if p.type == "sunssf"}
        keep = {0, 1} | {model.points[name].offset for name in told.get(model.id, ())}
        for k in set(range(end - at)) - keep:
            drawn = chance.choice([-3, -2, -1, 0, 1]) & 0xFFFF if k in factors else chance.randrange(65536)
            words[at + k] = drawn if chance.random() < 0.9 else chance.choice([0x8000, 0xFFFF])
        at = end
    return words


@pytest.mark.parametrize("seed", range(8))
def test_every_value_is_what_pysunspec2_reads(seed):
    words = image(random.Random(seed))
    theirs = Registers(words, 40000)
    theirs.scan()
    device = Unit(block(40000, words))
    frame = Frame(converse(connect(load_profile("sunspec-lithium-ion")), device), device)
    compared = 0
    for number, wanted in WANTED.items():
        (model,) = theirs.models[number]
        (cells,) = model.groups.values() if number == 805 else ((),)
        for sunspec, name in wanted.items():
            if sunspec in model.points:
                found = [(PLACES[number], model.points[sunspec])]
            else:
                found = [(f"{PLACES[805]}/cell{k}", c.points[sunspec]) for k, c in enumerate(cells, 1)]
            for place, point in found:
                compared += same(frame, name, place, point)
    assert compared > CELLS


def same(frame, name, place, point):
    """Compare one value; return whether both had one."""
    label = (name, place)
    if label not in zip(frame.layout.names, frame.layout.places, strict=True):
        assert point.sf is not None
        assert point.sf_value is None or abs(point.sf_value) > 10  # its scale factor is not implemented
        return False
    quality = frame.quality_of(*label)
    if point.value is None:
        assert quality == Quality.MISSING
        return False
    assert quality in (Quality.GOOD, Quality.OUT_OF_RANGE)
    index = frame.index(*label)
    value = frame.layout.values[index]
    np.testing.assert_allclose(frame.raw[index] * value.scale, point.cvalue, rtol=1e-12)
    return True
