"""room.toml as text, for benchmarks and tests: a wire, `bus(...)`, and what is on it, `rtu_unit(...)`."""

from hil.run.tables import Table, Value, table


def bus(name: str, **keys: Value) -> str:
    """Return the table of a wire that units share."""
    return table("[[bus]]", {"name": name, **keys})


def tcp_unit(name: str, profile: str, source: Table, **keys: Value) -> str:
    """Return the table of a unit on an endpoint of its own, at a port that nobody has."""
    where = {"transport": "tcp", "listen": "127.0.0.1:0"}
    return table("[[unit]]", {"name": name, **where, "profile": profile, "source": source, **keys})


def rtu_unit(name: str, line: str, profile: str, source: Table, **keys: Value) -> str:
    """Return the table of a unit on a serial bus."""
    where = {"transport": "rtu", "bus": line}
    return table("[[unit]]", {"name": name, **where, "profile": profile, "source": source, **keys})


def event(at_s: float, kind: str, unit: str, **keys: Value) -> str:
    """Return the table of what happens to a unit."""
    return table("[[event]]", {"at_s": at_s, "kind": kind, "unit": unit, **keys})
