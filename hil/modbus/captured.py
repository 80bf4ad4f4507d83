"""A unit that says what `cellwarden capture` heard: its frames in turn, as fast, with its faults."""

import struct
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from statistics import median

import numpy as np

from drivers.dump import Dump
from drivers.registers import Area
from drivers.told import CLOSED, DAMAGED, NO_ANSWER, Told
from hil.modbus.faults import Fault, FaultKind
from hil.modbus.table import RegisterTable

_OF_CODE = {area.function_code: area for area in Area}
#: Words of a capture -> what they were on a wire: what a fault of the bench is called, by transport.
_KINDS = {
    NO_ANSWER: {"tcp": FaultKind.MUTE, "rtu": FaultKind.MUTE},
    DAMAGED: {"tcp": FaultKind.TRUNCATE, "rtu": FaultKind.CRC},
    CLOSED: {"tcp": FaultKind.HANG_UP, "rtu": FaultKind.MUTE},
}


class Captured:
    """The units of a capture. `tables`: their registers by unit id; `show` puts a frame into them.

    transport: "tcp" or "rtu", on which it is played; the capture may be of the other one.
    """

    def __init__(self, dump: Dump, transport: str) -> None:
        self._dump, self._transport = dump, transport
        self._all = [*dump.told, *(told for frame in dump.frames for told in frame.told)]
        self._step = _step(self._all)
        self.tables = {unit_id: RegisterTable(self._step) for unit_id in dump.units()}
        for (unit_id, area, address), word in dump.registers.items():
            self.tables[unit_id].define(area, address // self._step, [word])
        starts = [frame.t_s for frame in dump.frames]
        self._starts = starts
        gaps = [b - a for a, b in pairwise(starts)]
        self.length_s = starts[-1] + median(gaps) if gaps else 0.0  # then it begins anew
        self.now = -1
        self.show(0.0)

    @property
    def frames(self) -> int:
        """How many frames there are."""
        return len(self._starts)

    def show(self, t_s: float) -> None:
        """Say from now on what was heard `t_s` seconds after the first frame, over and over."""
        if not self._starts:
            return
        phase_s = t_s % self.length_s if self.length_s else 0.0
        now = sum(start_s <= phase_s for start_s in self._starts) - 1
        if now == self.now:
            return
        self.now = now
        registers = self._dump.frames[now].registers
        for (unit_id, area), addresses in _by_table(registers).items():
            words = [registers[unit_id, area, address] for address in addresses]
            at = np.array(addresses, np.intp) // self._step
            self.tables[unit_id].write(area, at, np.array(words, np.uint16))

    def habit(self, unit_id: int, request: bytes) -> Sequence[Fault]:
        """Return the faults that this request of a unit met when it was captured; its time is one."""
        if len(request) != 5 or request[0] not in _OF_CODE:
            return ()
        _, first, count = struct.unpack(">BHH", request)
        area, last = _OF_CODE[request[0]], first + self._step * (count - 1)
        heard = [told for told in self._told() if (told.unit_id, told.area) == (unit_id, area)]
        told = next((t for t in heard if (t.first, t.last) == (first, last)), None)
        if told is None and self.tables[unit_id].read(area, first, count) is None:
            told = next((t for t in heard if t.fault and t.first <= last and first <= t.last), None)
        usual = [t.after_s for t in heard if t.after_s is not None and not t.fault]
        after_s = told.after_s if told else median(usual) if usual else None
        faults = [Fault(FaultKind.SLOW, delay_s=after_s)] if after_s else []
        if told and told.fault:
            faults.insert(0, self._fault(told.fault))
        return faults

    def _told(self) -> Iterator[Told]:
        """How reads are answered now: in this frame, else before the first."""
        if self._starts:
            yield from self._dump.frames[self.now].told
        yield from self._dump.told

    def _fault(self, said: str) -> Fault:
        if said in _KINDS:
            return Fault(_KINDS[said][self._transport])
        return Fault(FaultKind.EXCEPTION, code=int(said.removeprefix("exception ")))


def _step(heard: Iterable[Told]) -> int:
    """By how much an address rises from one register to the next."""
    steps = {(t.last - t.first) // (t.n - 1) for t in heard if t.n > 1}
    return min(steps, default=1)


def _by_table(keys: Iterable[tuple[int, Area, int]]) -> dict[tuple[int, Area], list[int]]:
    found: dict[tuple[int, Area], list[int]] = {}
    for unit_id, area, address in keys:
        found.setdefault((unit_id, area), []).append(address)
    return found
