"""cellwarden alarm ack."""

from pathlib import Path

import click

from agent.cli.common.ask_agent import post, socket_option


@click.command("ack")
@click.argument("alarm")
@socket_option
def command(alarm: str, socket: Path) -> None:
    """Acknowledge ALARM: you have seen it. It stays in the list while its cause stands.

    \b
    Example:  cellwarden alarm ack rack-1:thermal-slope:sensor2
    """
    post(socket, "/v1/alarms/acknowledge", alarm=alarm)
    click.echo(f"{alarm}: acknowledged")
