"""cellwarden alarm test."""

from pathlib import Path

import click

from agent.cli.alarm.follow import follow, told
from agent.cli.common.ask_agent import json_option, post, socket_option
from agent.cli.common.errors import Finding
from agent.cli.common.letters import spoken
from agent.message import Message, joined
from agent.view.language import tell, tr
from collector.failing import print_json


@click.command("test")
@click.option(
    "--seconds", type=click.FloatRange(1, 300), default=10.0, show_default=True, help="For how long."
)
@socket_option
@json_option
@spoken
def command(seconds: float, socket: Path, as_json: bool) -> None:
    """Raise a test alarm: the relay drops for a while, and the alarm goes upstream as any other does.

    Waits until each collector has acknowledged the batch that carries it. The alarm stays in the list until
    somebody acknowledges it, on any screen. Exit 1 when there is no relay, when it says that it could not be
    driven, or when a collector has not acknowledged it.

    \b
    Example:  cellwarden alarm test --seconds 30
    """
    relay = post(socket, "/v1/alarms/test", seconds=seconds)["relay"]
    found: list[str] = []
    if relay is None:
        found.append(Message("this agent has no [relay]: nobody in the room hears an alarm"))
    elif relay["trouble"]:
        found.append(Message("the relay was told to drop, but {why}", why=relay["trouble"]))
    elif not as_json:
        click.echo(tell("The relay is dropped for {time:g} s. Is it heard where it should be?", time=seconds))
    test = follow(socket)
    for held, missing in told(test):
        if held and not as_json:
            click.echo(tr(held))
        elif missing:
            found.append(missing)
    if as_json:
        print_json({"good": not found, "problems": found, "relay": relay, "test": test})
    else:
        click.echo(tr("Whoever hears or sees it: cellwarden alarm ack :test:"))
    if found:
        raise Finding(joined("\n", found), "CW-404")
