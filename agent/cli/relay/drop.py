"""cellwarden relay drop: what the service runs when the agent has ended, however it ended."""

import asyncio
from pathlib import Path

import click

from agent.cli.common.errors import Finding, Misuse
from agent.cli.common.load import config_option
from agent.config.file import ConfigError, load_usable
from agent.message import told_by
from agent.outputs.drivers import driver_of
from agent.outputs.relay import CoilRelay, GpioRelay


@click.command("drop")
@config_option
def command(path: Path) -> None:
    """Put the relay of a configuration into its alarm position, and leave it there.

    Not for a relay that a running agent holds. Exit 1 when it cannot be driven; without a [relay] nothing is
    done.

    \b
    Example:  cellwarden relay drop --config /etc/cellwarden/agent.toml
    """
    try:
        table = load_usable(path).relay
    except ConfigError as error:
        raise Misuse(told_by(error), "CW-301") from error
    if table is None:
        return
    if trouble := asyncio.run(_drop(table)):
        raise Finding(trouble, "CW-405")


async def _drop(table: GpioRelay | CoilRelay) -> str:
    driver = driver_of(table)
    await driver.close()  # which drops it
    return driver.trouble
