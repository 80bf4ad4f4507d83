"""cellwarden profile check."""

from pathlib import Path

import click

from agent.cli.common.errors import Misuse
from agent.cli.profile.common import load, profile_dir_option, where
from drivers.profile.check import check_profile


@click.command("check")
@click.argument("names", nargs=-1, required=True, metavar="FILE...")
@profile_dir_option
def command(names: tuple[str, ...], folders: tuple[Path, ...]) -> None:
    """Find every mistake in a profile: each with its point, what is wrong, and what to change.

    Exit 0 when it can be used (what is worth a look is still said), 2 when it cannot.

    \b
    Example:  cellwarden profile check acme-bms.toml
    """
    wrong = []
    for name in names:
        try:
            profile = load(name, folders)
        except Misuse as error:
            wrong.append(error.message)
            continue
        for problem in check_profile(profile):
            click.echo(f"worth a look: {where(name, problem)}")
        click.echo(f"{name}: good")
    if wrong:
        raise Misuse("\n".join(wrong), "CW-304")
