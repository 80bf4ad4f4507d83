"""cellwarden alarm test."""

from pathlib import Path

import click

from agent.cli.door import post, socket_option
from agent.cli.errors import Finding


@click.command("test")
@click.option(
    "--seconds", type=click.FloatRange(1, 300), default=10.0, show_default=True, help="For how long."
)
@socket_option
def command(seconds: float, socket: Path) -> None:
    """Act as if there were a critical alarm: the relay drops, and the drill is recorded and sent upstream.

    Exit 1 when there is no relay, or when it says that it could not be driven.

    \b
    Example:  cellwarden alarm test --seconds 30
    """
    relay = post(socket, "/v1/alarms/test", seconds=seconds)["relay"]
    if relay is None:
        raise Finding("recorded, but this agent has no [relay]: nobody in the room hears an alarm")
    if relay["trouble"]:
        raise Finding(f"the relay was told to drop, but {relay['trouble']}")
    click.echo(f"The relay is dropped for {seconds:g} s. Is it heard where it should be?")
