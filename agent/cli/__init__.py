"""The `cellwarden` command: one file per sub-command, imported only when it is called."""

import importlib
from typing import Any

import click

# Sub-command -> its line in --help. The module agent.cli.NAME holds it as `command`.
COMMANDS = {
    "run": "Run the agent until SIGTERM or Ctrl-C.",
    "check": "Check the configuration and every profile it names.",
    "demo": "Watch an agent hear an internal short, on this machine alone.",
    "bench": "Measure on this machine, and print each figure beside its target.",
}


class LazyGroup(click.Group):
    """Imports a sub-command when it is used: `--help` is quick, and one missing part breaks one command."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of the sub-commands."""
        return list(COMMANDS)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of sub-commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return a sub-command."""
        if cmd_name not in COMMANDS:
            return None
        try:
            module: Any = importlib.import_module(f"agent.cli.{cmd_name}")
        except ModuleNotFoundError as error:
            if error.name in ("numba", "pydantic", "pymodbus", "serial"):
                raise click.ClickException(
                    f"`cellwarden {cmd_name}` needs the parts of the agent: pip install 'cellwarden[agent]'"
                ) from error
            raise
        command: click.Command = module.command
        return command


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="cellwarden")
def main() -> None:
    """Watch the batteries of a UPS room: poll them over Modbus, judge every cell, account for every value.

    \b
    Try it:          cellwarden demo
    Check a config:  cellwarden check --config agent.toml
    Run the agent:   cellwarden run --config agent.toml
    """
