"""A chain of SunSpec models in registers: built from the published definitions, not from a profile."""

import math

import numpy as np
from numpy.typing import NDArray

from drivers.registers import Area
from drivers.sunspec.models import TYPES, ModelDefinition, PointDefinition, definition
from drivers.values import Coding
from hil.modbus.table import RegisterTable

_MARKER = (0x5375, 0x6E53)  # "SunS"
_END = (0xFFFF, 0)
_PAD = 0x8000

Words = NDArray[np.uint16]


class ServedModel:
    """One model with its repeating group, as words; every point starts as "not implemented"."""

    def __init__(self, model_id: int, repeats: int = 0) -> None:
        model = definition(model_id)
        assert model is not None, f"model {model_id} is not among the definitions"
        self.model: ModelDefinition = model
        self.repeats = repeats
        self.words: Words = np.zeros(model.size + repeats * model.group_size, np.uint16)
        self._factors: dict[str, int] = {}
        for point in model.points.values():
            self._blank(point, 0)
        for k in range(repeats):
            for point in model.group.values():
                self._blank(point, self._start(k))
        self.put("ID", model_id)
        self.put("L", len(self.words) - 2)

    def put(self, name: str, value: float | str, group: int | None = None) -> None:
        """Set a point, of the group counted from 0 if said; NaN is "not implemented".

        Numbers are in the model's unit: the scale factor, set before, is applied, and what does not fit is
        held at the greatest that does.
        """
        point = (self.model.points if group is None else self.model.group)[name]
        at = point.offset + (0 if group is None else self._start(group))
        if isinstance(value, str):
            data = value.encode("ascii", "replace")[: 2 * point.size].ljust(2 * point.size, b"\0")
            self.words[at : at + point.size] = np.frombuffer(data, ">u2")
            return
        if point.type == "sunssf":
            self._factors[name] = int(value)
        if math.isnan(value):
            self._blank(point, at - point.offset)
            return
        coding, _ = TYPES[point.type]
        low, high = _extent(coding)
        number = int(min(max(round(value / self._step(point)), low), high)) & ((1 << coding.width) - 1)
        for k in range(point.size):
            self.words[at + point.size - 1 - k] = (number >> (16 * k)) & 0xFFFF

    def put_all(self, name: str, values: NDArray[np.float64]) -> None:
        """Set a one-register point of every group at once, float64[repeats]."""
        point = self.model.group[name]
        coding, missing = TYPES[point.type]
        low, high = _extent(coding)
        known = np.isfinite(values)
        number = np.clip(np.round(np.where(known, values, 0.0) / self._step(point)), low, high).astype(
            np.int64
        )
        raw = np.where(known, number, missing[0]) & 0xFFFF
        self.words[self.model.size + point.offset :: self.model.group_size] = raw

    def _start(self, group: int) -> int:
        return self.model.size + group * self.model.group_size

    def _step(self, point: PointDefinition) -> float:
        factor = point.scale_factor
        exponent = self._factors.get(factor, 0) if isinstance(factor, str) else factor or 0
        return float(10.0**exponent)

    def _blank(self, point: PointDefinition, start: int) -> None:
        if point.type == "string":
            blank = 0
        elif point.type == "pad":
            blank = _PAD
        else:
            coding, missing = TYPES[point.type]
            blank = missing[0] & ((1 << coding.width) - 1)
        for k in range(point.size):
            at = start + point.offset + point.size - 1 - k
            self.words[at] = (blank >> (16 * k)) & 0xFFFF


class Chain:
    """Blocks one behind the other in the holding registers from `base` on."""

    def __init__(self, base: int, blocks: list[ServedModel]) -> None:
        self.base = base
        self.blocks = blocks
        self.table = RegisterTable()
        self.table.define(Area.HOLDING, base, self._words())
        self._addresses = base + np.arange(len(self._words()))

    def flush(self) -> None:
        """Bring all blocks into the registers at once."""
        self.table.write(Area.HOLDING, self._addresses, self._words())

    def _words(self) -> Words:
        ends = np.array([*_MARKER, *_END], np.uint16)
        return np.concatenate([ends[:2], *(block.words for block in self.blocks), ends[2:]])


def _extent(coding: Coding) -> tuple[int, int]:
    """The least and greatest number that is not a "not implemented"."""
    if coding.signed:
        return -(1 << (coding.width - 1)) + 1, (1 << (coding.width - 1)) - 1
    return 0, (1 << coding.width) - 2
