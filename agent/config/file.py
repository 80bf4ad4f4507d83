"""agent.toml: one file, checked whole, every mistake named at once with its table and key."""

import contextlib
import os
import re
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args, get_origin

from pydantic import ValidationError

from agent.config.tables import Config
from agent.config.wrong import MISSING, printed, said, suggesting
from agent.keys.values import ConfigTable, ReadContext
from agent.message import Message, either, joined
from agent.wire.hosts import plain
from agent.wire.text import printable
from drivers.files import parse_toml, read_text
from drivers.line import NO_OTHER_BITS
from drivers.profile.newly import AS_IS, Instead, at, mended, written

LINE = 1000  # characters of a mistake told
MOST = 100  # mistakes told: more are those of another kind of file, and take a reload seconds


@dataclass(frozen=True, slots=True)
class Taken:
    """A mistake that this version is the first to refuse, in a file with which a watch ran and goes on
    (docs/adr/0010).

    `key`: file and key, as "agent.toml:bus.lan.host". `critical`: something is not watched for it.
    """

    key: str
    text: str
    critical: bool = False


def few(problems: Sequence[str], count: int = 0) -> list[str]:
    """Return MOST of many problems, and how many more there are, of `count` if not of these."""
    more = max(count, len(problems)) - MOST
    return [*problems[:MOST], *([Message("and {n} more mistakes", n=more)] if more > 0 else [])]


class ConfigError(Exception):
    """The file cannot be used; `problems` holds one line per mistake, `lines` each with the file's name.

    `content`: the file as TOML, if it is. `config`: the configuration all the same, as far as it can be used
    safely, where every mistake is one that the version before did not refuse; `taken` says of each what
    became of it.
    """

    def __init__(
        self,
        path: Path,
        problems: list[str],
        content: dict[str, Any] | None = None,
        config: Config | None = None,
        taken: Iterable[Taken] = (),
    ) -> None:
        self.path, self.content, self.config, self.taken = path, content or {}, config, tuple(taken)
        self.problems = [printed(problem, LINE) for problem in problems]
        name = printable(path.name)
        self.lines = [joined(": ", [name, problem]) for problem in self.problems]
        super().__init__(joined("\n", self.lines))


def load_config(path: Path) -> Config:
    """Read and check agent.toml; relative paths in it are relative to it. Raises ConfigError."""
    try:
        content = parse_toml(read_text(path))
    except OSError as error:
        folder = str(path.parent.absolute())
        why = Message("cannot be read: {why}, in {folder}", why=error.strerror, folder=folder)
        raise ConfigError(path, [why]) from error
    except UnicodeDecodeError as error:
        raise ConfigError(path, [Message("is not TOML: {why}; save it as UTF-8", why=str(error))]) from error
    except tomllib.TOMLDecodeError as error:
        why = Message("is not TOML: {why}", why=f"{error}{_line_of(path, str(error))}")
        raise ConfigError(path, [why]) from error
    always = few(_cross_check(content))
    config, problems, taken = _validated(path, content)
    if problems or always:
        raise ConfigError(path, problems + always, content, None if always else config, taken)
    assert config is not None
    return config


def _line_of(path: Path, error: str) -> str:
    """Return the line that an error of TOML names, as it is written."""
    with contextlib.suppress(OSError, UnicodeDecodeError, IndexError):
        if at := re.search(r"at line (\d+)", error):
            return f": {read_text(path).splitlines()[int(at[1]) - 1].strip()}"
    return ""


def load_usable(path: Path) -> Config:
    """As `load_config`, and what the version before ran is taken as the agent takes it (docs/adr/0010)."""
    try:
        return load_config(path)
    except ConfigError as error:
        if error.config is None:
            raise
        return error.config


def _validated(path: Path, content: dict[str, Any]) -> tuple[Config | None, list[str], list[Taken]]:
    """Return the configuration (None: it cannot be used), its mistakes, and what is taken for each."""
    problems: list[str] = []
    taken: list[Taken] = []
    as_is: frozenset[str] = frozenset()
    here: dict[str, Any] | None = content
    while here is not None:
        try:
            config = Config.model_validate(here, context=ReadContext(path.absolute().parent, as_is))
        except ValidationError as error:
            found = [_as_written(here, one) for one in error.errors()]
            better = mended(here, found)
            lines = [_line(here, one) for one in (found[:MOST] if better is None else found)]
            problems += few([joined(": ", line) for line in lines], len(found))
            if better is not None:
                taken += [_taken(path, *line, one) for line, one in zip(lines, found, strict=True)]
                kept = [one for one in found if one["ctx"]["instead"] == AS_IS]
                as_is |= {at(here, written(here, one["loc"])) for one in kept}
            here = better
        else:
            return config, problems, taken
    return None, problems, []


