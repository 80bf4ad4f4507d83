"""The end of setup: the agent is started, and what it measures and sends goes onto the report."""

import shutil
import subprocess
import time
from pathlib import Path

import click

from agent.cli.common.codes import Trouble
from agent.cli.common.load import load
from agent.cli.common.prompts import Prompts
from agent.cli.common.usual import CONFIG
from agent.cli.report.commissioning import commission, tell_findings
from agent.cli.report.commissioning.running import command_of, running, start_of
from agent.view.language import how_long, tell, tr

START_S = 120.0  # the first start on a small board compiles the detectors
STEP_S = 0.5
LATER = "-"


def prove(path: Path, prompts: Prompts, by: str) -> None:
    """Have the agent started and commission it, or say what is left. Raises Trouble; Exit for a finding."""
    if prompts.yes or not _started(path, prompts):
        start, report = start_of(path), command_of(path)
        if path == CONFIG:
            click.echo(tell("Next: {run}", run=f"{start} && sudo {report}"))
        else:
            click.echo(tell("Next: {start}   and beside it: {report}", start=start, report=report))
        click.echo(
            tr("That measures the running agent, sends one test alarm to the collector, and signs off.")
        )
        return
    _await(path)
    if found := commission(path, prompts, by, compare=False).findings():  # that was asked a minute ago
        tell_findings(found)
        raise click.exceptions.Exit(1)


def _started(path: Path, prompts: Prompts) -> bool:
    """Start the agent where it is a service, else let the person do it; return whether to go on with it."""
    if path == CONFIG and shutil.which("systemctl"):
        if not prompts.agree(tr("Start the agent with it now (systemctl restart cellwarden)?")):
            return False
        done = subprocess.run(["systemctl", "restart", "cellwarden"], capture_output=True, text=True)
        if done.returncode:
            seen = f"systemctl restart cellwarden: {done.stderr.strip()}"
            raise Trouble("CW-401", seen, "journalctl -u cellwarden -n 20", likely=())
        return True
    ask = tell(
        "Start it in another terminal ({run}), then Enter; {key} to finish later",
        run=start_of(path),
        key=LATER,
    )
    return prompts.ask(ask, "").strip() != LATER


def _await(path: Path) -> None:
    """Wait until the agent polls what the file says. Raises Trouble."""
    config, _ = load(path)
    click.echo(tell("Waiting for the agent, {time} at most. Ctrl-C is safe.", time=how_long(START_S)))
    end_s = time.monotonic() + START_S
    while True:
        try:
            running(config, path, config.control.socket)
            return
        except Trouble:
            if time.monotonic() > end_s:
                raise
        time.sleep(STEP_S)
