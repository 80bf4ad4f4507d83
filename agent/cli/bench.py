"""cellwarden bench: one shape for every benchmark; what each figure should be is in `agent.bench.figures`."""

import importlib
from typing import Any

import click
from rich.table import Table

from agent.bench.figures import TARGETS, machine, result
from agent.cli.common.errors import Finding
from agent.cli.common.tables import terminal
from collector.failing import print_json
from hil.run.processes import ProcessError


def print_table(bench: str, results: list[dict[str, Any]]) -> None:
    """Print the figures for people."""
    table = Table("figure", "value", "unit", "target", "met", title=f"cellwarden bench {bench}")
    for row in results:
        sign = "<=" if row["better"] == "lower" else ">="
        table.add_row(
            row["name"],
            "not measured" if row["value"] is None else f"{row['value']:,.4g}",
            row["unit"],
            "" if row["target"] is None else f"{sign} {row['target']:,.4g}",
            {True: "yes", False: "NO", None: ""}[row["met"]],
        )
    terminal().print(table)
    for row in results:
        if row["note"]:
            click.echo(f"{row['name']}: {row['note']}")


@click.command("bench")
@click.argument("name", type=click.Choice(sorted(TARGETS)))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object as the last line.")
def command(name: str, as_json: bool) -> None:
    """Measure on this machine, and print each figure beside its target.

    \b
    Examples:  cellwarden bench wire
               cellwarden bench detectors --json
    """
    module: Any = importlib.import_module(f"agent.bench.{name}")
    try:
        results = [result(name, *figure) for figure in module.measure()]
    except ProcessError as error:
        raise Finding(str(error)) from error
    if as_json:
        print_json({"bench": name, "machine": machine(), "results": results})
    else:
        print_table(name, results)
