"""The map of a recording: which column is what, in which unit. Forgiving to write, strict to mistakes."""

import difflib
import tomllib
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from agent.config.tables import LimitTable
from agent.detect.limit_words import widened
from agent.detect.limits import CHEMISTRIES, LIMITED, Chemistry
from agent.detect.settings import Settings
from drivers.quantities import QUANTITIES

#: Seconds of one unit of a numeric time column.
TIME_UNITS = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9, "min": 60.0, "h": 3600.0, "d": 86400.0}

#: SI unit -> how the units that become it do: (scale, offset).
UNITS_OF = {
    "V": {"V": (1.0, 0.0), "mV": (1e-3, 0.0), "kV": (1e3, 0.0)},
    "degC": {
        "degC": (1.0, 0.0), "C": (1.0, 0.0), "°C": (1.0, 0.0), "K": (1.0, -273.15),
        "degF": (5 / 9, -160 / 9), "F": (5 / 9, -160 / 9),
    },
    "A": {"A": (1.0, 0.0), "mA": (1e-3, 0.0), "kA": (1e3, 0.0)},
    "ohm": {"ohm": (1.0, 0.0), "kohm": (1e3, 0.0), "Mohm": (1e6, 0.0)},
    "%": {"%": (1.0, 0.0), "1": (100.0, 0.0)},
}  # fmt: skip
UNITS = {unit: factors for of_one in UNITS_OF.values() for unit, factors in of_one.items()}

EXAMPLE = """\
time = "timestamp"                       # a column of timestamps or seconds; or: period_s = 10
voltage = { columns = "V_*", unit = "mV" }
temperature = { columns = ["T_1", "T_2"], offset = -40, missing = [0, 255, 511] }
current = { column = "I", positive = "discharge" }
"""


class MapError(Exception):
    """The map cannot be used, or does not fit the recording; one line per mistake."""


class Table(BaseModel):
    """A table of the map: unknown keys are mistakes."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Columns(Table):
    """Columns of one quantity: SI = (raw * scale + offset), the offset in the column's unit."""

    columns: tuple[str, ...] = Field(min_length=1)
    unit: str | None = None
    scale: float = 1.0
    offset: float = 0.0
    missing: tuple[float, ...] = ()
    step: float | None = Field(default=None, gt=0)  # SI size of one register step; else seen from the data
    positive: Literal["charge", "discharge"] = "charge"  # of a current

    @model_validator(mode="before")
    @classmethod
    def _in_short(cls, given: Any) -> Any:
        given = cls.plural(given)
        if isinstance(given, dict):
            if isinstance(given.get("missing"), (int, float)):
                given["missing"] = [given["missing"]]
            if "sign" in given:
                sign = given.pop("sign")
                if sign not in (1, -1, "charge", "discharge"):
                    raise ValueError('sign: 1 or -1; or write positive = "charge" or "discharge"')
                given["positive"] = {1: "charge", -1: "discharge"}.get(sign, sign)
        return given

    @staticmethod
    def plural(given: Any) -> Any:
        """Accept "T_*", ["T_1", "T_2"], and the singular `column`; return a table with `columns`."""
        if isinstance(given, (str, list)):
            given = {"columns": given}
        if isinstance(given, dict):
            given = dict(given)
            if "column" in given and "columns" not in given:
                given["columns"] = given.pop("column")
            if isinstance(given.get("columns"), str):
                given["columns"] = [given["columns"]]
        return given

    @field_validator("unit")
    @classmethod
    def _known_unit(cls, unit: str | None) -> str | None:
        if unit is not None and unit not in UNITS:
            raise ValueError(f"unknown unit {unit!r}; known: {', '.join(UNITS)}")
        return unit

    def factors(self) -> tuple[float, float]:
        """Return (scale, offset) from the raw column to SI, a current's sign included."""
        scale, offset = UNITS[self.unit or "V"]
        sign = -1.0 if self.positive == "discharge" else 1.0
        return sign * self.scale * scale, sign * (self.offset * scale + offset)


