"""What was there before setup: the configuration, and where the agent of it answers."""

from pathlib import Path

import click

from agent.cli.common.load import load
from agent.cli.common.usual import CONFIG, SOCKET
from agent.config.tables import Config


def usable(path: Path) -> Config | None:
    """Return the configuration that is there; None where there is none that can be used."""
    try:
        return load(path)[0] if path.is_file() else None
    except click.ClickException:
        return None


def socket_of(path: Path) -> Path:
    """Return where the agent of a configuration answers, if one runs."""
    if config := usable(path):
        return config.control.socket
    return SOCKET if path == CONFIG else path.parent / "control.sock"
