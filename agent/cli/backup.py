"""cellwarden backup: what makes this box this agent, in one file."""

from pathlib import Path

import click

from agent.box.backup import BackupError, collect, to_bytes
from agent.cli.common.errors import Misuse
from agent.cli.common.load import config_option, load
from drivers.durable import replace_whole


@click.command("backup")
@config_option
@click.argument("output", type=click.Path(path_type=Path, dir_okay=False))
def command(path: Path, output: Path) -> None:
    """Write configuration, profiles and agent id to OUTPUT, to be restored on another box.

    The private key and the buffer are left out: a key stays on its box, and a new box begins a new epoch.

    \b
    Example:  cellwarden backup room-3.cellwarden.tar.gz
    """
    config, _ = load(path)
    try:
        backup, left_out = collect(path, config)
        replace_whole(output, to_bytes(backup), 0o600)
    except BackupError as error:
        raise Misuse(str(error), "CW-301") from error
    except OSError as error:
        raise Misuse(f"{error.filename}: {error.strerror}", "CW-004") from error
    for line in left_out:
        click.echo(f"left out: {line}", err=True)
    click.echo(
        f"{output}: agent {backup.agent}, {len(backup.files)} files; restore it with `cellwarden restore`"
    )
