"""cellwarden-hil serve: the units of a room file, or the one of a capture, for any Modbus client."""

import asyncio
import json
import logging
import signal
import sys
from pathlib import Path
from typing import Any

import click

from drivers.dump import DumpError
from hil.cli import refuse
from hil.modbus.tcp import CannotListen
from hil.run.bench import Bench
from hil.run.captured import USUAL_LISTEN, ServedCapture, load_capture
from hil.scenario.room import RoomError, load_room

EXAMPLE = """\
\b
A room of one modelled rack on TCP and one on a 9600 baud line, where a cell fails after 20 s:
\b
  [[unit]]
  name = "rack-1"
  transport = "tcp"
  listen = "127.0.0.1:1502"          # port 0 takes any free one
  profile = "sunspec-lithium-ion"
  source = { rack = { modules = 4, cells = 14, seed = 1 } }
\b
  [[bus]]
  name = "bus-1"
  link = "/tmp/bus-1"                # the device to open; or serial_server = "127.0.0.1:4196"
  baud = 9600
\b
  [[unit]]
  name = "rack-2"
  transport = "rtu"
  bus = "bus-1"
  profile = "pace-rtu"
  source = { rack = { cells = 16, sensors = 4, seed = 2 } }
\b
  [[event]]                          # internal_short, mute, unmute, fault, clear
  at_s = 20
  kind = "internal_short"
  unit = "rack-2"
  place = "string1/module1/cell5"
  ohm = 0.1
\b
Then, for example:  mbpoll -m tcp -p 1502 -a 1 -0 -r 40000 -c 10 -1 127.0.0.1
"""


@click.command("serve", epilog=EXAMPLE)
@click.argument("path", metavar="FILE", type=click.Path(path_type=Path))
@click.option("--listen", help=f"Of a capture: HOST:PORT; {USUAL_LISTEN} if neither this nor --link is said.")
@click.option("--link", type=click.Path(path_type=Path), help="Of a capture: the serial device to make.")
def command(path: Path, listen: str | None, link: Path | None) -> None:
    """Serve the units of FILE until Ctrl-C or SIGTERM: a room (ROOM.toml), or a `cellwarden capture`.

    Prints one JSON line when all units are ready, then one for each event as it happens. A capture is played
    over and over: its frames in their time, each answer as late as it was, with the faults that were met.

    \b
    Examples:  cellwarden-hil serve room.toml
               cellwarden-hil serve capture-pace-rtu-1.txt --link /tmp/bus-1
    """
    logging.basicConfig(level=logging.WARNING, format="cellwarden-hil: %(message)s", stream=sys.stderr)
    try:
        asyncio.run(_serve(_served(path, listen, link)))
    except (RoomError, DumpError) as error:
        refuse(error.problems)
    except (CannotListen, ValueError) as error:
        refuse([str(error)])


def _served(path: Path, listen: str | None, link: Path | None) -> Bench | ServedCapture:
    if path.suffix != ".toml":
        if listen is None and link is None:
            listen = USUAL_LISTEN
        return ServedCapture(path.name, load_capture(path), listen, link)
    if listen is not None or link is not None:
        raise ValueError("--listen and --link are of a capture; a room file says where its units are")
    return Bench(load_room(path))


async def _serve(bench: Bench | ServedCapture) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await bench.start()
    try:
        await bench.run(stop, _announce)
    finally:
        await bench.close()


def _announce(line: dict[str, Any]) -> None:
    print(json.dumps(line), flush=True)
    if line.get("ready") and sys.stderr.isatty():
        _show(line["units"])


def _show(units: list[dict[str, Any]]) -> None:
    """Show a technician what to connect to."""
    from rich.console import Console
    from rich.table import Table

    table = Table("unit", "where", "unit id", "profile", title="Units being served (Ctrl-C stops)")
    for unit in units:
        where = f"{unit['host']}:{unit['port']}" if "host" in unit else unit["device"]
        where += f" at {unit['baud']} baud" if "baud" in unit else ""
        table.add_row(unit["name"], where, str(unit["unit_id"]), unit["profile"])
    Console(stderr=True).print(table)
