"""cellwarden alarm unshelve."""

from pathlib import Path

import click

from agent.cli.common.ask_agent import post, socket_option
from agent.cli.common.letters import spoken
from agent.view.language import tell


@click.command("unshelve")
@click.argument("alarm")
@socket_option
@spoken
def command(alarm: str, socket: Path) -> None:
    """Bring a shelved ALARM back before its time is over.

    \b
    Example:  cellwarden alarm unshelve rack-1:cell-imbalance:cell5
    """
    post(socket, "/v1/alarms/unshelve", alarm=alarm)
    click.echo(tell("{alarm}: in the list again, if its cause stands", alarm=alarm))
