"""What a lithium-ion battery says in SunSpec models 1 and 802 to 805: an 804 per string, 805 per module."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from drivers.profile.schema import Profile
from hil.bmu.registers import Identity, RegisterError
from hil.bmu.sunspec import Chain, ServedModel
from hil.modbus.table import RegisterTable
from hil.plant.source import OWN_ALARM, STRING_QUANTITIES, UNIT_QUANTITIES, Channel, Floats, Source

_LITHIUM_ION, _CONNECTED, _ENABLED_AND_CLOSED = 4, 3, 0b11
_DISCHARGING, _CHARGING, _HOLDING = 3, 4, 6
_OVER_TEMPERATURE = 1 << 1  # OVER_TEMP_ALARM of model 802
_REST_A = 1.0
# Where a recording does not say in which steps it was measured.
_USUAL_QUANTUM = {
    "voltage": 0.01,
    "current": 0.01,
    "soc": 0.1,
    "cell_voltage": 0.001,
    "cell_temperature": 0.1,
}


@dataclass(frozen=True, slots=True)
class Measured:
    """What the source read, in the battery's shape; NaN where nothing is measured."""

    cell_v: Floats  # (strings, modules, cells)
    cell_degc: Floats  # the same
    unit: Mapping[str, float]
    own_alarm: bool
    string: tuple[Mapping[str, float], ...]


class SunSpecMap:
    """Serves a battery as a chain of SunSpec models; the heartbeat counts seconds.

    Scale factors follow the steps in which the source measures: 0.1 degC is a factor of -1.
    """

    def __init__(
        self, profile: Profile, source: Source, identity: Identity, serial: str, unit_id: int
    ) -> None:
        if profile.sunspec is None:
            raise RegisterError(f"{profile.model} describes no SunSpec unit")
        if unknown := set(identity) - {"Mn", "Md", "Opt", "Vr", "SN"}:
            raise RegisterError(f"identity.{min(unknown)}: SunSpec model 1 has only Mn, Md, Opt, Vr and SN")
        self.arrangement = source.arrangement
        self._channels = _Channels(source)
        common, battery, bank = ServedModel(1), ServedModel(802), ServedModel(803, self.arrangement.strings)
        self._battery, self._bank = battery, bank
        self._strings = [ServedModel(804, self.arrangement.modules) for _ in range(self.arrangement.strings)]
        self._modules = [ServedModel(805, self.arrangement.cells) for _ in self.arrangement.modules_at()]
        names = {"Mn": "cellwarden", "Md": "bench", "Vr": "1", "SN": serial}
        for name, text in (names | dict(identity)).items():
            common.put(name, str(text))
        common.put("DA", unit_id)
        factors = scale_factors(source)
        for block in (battery, bank, *self._strings, *self._modules):
            for name in block.model.points:
                if name in factors:
                    block.put(name, factors[name])
        self._chain = Chain(profile.sunspec.bases[0], [common, battery, bank, *self._strings, *self._modules])
        self.tables: dict[int, RegisterTable] = {0: self._chain.table}
        self._put_constants(serial)

    def update(self, channels: Floats, t_s: float) -> None:
        """Put what the source read at `t_s` into the models."""
        measured = self._channels.arrange(channels)
        self._put_battery(measured, t_s)
        self._put_strings(measured)
        self._put_modules(measured)
        self._chain.flush()

    def _put_constants(self, serial: str) -> None:
        shape = self.arrangement
        for name, value in {
            "Typ": _LITHIUM_ION, "State": _CONNECTED, "LocRemCtl": 0, "AlmRst": 0, "SetOp": 1,
            "SetInvState": 3, "Evt2": 0, "EvtVnd1": 0, "EvtVnd2": 0, "SoCMax": 100, "SoCMin": 0,
        }.items():  # fmt: skip
            self._battery.put(name, value)
        self._bank.put("NStr", shape.strings)
        self._bank.put("NStrCon", shape.strings)
        for s, block in enumerate(self._strings):
            for name, value in {"StrNMod": shape.modules, "StrSt": _ENABLED_AND_CLOSED, "StrEvt1": 0}.items():
                self._bank.put(name, value, s)
            for name, value in {
                "Idx": s + 1,
                "NMod": shape.modules,
                "St": _ENABLED_AND_CLOSED,
                "Evt1": 0,
            }.items():
                block.put(name, value)
            for m in range(shape.modules):
                block.put("ModNCell", shape.cells, m)
        for (s, m), block in zip(shape.modules_at(), self._modules, strict=True):
            for name, value in {"StrIdx": s, "ModIdx": m, "NCell": shape.cells}.items():
                block.put(name, value)
            block.put("SN", f"{serial}-{s}.{m}")
            for k in range(shape.cells):
                block.put("CellSt", 0, k)

    def _put_battery(self, measured: Measured, t_s: float) -> None:
        unit = measured.unit
        current_a, voltage, soc = unit["current"], unit["voltage"], unit["soc"]
        resting = math.isnan(current_a) or abs(current_a) < _REST_A
        values = {
            "AHRtg": unit["capacity_rated"],
            "WHRtg": unit["capacity_rated"] * voltage,
            "SoC": soc,
            "DoD": 100.0 - soc,
            "SoH": unit["soh"],
            "V": voltage,
            "A": current_a,
            "W": current_a * voltage,
            "Hb": int(t_s) % 0xFFFF,
            "Evt1": _OVER_TEMPERATURE if measured.own_alarm else 0,
            "ChaSt": _HOLDING if resting else _CHARGING if current_a > 0 else _DISCHARGING,
        }
        for name, value in (values | extremes("CellV", measured.cell_v, "Str", "Mod")).items():
            self._battery.put(name, value)

    def _put_strings(self, measured: Measured) -> None:
        string_v = np.array([string["voltage"] for string in measured.string])
        string_a = np.array([string["current"] for string in measured.string])
        bank = extremes("StrV", string_v, "Str") | extremes("StrA", string_a, "Str")
        for name, value in (bank | extremes("ModTmp", measured.cell_degc, "Str", "Mod")).items():
            self._bank.put(name, value)
        for s, (block, string) in enumerate(zip(self._strings, measured.string, strict=True)):
            values = {"SoC": string["soc"], "SoH": string["soh"], "A": string["current"]}
            values |= extremes("CellV", measured.cell_v[s], "Mod")
            values |= extremes("ModTmp", measured.cell_degc[s], "Mod")
            for name, value in values.items():
                block.put(name, value)
                self._bank.put(f"Str{name}", value, s)
            block.put("V", string["voltage"])
            block.put("DoD", 100.0 - string["soc"])
            for m in range(self.arrangement.modules):
                module = extremes("ModCellV", measured.cell_v[s, m], "Cell")
                module |= extremes("ModCellTmp", measured.cell_degc[s, m], "Cell")
                for name, value in module.items():
                    block.put(name, value, m)

    def _put_modules(self, measured: Measured) -> None:
        for (s, m), block in zip(self.arrangement.modules_at(), self._modules, strict=True):
            cell_v, cell_degc = measured.cell_v[s - 1, m - 1], measured.cell_degc[s - 1, m - 1]
            for name, value in (
                extremes("CellV", cell_v, "Cell") | extremes("CellTmp", cell_degc, "Cell")
            ).items():
                block.put(name, value)
            block.put("V", float(cell_v.sum()))
            block.put_all("CellV", cell_v)
            block.put_all("CellTmp", cell_degc)


