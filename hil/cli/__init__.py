"""The `cellwarden-hil` command: one file per sub-command, imported only when it is called."""

import importlib
import sys
from collections.abc import Iterable
from typing import Any, NoReturn

import click

from collector.pipe import PipeGroup

LINES = {
    "serve": "Serve the units of a room file to any Modbus client.",
    "run": "Run scenarios, and say whether what they expect was seen.",
    "list": "List the scenarios that are shipped.",
    "record": "Record a real unit into a file that can be replayed.",
    "plot": "Draw a recording into one self-contained HTML file.",
}


class _Lazy(PipeGroup):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(LINES)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(LINES.items()))

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in LINES:
            return None
        try:
            module: Any = importlib.import_module(f"hil.cli.{cmd_name}")
        except ModuleNotFoundError as error:
            if (error.name or "").split(".")[0] in ("hil", "agent", "drivers"):
                raise
            refuse([f"needs {error.name}: pip install 'cellwarden[agent]'"])
        command: click.Command = module.command
        return command


@click.group(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="cellwarden")
def main() -> None:
    """A battery room that behaves, and misbehaves, on demand.

    \b
    Serve a room:      cellwarden-hil serve ROOM.toml
    Run a scenario:    cellwarden-hil run internal_short_0r1
    Run all of them:   cellwarden-hil run --all --report out/
    """


def refuse(problems: Iterable[str]) -> NoReturn:
    """Say what is wrong, a line each, and exit 2."""
    for problem in problems:
        click.echo(f"cellwarden-hil: {problem}", err=True)
    sys.exit(2)
