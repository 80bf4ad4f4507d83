"""cellwarden profile show."""

from itertools import groupby
from pathlib import Path

import click
from rich.table import Table

from agent.cli.common.tables import plain_table, terminal
from agent.cli.profile.common import load, profile_dir_option
from drivers.profile.expansion import expand
from drivers.profile.load import Profile


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
    console = terminal()
    console.print(f"{profile.model}: {profile.title}")
    console.print(f"source: {profile.source or 'not said'}")
    for words, lines in (("verified", profile.verified), ("not verified", profile.unverified)):
        for line in lines:
            console.print(f"{words}: {line}")
    if profile.sunspec:
        models = ", ".join(str(number) for number in profile.sunspec.models)
        console.print(f"The unit describes itself (SunSpec models {models}).")
        return
    console.print(_table(profile))


def _table(profile: Profile) -> Table:
    table = plain_table("point", "registers", "values", "one step", "means", "read")
    found = expand(profile)
    texts = {item.value.name for item in found.identity if item.text}
    values = [*(item.value for item in found.identity), *found.values]
    for name, group in groupby(values, key=lambda value: value.name):
        of_point = list(group)
        first, last = of_point[0], of_point[-1]
        step = profile.address_step
        registers = f"{first.span.area} {first.span.first * step}"
        if last.span.last != first.span.first:
            registers += f"..{last.span.last * step}"
        if last.span.unit_offset:
            registers += f"\nof unit +{first.span.unit_offset}..+{last.span.unit_offset}"
        places = first.place or "1"
        if len(of_point) > 1:
            places = f"{len(of_point)}: {first.place}\nto {last.place}"
        means = "" if first.quantity == name else first.quantity
        one_step = "text" if first.name in texts else f"{first.scale:g} {first.unit}".strip()
        table.add_row(name, registers, places, one_step, means, str(first.poll))
    return table
