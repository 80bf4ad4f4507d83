"""agent.toml: one file, checked whole, every mistake named at once with its table and key."""

import difflib
import os
import tomllib
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from agent.config import Config, Table
from drivers.line import NO_OTHER_BITS


class ConfigError(Exception):
    """The file cannot be used; `problems` holds one line per mistake. `content`: what TOML it is, if any."""

    def __init__(self, path: Path, problems: list[str], content: dict[str, Any] | None = None) -> None:
        self.path, self.problems, self.content = path, problems, content or {}
        super().__init__("\n".join(f"{path.name}: {problem}" for problem in problems))


def load_config(path: Path) -> Config:
    """Read and check agent.toml; relative paths in it are relative to it. Raises ConfigError."""
    try:
        content = tomllib.loads(path.read_text())
    except OSError as error:
        raise ConfigError(path, [f"cannot be read: {error.strerror}"]) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(path, [f"is not TOML: {error}"]) from error
    problems = _cross_check(content)
    try:
        config = Config.model_validate(content, context=path.absolute().parent)
    except ValidationError as error:
        problems = [_line(content, e) for e in error.errors()] + problems
    if problems:
        raise ConfigError(path, problems, content)
    return config


def tables(content: dict[str, Any], name: str) -> list[dict[str, Any]]:
    """Return the tables of one kind in a file that need not be right otherwise."""
    found = content.get(name)
    return [table for table in found if isinstance(table, dict)] if isinstance(found, list) else []


def _cross_check(content: dict[str, Any]) -> list[str]:
    """Return what only shows when tables are held against one another; they need not be right themselves."""
    problems = []
    buses = [str(bus.get("name")) for bus in tables(content, "bus")]
    for kind in ("bus", "unit"):
        names = Counter(str(table.get("name")) for table in tables(content, kind) if "name" in table)
        problems += [f"[[{kind}]] {name}: the name is used {n} times" for name, n in names.items() if n > 1]
        if not tables(content, kind):
            problems.append(f"[[{kind}]]: at least one is needed")
    for unit in tables(content, "unit"):
        bus = str(unit.get("bus"))
        if "bus" in unit and bus not in buses:
            hint = _suggest(bus, buses)
            problems.append(f"[[unit]] {unit.get('name')} bus: there is no [[bus]] named {bus!r}{hint}")
    served = {str(unit.get("bus")) for unit in tables(content, "unit")}
    if served <= set(buses):  # else the typo that was named already explains it
        problems += [f"[[bus]] {bus}: no [[unit]] is on it" for bus in buses if bus not in served]
    problems += _shared("unit", ((u, _station(u)) for u in tables(content, "unit")), "unit_id")
    problems += _shared(
        "bus",
        ((bus, _endpoint(bus)) for bus in tables(content, "bus") if bus.keys() & {"host", "device"}),
        "port",
    )
    return problems


def _endpoint(bus: dict[str, Any]) -> object:
    if "device" in bus:
        return os.path.realpath(str(bus["device"]))
    return bus.get("host"), bus.get("port", 502)


def _station(unit: dict[str, Any]) -> object:
    """What no two units may have in common."""
    return unit.get("bus"), unit.get("unit_id", 1), unit.get("instance", 1)


def _shared(kind: str, tables: Iterable[tuple[dict[str, Any], object]], what: str) -> list[str]:
    seen: dict[object, Any] = {}
    problems = []
    for table, key in tables:
        other = seen.setdefault(key, table)
        if other is not table:
            problems.append(f"[[{kind}]] {table.get('name')}: the {what} is already {other.get('name')}'s")
    return problems


TAGS = ("tcp", "rtu", "gpio", "modbus-coil")  # pydantic's names of the kinds of one table
KEYS = sorted({key for table in Table.__subclasses__() for key in table.model_fields})


def _suggest(word: str, known: list[str]) -> str:
    near = difflib.get_close_matches(word, known, n=1)
    return f"; did you mean {near[0]!r}?" if near else ""


def _line(content: dict[str, Any], error: Any) -> str:
    """Return one of pydantic's errors as "[table] key: what is wrong", the way the file is written."""
    where = ""
    here: Any = content
    for part in error["loc"]:
        if isinstance(part, int):  # one of several [[tables]]: called by its name
            here = here[part] if isinstance(here, list) else None
            name = here.get("name") if isinstance(here, dict) else None
            where = f"[[{where.strip('[]')}]] {name or f'number {part + 1}'}"
        elif not (where and part in TAGS):
            here = here.get(part, {}) if isinstance(here, dict) else {}
            where = f"{where} {part}" if where else f"[{part}]" if isinstance(here, dict) else str(part)
    key = str(error["loc"][-1]) if error["loc"] else ""
    if error["type"] == "extra_forbidden":
        why = f"; take it out: {NO_OTHER_BITS}" if key == "data_bits" else _suggest(key, KEYS)
        return f"{where}: unknown key{why}"
    if error["type"] == "missing":
        return f"{where}: is missing"
    message = error["msg"].removeprefix("Value error, ")
    return f"{where}: {message[:1].lower()}{message[1:]}"
