"""cellwarden alarm shelve."""

from pathlib import Path

import click

from agent.cli.common.ask_agent import post, socket_option
from agent.cli.common.letters import spoken
from agent.view.language import tell


@click.command("shelve")
@click.argument("alarm")
@click.option(
    "--minutes", type=click.FloatRange(1, 1440), default=60.0, show_default=True, help="For how long."
)
@click.option("--why", required=True, help="The reason, for the record.")
@socket_option
@spoken
def command(alarm: str, minutes: float, why: str, socket: Path) -> None:
    """Put ALARM aside for a while, during a repair: the relay does not drop for it. It comes back by itself.

    \b
    Example:  cellwarden alarm shelve rack-1:cell-imbalance:cell5 --minutes 120 --why "cell is being replaced"
    """
    post(socket, "/v1/alarms/shelve", alarm=alarm, minutes=minutes, why=why)
    click.echo(tell("{alarm}: shelved for {n:g} min", alarm=alarm, n=minutes))
