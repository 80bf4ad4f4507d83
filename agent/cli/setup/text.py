"""The agent.toml that follows from a draft: a new one, or the one that was there with all else left. Pure."""

import json
from collections.abc import Iterable, Mapping
from datetime import date
from itertools import count
from pathlib import Path
from typing import Any

import tomlkit
from tomlkit.items import AoT, Table

from agent.cli.setup.draft import ChosenUnit, Draft
from agent.config.tables import Config
from agent.transport.table import AnyBus, parse

LINE_KEYS = ("baud", "parity", "stop_bits")
MEASURED = "  # from its answers here; its profile's would be too long"


class CannotMerge(Exception):
    """The file is written in a way that cannot be changed in place; the message says which."""


def toml_of(draft: Draft, config: Path) -> str:
    """Return agent.toml: a bus per endpoint, a unit per label; what is not said stays with its default."""
    lines = ["# Written by cellwarden setup. Every key: docs/operations.md; check: cellwarden check"]
    if who := _who(draft):
        lines += ["[agent]", *_keys(who)]
    if not config.is_absolute() or config.parent != Path("/etc/cellwarden"):
        # away from its usual place: everything of this agent stays beside its file
        lines += ["[store]", 'path = "buffer.db"', "[control]", 'socket = "control.sock"']
    lines += ["[upstream]", *_keys({"url": draft.upstream, **draft.upstream_more})]
    names = {endpoint: f"bus-{n}" for n, endpoint in enumerate(_places(draft), 1)}
    for endpoint, unit in _places(draft).items():
        lines += ["", "[[bus]]", *_bus(names[endpoint], endpoint, unit.line)]
    for unit in draft.units:
        lines += ["", "[[unit]]", *_unit(unit, names[unit.endpoint], draft)]
    return "\n".join(lines) + "\n"


def merged(old: str, config: Config, draft: Draft) -> str:
    """Return the text of an agent.toml, `config` when it is read, with what the draft says changed in it.

    Buses and units are those of the draft afterwards; a unit that stays where it was keeps its other keys.
    Raises CannotMerge.
    """
    document = tomlkit.parse(old)
    for key, value in _who(draft).items():
        _set(document.setdefault("agent", tomlkit.table()), key, value)
    for key, value in {"url": draft.upstream, **draft.upstream_more}.items():
        _set(_upstream(document, draft), key, value)
    buses, units = _tables(document, "bus"), _tables(document, "unit")
    names = _names(config, draft)
    for endpoint, unit in _places(draft).items():
        wanted_bus = _bus(names[endpoint], endpoint, unit.line)
        there = next((table for table in buses if table["name"] == names[endpoint]), None)
        if there is None:
            _append(buses, wanted_bus)
        elif not unit.kept:
            _set_line(there, tomlkit.parse("\n".join(wanted_bus)))
    stations = [(unit.bus, unit.unit_id, unit.instance) for unit in config.unit]
    wanted = {(names[unit.endpoint], unit.unit_id, 1): unit for unit in draft.units}
    for station, table in zip(stations, list(units), strict=True):
        if station in wanted:
            _change(table, wanted.pop(station), draft)
    for station, unit in wanted.items():
        _append(units, _unit(unit, station[0], draft))
    keep = {*names.values()}
    here = {(names[unit.endpoint], unit.unit_id) for unit in draft.units}
    for at in reversed(range(len(stations))):
        bus, unit_id, instance = stations[at]
        if (bus, unit_id) not in here and not (bus in keep and instance > 1):
            del units[at]
    for at in reversed(range(len(buses))):
        if buses[at]["name"] not in keep:
            del buses[at]
    return tomlkit.dumps(document)


def bus_at(config: Config | None, endpoint: str) -> AnyBus | None:
    """Return the bus of a configuration that is at an endpoint."""
    (wanted,) = parse(endpoint)
    buses = config.bus if config else ()
    return next((bus for bus in buses if wanted.is_port(str(bus.endpoint))), None)


def _names(config: Config, draft: Draft) -> dict[str, str]:
    """Return the name of the bus at each endpoint: the one that it has, or a new one."""
    taken = {bus.name for bus in config.bus}
    free = (name for n in count(1) if (name := f"bus-{n}") not in taken)
    there = {endpoint: bus_at(config, endpoint) for endpoint in _places(draft)}
    return {endpoint: bus.name if bus else next(free) for endpoint, bus in there.items()}


def _places(draft: Draft) -> dict[str, ChosenUnit]:
    """Return where units are, in their order, and the first unit of each place."""
    first: dict[str, ChosenUnit] = {}
    for unit in draft.units:
        first.setdefault(unit.endpoint, unit)
    return first


def _who(draft: Draft) -> dict[str, str]:
    return {key: said for key, said in (("id", draft.agent), ("site", draft.site)) if said}


def _bus(name: str, endpoint: str, setting: str) -> list[str]:
    (place,) = parse(endpoint)
    return [f'name = "{name}"', *place.bus_keys(setting)]


def _unit(unit: ChosenUnit, bus: str, draft: Draft) -> list[str]:
    known = {"name": unit.label, "bus": bus, "unit_id": unit.unit_id, "profile": unit.profile}
    lines = [*_keys(known), f"period_s = {draft.period_s:g}", *_keys(_of_cells(unit))]
    return [*lines, f"timeout_s = {unit.timeout_s:g}{MEASURED}"] if unit.timeout_s else lines


def _of_cells(unit: ChosenUnit) -> dict[str, Any]:
    return {**({"chemistry": unit.chemistry} if unit.chemistry else {}), **unit.more}


def _keys(values: Mapping[str, Any]) -> Iterable[str]:
    for key, value in values.items():
        yield f"{key} = {value if isinstance(value, date) else json.dumps(value, ensure_ascii=False)}"


def _upstream(document: Any, draft: Draft) -> Any:
    """Return the table of the upstream that is meant: of several the one of its name, or the first."""
    found = document["upstream"]
    if not isinstance(found, list):
        return found
    name = draft.upstream_more.get("name", "main")
    return next((one for one in found if one.get("name", "main") == name), found[0])


def _tables(document: Any, kind: str) -> AoT:
    found = document[kind]
    if not isinstance(found, AoT):
        raise CannotMerge(f"its {kind} is one list: write a [[{kind}]] for each")
    return found


def _append(tables: AoT, lines: Iterable[str]) -> None:
    table = tomlkit.table()
    for key, value in tomlkit.parse("\n".join(lines)).items():
        table.add(key, value)
    last = tables[-1]
    if not tomlkit.dumps(last).endswith("\n\n"):
        last.add(tomlkit.nl())
    tables.append(table)


def _change(table: Table, unit: ChosenUnit, draft: Draft) -> None:
    for key, value in {"name": unit.label, "profile": unit.profile, **_of_cells(unit)}.items():
        _set(table, key, value)
    if unit.kept:
        return
    _set(table, "period_s", draft.period_s)
    if unit.timeout_s:
        _set(table, "timeout_s", unit.timeout_s)
    else:
        table.pop("timeout_s", None)


def _set_line(table: Table, wanted: Mapping[str, Any]) -> None:
    """Set the line setting of a bus, where it has one."""
    for key in LINE_KEYS:
        if key in wanted:
            _set(table, key, wanted[key])


def _set(table: Any, key: str, value: Any) -> None:
    """Set a key, and leave it as it is written where it says that already."""
    if table.get(key) != value:
        table[key] = value
