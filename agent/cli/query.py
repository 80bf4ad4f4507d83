"""cellwarden query: the latest values, and the history of a point, out of the buffer."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from agent.cli.common.buffer_file import buffer_options, must_have, reading
from agent.cli.common.errors import Finding
from agent.cli.common.tables import plain_table, terminal
from collector.export.blocks import Wanted
from collector.export.options import point_options
from collector.export.rows import HEADER, rows
from collector.failing import print_json
from collector.moment import between_options
from collector.told import SaidOnce

COLUMNS = ("utc", "unit", "place", "name", "value", "si_unit", "quality")
json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON object per row.")


@click.group("query")
def command() -> None:
    """Look into the buffer: the latest values, or the history of a point; the agent may be running.

    \b
    What was read within the last seconds is not in the buffer yet ([store] batch_s).
    Examples:  cellwarden query latest --unit rack1/bmu1
               cellwarden query history --unit rack1/bmu1 --name cell_voltage --place 'string1/*/cell5'
    """


@command.command("latest")
@buffer_options
@click.option("--unit", help='Only this unit, as "rack/unit".')
@point_options
@json_option
def latest(
    path: Path, buffer_path: Path | None, unit: str | None, name: str, place: str, as_json: bool
) -> None:
    """Print the last frame of each unit.

    \b
    Example:  cellwarden query latest --name cell_temperature
    """
    with reading(path, buffer_path, SaidOnce()) as buffer:
        must_have(buffer, unit)
        found: dict[tuple[Any, ...], dict[str, Any]] = {}
        for batch in buffer.latest():
            if unit not in (None, batch.unit):
                continue
            last_ns = int(batch.utc_ns[-1])
            for row in _dicts(rows(buffer, Wanted(None, batch.unit, last_ns, last_ns + 1, name, place))):
                found[row["unit"], row["name"], row["place"]] = row
    _print(list(found.values()), as_json)


@command.command("history")
@buffer_options
@click.option("--unit", help='Only this unit, as "rack/unit".')
@point_options
@between_options
@json_option
def history(
    path: Path,
    buffer_path: Path | None,
    unit: str | None,
    name: str,
    place: str,
    start: int | None,
    end: int | None,
    as_json: bool,
) -> None:
    """Print every value of a point that the buffer holds, in the order in which it was read.

    \b
    Example:  cellwarden query history --unit rack1/bmu1 --name current --from yesterday
    """
    with reading(path, buffer_path, SaidOnce()) as buffer:
        must_have(buffer, unit)
        found = list(_dicts(rows(buffer, Wanted(None, unit, start, end, name, place))))
    _print(found, as_json)


def _dicts(found: Iterator[tuple[object, ...]]) -> Iterator[dict[str, Any]]:
    for values in found:
        row = dict(zip(HEADER, values, strict=True))
        row["value"] = float(str(row["value"])) if row["value"] != "" else None
        yield row


def _print(found: list[dict[str, Any]], as_json: bool) -> None:
    if not found:
        raise Finding(
            "the buffer holds nothing that fits; `cellwarden query latest` shows what there is", "CW-006"
        )
    if as_json:
        for row in found:  # a line each: a reader may stop, or take them as they come
            print_json(row)
        return
    table = plain_table(*COLUMNS)
    for row in found:
        table.add_row(*("" if row[column] is None else str(row[column]) for column in COLUMNS))
    terminal().print(table)