class Warnings(Table):
    """Columns of what the unit itself reports: bits of a number, or numbers or words that each say one thing.

    bits, codes: bit or code -> text, or (severity, text). Where neither is given, every value but 0,
    and every word but those that say that all is well, is an alarm in its own words.
    """

    columns: tuple[str, ...] = Field(min_length=1)
    severity: Literal["advice", "warning", "critical"] = "warning"
    bits: dict[int, tuple[Literal["advice", "warning", "critical"], str] | str] = {}
    codes: dict[str, tuple[Literal["advice", "warning", "critical"], str] | str] = {}

    @model_validator(mode="before")
    @classmethod
    def _in_short(cls, given: Any) -> Any:
        return Columns.plural(given)

    @model_validator(mode="after")
    def _one_of_them(self) -> Self:
        if self.bits and self.codes:
            raise ValueError("say either bits (each bit says one thing) or codes (each number does)")
        if wrong := [bit for bit in self.bits if not 0 <= bit < 63]:
            raise ValueError(f"bit {wrong[0]}: bits are counted from 0, the least significant, to 62")
        return self


class Time(Table):
    """When each row was: a column, or a fixed period."""

    column: str | None = None
    unit: Literal["s", "ms", "us", "ns", "min", "h", "d"] | None = None
    period_s: float | None = Field(default=None, gt=0)

    @model_validator(mode="before")
    @classmethod
    def _in_short(cls, given: Any) -> Any:
        return {"column": given} if isinstance(given, str) else given

    @model_validator(mode="after")
    def _one_of_them(self) -> Self:
        if (self.column is None) == (self.period_s is None):
            raise ValueError("say either column (and its unit), or period_s")
        return self


