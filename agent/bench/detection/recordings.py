"""The recordings: what is raised on healthy ones, and how early on those that fail. Real data."""

import csv
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np

from agent.bench.detection import plain
from agent.bench.detection.common import data_folder
from agent.detect.channels import Floats
from agent.detect.table import CRITICAL, WARNING
from agent.replay.mapping import RecordingMap
from agent.replay.play import Played, play
from agent.replay.recording import RecordedPart, load_parts

PACK = {
    "time": "tboxTime",
    "current": {"column": "BMSBatteryCurrent", "positive": "discharge"},
    "chemistry": "NMC",
}
CAR2 = {**PACK, "voltage": {"columns": "V_*", "unit": "mV"},
        "temperature": {"columns": "T_*", "offset": -40, "missing": [0, 255, 511]}}  # fmt: skip
HEALTHY: dict[str, dict[str, Any]] = {
    "ev_pack_car1": {**PACK, "voltage": {"columns": "V_*", "unit": "mV"}, "temperature": "T_*"},
    "rooms51_even": {"time": "timestamp", "sensor": "room", "temperature": "temperature"},
    "room_climate_A": {"time": {"column": "abst", "unit": "ms"}, "group": "meas", "sensor": "nid",
                       "temperature": "temp"},
    "leaf_pack_6s": {"time": "Total Time", "group": "test", "voltage": "Cell Voltage *",
                     "temperature": "Temperature *", "current": "Current"},
    "dmegc18650_cells123": {"time": "t_s", "group": ["cell", "test", "run"], "voltage": "V",
                            "temperature": "T", "current": {"column": "I_A", "positive": "discharge"}},
}  # fmt: skip
ABUSE = {"time": "t_s", "group": "test", "voltage": "v_cell", "temperature": ["T1", "T2", "T3", "T4"]}
NEEDED_LEAD_S = 70.0
HEAT = (
    "thermal-slope", "thermal-rate", "thermal-rest", "thermal-onset", "over-temperature", "last-resort",
    "sudden-heat",
)  # fmt: skip

NAMES = (
    ("false_criticals_real", "alarms"),
    ("false_warnings_real", "alarms"),
    ("plain_slope_alarms_real", "alarms"),
    ("false_alarms_ratio_to_plain_slope", "ratio"),
    ("real_sensor_years", "years"),
    ("abuse_lead_s_min", "s"),
    ("abuse_tests_with_rise_first", "tests"),
    ("abuse_runaways_heard", "share"),
    ("car2_lead_days", "days"),
    ("car2_other_cells", "cells"),
)


def measure() -> list[tuple[str, float | None, str]]:
    """Return the figures of the recordings; None where they are absent."""
    folder = data_folder()
    if folder is None:
        return [(name, None, unit) for name, unit in NAMES]
    figures = {**_healthy(folder), **_abuse(folder), **_car2(folder)}
    return [(name, figures[name], unit) for name, unit in NAMES]


def parts_of(folder: Path, name: str, mapping: dict[str, Any]) -> list[RecordedPart]:
    """Return the parts of a recording."""
    return load_parts(folder / f"{name}.parquet", RecordingMap.model_validate(mapping))


def _replay(folder: Path, name: str, mapping: dict[str, Any]) -> Played:
    return play(parts_of(folder, name, mapping), lambda frames: None)


def _healthy(folder: Path) -> dict[str, float]:
    healthy = {**HEALTHY, "ev_pack_car2": CAR2}
    played = [_replay(folder, name, mapping) for name, mapping in healthy.items()]
    said = [a["severity"] for one in played for a in one.alarms if a["location"] != "V_82"]
    loud = float(said.count(CRITICAL) + said.count(WARNING))
    slopes = sum(
        plain.alarms(plain.slope(part.t_s, of_quantity(part, "temperature"), part.values[:, :0]))
        for name, mapping in healthy.items()
        for part in parts_of(folder, name, mapping)
    )
    return {
        "false_criticals_real": float(said.count(CRITICAL)),
        "false_warnings_real": float(said.count(WARNING)),
        "plain_slope_alarms_real": float(slopes),
        "false_alarms_ratio_to_plain_slope": loud / slopes,
        "real_sensor_years": sum(one.sensor_s for one in played) / (365.25 * 86400.0),
    }


def of_quantity(part: RecordedPart, quantity: str) -> Floats:
    """Return the values (n, k) of a part whose quantity ends so."""
    found: Floats = part.values[:, [i for i, c in enumerate(part.channels) if c.quantity.endswith(quantity)]]
    return found


def _abuse(folder: Path) -> dict[str, float]:
    first: dict[str, float] = defaultdict(lambda: np.inf)
    for alarm in _replay(folder, "abuse_ornl_dev", ABUSE).alarms:
        if alarm["detector"] in HEAT:
            first[alarm["group"]] = min(first[alarm["group"]], alarm["t"])
    with (folder / "abuse_ornl_dev_tests.csv").open(newline="") as file:
        tests = [row for row in csv.DictReader(file) if row["class"] == "TR" and row["t_150C"]]
    leads, heard = [], 0
    for row in tests:
        rise_s = min(float(row[key] or np.inf) for key in ("t_1Cps_3s", "t_0p5Cpmin_60s"))
        at_s = float(row["t_150C"])
        heard += np.isfinite(first[row["test"]])
        if at_s - rise_s >= NEEDED_LEAD_S:  # else no detector of temperature rate can lead by as much
            leads.append(at_s - first[row["test"]])
    return {
        "abuse_lead_s_min": float(min(leads)),
        "abuse_tests_with_rise_first": float(len(leads)),
        "abuse_runaways_heard": heard / len(tests),
    }


def _car2(folder: Path) -> dict[str, float]:
    alarms = _replay(folder, "ev_pack_car2", CAR2).alarms
    end_s = max(part.t_s[-1] for part in parts_of(folder, "ev_pack_car2", CAR2))
    ours = [alarm["t_s"] for alarm in alarms if alarm["location"] == "V_82"]
    others = {a["location"] for a in alarms if a["quantity"] == "cell_voltage"} - {"V_82"}
    return {
        "car2_lead_days": (end_s - min(ours)) / 86400.0 if ours else 0.0,
        "car2_other_cells": float(len(others)),
    }
