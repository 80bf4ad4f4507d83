"""cellwarden replay: the agent's detectors over a recording."""

from collections.abc import Callable, Iterable
from pathlib import Path

import click
from rich.table import Table

from agent.cli.common.errors import Finding, Misuse
from agent.cli.common.tables import terminal
from agent.cli.common.waiting import counting, waiting
from agent.config.file import ConfigError, load_config
from agent.detect.first_days import FirstDays
from agent.detect.limit_words import unknown
from agent.detect.settings import Settings
from agent.detect.watch import warm_up
from agent.message import told_by
from agent.replay.mapping import MapError, read_map
from agent.replay.parts import Part
from agent.replay.plausible import odd
from agent.replay.play import Played, play
from agent.replay.recording import between, load_parts
from agent.replay.stored import ERRORS, StoredUnits, is_database, open_stored
from collector.failing import print_json
from collector.moment import FORMS, utc_ns
from collector.told import SaidOnce


@click.command("replay")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--map", "map_path", type=click.Path(path_type=Path), help="Which column is what (TOML).")
@click.option("--unit", help='Of a buffer or an archive only this unit, as "rack/unit".')
@click.option(
    "--config", "config_path", type=click.Path(path_type=Path), help="Judge as this agent.toml has it judged."
)
@click.option("--from", "first", metavar="TIME", help=f"Leave out what was before: {FORMS}.")
@click.option("--to", "last", metavar="TIME", help="Leave out what was after.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object as the last line.")
@click.option("--report", type=click.Path(path_type=Path), help="Write a report with plots into this folder.")
def command(
    file: Path,
    map_path: Path | None,
    unit: str | None,
    config_path: Path | None,
    first: str | None,
    last: str | None,
    as_json: bool,
    report: Path | None,
) -> None:
    """Judge what was recorded by the agent's own detectors, as fast as they go.

    An agent's buffer and a collector's database say themselves what their values are, and may be in use. Of a
    CSV or Parquet file a map says which column is what; patterns, lists and single names may be mixed; --from
    and --to are times, or seconds, as its own column has them. What is odd about it is said first; where
    nothing could be judged, it is refused.

    \b
        time = "timestamp"        # timestamps, or seconds (unit = "ms" ...); or: period_s = 10
        voltage = { columns = "V_*", unit = "mV" }
        temperature = { columns = "T_*", offset = -40, missing = [0, 255, 511] }
        current = { column = "I", positive = "discharge" }
        ambient = "T_room"
        pack_voltage = "U"
        soc = "SoC"
        insulation = { column = "R_iso", unit = "kohm" }
        warnings = { column = "alarms", bits = { 3 = ["critical", "contactor welded"] } }
        group = "test"            # optional: a column that separates tests or rooms
        sensor = "node"           # optional: one row per sensor, this column names it
        chemistry = "NMC"         # optional: its limits of voltage; of blocks cells_per_block = 6 too
        [[limit]]                 # optional, as [[detection.limit]] in agent.toml
        quantity = "cell_voltage"
        tier = "safety"
        high = 3.65

    \b
    Examples:  cellwarden replay pack.parquet --map pack.toml
               cellwarden replay pack.csv --map pack.toml --from "2021-05-05 09:00" --json
               cellwarden replay tests.csv --map tests.toml --report report
               cellwarden replay /var/lib/cellwarden/buffer.db --unit rack1/bmu1
               cellwarden replay collector.db --config agent.toml --from -2h
    """
    notes: list[str] = []
    told = SaidOnce()
    parts: Iterable[Part]
    try:
        if is_database(file):
            if map_path:
                raise Misuse(f"{file.name} says itself what its values are: leave out --map")
            stored = StoredUnits(
                open_stored(file, told), unit, _span_ns(first, last), _settings(config_path), notes
            )
            parts, frames = stored.parts(), stored.frames
        else:
            parts, frames = _recorded(file, map_path, unit or config_path, first, last, notes)
        with waiting("compiling the detectors, a minute or two after an installation"):
            warm_up()
        with counting("judging", frames) as done:
            played = play(parts, done)
        played.notes = [*notes, *told.lines, *played.notes]
        if report is not None:
            _report(report, file.name, played)
    except MapError as error:
        raise Misuse(str(error), "CW-305") from error
    except ERRORS as error:
        raise Misuse(f"{file}: {error}", "CW-305") from error
    _tell(file.name, played, as_json)
    if told.lines:
        raise Finding("not all of it could be read", "CW-605")


