"""cellwarden export: what the buffer holds, for other tools."""

from pathlib import Path

import click

from agent.cli.common.buffer_file import buffer_options, must_have, reading
from agent.cli.common.errors import Finding, Misuse
from collector.export import ExportError, Wanted, export
from collector.moment import between_options
from collector.told import SaidOnce


@click.command("export")
@buffer_options
@click.option("--format", "form", type=click.Choice(["csv", "sqlite"]), default="csv", show_default=True)
@click.option("--unit", help='Only this unit, as "rack/unit".')
@between_options
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    help="A new file; csv goes to standard output by default.",
)
def command(
    path: Path,
    buffer_path: Path | None,
    form: str,
    unit: str | None,
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
    """
    told = SaidOnce()
    with reading(path, buffer_path, told) as buffer:
        must_have(buffer, unit)
        try:
            count = export(buffer, form, output, Wanted(None, unit, start, end))
        except ExportError as error:
            raise Misuse(str(error), "CW-004") from error
    click.echo(f"{count} values", err=True)
    if told.lines:
        raise Finding("not all of the buffer could be read", "CW-605")