def _as_written(content: dict[str, Any], error: Any) -> Any:
    """Return one of pydantic's errors, without a place among several where one [table] was written."""
    table, *below = error["loc"] or ("",)
    if below and isinstance(below[0], int) and isinstance(content.get(table), dict):
        return {**error, "loc": (table, *below[1:])}
    return error


def _taken(path: Path, where: str, what: str, error: Any) -> Taken:
    instead = error["ctx"]["instead"]
    if isinstance(instead, Instead):
        became = f"read as {instead}"
    else:
        became = "used all the same" if instead == AS_IS else "left out, as if it were not there"
    key = ".".join(re.sub(r"[][]", " ", where).split())
    text = f"{path}: {where}: {what}; until that is mended it is {became}"
    return Taken(printable(f"{path.name}:{key}"), printable(text, LINE))


def tables(content: dict[str, Any], name: str) -> list[dict[str, Any]]:
    """Return the tables of one kind in a file that need not be right otherwise."""
    found = content.get(name)
    return [table for table in found if isinstance(table, dict)] if isinstance(found, list) else []


def _several(content: dict[str, Any], name: str) -> list[Any]:
    found = content.get(name, [])
    return found if isinstance(found, list) else [found]


def _cross_check(content: dict[str, Any]) -> list[str]:
    """Return the mistakes that show only between tables, each of which may have others of its own."""
    if any(len(tables(content, kind)) != len(_several(content, kind)) for kind in ("bus", "unit")):
        return []  # what is no table is named already
    problems: list[str] = []
    buses = [str(bus.get("name")) for bus in tables(content, "bus")]
    for kind in ("bus", "unit"):
        names = Counter(str(table.get("name")) for table in tables(content, kind) if "name" in table)
        problems += [
            Message("{where}: the name is used {n} times", where=f"[[{kind}]] {name}", n=n)
            for name, n in names.items()
            if n > 1
        ]
        if not tables(content, kind):
            problems.append(joined(": ", [f"[[{kind}]]", Message("at least one is needed")]))
    for place, unit in enumerate(tables(content, "unit")):
        bus = str(unit.get("bus"))
        if "bus" in unit and bus not in buses:
            problems.append(_not_named(f"[[unit]] {called(unit, place)} bus", "bus", bus, buses))
    units = [str(unit.get("name")) for unit in tables(content, "unit")]
    detection = content.get("detection")
    for limit in tables(detection, "limit") if isinstance(detection, dict) else ():
        named = limit.get("units")
        for name in named if isinstance(named, list) else ():
            if name not in units:
                problems.append(_not_named("[[detection.limit]] units", "unit", str(name), units))
    served = {str(unit.get("bus")) for unit in tables(content, "unit")}
    if served <= set(buses):  # else the typo that was named already explains it
        problems += [
            Message("{where}: no [[unit]] is on it", where=f"[[bus]] {bus}")
            for bus in buses
            if bus not in served
        ]
    problems += _shared("unit", ((u, _station(u)) for u in tables(content, "unit")), "unit_id")
    names = Counter(str(one.get("name", "main")) for one in tables(content, "upstream"))
    problems += [
        Message("{where}: {n} are called that; name each", where=f"[[upstream]] {name}", n=n)
        for name, n in names.items()
        if n > 1
    ]
    urls = ((one, str(one["url"]).rstrip("/")) for one in tables(content, "upstream") if "url" in one)
    second = Message("no second place")
    problems += [joined(": ", [line, second]) for line in _shared("upstream", urls, "url")]
    problems += _shared(
        "bus",
        ((bus, _endpoint(bus)) for bus in tables(content, "bus") if bus.keys() & {"host", "device"}),
        "port",
    )
    return problems


def _endpoint(bus: dict[str, Any]) -> object:
    if "device" in bus:
        with contextlib.suppress(ValueError):  # a NUL in it
            return os.path.realpath(str(bus["device"]))
    return plain(str(bus.get("host", bus.get("device")))), str(bus.get("port", 502))


def _station(unit: dict[str, Any]) -> object:
    """Return bus, unit id and instance, which no two units may have in common."""
    return str(unit.get("bus")), str(unit.get("unit_id", 1)), str(unit.get("instance", 1))