class RecordingMap(Table):
    """The whole map. `sensor` (long format): the column that names the sensor of each row. cells_per_block,
    limit: as in a [[unit]], and in [[detection.limit]], of agent.toml.
    """

    time: Time
    voltage: Columns | None = None
    block_voltage: Columns | None = None
    temperature: Columns | None = None
    current: Columns | None = None
    ambient: Columns | None = None
    pack_voltage: Columns | None = None
    insulation: Columns | None = None
    soc: Columns | None = None
    warnings: Warnings | None = None
    group: tuple[str, ...] = ()
    sensor: str | None = None
    chemistry: Chemistry | None = None
    cells_per_block: int | None = Field(default=None, ge=1, le=24)
    limit: tuple[LimitTable, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _in_short(cls, given: Any) -> Any:
        if not isinstance(given, dict):
            return given
        given = dict(given)
        if "period_s" in given and "time" not in given:
            given["time"] = {"period_s": given.pop("period_s")}
        if "time_unit" in given and isinstance(given.get("time"), str):
            given["time"] = {"column": given["time"], "unit": given.pop("time_unit")}
        if isinstance(given.get("group"), dict):
            given["group"] = given["group"].get("columns", given["group"].get("column", ""))
        if isinstance(given.get("group"), str):
            given["group"] = [given["group"]] if given["group"] else []
        for key in ("sensor", "chemistry"):
            if isinstance(given.get(key), dict) and "column" in given[key]:
                given[key] = given[key]["column"]
        if isinstance(given.get("chemistry"), str):
            given["chemistry"] = CHEMISTRIES.get(given["chemistry"].upper(), given["chemistry"])
        return given

    @model_validator(mode="after")
    def _something_to_judge(self) -> Self:
        if self.voltage is None and self.block_voltage is None and self.temperature is None:
            raise ValueError("voltage or temperature: at least one must be named")
        for key, quantity, columns in self.quantities():
            known = UNITS_OF[SI[quantity]]
            if columns.unit is not None and columns.unit not in known:
                raise ValueError(f"{key} unit: {columns.unit!r} is none of {', '.join(known)}")
        return self

    @model_validator(mode="after")
    def _limits_of_somebody(self) -> Self:
        for limit in self.limit:
            if limit.units:
                raise ValueError("limit: units: a recording has none: take it out")
        for wide in widened(tuple(LIMITED), self.settings()):
            if not (wide.reviewed_by and wide.why):
                raise ValueError(
                    f"limit: {wide.wide}: write one that is not wider, or who reviewed it and why: "
                    'reviewed_by = "NAME", why = "REASON"'
                )
        return self

    def settings(self) -> Settings:
        """Return how the recording is judged."""
        return Settings(
            chemistry=self.chemistry or "",
            cells_per_block=self.cells_per_block,
            limits=tuple(limit.of_site() for limit in self.limit),
        )

    def quantities(self) -> list[tuple[str, str, Columns]]:
        """Return (key of the map, quantity, its columns) of what is mapped."""
        given = {key: getattr(self, key) for key in QUANTITY}
        return [(key, QUANTITY[key], columns) for key, columns in given.items() if columns is not None]


#: Key of the map -> quantity. `warnings` are no measurement, and stand apart.
QUANTITY = {
    "voltage": "cell_voltage",
    "block_voltage": "module_voltage",
    "temperature": "cell_temperature",
    "current": "current",
    "ambient": "ambient_temperature",
    "pack_voltage": "voltage",
    "insulation": "insulation_resistance",
    "soc": "soc",
}
#: Quantity -> the unit in which its values are told.
SI = {quantity: QUANTITIES[quantity].unit for quantity in QUANTITY.values()}


def read_map(path: Path) -> RecordingMap:
    """Read and check a map. Raises MapError with every mistake on a line of its own."""
    try:
        content = tomllib.loads(path.read_text())
    except OSError as error:
        raise MapError(f"{path.name}: cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise MapError(f"{path.name}: is not TOML: {error}. A map looks like this:\n{EXAMPLE}") from error
    if set(content) == {"map"} and isinstance(content["map"], dict):
        content = content["map"]
    try:
        return RecordingMap.model_validate(content)
    except ValidationError as error:
        raise MapError("\n".join(f"{path.name}: {_line(e)}" for e in error.errors())) from error


def _line(error: Any) -> str:
    where = " ".join(str(part) for part in error["loc"])
    if error["type"] == "extra_forbidden":
        known = _keys_at(error["loc"][:-1])
        near = difflib.get_close_matches(str(error["loc"][-1]), known, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(known)}"
        return f"{where}: unknown key; {hint}"
    if error["type"] == "missing":
        hint = ' (time = "column", or period_s = 10)' if where == "time" else ""
        return f"{where}: is missing{hint}"
    message = error["msg"].removeprefix("Value error, ")
    return f"{where}: {message}" if where else message


def _keys_at(path: tuple[Any, ...]) -> list[str]:
    if not path:
        return [*RecordingMap.model_fields, "period_s"]
    tables: dict[Any, type[BaseModel]] = {"time": Time, "warnings": Warnings, "limit": LimitTable}
    return [*tables.get(path[0], Columns).model_fields]


def match_columns(patterns: tuple[str, ...], names: list[str], key: str) -> list[str]:
    """Return the columns that `patterns` name, in the recording's order. Raises MapError for none."""
    chosen = set()
    for pattern in patterns:
        found = [name for name in names if name == pattern]  # a name may hold what looks like a pattern
        found = found or [name for name in names if fnmatchcase(name, pattern)]
        found = found or [name for name in names if fnmatchcase(name.strip().lower(), pattern.lower())]
        if not found:
            near = difflib.get_close_matches(pattern, names, n=3, cutoff=0.4)
            hint = f"did you mean {', '.join(map(repr, near))}?" if near else ""
            some = ", ".join(names[:12]) + (", ..." if len(names) > 12 else "")
            raise MapError(f"{key}: the recording has no column {pattern!r}; {hint or f'it has: {some}'}")
        chosen.update(found)
    return [name for name in names if name in chosen]
