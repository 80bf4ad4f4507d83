"""scripts/soak: the soak on this machine, what grew and what was lost."""

from pathlib import Path
from typing import Any

import click

from agent.bench.figures import machine
from agent.bench.soak import Soak, figures, plot
from agent.box import kernel_cache
from agent.cli.bench import print_table
from agent.cli.common.errors import Finding, Misuse
from collector.failing import print_json
from hil.run.processes import Children, ProcessError


@click.command("soak")
@click.option(
    "--minutes", type=click.FloatRange(2), default=30.0, show_default=True, help="How long it runs."
)
@click.option("--output", type=click.Path(path_type=Path), default=Path("out/soak"), show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object as the last line.")
def command(minutes: float, output: Path, as_json: bool) -> None:
    """Run bench, agent and collector with faults on every wire, and print what grew and what was lost.

    \b
    Example:  scripts/soak --minutes 30
    """
    output.mkdir(parents=True, exist_ok=True)
    if any(output.iterdir()):
        raise Misuse(f"{output} is not empty; name another folder with --output", "CW-005")
    kernel_cache.prepare()
    with Children(output.resolve()) as children:
        soak = Soak(output.resolve(), minutes, children)
        try:
            soak.run()
        except ProcessError as error:
            raise Finding(str(error)) from error
    try:
        plot(output / "soak.png", soak.samples)
    except ModuleNotFoundError:
        click.echo("no plots: pip install 'cellwarden[plots]'", err=True)
    results: list[dict[str, Any]] = [
        {
            "name": name,
            "value": value,
            "unit": unit,
            "target": limit,
            "better": "lower",
            "met": None if limit is None else value <= limit,
        }
        for name, value, unit, limit in figures(output, soak.samples)
    ]
    print_table("soak", results)
    if as_json:
        print_json({"bench": "soak", "machine": machine(), "results": results})
    if any(row["met"] is False for row in results):
        raise Finding("; ".join(row["name"] for row in results if row["met"] is False))


if __name__ == "__main__":
    command(prog_name="scripts/soak")