def _shared(kind: str, tables: Iterable[tuple[dict[str, Any], object]], what: str) -> list[str]:
    seen: dict[object, Any] = {}
    problems: list[str] = []
    for table, key in tables:
        other = seen.setdefault(key, table)
        if other is not table:
            where, others = f"[[{kind}]] {table.get('name')}", str(other.get("name"))
            problems.append(
                Message("{where}: the {key} is already {other}'s", where=where, key=what, other=others)
            )
    return problems


def _keys(table: type[ConfigTable], header: str = "", name: str = "") -> Iterator[tuple[str, str]]:
    """Yield the keys of a table and of those in it, each with the header of its table as people write it."""
    kind = next((f' with {tag} = "{value}"' for tag, value in _tag(table)), "")
    for key, field in table.model_fields.items():
        yield key, header + kind or "the top of the file"
        below, one_of_many = f"{name}.{key}".lstrip("."), get_origin(field.annotation) is tuple
        for inner in _tables_in(field.annotation):
            yield from _keys(inner, f"[[{below}]]" if one_of_many else f"[{below}]", below)


def _tag(table: type[ConfigTable]) -> Iterator[tuple[str, str]]:
    """Yield the key by which a table is one of several kinds, and its value."""
    for key in ("transport", "output"):
        if key in table.model_fields:
            yield key, get_args(table.model_fields[key].annotation)[0]


def _tables_in(annotation: object) -> Iterator[type[ConfigTable]]:
    if isinstance(annotation, type) and issubclass(annotation, ConfigTable):
        yield annotation
    for inner in get_args(annotation):
        yield from _tables_in(inner)


#: Key that says which kind of table it is -> kind -> what such a table must have beside its name.
KINDS: dict[str, dict[str, list[str]]] = {}
for _field in Config.model_fields.values():
    for _table in _tables_in(_field.annotation):
        for _key, _kind in _tag(_table):
            _must = [key for key, field in _table.model_fields.items() if field.is_required()]
            KINDS.setdefault(_key, {})[_kind] = [key for key in _must if key not in (_key, "name")]

#: What pydantic calls the kinds of one table.
TAGS = frozenset(kind for kinds in KINDS.values() for kind in kinds)

#: Key -> the headers of the tables that it may stand in.
HEADERS: dict[str, list[str]] = {}
for _key, _header in dict.fromkeys(_keys(Config)):
    HEADERS.setdefault(_key, []).append(_header)


def _unknown(key: str) -> Message:
    what = Message("unknown key")
    if key == "data_bits":
        why = Message("take it out: {why}", why=Message(NO_OTHER_BITS))
    elif elsewhere := HEADERS.get(key):
        why = Message("it belongs to {tables}", tables=either(elsewhere))
    else:
        return suggesting(what, key, {one: one for one in sorted(HEADERS)})
    return joined("; ", [what, why])


def called(table: Any, place: int) -> str:
    """Return what one of several [[tables]] is called: its name, or its `place` among them, from 0."""
    name = table.get("name") if isinstance(table, dict) else None
    return str(name or f"number {place + 1}")


def _not_named(where: str, kind: str, name: str, known: list[str]) -> Message:
    """Say that there is no table of this kind and name, and which may be meant."""
    what = Message(
        "{where}: there is no {table} named {name}", where=where, table=f"[[{kind}]]", name=repr(name)
    )
    return suggesting(what, name, {one: one for one in known})


def _line(content: dict[str, Any], error: Any) -> tuple[str, str]:
    """Return one of pydantic's errors as "[table] key", the way the file is written, and what is wrong."""
    where = ""
    here: Any = content
    for part in error["loc"]:
        if isinstance(part, int):  # one of several [[tables]]: called by its name
            here = here[part] if isinstance(here, list) else None
            where = f"[[{where.strip('[]').replace('] ', '.')}]] {called(here, part)}"
        elif not (where and part in TAGS):
            here = here.get(part, {}) if isinstance(here, dict) else {}
            where = f"{where} {part}" if where else f"[{part}]" if isinstance(here, dict) else str(part)
    key = str(error["loc"][-1]) if error["loc"] else ""
    if error["type"] == "extra_forbidden":
        return where, _unknown(key)
    if error["type"] == "missing":
        return where, MISSING
    beyond, what = said(error, KINDS)
    return f"{where} {beyond}".rstrip(), what
