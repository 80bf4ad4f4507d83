"""cellwarden page disable: the page on this machine only."""

from pathlib import Path

import click

from agent.cli.common.errors import unusable_file
from agent.cli.common.letters import spoken
from agent.cli.common.load import config_option
from agent.cli.page.table import change
from agent.view.language import tell

HERE = "127.0.0.1:8480"


@click.command("disable")
@config_option
@spoken
def command(path: Path) -> None:
    """Show the status page on this machine only, as it was before it was enabled.

    Certificate, key and token stay where they are; whoever knows the token can open nothing by it any more.

    \b
    Example:  sudo cellwarden page disable
    """
    changed = close_page(path)
    click.echo(tell("The page: {url}, on this machine only", url=f"http://{HERE}/"))
    if changed:
        click.echo(tell("Now: {run}", run="sudo systemctl restart cellwarden"))


def close_page(path: Path, *, keep_old: bool = True) -> bool:
    """Take what opens the page to others out of [web]; return whether there was anything. Raises Misuse."""
    nothing = {"listen": HERE, "cert": None, "key": None, "token_file": None}
    try:
        return change(path, nothing, keep_old=keep_old)
    except OSError as error:
        raise unusable_file(error) from error
