"""cellwarden page disable: the page on this machine only."""

from pathlib import Path

import click

from agent.cli.common.errors import unusable_file
from agent.cli.common.load import config_option
from agent.cli.page.table import change

HERE = "127.0.0.1:8480"


@click.command("disable")
@config_option
def command(path: Path) -> None:
    """Show the status page on this machine only, as it was before it was enabled.

    Certificate, key and token stay where they are; whoever knows the token can open nothing by it any more.

    \b
    Example:  sudo cellwarden page disable
    """
    changed = close_page(path)
    click.echo(f"The page: http://{HERE}/, on this machine only")
    if changed:
        click.echo("Now: sudo systemctl restart cellwarden")


def close_page(path: Path, *, keep_old: bool = True) -> bool:
    """Take what opens the page to others out of [web]; return whether there was anything. Raises Misuse."""
    nothing = {"listen": HERE, "cert": None, "key": None, "token_file": None}
    try:
        return change(path, nothing, keep_old=keep_old)
    except OSError as error:
        raise unusable_file(error) from error
