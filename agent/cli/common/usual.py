"""Where things are on a box that was installed from a package."""

from pathlib import Path

CONFIG = Path("/etc/cellwarden/agent.toml")
SITE_PROFILES = Path("/etc/cellwarden/profiles.d")
SOCKET = Path("/run/cellwarden/control.sock")
