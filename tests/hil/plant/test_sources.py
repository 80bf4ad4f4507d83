"""What a bench unit measures, modelled or recorded."""

import json

import numpy as np
import pytest

from hil.plant.events import InternalShort
from hil.plant.rack import Rack, RackParameters
from hil.plant.recording import SHIPPED, RecordingError, load_recording
from hil.plant.sensors import RackSource
from hil.plant.source import Arrangement, Channel

SIXTEEN = Arrangement(strings=1, modules=1, cells=16, sensors=4)


def test_probes_sit_on_the_first_cell_of_each_group():
    assert SIXTEEN.probed_cells() == (1, 5, 9, 13)
    assert Arrangement(1, 1, 12, 3).probed_cells() == (1, 5, 9)
    assert Arrangement(1, 1, 5, 5).probed_cells() == (1, 2, 3, 4, 5)
    assert Arrangement(1, 1, 4, 0).probed_cells() == ()


def test_values_depend_on_seed_and_time_and_not_on_how_often_they_were_read():
    often, seldom = (RackSource(Rack(RackParameters(SIXTEEN, seed=9))) for _ in range(2))
    other = RackSource(Rack(RackParameters(SIXTEEN, seed=10)))
    for t in range(121):
        every = often.read_at(float(t))
    np.testing.assert_array_equal(every, seldom.read_at(120.0))
    assert not np.array_equal(every, other.read_at(120.0))


def test_measured_values_lie_on_the_sensors_steps_and_near_the_truth():
    source = RackSource(Rack(RackParameters(SIXTEEN, seed=1)))
    where = {channel: i for i, channel in enumerate(source.channels)}
    values = source.read_at(30.0)
    cells = [where[Channel(f"string1/module1/cell{c}", "cell_voltage")] for c in range(1, 17)]
    probes = [where[Channel(f"string1/module1/cell{c}", "cell_temperature")] for c in (1, 5, 9, 13)]
    np.testing.assert_allclose(values[cells], source.rack.cells["v"], atol=0.006)
    np.testing.assert_allclose(values[probes], 25.0, atol=1.2)
    np.testing.assert_allclose(values[cells] * 1000, np.round(values[cells] * 1000), atol=1e-6)
    np.testing.assert_allclose(values[probes] * 10, np.round(values[probes] * 10), atol=1e-6)
    assert np.std(values[probes]) > 0
    assert values[where[Channel("", "voltage")]] == pytest.approx(values[cells].sum(), abs=0.1)


def test_noise_is_new_at_each_step_and_the_offsets_stay():
    source = RackSource(Rack(RackParameters(SIXTEEN, seed=4, ripple_a=0.0)))
    cells = [i for i, channel in enumerate(source.channels) if channel.quantity == "cell_temperature"]
    read = np.array([source.read_at(t / 2)[cells] for t in range(200)])
    assert np.all(read.std(axis=0) > 0.01), "each sensor trembles"
    assert read.mean(axis=0).std() > 3 * read.std(axis=0).mean(), "each keeps its own offset"


def test_a_short_beneath_a_probe_is_measured_at_once_and_one_beside_it_late():
    beneath, beside = (RackSource(Rack(RackParameters(SIXTEEN, seed=2))) for _ in range(2))
    probe = list(beneath.channels).index(Channel("string1/module1/cell5", "cell_temperature"))
    before = beneath.read_at(0.0)[probe]
    beneath.apply(InternalShort("string1/module1/cell5", 0.1))
    beside.apply(InternalShort("string1/module1/cell6", 0.1))
    assert beneath.read_at(60.0)[probe] - before == pytest.approx(3.4, rel=0.1)
    assert beside.read_at(60.0)[probe] - before < 0.3


def test_the_shipped_recording_says_where_it_comes_from_and_is_small():
    about = json.loads((SHIPPED / "ev_pack_car1.json").read_text())
    assert about["licence"] == "MIT"
    assert "Permission is hereby granted" in about["licence_text"]
    assert "BatICM/unsupervised-battery-faults" in about["source"]
    assert about["paper"]
    assert (SHIPPED / "ev_pack_car1.csv").stat().st_size < 1_000_000


def test_the_shipped_recording_is_whole_plausible_and_without_gaps():
    recording = load_recording("ev_pack_car1")
    assert recording.time_s[-1] >= 25 * 60
    assert np.diff(recording.time_s).max() <= 2.0
    quantities = np.array([c.quantity for c in recording.channels])
    table = np.array([recording.read_at(float(t)) for t in recording.time_s])
    assert (quantities == "cell_voltage").sum() == 96
    assert (quantities == "cell_temperature").sum() == 24
    volts = table[:, quantities == "cell_voltage"]
    assert 3.0 < volts.min() < volts.max() < 4.3
    np.testing.assert_allclose(volts.sum(axis=1), table[:, 1], atol=6.0)
    assert table[:, quantities == "cell_temperature"].min() > 0
    charge_a_s = np.trapezoid(table[:, 0], recording.time_s)
    soc_change = table[-1, 2] - table[0, 2]
    assert charge_a_s * soc_change > 0, "current is positive while the charge rises"


def test_replay_goes_back_and_forth_without_a_jump():
    recording = load_recording("ev_pack_car1")
    length_s = recording.time_s[-1]
    n = len(recording.time_s)
    rows = [
        recording.row_at(t)
        for t in (0, 1.5, length_s - 1, length_s, length_s + 1, 2 * length_s, 2 * length_s + 3)
    ]
    assert rows == [0, 1, n - 2, n - 1, n - 2, 0, 3]
    steps = [recording.row_at(float(t)) for t in range(int(4 * length_s))]
    assert np.abs(np.diff(steps)).max() == 1


@pytest.mark.parametrize("text", ["", "time_s,current_a\n0,1\n", "time_s\n0\n1\nx\n"])
def test_a_file_that_is_no_recording_is_refused_by_name(tmp_path, text):
    (tmp_path / "pack.csv").write_text(text)
    (tmp_path / "pack.json").write_text(
        '{"arrangement": {"strings": 1, "modules": 1, "cells": 1, "sensors": 0}}'
    )
    with pytest.raises(RecordingError, match=r"pack\.csv"):
        load_recording(str(tmp_path / "pack.csv"))


def test_an_unknown_recording_names_those_there_are():
    with pytest.raises(RecordingError, match="ev_pack_car1"):
        load_recording("no-such-pack")
