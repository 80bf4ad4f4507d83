"""cellwarden export: what the buffer holds, for other tools."""

from pathlib import Path

import click

from agent.cli.common.buffer_file import buffer_options, must_have, reading
from agent.cli.common.errors import Finding, Misuse
from collector.export.blocks import Wanted
from collector.export.files import ExportError, export
from collector.export.options import export_options
from collector.export.rows import values
from collector.moment import between_options
from collector.told import SaidOnce


@click.command("export")
@buffer_options
@export_options
@click.option("--unit", help='Only this unit, as "rack/unit".')
@between_options
def command(
    path: Path,
    buffer_path: Path | None,
    form: str,
    unit: str | None,
    name: str,
    place: str,
    start: int | None,
    end: int | None,
    output: Path | None,
) -> None:
    """Write the values in the buffer, one row each, with their quality; the agent may be running.

    \b
    Delivered batches are in it for as long as [store] history_mb has room. Times from before the clock was
    set are put right ("repaired") once the agent has learned how wrong it was. A batch that is damaged is
    named on standard error, the others are written, and the exit code is 1.
    Examples:  cellwarden export --unit rack1/bmu1 --from '2026-11-24 04:00' --output bmu1.csv
               cellwarden export --format sqlite --output room.db
               cellwarden export --name 'cell_*' --from -2h --format parquet --output room.parquet
    """
    told = SaidOnce()
    with reading(path, buffer_path, told) as buffer:
        must_have(buffer, unit)
        try:
            count = export(values(buffer, Wanted(None, unit, start, end, name, place)), form, output)
        except ExportError as error:
            raise Misuse(str(error), "CW-004") from error
    click.echo(f"{count} values", err=True)
    if told.lines:
        raise Finding("not all of the buffer could be read", "CW-605")
