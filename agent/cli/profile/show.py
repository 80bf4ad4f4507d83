"""cellwarden profile show."""

from collections.abc import Iterable
from itertools import groupby
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from agent.cli.profile.common import load, profile_dir_option
from drivers.connect import assume
from drivers.profile import Profile
from drivers.values import Value


@click.command("show")
@click.argument("name", metavar="NAME_OR_FILE")
@profile_dir_option
def command(name: str, folders: tuple[Path, ...]) -> None:
    """Print a profile as a table of points, the way a datasheet would.

    \b
    Examples:  cellwarden profile show pace-rtu
               cellwarden profile show ./acme-bms.toml
    """
    profile = load(name, folders)
    console = Console()
    console.print(f"{profile.model}: {profile.title}", highlight=False)
    console.print(f"source: {profile.source or 'not said'}", highlight=False)
    for words, lines in (("verified", profile.verified), ("not verified", profile.unverified)):
        for line in lines:
            console.print(f"{words}: {line}", highlight=False)
    if profile.sunspec:
        models = ", ".join(str(number) for number in profile.sunspec.models)
        console.print(f"The unit describes itself (SunSpec models {models}).", highlight=False)
        return
    console.print(_table(profile))


def _table(profile: Profile) -> Table:
    table = Table("point", "table", "address", "values", "places", "scale", "unit", "means", "read", box=None)
    values = assume(profile).values
    for name, group in groupby(values, key=lambda value: value.name):
        of_point = list(group)
        first = of_point[0]
        addresses = f"{first.span.first}" + (f" to {of_point[-1].span.last}" if _long(of_point) else "")
        places = first.place + (f" to {of_point[-1].place}" if len(of_point) > 1 else "")
        table.add_row(
            name,
            str(first.span.area),
            addresses,
            str(len(of_point)),
            places,
            f"{first.scale:g}",
            first.unit,
            first.quantity,
            str(first.poll),
        )
    return table


def _long(values: Iterable[Value]) -> bool:
    return len({address for v in values for address in (v.span.first, v.span.last)}) > 1
