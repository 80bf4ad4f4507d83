"""cellwarden run: the agent itself."""

import asyncio
import gc
import logging
import sys
from functools import partial
from pathlib import Path

import click

from agent.box import kernel_cache
from agent.cli.common.errors import Misuse
from agent.cli.common.load import config_option, load, load_as_before
from agent.clock import Clock
from agent.config.reload import ReloadRefused
from agent.config.simulated import SimulatedClock, refusals
from agent.config.tables import Config
from agent.control.server import ControlError
from agent.runtime import Agent
from agent.store.errors import StoreError
from agent.store.vintage import older
from drivers.profile.load import Profile


@click.command("run")
@config_option
@click.option(
    "--time-scale",
    type=click.FloatRange(1, 1000),
    help="For a bench on this machine: simulated time, so many times faster. Every frame says so.",
)
@click.option("--bench-clock", type=click.Path(path_type=Path, exists=True), hidden=True)
def command(path: Path, time_scale: float | None, bench_clock: Path | None) -> None:
    """Run the agent until SIGTERM or Ctrl-C. SIGHUP reads the configuration again.

    Buses and units that are the same as before go on undisturbed; a file that cannot be used is refused in
    the log, and the old one goes on. What this version is the first to refuse does not stop a watch that ran
    under the version before: it goes on as far as the file can be read safely, and an alarm names file and
    key; a new installation is refused.

    \b
    Example:  cellwarden run --config /etc/cellwarden/agent.toml
    """
    logging.basicConfig(
        stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    loaded = load_as_before(path)
    config, profiles = loaded.config, loaded.profiles
    if loaded.problems and not older(config.store.path):
        raise Misuse("\n".join(loaded.problems), "CW-301")
    clock = Clock()
    if time_scale is not None:
        if found := refusals(config):
            raise Misuse("\n".join(found), "CW-301")
        clock = SimulatedClock(time_scale, bench_clock)
    kernel_cache.prepare()  # a kernel that compiled at its first frame would hold up every bus
    try:
        reread = partial(_reread, path, simulated=time_scale is not None)
        agent = Agent(config, profiles, reread, clock, loaded.taken)
        # 150,000 objects stay for ever, and Python looks for cycles among the oldest only once a quarter as
        # many have joined them: for hours what lost connections leave behind would pile up, then polling wait
        gc.freeze()
        gc.collect()  # of nothing: from now on frozen objects are not counted among the oldest (CPython's gc)
        # by default Python looks for cycles after every 700 new objects: of 512 units a tenth of the CPU
        gc.set_threshold(20_000, 20, 20)
        asyncio.run(agent.run())
    except (StoreError, ControlError) as error:
        raise Misuse(str(error), "CW-406") from error


def _reread(path: Path, simulated: bool) -> tuple[Config, dict[str, Profile]]:
    try:
        config, profiles = load(path)
    except Misuse as error:
        raise ReloadRefused(error.message) from error
    from agent.cli.check import unaskable  # half a megabyte that only a reload needs

    if found := unaskable(config, profiles):
        raise ReloadRefused("\n".join(f"{path.name}: {problem}" for problem in found))
    if simulated and (found := refusals(config)):
        raise ReloadRefused("\n".join(found))
    return config, profiles
