"""cellwarden run: the agent itself."""

import asyncio
import logging
import sys
from pathlib import Path

import click

from agent import kernels
from agent.cli.errors import Misuse
from agent.cli.load import config_option, load
from agent.control.server import ControlError
from agent.outputs.gpio import GpioError
from agent.runtime import Agent
from agent.store.errors import StoreError


@click.command("run")
@config_option
def command(path: Path) -> None:
    """Run the agent until SIGTERM or Ctrl-C.

    \b
    Example:  cellwarden run --config /etc/cellwarden/agent.toml
    """
    logging.basicConfig(
        stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    config, profiles = load(path)
    kernels.prepare()  # a kernel that compiled at its first frame would hold up every bus
    try:
        asyncio.run(Agent(config, profiles).run())
    except (StoreError, ControlError, GpioError) as error:
        raise Misuse(str(error)) from error
