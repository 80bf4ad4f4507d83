"""cellwarden profile list."""

from pathlib import Path

import click

from agent.cli.common.errors import Misuse
from agent.cli.common.tables import plain_table, terminal
from agent.cli.profile.catalogue import catalogue, shipped
from agent.cli.profile.common import load, profile_dir_option, search_path
from drivers.profile.load import shipped_profiles


@click.command("list")
@click.option("--markdown", is_flag=True, help="Print the catalogue of the shipped ones as Markdown.")
@profile_dir_option
def command(markdown: bool, folders: tuple[Path, ...]) -> None:
    """List the profiles that can be used by name.

    \b
    Example:  cellwarden profile list
    """
    if markdown:
        click.echo(catalogue(shipped()), nl=False)
        return
    found = [path.stem for folder in search_path(folders) for path in sorted(folder.glob("*.toml"))]
    table = plain_table("name", "what it is", "over", "tried on")
    for name in dict.fromkeys((*found, *shipped_profiles())):
        try:
            profile = load(name, folders)
        except Misuse:
            table.add_row(name, f"cannot be used; see `profile check {name}`", "", "")
            continue
        tried = "; ".join(profile.verified) or "nothing: check every value on site"
        table.add_row(name, profile.title, ", ".join(profile.transports), tried)
    terminal().print(table)
