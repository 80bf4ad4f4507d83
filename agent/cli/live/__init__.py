"""cellwarden live: the site on a terminal, for as long as somebody looks."""

import sys
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import click

from agent.cli.common.ask_agent import socket_option
from agent.cli.common.errors import Unreachable
from agent.cli.common.letters import shown, speaks_utf8, spoken
from agent.cli.live.plain import lines
from agent.control import client
from agent.view.language import current, tell


@click.command("live")
@socket_option
@click.option("--plain", is_flag=True, help="Print one line per change instead of a picture.")
@spoken
def command(socket: Path, plain: bool) -> None:
    """Show a running agent's batteries on this terminal, as they are now.

    Works over SSH on any terminal of any size, by keyboard alone: ? lists the keys. Alarms can be
    acknowledged and shelved; who did is recorded. Leaving the view never stops the agent. Where the output is
    no terminal, it prints one line per change. Where no agent answers on this machine, those are named that
    announce their page in the network.

    \b
    Examples:  cellwarden live
               cellwarden live --plain
               cellwarden live | logger -t batteries
    """

    def look(**asked: str) -> dict[str, Any]:
        return client.get(socket, f"/v1/view?{urlencode({'language': current(), **asked})}")

    def get(unit: str | None = None) -> dict[str, Any]:
        return look(unit=unit) if unit else look()

    try:
        if not plain and sys.stdin.isatty() and sys.stdout.isatty():
            from agent.cli.live.terminal import Terminal  # termios is of no use to pipes

            plain = Terminal(get, lambda resource, body: client.post(socket, resource, body)).run() == "plain"
            if not plain:
                return
        _tell(lambda: look(sentences="all"))
    except client.NotRunning as error:
        from agent.cli.common.announced import Search, agents_told  # not while an agent is here

        told = agents_told(Search().found())
        raise Unreachable(f"{error}\n{told}".rstrip()) from error
    except KeyboardInterrupt:
        return


def _tell(get: Any) -> None:
    """Print changes until Ctrl-C, also over a restart of the agent."""
    before: dict[str, Any] | None = None
    utf8 = speaks_utf8()
    while True:
        try:
            after = get()
        except client.NotRunning as error:
            if before is None:
                raise
            lost = tell("LOST THE AGENT; what was said before is old. {error}", error=error)
            click.echo(shown(f"{time.strftime('%H:%M:%S')} {lost}", utf8))
            before = None
            after = _await(get)
        for line in lines(before, after, utf8):
            click.echo(line)
        sys.stdout.flush()
        before = after
        time.sleep(after["refresh_s"])


def _await(get: Any) -> dict[str, Any]:
    while True:
        time.sleep(2.0)
        try:
            found: dict[str, Any] = get()
        except client.NotRunning:
            continue
        return found