def extremes(name: str, values: Floats, *levels: str) -> dict[str, float]:
    """Greatest, least and mean as SunSpec names them, and their numbers along the axes that `levels` name.

    "CellV" over (strings, modules, cells) with levels "Str" and "Mod" gives CellVMax, CellVMaxStr,
    CellVMaxMod and so on. All are NaN where nothing is measured.
    """
    known = np.isfinite(values)
    out = {f"{name}Avg": float(values[known].mean()) if known.any() else math.nan}
    for word, blank, pick in (("Max", -np.inf, np.argmax), ("Min", np.inf, np.argmin)):
        where = np.unravel_index(int(pick(np.where(known, values, blank))), values.shape)
        out[name + word] = float(values[where])
        for level, number in zip(levels, where, strict=False):
            out[name + word + level] = int(number) + 1 if known.any() else math.nan
    return out


class _Channels:
    """Where each part of a measurement stands among a source's channels."""

    def __init__(self, source: Source) -> None:
        shape = source.arrangement
        index = {channel: i for i, channel in enumerate(source.channels)}
        places = [shape.cell_place(s, m, c) for s, m in shape.modules_at() for c in range(1, shape.cells + 1)]
        self._shape = shape.shape
        self._cell_v = [index[Channel(place, "cell_voltage")] for place in places]
        probe = [index.get(Channel(place, "cell_temperature"), -1) for place in places]
        self._probe = np.array(probe, np.intp)
        self._own = index.get(OWN_ALARM)
        self._unit = {q: index[Channel("", q)] for q in UNIT_QUANTITIES}
        self._string = [
            {q: index[Channel(f"string{s}", q)] for q in STRING_QUANTITIES}
            for s in range(1, shape.strings + 1)
        ]

    def arrange(self, channels: Floats) -> Measured:
        """Bring what was read into shape."""
        cell_degc = np.where(self._probe >= 0, channels[self._probe], np.nan)
        return Measured(
            channels[self._cell_v].reshape(self._shape),
            cell_degc.reshape(self._shape),
            {q: float(channels[i]) for q, i in self._unit.items()},
            self._own is not None and bool(channels[self._own] > 0),
            tuple({q: float(channels[i]) for q, i in string.items()} for string in self._string),
        )


def scale_factors(source: Source) -> dict[str, int]:
    """A factor for each quantity's scale point, as fine as the source measures and the registers hold."""
    quantum = _USUAL_QUANTUM | source.quantum
    cells = source.arrangement.modules * source.arrangement.cells
    voltage = _exponent(quantum["voltage"])
    while cells * 4.5 / 10.0**voltage > 0xFFF0:
        voltage += 1
    temperature = _exponent(quantum["cell_temperature"])
    return {
        "V_SF": voltage,
        "CellV_SF": _exponent(quantum["cell_voltage"]),
        "A_SF": _exponent(quantum["current"]),
        "SoC_SF": _exponent(quantum["soc"]),
        "DoD_SF": _exponent(quantum["soc"]),
        "SoH_SF": 0,
        "Tmp_SF": temperature,
        "ModTmp_SF": temperature,
        "AHRtg_SF": 0,
        "WHRtg_SF": 1,
        "W_SF": 1,
    }


def _exponent(quantum: float) -> int:
    """The power of ten that tells multiples of `quantum` exactly: 0.25 is told in hundredths."""
    exponent = 0
    while exponent > -6 and abs(quantum / 10.0**exponent - round(quantum / 10.0**exponent)) > 1e-6:
        exponent -= 1
    return exponent
