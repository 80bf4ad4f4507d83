"""Record a real unit into a file that `plant.recording` plays. What identifies the unit is never written."""

import csv
import json
import math
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pymodbus import ModbusException
from pymodbus.client import ModbusSerialClient, ModbusTcpClient
from pymodbus.pdu import ModbusPDU

from agent.quality import Quality
from drivers.connect import ConnectError, connect
from drivers.layout import Layout
from drivers.profile.load import Profile
from drivers.registers import Area, Read, Reply

Flags = NDArray[np.bool_]
Client = ModbusTcpClient | ModbusSerialClient


class RecorderError(Exception):
    """A unit that cannot be recorded: says why and what to try."""


class UnitRecorder:
    """Reads one unit, and nothing but reads: function codes 1 to 4."""

    def __init__(self, client: Client, unit_id: int, profile: Profile) -> None:
        self._client, self._unit_id, self.profile = client, unit_id, profile
        if not client.connect():
            raise RecorderError(f"{client}: cannot be opened; is another program using it?")
        self.layout = self._connect()
        self._image = self.layout.image()
        self._raw = np.zeros(self.layout.n, np.int64)
        self._quality = np.zeros(self.layout.n, np.uint8)
        self._si = np.full(self.layout.n, np.nan)
        self._read()
        self._there = self._quality != Quality.MISSING  # a probe that is not fitted has no column
        self._columns = columns_of(self.layout, self._there)

    def _connect(self) -> Layout:
        conversation = connect(self.profile)
        try:
            read = next(conversation)
            while True:
                read = conversation.send(self._ask(read))
        except StopIteration as done:
            layout: Layout = done.value
            return layout
        except ConnectError as error:
            raise RecorderError(f"unit {self._unit_id}: {error}") from error

    def _ask(self, read: Read) -> Reply:
        ask: dict[Area, Callable[..., ModbusPDU]] = {
            Area.COIL: self._client.read_coils,
            Area.DISCRETE: self._client.read_discrete_inputs,
            Area.HOLDING: self._client.read_holding_registers,
            Area.INPUT: self._client.read_input_registers,
        }
        try:
            said = ask[read.area](read.address, count=read.count, device_id=self._unit_id + read.unit_offset)
        except ModbusException:
            return Reply((), Quality.NO_REPLY)
        if said.isError():
            return Reply((), Quality.REFUSED, said.exception_code)
        bits = read.area in (Area.COIL, Area.DISCRETE)
        words = [int(bit) for bit in said.bits[: read.count]] if bits else said.registers
        return Reply(words) if len(words) == read.count else Reply((), Quality.NO_REPLY)

    def _read(self) -> bool:
        """Read one frame; False where nothing good came."""
        self._image.begin_cycle()
        reads = self.layout.plan.reads
        for index in self.layout.plan.order:
            self._image.store(index, self._ask(reads[index]))
        self.layout.decode(self._image, self._raw, self._quality)
        self.layout.to_si(self._raw, self._quality, self._si)
        return bool(np.any(self._quality == Quality.GOOD))

    def record(
        self, path: Path, seconds: float, period_s: float, progress: Callable[[float], None], note: str = ""
    ) -> int:
        """Read for `seconds`, a row every `period_s`, into a CSV file, its JSON beside it; return the rows.

        A row that the unit did not answer is left out: a replay repeats nothing that was not read.
        """
        rows, start_s = 0, time.monotonic()
        with path.open("w", newline="", encoding="utf-8") as file:
            table = csv.writer(file, lineterminator="\n")
            table.writerow(["time_s", *self._columns])
            while (now_s := time.monotonic() - start_s) < seconds:
                if self._read():
                    said = [
                        scale * self._si[i] if i >= 0 else math.nan for i, scale in self._columns.values()
                    ]
                    table.writerow([f"{now_s:.3f}", *(f"{value:.6g}" for value in said)])
                    file.flush()  # what was recorded stays, whatever ends this
                    rows += 1
                progress(now_s)
                due_s = (int(now_s / period_s) + 1) * period_s
                time.sleep(max(0.0, min(due_s, seconds) - (time.monotonic() - start_s)))
        about = json.dumps(self._about(path.stem, note), indent=2)
        path.with_suffix(".json").write_text(about + "\n", "utf-8")
        return rows

    def _about(self, name: str, note: str) -> dict[str, Any]:
        return {
            "name": name,
            "what": note or f"a unit behind profile {self.profile.model}, one row for each reading of it",
            "measured": True,
            "source": f"cellwarden-hil record, profile {self.profile.model} {self.profile.hash.hex()[:8]}",
            "identity": "blanked: serial numbers and names of the unit were not written",
            "arrangement": arrangement_of(self.layout, self._there),
            "quantum": quantum_of(self.layout),
        }


def columns_of(layout: Layout, there: Flags) -> dict[str, tuple[int, float]]:
    """Name of each column -> where its value stands in a frame (-1: nowhere), and its factor."""
    whole = {"current": "current_a", "voltage": "voltage", "soc": "soc"}
    wanted = list(zip(layout.places, layout.quantities, strict=True))
    columns = {
        name: (wanted.index(("", quantity)) if ("", quantity) in wanted else -1, 1.0)
        for quantity, name in whole.items()
    }
    for prefix, quantity, scale in (("V", "cell_voltage", 1000.0), ("T", "cell_temperature", 1.0)):
        found = [i for i, q in enumerate(layout.quantities) if q == quantity and there[i]]
        columns |= {f"{prefix}_{k}": (i, scale) for k, i in enumerate(found, 1)}
    if "V_1" not in columns:
        raise RecorderError(f"{layout.profile_model} tells no cell voltages; there is nothing to replay")
    return columns


def arrangement_of(layout: Layout, there: Flags) -> dict[str, int]:
    """One string of all the unit's modules; one module where its cells or probes do not divide evenly."""
    known = [(p, q) for p, q, t in zip(layout.places, layout.quantities, there, strict=True) if t]
    places = [place for place, quantity in known if quantity == "cell_voltage"]
    probes = sum(quantity == "cell_temperature" for _, quantity in known)
    modules = len({re.sub(r"/?cell\d+$", "", place) for place in places})
    if len(places) % modules or probes % modules:
        modules = 1
    return {"strings": 1, "modules": modules, "cells": len(places) // modules, "sensors": probes // modules}


def quantum_of(layout: Layout) -> dict[str, float]:
    """The step of each quantity's registers."""
    wanted = ("current", "voltage", "soc", "cell_voltage", "cell_temperature")
    steps = zip(layout.quantities, layout.resolution.tolist(), strict=True)
    return {quantity: step for quantity, step in steps if quantity in wanted and step > 0}
