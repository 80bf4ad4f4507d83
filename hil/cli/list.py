"""cellwarden-hil list: the scenarios that are shipped."""

import click
from rich.console import Console
from rich.table import Table

from hil.scenario.expect import clock
from hil.scenario.scenario import SHIPPED, load_scenario


@click.command("list")
def command() -> None:
    """List the scenarios that are shipped: how long, which way they run by default, and what they show.

    \b
    Example:  cellwarden-hil list
    """
    table = Table(box=None, pad_edge=False)
    for header in ("scenario", "lasts", "way", "what it shows"):
        table.add_column(header, overflow="fold", no_wrap=header == "scenario")
    for path in sorted(SHIPPED.glob("*.toml")):
        scenario = load_scenario(path)
        scaled = f" x{scenario.time_scale:g}" if scenario.way == "agent" and scenario.time_scale > 1 else ""
        table.add_row(path.stem, clock(scenario.lasts_s), scenario.way + scaled, scenario.about)
    Console().print(table)
