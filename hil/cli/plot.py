"""cellwarden-hil plot: a recording as a page."""

from pathlib import Path

import click
import numpy as np

from hil.cli import refuse
from hil.plant.recording import RecordingError, load_recording
from hil.scenario.evidence import Trace
from hil.scenario.report import write_plots


@click.command("plot")
@click.argument("recording")
@click.option(
    "-o", "--out", type=click.Path(path_type=Path, dir_okay=False), help="Default: RECORDING.html here."
)
def command(recording: str, out: Path | None) -> None:
    """Draw a recording, shipped or your own, into one self-contained HTML file.

    \b
    Examples:  cellwarden-hil plot ev_pack_car1
               cellwarden-hil plot pack.csv -o pack.html
    """
    try:
        found = load_recording(recording)
    except RecordingError as error:
        refuse([str(error)])
    channels = [c for c in found.channels if not (c.quantity == "current" and c.place)]
    columns = [found.channels.index(c) for c in channels]
    trace = Trace(tuple(c.place for c in channels), tuple(c.quantity for c in channels), stride=1)
    trace.add(found.time_s, np.array([found.read_at(float(t)) for t in found.time_s])[:, columns])
    out = out or Path(f"{found.name}.html")
    write_plots(out, found.name, str(found.about.get("what", "")), trace)
    click.echo(f"{out}: {len(found.time_s)} rows")
