"""What a value can mean: quantities, the units they are told in, and the names technicians give them.

The detectors look at `quantity` and place, never at a point's name. A name is matched whole ("cell_voltage",
"pack_current"), never in parts: `cell_over_voltage_protection` is a setting, not a cell voltage.
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from math import inf


class Poll(StrEnum):
    """How often a point is read: every cycle, now and then, or once per connection."""

    SAFETY = "safety"
    STATE = "state"
    IDENTITY = "identity"


class Severity(StrEnum):
    """How bad it is that a bit is set, in the words of the alarm list."""

    CRITICAL = "critical"
    WARNING = "warning"
    ADVICE = "advice"


@dataclass(frozen=True, slots=True)
class Quantity:
    """What holds for every value of one quantity."""

    unit: str  # the unit in which SI values are told; "" = any of `units`
    poll: Poll = Poll.STATE
    level: str = ""  # the innermost place level of an array of it
    aliases: tuple[str, ...] = ()
    units: tuple[str, ...] = ()  # () = any
    sound: tuple[float, float] = (-inf, inf)  # every sound battery has some value in here
    many: bool = False  # one place may have several, which are told apart by their points


_CELL_V = (1.0, 20.0)  # a nickel cell to a block of lead
_PACK_V = (1.0, 2000.0)
_DEGC = (-30.0, 60.0)
_PERCENT = (1.0, 100.0)


_SAFETY = Poll.SAFETY

#: Every quantity there is. "" (no entry) is a value that no detector looks at.
QUANTITIES: dict[str, Quantity] = {
    "cell_voltage": Quantity("V", _SAFETY, "cell", ("cell_voltages", "cell_volt"), sound=_CELL_V),
    "cell_temperature": Quantity(
        "degC", _SAFETY, "sensor", ("cell_temperatures", "cell_temp", "temperature"), sound=_DEGC
    ),
    "cell_resistance": Quantity("ohm", level="cell", aliases=("cell_resistances", "internal_resistance")),
    "cell_voltage_max": Quantity(
        "V", _SAFETY, aliases=("max_cell_voltage", "highest_cell_voltage"), sound=_CELL_V
    ),
    "cell_voltage_min": Quantity(
        "V", _SAFETY, aliases=("min_cell_voltage", "lowest_cell_voltage"), sound=_CELL_V
    ),
    "cell_temperature_max": Quantity("degC", _SAFETY, aliases=("max_cell_temperature",), sound=_DEGC),
    "cell_temperature_min": Quantity("degC", _SAFETY, aliases=("min_cell_temperature",), sound=_DEGC),
    "module_voltage": Quantity("V", _SAFETY, "module", ("module_voltages",), sound=_PACK_V),
    "module_temperature": Quantity(
        "degC", _SAFETY, "module", ("module_temperatures", "module_temp"), sound=_DEGC
    ),
    "module_temperature_max": Quantity("degC", _SAFETY, aliases=("max_module_temperature",), sound=_DEGC),
    "module_temperature_min": Quantity("degC", _SAFETY, aliases=("min_module_temperature",), sound=_DEGC),
    "battery_temperature": Quantity(
        "degC", _SAFETY, aliases=("pack_temperature", "string_temperature", "system_temperature"), sound=_DEGC
    ),
    "mosfet_temperature": Quantity(
        "degC", _SAFETY, "sensor", ("mos_temperature", "power_temperature"), sound=_DEGC
    ),
    "terminal_temperature": Quantity(
        "degC", _SAFETY, "sensor", ("connector_temperature", "pole_temperature"), sound=_DEGC
    ),
    "ambient_temperature": Quantity(
        "degC",
        _SAFETY,
        "sensor",
        ("environment_temperature", "room_temperature", "air_temperature"),
        sound=_DEGC,
    ),
    "voltage": Quantity(
        "V",
        _SAFETY,
        "string",
        (
            "pack_voltage",
            "battery_voltage",
            "string_voltage",
            "rack_voltage",
            "total_voltage",
            "system_voltage",
        ),
        sound=_PACK_V,
    ),
    "current": Quantity(
        "A",
        _SAFETY,
        "string",
        (
            "pack_current",
            "battery_current",
            "string_current",
            "rack_current",
            "total_current",
            "system_current",
        ),
    ),
    "power": Quantity("W", level="string", aliases=("pack_power", "battery_power", "string_power")),
    "soc": Quantity(
        "%", level="string", aliases=("battery_charge", "state_of_charge", "string_soc"), sound=_PERCENT
    ),
    "soh": Quantity("%", level="string", aliases=("state_of_health", "string_soh"), sound=_PERCENT),
    "capacity": Quantity("", aliases=("remaining_capacity",), units=("Ah", "Wh")),
    "capacity_full": Quantity("", aliases=("full_capacity",), units=("Ah", "Wh")),
    "capacity_rated": Quantity(
        "", aliases=("design_capacity", "rated_capacity", "nominal_capacity"), units=("Ah", "Wh")
    ),
    "cycles": Quantity("", level="string", aliases=("cycle_count", "cycle_times", "cycle_time"), units=("",)),
    "runtime": Quantity("s", aliases=("battery_runtime",)),
    "insulation_resistance": Quantity("ohm", aliases=("system_insulation",)),
    "charge_current_limit": Quantity("A"),
    "discharge_current_limit": Quantity("A"),
    "input_voltage": Quantity("V"),
    "output_voltage": Quantity("V"),
    "output_current": Quantity("A"),
    "load": Quantity("%"),
    "state": Quantity("", level="string", aliases=("status", "ups_mode", "charger_state"), many=True),
    "alarm_bits": Quantity("", _SAFETY, "string", many=True),
    "heartbeat": Quantity("", _SAFETY, aliases=("life_counter", "watchdog_counter")),
}

#: Levels of a place, outermost first; a topology counts the first five.
LEVELS = ("rack", "string", "module", "cell", "sensor", "phase", "channel")

#: Units as datasheets write them -> (the unit values are told in, factor, offset).
UNITS: dict[str, tuple[str, float, float]] = {
    "": ("", 1.0, 0.0),
    "V": ("V", 1.0, 0.0),
    "mV": ("V", 1e-3, 0.0),
    "kV": ("V", 1e3, 0.0),
    "A": ("A", 1.0, 0.0),
    "mA": ("A", 1e-3, 0.0),
    "W": ("W", 1.0, 0.0),
    "kW": ("W", 1e3, 0.0),
    "MW": ("W", 1e6, 0.0),
    "VA": ("VA", 1.0, 0.0),
    "kVA": ("VA", 1e3, 0.0),
    "var": ("var", 1.0, 0.0),
    "kvar": ("var", 1e3, 0.0),
    "degC": ("degC", 1.0, 0.0),
    "C": ("degC", 1.0, 0.0),
    "°C": ("degC", 1.0, 0.0),
    "K": ("degC", 1.0, -273.15),
    "degF": ("degC", 5 / 9, -160 / 9),
    "%": ("%", 1.0, 0.0),
    "permille": ("%", 0.1, 0.0),
    "Ah": ("Ah", 1.0, 0.0),
    "mAh": ("Ah", 1e-3, 0.0),
    "Wh": ("Wh", 1.0, 0.0),
    "kWh": ("Wh", 1e3, 0.0),
    "MWh": ("Wh", 1e6, 0.0),
    "ohm": ("ohm", 1.0, 0.0),
    "mohm": ("ohm", 1e-3, 0.0),
    "uohm": ("ohm", 1e-6, 0.0),
    "kohm": ("ohm", 1e3, 0.0),
    "Mohm": ("ohm", 1e6, 0.0),
    "Hz": ("Hz", 1.0, 0.0),
    "ms": ("s", 1e-3, 0.0),
    "s": ("s", 1.0, 0.0),
    "min": ("s", 60.0, 0.0),
    "h": ("s", 3600.0, 0.0),
    "day": ("day", 1.0, 0.0),
    "Pa": ("Pa", 1.0, 0.0),
    "kPa": ("Pa", 1e3, 0.0),
    "bar": ("Pa", 1e5, 0.0),
    "rpm": ("rpm", 1.0, 0.0),
    "ppm": ("ppm", 1.0, 0.0),
    "%RH": ("%RH", 1.0, 0.0),
}

#: Other words for units, only to say the right one.
UNIT_WORDS: dict[str, str] = {
    "percent": "%",
    "pct": "%",
    "volt": "V",
    "volts": "V",
    "amp": "A",
    "amps": "A",
    "ampere": "A",
    "watt": "W",
    "celsius": "degC",
    "deg": "degC",
    "℃": "degC",
    "fahrenheit": "degF",
    "kelvin": "K",
    "Ω": "ohm",
    "mΩ": "mohm",
    "mOhm": "mohm",
    "µΩ": "uohm",
    "kΩ": "kohm",
    "seconds": "s",
    "sec": "s",
    "minutes": "min",
    "hours": "h",
    "days": "day",
}

_ALIASES = {alias: name for name, kind in QUANTITIES.items() for alias in (name, *kind.aliases)}
_NUMBERED = re.compile(r"(?P<head>[a-z_]*?)_?(?P<number>\d+)(?P<tail>(_[a-z_]+)?)")


def guess_quantity(name: str) -> tuple[str, int | None]:
    """The quantity a point's name stands for, and the number in it.

    "cell_voltage_7" and "cell_7_voltage" are ("cell_voltage", 7); a name that is not known is ("", None).
    """
    if name in _ALIASES:
        return _ALIASES[name], None
    match = _NUMBERED.fullmatch(name)
    if match and match["head"] + match["tail"] in _ALIASES:
        return _ALIASES[match["head"] + match["tail"]], int(match["number"])
    return "", None
