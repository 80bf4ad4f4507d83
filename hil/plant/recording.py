"""Replay of a measured battery: a CSV file and, beside it, a JSON file that says what it is."""

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hil.plant.source import Arrangement, Floats

SHIPPED = Path(__file__).parents[1] / "recordings"


class RecordingError(Exception):
    """A recording that cannot be replayed: says which file and why."""


class Recording:
    """A `Source` that plays a recorded table at its own rate, then back to its start, then forth again.

    Playing back and forth keeps every value continuous for as long as the bench runs. On the way back the
    charge moves against the sign of the current.
    """

    def __init__(
        self, name: str, about: dict[str, Any], time_s: Floats, values: Floats, step_s: float
    ) -> None:
        self.name = name
        self.about = about
        self.time_s = time_s
        self._values = values
        self.step_s = step_s
        self._steps = 0
        parts = about["arrangement"]
        self.arrangement = Arrangement(parts["strings"], parts["modules"], parts["cells"], parts["sensors"])
        self.quantum: dict[str, float] = dict(about["quantum"])
        self.channels = self.arrangement.channels()

    def row_at(self, t_s: float) -> int:
        """The row that is playing at bench time `t_s`."""
        length_s = float(self.time_s[-1])
        phase_s = t_s % (2 * length_s)
        if phase_s > length_s:
            phase_s = 2 * length_s - phase_s
        return int(np.searchsorted(self.time_s, phase_s, side="right")) - 1

    def run(self, steps: int) -> Floats:
        """The recorded values at the next `steps` times."""
        numbers = range(self._steps + 1, self._steps + steps + 1)
        self._steps += steps
        rows: Floats = self._values[[self.row_at(n * self.step_s) for n in numbers]]
        return rows

    def read_at(self, t_s: float) -> Floats:
        """The recorded values at `t_s`: nothing is interpolated, a row holds until the next one."""
        row: Floats = self._values[self.row_at(t_s)]
        return row


def load_recording(name_or_path: str, step_s: float = 0.5) -> Recording:
    """A shipped recording by its name, or one from a CSV file with its JSON beside it."""
    path = Path(name_or_path)
    if path.suffix != ".csv":
        path = SHIPPED / f"{name_or_path}.csv"
    about_path = path.with_suffix(".json")
    for needed in (path, about_path):
        if not needed.is_file():
            names = ", ".join(sorted(p.stem for p in SHIPPED.glob("*.csv")))
            raise RecordingError(f"{needed}: no such file; shipped are {names}, or give a path to a .csv")
    try:
        about = json.loads(about_path.read_text("utf-8"))
        with path.open(newline="", encoding="utf-8") as file:
            rows = csv.reader(file)
            header = next(rows)
            table = np.array([[float(field) for field in row] for row in rows])
        return _arranged(path.stem, about, dict(zip(header, table.T, strict=True)), step_s)
    except (ValueError, KeyError, StopIteration) as error:
        raise RecordingError(f"{path}: not a recording: {type(error).__name__} {error}") from error


def _arranged(
    name: str, about: dict[str, Any], column: dict[str, NDArray[np.float64]], step_s: float
) -> Recording:
    """Put the columns into the order of the arrangement's channels."""
    time_s = column["time_s"]
    if len(time_s) < 2 or np.any(np.diff(time_s) <= 0):
        raise ValueError("time_s must rise from row to row, in at least two rows")
    unknown = np.full(len(time_s), np.nan)
    string = [column["current_a"], column["voltage"], column["soc"], unknown]  # the same for the only string
    room_and_capacity = [unknown] * 4
    cells = [column[key] / 1000.0 for key in _numbered(column, "V_")]
    probes = [column[key] for key in _numbered(column, "T_")]
    values = np.column_stack([*string, *room_and_capacity, *string, *cells, *probes])
    recording = Recording(name, about, time_s, values, step_s)
    if values.shape[1] != len(recording.channels):
        raise ValueError(f"{len(cells)} cells and {len(probes)} probes do not fill {recording.arrangement}")
    return recording


def _numbered(column: dict[str, Floats], prefix: str) -> list[str]:
    return sorted((key for key in column if key.startswith(prefix)), key=lambda key: int(key[len(prefix) :]))
