"""The in-process way: the same numbers as over the registers, and the same verdicts."""

import numpy as np
import pytest

from agent.quality import Quality
from drivers.profile.load import load_profile
from hil.bmu.battery_models import SunSpecMap
from hil.bmu.registers import ProfileMap, ask
from hil.plant.events import InternalShort
from hil.plant.rack import Rack, RackParameters
from hil.plant.sensors import RackSource
from hil.plant.source import Arrangement
from hil.run.unit import Direct


def unit(profile_name: str, **more: object) -> tuple[Direct, RackSource, ProfileMap | SunSpecMap]:
    profile = load_profile(profile_name)
    source = RackSource(Rack(RackParameters(Arrangement(1, 1, 16, 4), seed=8)), step_s=1.0)
    registers: ProfileMap | SunSpecMap
    if profile.sunspec:
        registers = SunSpecMap(profile, source, {}, "unit", 1)
    else:
        registers = ProfileMap(profile, source, {}, "unit")
    registers.update(source.read_at(0.0), 0.0)
    return Direct(profile, registers, source, period_s=1.0), source, registers


@pytest.mark.parametrize("name", ["pace-rtu", "sunspec-lithium-ion"])
def test_a_frame_in_process_is_the_frame_that_the_registers_would_give(name):
    direct, source, registers = unit(name)
    layout = direct.layout
    channels = source.run(7)
    direct.judge(np.arange(1.0, 8.0), channels)
    registers.update(channels[-1], 7.0)
    image, raw, quality = layout.image(), np.zeros(layout.n, np.int64), np.zeros(layout.n, np.uint8)
    for index, read in enumerate(layout.plan.reads):
        image.store(index, ask(registers.tables, read))
    layout.decode(image, raw, quality)
    measured = np.isin(layout.quantities, ["cell_voltage", "cell_temperature", "current", "voltage"])
    assert measured.sum() > 20
    np.testing.assert_array_equal(direct.raw[measured], raw[measured])
    np.testing.assert_array_equal(direct.quality[measured], quality[measured])


def test_a_short_is_heard_at_its_cell_and_a_healthy_hour_is_not():
    direct, source, _ = unit("pace-rtu")
    t_s = np.arange(1.0, 61.0)
    events = []
    for minute in range(60):
        events += direct.judge(60.0 * minute + t_s, source.run(60))
    assert events == []
    source.apply(InternalShort("cell5", 0.1))
    for minute in range(60, 65):
        events += direct.judge(60.0 * minute + t_s, source.run(60))
    assert {e.location for e in events if e.severity == "critical"} == {"sensor2"}, "the probe on cell 5"


def test_frames_without_a_reply_say_so_and_nothing_old_is_shown():
    direct, source, _ = unit("pace-rtu")
    direct.judge(np.arange(1.0, 4.0), source.run(3), reply=[Quality.GOOD, Quality.GOOD, Quality.NO_REPLY])
    assert set(direct.quality) == {Quality.NO_REPLY}
    assert np.all(np.isnan(direct.si))
    assert not direct.raw.any()
