"""agent.toml of a run: a bus for each wire of the bench, and a unit for each of its units."""

from collections.abc import Mapping
from pathlib import Path

from hil.modbus.rtu import RtuBus
from hil.modbus.serial_server import SerialServer
from hil.run import configuration
from hil.run.bench import Bench
from hil.run.tables import Table, table

COMMIT_S = 0.25  # real seconds between two commits, at least


def agent_toml(
    bench: Bench,
    folder: Path,
    collector_url: str,
    period_s: float,
    safety: Mapping[str, float] = {},
    second_url: str = "",
) -> str:
    """Return the configuration of an agent that polls a bench and keeps its files in a folder; safety: the
    site's highest of the safety tier, by quantity.
    """
    batch_s = max(10.0, COMMIT_S * bench.time_scale)
    text = configuration.agent(folder, collector_url, store={"batch_s": batch_s})
    if second_url:
        text = text.replace("[upstream]", '[[upstream]]\nname = "first"')
        text += table("[[upstream]]", {"name": "second", "url": second_url, "role": "copy"})
    names: dict[int, str] = {}  # of buses, by the identity of their wires
    for wire in (served.wire for served in bench.units):
        if id(wire) in names:
            continue
        name = names[id(wire)] = f"bus-{len(names) + 1}"
        if isinstance(wire, RtuBus):
            line: Table = {"baud": wire.baud, "parity": wire.parity, "stop_bits": wire.stop_bits}
            if isinstance(wire, SerialServer):
                text += configuration.far_bus(name, "rtu-over-tcp", wire.port, wire.host, **line)
            else:
                text += configuration.rtu_bus(name, wire.link, **line)
        else:
            text += configuration.tcp_bus(name, wire.port, wire.host)
    for served in bench.units:
        unit = served.table
        keys: Table = {"unit_id": unit.unit_id, "period_s": period_s}
        chemistry: Table = {"chemistry": unit.chemistry} if unit.chemistry else {}
        text += configuration.unit(unit.name, names[id(served.wire)], unit.profile, **keys, **chemistry)
    for quantity, high in safety.items():
        text += table("[[detection.limit]]", {"quantity": quantity, "tier": "safety", "high": high})
    return text
