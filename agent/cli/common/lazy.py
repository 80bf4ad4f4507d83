"""Groups of commands that import a command only when it is called.

`--help` stays quick on a gateway, and a missing part breaks one command, not all.
"""

import gc
import importlib
import os
from collections.abc import Mapping
from typing import Any

import click

from agent.box import kernel_cache
from agent.control.form import OtherVersion
from collector.failing import Coded
from collector.pipe import PipeGroup

AGENT_PARTS = ("cryptography", "numba", "pydantic", "pymodbus", "serial", "zeroconf")


class _AskingGroup(click.Group):
    """A group whose commands ask an agent, which may be of another version: that ends each in one line."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except OtherVersion as error:
            raise Coded(str(error), "CW-407") from error


class LazyGroup(PipeGroup, _AskingGroup):
    """`lines` are the sub-commands with their line in --help; module `package`.NAME holds `command`."""

    def __init__(self, *args: Any, package: str, lines: Mapping[str, str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._package, self._lines = package, lines

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of the sub-commands."""
        return list(self._lines)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of sub-commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(self._lines.items()))

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return a sub-command."""
        if cmd_name not in self._lines:
            return None
        if ctx.resilient_parsing and self._package == "agent.cli":  # a shell completes it, and does not wait
            from agent.cli.common.outline import outlined

            return outlined(cmd_name)
        gc.disable()  # a thousand modules are no garbage: looking through them takes a tenth of a second
        try:
            module: Any = importlib.import_module(f"{self._package}.{cmd_name.replace('-', '_')}")
        except ModuleNotFoundError as error:
            if error.name in AGENT_PARTS:
                needs = f"`{ctx.command_path} {cmd_name}` needs more: pip install 'cellwarden[agent]'"
                raise Coded(needs, "CW-003") from error
            raise
        except RuntimeError as error:
            # numba refuses to declare a kernel where it finds no folder to keep it in
            if not str(error).startswith("cannot cache function") or kernel_cache.IN_MEMORY in os.environ:
                raise
            kernel_cache.again_in_memory(error)
        finally:
            gc.enable()
        command: click.Command = module.command
        return command


def lazy_group(name: str, package: str, lines: Mapping[str, str], text: str) -> LazyGroup:
    """Return a group whose sub-commands are in the modules of `package`."""
    return LazyGroup(
        name,
        package=package,
        lines=lines,
        help=text,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
