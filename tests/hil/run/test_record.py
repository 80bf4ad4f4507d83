"""Recording a unit over its wire, replaying what was recorded, and drawing it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from hil.plant.recording import load_recording
from hil.run import rooms

SHORT = ("--minutes", "0.05")


def hil(*arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "hil.cli", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


@pytest.fixture
def served(tmp_path):
    room = tmp_path / "room.toml"
    rack = {"modules": 2, "cells": 4, "sensors": 2, "seed": 3}
    room.write_text(
        rooms.tcp_unit(
            "rack-1", "sunspec-lithium-ion", {"rack": rack}, unit_id=3, identity={"SN": "SECRET-4711"}
        )
        + rooms.bus("bus-1", link="bus-1", baud=9600)
        + rooms.rtu_unit("rack-2", "bus-1", "pace-rtu", {"rack": {"cells": 16, "seed": 4}})
    )
    command = [sys.executable, "-m", "hil.cli", "serve", str(room)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    yield json.loads(process.stdout.readline())["units"]
    process.terminate()
    process.communicate()


def test_a_unit_on_tcp_is_recorded_without_its_serial_number_and_replays(served, tmp_path):
    out = tmp_path / "rack.csv"
    where = ["--tcp", f"127.0.0.1:{served[0]['port']}", "--unit-id", "3"]
    done = hil("record", str(out), "--profile", "sunspec-lithium-ion", *where, *SHORT, "--every", "0.5")
    assert done.returncode == 0, done.stderr
    assert "SECRET" not in out.read_text() + out.with_suffix(".json").read_text()
    recording = load_recording(str(out))
    assert recording.arrangement.shape == (1, 2, 4)
    assert recording.arrangement.sensors == 2
    assert 4 <= len(recording.time_s) <= 7
    first = dict(zip(recording.channels, recording.read_at(0.0), strict=True))
    volts = [v for c, v in first.items() if c.quantity == "cell_voltage"]
    assert all(3.2 < v < 3.5 for v in volts)
    temps = [v for c, v in first.items() if c.quantity == "cell_temperature"]
    assert len(temps) == 4
    assert all(20 < v < 30 for v in temps)

    page = tmp_path / "rack.html"
    assert hil("plot", str(out), "-o", str(page)).returncode == 0
    assert page.read_text().count("<svg") == 1
    assert "Temperature" in page.read_text()


def test_a_unit_on_a_serial_line_is_recorded_with_its_profiles_settings(served, tmp_path):
    out = tmp_path / "pack.csv"
    done = hil(
        "record", str(out), "--profile", "pace-rtu", "--serial", served[1]["device"], "--minutes", "0.05"
    )
    assert done.returncode == 0, done.stderr
    recording = load_recording(str(out))
    assert recording.arrangement.shape == (1, 1, 16)
    assert recording.about["source"].startswith("cellwarden-hil record, profile pace-rtu")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["x.csv", "--profile", "pace-rtu"], "say either --tcp HOST:PORT or --serial DEVICE"),
        (["x.txt", "--profile", "pace-rtu", "--tcp", "127.0.0.1:1"], "must end in .csv"),
        (["x.csv", "--profile", "pace-rut", "--tcp", "127.0.0.1:1"], "pace-rut"),
        (["x.csv", "--profile", "pace-rtu", "--tcp", "127.0.0.1:1"], "cannot be opened"),
        (["x.csv", "--profile", "pace-rtu", "--tcp", "localhost"], "is no HOST:PORT"),
        (["x.csv", "--profile", "pace-rtu", "--tcp", "::1"], "is no HOST:PORT"),
    ],
)
def test_what_cannot_be_recorded_is_one_clear_line(arguments, expected, tmp_path):
    done = hil("record", str(tmp_path / arguments[0]), *arguments[1:])
    assert done.returncode == 2
    assert expected in done.stderr
    assert not (tmp_path / arguments[0]).exists()


def test_a_shipped_recording_is_drawn_by_name(tmp_path):
    page = tmp_path / "page.html"
    assert hil("plot", "ev_pack_car1", "-o", str(page)).returncode == 0
    text = page.read_text()
    assert "band: all 96" in text
    assert "<script" not in text
    assert Path(page).stat().st_size < 2_000_000
