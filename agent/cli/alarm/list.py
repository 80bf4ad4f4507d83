"""cellwarden alarm list."""

from pathlib import Path

import click

from agent.cli.common.ask_agent import alarm_table, get, json_option, socket_option
from agent.cli.common.letters import spoken
from agent.cli.common.tables import terminal
from agent.view.language import tell, tr
from collector.failing import print_json


@click.command("list")
@socket_option
@json_option
@spoken
def command(socket: Path, as_json: bool) -> None:
    """List the alarms that are not over, the most urgent first. Looking acknowledges nothing.

    \b
    Example:  cellwarden alarm list
    """
    answer = get(socket, "/v1/alarms")
    if as_json:
        print_json(answer)
        return
    if answer["alarms"]:
        terminal().print(alarm_table(answer["alarms"]))
    else:
        click.echo(tr("No alarms."))
    if relay := answer["relay"]:
        why = "; ".join(relay["reasons"])
        dropped = tell("The relay is dropped: {why}", why=why)
        click.echo(tr("The relay is energised.") if relay["energised"] else dropped)