def _recorded(
    file: Path,
    map_path: Path | None,
    misplaced: object,
    first: str | None,
    last: str | None,
    notes: list[str],
) -> tuple[Iterable[Part], int]:
    """Return the parts of a CSV or Parquet file, and how many frames they have. Raises MapError.

    notes: takes what is odd about it.
    """
    if map_path is None:
        raise Misuse(f"{file.name} is no database: say which column is what with --map MAP.toml (see --help)")
    if misplaced:
        raise Misuse(f"{file.name} is no database: --unit and --config are for buffers and archives")
    given = read_map(map_path)
    recorded = load_parts(file, given, notes)
    try:
        parts = list(between(recorded, first, last))
    except ValueError as error:
        raise Misuse(f"--from or --to is not a time of this recording: {error}") from error
    if not parts:
        raise Misuse(f"{file.name}: no rows with a time between --from and --to", "CW-305")
    notes += odd(parts, given)
    if any(_without_limit(part) for part in parts):
        notes.append(
            "no voltage limit is judged: set chemistry in the map, of blocks cells_per_block, or [[limit]]"
        )
    return parts, sum(len(part.t_s) for part in parts)


def _without_limit(part: Part) -> bool:
    """Whether voltages of a recording have no limit of anybody."""
    quantities = [channel.quantity for channel in part.channels]
    return bool(unknown(quantities, part.settings.unit_limits(quantities), part.settings.chemistry))


def _span_ns(first: str | None, last: str | None) -> tuple[int, int]:
    """Return --from and --to as ns of UTC, the ends of int64 where nothing is said."""
    span_ns = []
    for text, nothing_said in ((first, -(2**63)), (last, 2**63 - 1)):
        try:
            span_ns.append(utc_ns(text) if text else nothing_said)
        except ValueError as error:
            raise Misuse(str(error)) from error
    return span_ns[0], span_ns[1]


def _settings(path: Path | None) -> Callable[[str], tuple[Settings, FirstDays | None]]:
    """Return how each unit is judged: as a configuration says, or as shipped; and its first days."""
    if path is None:
        return lambda unit: (Settings(), None)
    try:
        config = load_config(path)
    except ConfigError as error:
        raise Misuse(told_by(error), "CW-301") from error
    said = {unit.path: (unit.chemistry, unit.cells_per_block, unit.name) for unit in config.unit}
    first = {unit.path: FirstDays(unit.commissioned) for unit in config.unit if unit.commissioned}
    return lambda unit: (config.detection.settings(*said.get(unit, ())), first.get(unit))


def _report(folder: Path, name: str, played: Played) -> None:
    from agent.replay.report import write_report

    try:
        write_report(folder, name, played)
    except ModuleNotFoundError as error:
        raise Misuse("plots need more: pip install 'cellwarden[plots]'", "CW-003") from error
    click.echo(f"report: {folder / 'index.html'}", err=True)


def _tell(name: str, played: Played, as_json: bool) -> None:
    if not played.frames and not played.notes:
        raise Misuse(f"{name}: no frames with a time between --from and --to", "CW-305")
    if as_json:
        print_json({"file": name, **played.as_json()})
    else:
        _print(played)


def _print(played: Played) -> None:
    console = terminal()
    for note in played.notes:
        console.print(note, soft_wrap=True)
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
