"""The configuration of an agent that runs inside this process."""

from pathlib import Path

from agent.config.file import load_config
from agent.config.tables import Config
from hil.run import configuration


def loaded(folder: Path, tables: str) -> Config:
    """Of an agent whose files are in a folder, with these buses and units."""
    path = folder / "agent.toml"
    path.write_text(configuration.agent(folder) + tables)
    return load_config(path)
