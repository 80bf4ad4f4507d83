"""cellwarden run: the agent itself."""

import asyncio
import logging
import sys
from functools import partial
from pathlib import Path

import click

from agent import kernels
from agent.cli.errors import Misuse
from agent.cli.load import config_option, load
from agent.config import Config
from agent.control.server import ControlError
from agent.metrics import MetricsError
from agent.outputs.gpio import GpioError
from agent.reload import ReloadRefused
from agent.runtime import Agent
from agent.store.errors import StoreError
from drivers.profile import Profile


@click.command("run")
@config_option
def command(path: Path) -> None:
    """Run the agent until SIGTERM or Ctrl-C. SIGHUP reads the configuration again.

    Buses and units that are the same as before go on undisturbed; a file that cannot be used is refused in
    the log, and the old one goes on.

    \b
    Example:  cellwarden run --config /etc/cellwarden/agent.toml
    """
    logging.basicConfig(
        stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    config, profiles = load(path)
    kernels.prepare()  # a kernel that compiled at its first frame would hold up every bus
    try:
        asyncio.run(Agent(config, profiles, partial(_reread, path)).run())
    except (StoreError, ControlError, GpioError, MetricsError) as error:
        raise Misuse(str(error)) from error


def _reread(path: Path) -> tuple[Config, dict[str, Profile]]:
    try:
        return load(path)
    except Misuse as error:
        raise ReloadRefused(error.message) from error
