"""cellwarden alarm unshelve."""

from pathlib import Path

import click

from agent.cli.common.ask_agent import post, socket_option


@click.command("unshelve")
@click.argument("alarm")
@socket_option
def command(alarm: str, socket: Path) -> None:
    """Bring a shelved ALARM back before its time is over.

    \b
    Example:  cellwarden alarm unshelve rack-1:cell-imbalance:cell5
    """
    post(socket, "/v1/alarms/unshelve", alarm=alarm)
    click.echo(f"{alarm}: in the list again, if its cause stands")
