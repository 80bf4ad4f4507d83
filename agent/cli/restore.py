"""cellwarden restore: make this box the agent of a backup."""

from pathlib import Path

import click

from agent.box.backup import BackupError, from_bytes, restore
from agent.cli.common.errors import Misuse, unusable_file
from agent.config.file import ConfigError, load_config
from agent.message import told_by


@click.command("restore")
@click.argument("backup", type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "--folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("/etc/cellwarden"),
    show_default=True,
    help="Where the configuration goes.",
)
def command(backup: Path, folder: Path) -> None:
    """Make this box the agent of BACKUP: the same agent id, and a new epoch.

    \b
    Switch the old box off first: two boxes of one agent id are reported by every collector.
    Example:  cellwarden restore room-3.cellwarden.tar.gz
    """
    try:
        found = from_bytes(backup.read_bytes())
        written = restore(found, folder)
    except BackupError as error:
        raise Misuse(f"{backup}: {error}", "CW-306") from error
    except OSError as error:
        raise unusable_file(error) from error
    for path in written:
        click.echo(path)
    path = folder / found.config
    try:
        config = load_config(path)
    except ConfigError as error:
        raise Misuse(told_by(error), "CW-301") from error
    click.echo(f"this box is agent {found.agent} now")
    if any(upstream.key and not upstream.key.exists() for upstream in config.upstream):
        click.echo("it needs a certificate of its own: cellwarden enroll")
    if config.store.path.exists():
        click.echo(
            f"{config.store.path}: a buffer is here already; move it away, or its epoch goes on", err=True
        )
    click.echo(f"then: cellwarden check --config {path} && systemctl start cellwarden")
