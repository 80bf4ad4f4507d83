"""cellwarden profile diff."""

from pathlib import Path
from typing import Any

import click

from agent.cli.profile.common import load, profile_dir_option
from drivers.profile.load import Profile


@click.command("diff")
@click.argument("old", metavar="A")
@click.argument("new", metavar="B")
@profile_dir_option
@click.pass_context
def command(ctx: click.Context, old: str, new: str, folders: tuple[Path, ...]) -> None:
    """Compare two profiles point by point; like diff, exit 0 when they say the same and 1 when not.

    \b
    Example:  cellwarden profile diff pace-rtu ./pace-fw2.toml
    """
    lines = list(differences(load(old, folders), load(new, folders)))
    for line in lines:
        click.echo(line)
    ctx.exit(1 if lines else 0)


def differences(old: Profile, new: Profile) -> list[str]:
    """Return what differs, one line each: "- " only in the old, "+ " only in the new, "~ " changed."""
    before, after = _flat(old), _flat(new)
    lines = []
    for key in dict.fromkeys((*before, *after)):
        if key not in after:
            lines.append(f"- {key} = {before[key]!r}")
        elif key not in before:
            lines.append(f"+ {key} = {after[key]!r}")
        elif before[key] != after[key]:
            lines.append(f"~ {key}: {before[key]!r} -> {after[key]!r}")
    return lines


def _flat(profile: Profile) -> dict[str, Any]:
    """Return the profile as "point.key" -> value, points and groups under their names."""
    return dict(_walk("", profile.model_dump(mode="json", by_alias=True, exclude_defaults=True)))


def _walk(path: str, node: Any) -> list[tuple[str, Any]]:
    if isinstance(node, dict):
        return [leaf for key, child in node.items() for leaf in _walk(f"{path}.{key}".lstrip("."), child)]
    if isinstance(node, list) and node and all(isinstance(item, dict) and "name" in item for item in node):
        return [leaf for item in node for leaf in _walk(f"{path} {item['name']}", item)]
    return [(path, node)]
