"""agent.toml as text, for scenarios, benchmarks and tests: all files of the agent in one folder.

A file that works is the agent's own tables, then buses, then units:
`agent(folder, url, store={"batch_s": 1}) + tcp_bus("lan", port) + unit("rack-1", "lan", "pace-rtu")`.
"""

from pathlib import Path

from hil.run.tables import Table, Value, table

NOWHERE = "http://127.0.0.1:9"  # discard: nothing listens there


def agent(folder: Path, url: str = NOWHERE, **tables: Table) -> str:
    """Return the tables of the agent itself; what `tables` say is added, or stands in place of the usual."""
    usual: dict[str, Table] = {
        "agent": {"id": "bench"},
        "store": {"path": folder / "buffer.db"},
        "control": {"socket": folder / "control.sock"},
        "upstream": {"url": url},
    }
    return "".join(
        table(f"[{name}]", {**usual.get(name, {}), **tables.get(name, {})}) for name in {**usual, **tables}
    )


def tcp_bus(name: str, port: int, host: str = "127.0.0.1", **keys: Value) -> str:
    """Return the table of a bus behind a TCP endpoint."""
    return table("[[bus]]", {"name": name, "transport": "tcp", "host": host, "port": port, **keys})


def rtu_bus(name: str, device: Path, **keys: Value) -> str:
    """Return the table of a bus on a serial device."""
    return table("[[bus]]", {"name": name, "transport": "rtu", "device": device, **keys})


def far_bus(name: str, transport: str, port: int, host: str = "127.0.0.1", **keys: Value) -> str:
    """Return the table of a bus on a serial line behind a socket."""
    return table("[[bus]]", {"name": name, "transport": transport, "host": host, "port": port, **keys})


def unit(name: str, bus: str, profile: str, **keys: Value) -> str:
    """Return the table of a unit."""
    return table("[[unit]]", {"name": name, "bus": bus, "profile": profile, **keys})


def tcp_unit(name: str, port: int, profile: str, **keys: Value) -> str:
    """Return the tables of a unit on an endpoint of its own, and of its bus."""
    return tcp_bus(f"lan-{name}", port) + unit(name, f"lan-{name}", profile, **keys)


def coil(port: int, number: int = 0) -> Table:
    """Return [relay]: a coil of the I/O module at a port of this machine."""
    return {"output": "modbus-coil", "host": "127.0.0.1", "port": port, "coil": number}
