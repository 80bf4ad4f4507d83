"""cellwarden-hil record: a real unit into a replayable file."""

import sys
from pathlib import Path

import click
from pymodbus.client import ModbusSerialClient, ModbusTcpClient
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from agent.wire.hosts import host_and_port
from drivers.profile.load import ProfileError, load_profile
from hil.cli import refuse
from hil.run.recorder import Client, RecorderError, UnitRecorder

EPILOG = """\
\b
Examples:  cellwarden-hil record pack.csv --profile pace-rtu --serial /dev/ttyUSB0 --minutes 60
           cellwarden-hil record rack.csv --profile sunspec-lithium-ion --tcp 192.0.2.10:502
\b
Replay:    source = { recording = "pack.csv" }   in a room or scenario file beside it
Look:      cellwarden-hil plot pack.csv
"""


@click.command("record", epilog=EPILOG)
@click.argument("out", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--profile", required=True, help="How to read the unit: a profile's name or file.")
@click.option("--tcp", metavar="HOST:PORT", help="Where it answers on TCP.")
@click.option("--serial", metavar="DEVICE", help="The serial device; settings are the profile's.")
@click.option("--baud", type=int, help="Another baud rate than the profile's.")
@click.option("--unit-id", type=click.IntRange(0, 255), default=1, show_default=True)
@click.option("--minutes", type=click.FloatRange(min=0, min_open=True), default=10.0, show_default=True)
@click.option(
    "--every", "period_s", type=click.FloatRange(0.1, 600), default=1.0, show_default=True, help="Seconds."
)
@click.option("--note", default="", help="What it is, for whoever replays it.")
def command(
    out: Path,
    profile: str,
    tcp: str | None,
    serial: str | None,
    baud: int | None,
    unit_id: int,
    minutes: float,
    period_s: float,
    note: str,
) -> None:
    """Record a unit's currents, voltages and temperatures into OUT.csv and OUT.json.

    It only reads. Serial numbers and names are not written. Ctrl-C ends it; what was recorded stays.
    """
    if (tcp is None) == (serial is None):
        refuse(["say either --tcp HOST:PORT or --serial DEVICE"])
    if out.suffix != ".csv":
        refuse([f"{out}: must end in .csv"])
    if out.exists():
        refuse([f"{out}: is there already; choose another name"])
    try:
        known = load_profile(profile)
        if tcp is not None:
            endpoint = host_and_port(tcp)
            if endpoint is None:
                refuse([f"{tcp}: is no HOST:PORT"])
            client: Client = ModbusTcpClient(endpoint[0], port=endpoint[1])
        else:
            line = known.serial
            client = ModbusSerialClient(
                str(serial), baudrate=baud or line.baud, parity=line.parity, stopbits=line.stop_bits
            )
        recorder = UnitRecorder(client, unit_id, known)
    except ProfileError as error:
        refuse(str(error).splitlines())
    except (RecorderError, OSError) as error:
        refuse([str(error)])
    with Progress(
        TextColumn("recording"), BarColumn(), TimeRemainingColumn(),
        disable=not sys.stderr.isatty(), transient=True, console=Console(stderr=True),
    ) as bars:  # fmt: skip
        bar = bars.add_task("", total=60 * minutes)
        rows = recorder.record(out, 60 * minutes, period_s, lambda t_s: bars.update(bar, completed=t_s), note)
    click.echo(f"{out}: {rows} rows of {recorder.layout.n} values, and {out.with_suffix('.json').name}")
    if not rows:
        sys.exit(1)
