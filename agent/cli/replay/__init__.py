"""cellwarden replay: the agent's detectors over a recording."""

import json
from pathlib import Path

import click
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from agent.cli.errors import Misuse
from agent.cli.replay.mapping import MapError, read_map
from agent.cli.replay.play import Played, between, play
from agent.cli.replay.recording import Part, load_parts
from agent.detect.watch import warm_up


@click.command("replay")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--map", "map_path", type=click.Path(path_type=Path), required=True, help="Which column is what (TOML)."
)
@click.option("--from", "first", metavar="TIME", help="Leave out what was before, in the recording's time.")
@click.option("--to", "last", metavar="TIME", help="Leave out what was after.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object as the last line.")
@click.option("--report", type=click.Path(path_type=Path), help="Write a report with plots into this folder.")
def command(
    file: Path, map_path: Path, first: str | None, last: str | None, as_json: bool, report: Path | None
) -> None:
    """Judge a recording (CSV or Parquet) by the agent's own detectors, as fast as they go.

    The map says which column is what; patterns, lists and single names may be mixed:

    \b
        time = "timestamp"        # timestamps, or seconds (unit = "ms" ...); or: period_s = 10
        voltage = { columns = "V_*", unit = "mV" }
        temperature = { columns = "T_*", offset = -40, missing = [0, 255, 511] }
        current = { column = "I", positive = "discharge" }
        ambient = "T_room"
        group = "test"            # optional: a column that separates tests or rooms
        sensor = "node"           # optional: one row per sensor, this column names it
        chemistry = "NMC"         # optional

    \b
    Examples:  cellwarden replay pack.parquet --map pack.toml
               cellwarden replay pack.csv --map pack.toml --from "2021-05-05 09:00" --json
               cellwarden replay tests.csv --map tests.toml --report report
    """
    try:
        parts = list(between(load_parts(file, read_map(map_path)), first, last))
    except MapError as error:
        raise Misuse(str(error)) from error
    except ValueError as error:
        raise Misuse(f"--from or --to is not a time of this recording: {error}") from error
    if not parts:
        raise Misuse(f"{file.name}: no rows with a time between --from and --to")
    warm_up()
    played = _with_progress(parts)
    result = {"file": file.name, **played.as_json()}
    if report is not None:
        from agent.cli.replay.report import write_report

        try:
            write_report(report, file.name, parts, played)
        except ModuleNotFoundError as error:
            raise Misuse("plots need more: pip install 'cellwarden[plots]'") from error
        click.echo(f"report: {report / 'index.html'}", err=True)
    if as_json:
        click.echo(json.dumps(result))
    else:
        _print(played)


def _with_progress(parts: list[Part]) -> Played:
    console = Console(stderr=True)
    with Progress(console=console, disable=not console.is_terminal, transient=True) as bar:
        task = bar.add_task("judging", total=sum(len(part.t_s) for part in parts))
        return play(parts, lambda frames: bar.update(task, advance=frames))


def _print(played: Played) -> None:
    console = Console(highlight=False)
    for alarm in played.alarms:
        where = f"{alarm['group']}: " if alarm.get("group") else ""
        console.print(
            f"{alarm['t']}  {alarm['severity']:8} {where}{alarm['explanation']}", soft_wrap=True, markup=False
        )
    table = Table("replayed", "", title_justify="left")
    table.columns[1].justify = "right"
    sight = played.sensor_s or 1.0
    for words, value in (
        ("frames", f"{played.frames:,}"),
        ("sensor-hours", f"{played.sensor_s / 3600:,.1f}"),
        ("  of which blind", f"{100 * played.blind_s / sight:.2f} %"),
        ("  of which learning", f"{100 * played.learning_s / sight:.2f} %"),
        ("alarms", f"{len(played.alarms):,}"),
        ("frames per second", f"{played.frames / played.took_s:,.0f}" if played.took_s else "--"),
    ):
        table.add_row(words, value)
    console.print(table)
