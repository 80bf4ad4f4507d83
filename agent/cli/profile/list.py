"""cellwarden profile list."""

from pathlib import Path
from typing import Any

import click

from agent.cli.common.errors import Misuse
from agent.cli.common.tables import plain_table, terminal
from agent.cli.profile.catalogue import catalogue, shipped
from agent.cli.profile.common import json_option, load, profile_dir_option, search_path
from collector.failing import print_json
from drivers.profile.load import shipped_profiles


@click.command("list")
@click.option("--markdown", is_flag=True, help="Print the catalogue of the shipped ones as Markdown.")
@json_option
@profile_dir_option
def command(markdown: bool, as_json: bool, folders: tuple[Path, ...]) -> None:
    """List the profiles that can be used by name.

    \b
    Example:  cellwarden profile list
    """
    if markdown:
        click.echo(catalogue(shipped()), nl=False)
        return
    own = [path.stem for folder in search_path(folders) for path in sorted(folder.glob("*.toml"))]
    found = [_known(name, folders) for name in dict.fromkeys((*own, *shipped_profiles()))]
    if as_json:
        print_json({"profiles": found})
        return
    table = plain_table("name", "what it is", "over", "tried on")
    for one in found:
        if one["trouble"]:
            table.add_row(one["name"], f"cannot be used; see `profile check {one['name']}`", "", "")
            continue
        tried = "; ".join(one["tried_on"]) or "nothing: check every value on site"
        table.add_row(one["name"], one["title"], ", ".join(one["over"]), tried)
    terminal().print(table)


def _known(name: str, folders: tuple[Path, ...]) -> dict[str, Any]:
    try:
        profile = load(name, folders)
    except Misuse as error:
        return {"name": name, "title": "", "over": [], "tried_on": [], "trouble": error.message}
    over, tried_on = list(profile.transports), list(profile.verified)
    return {"name": name, "title": profile.title, "over": over, "tried_on": tried_on, "trouble": ""}
