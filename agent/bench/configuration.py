"""agent.toml of a benchmark's agent: all its files in one folder, and each unit on an endpoint of its own."""

from pathlib import Path

NOWHERE = "http://127.0.0.1:9"  # discard: nothing listens there

AGENT = """
[agent]
id = "bench"
[store]
path = "{folder}/buffer.db"
[control]
socket = "{folder}/control.sock"
[upstream]
url = "{url}"
"""

TCP_UNIT = """
[[bus]]
name = "lan-{name}"
transport = "tcp"
host = "127.0.0.1"
port = {port}
[[unit]]
name = "{name}"
bus = "lan-{name}"
profile = "{profile}"
period_s = {period_s}
"""


def agent(folder: Path, url: str = NOWHERE) -> str:
    """Return the tables of the agent itself."""
    return AGENT.format(folder=folder, url=url)


def tcp_unit(name: str, port: int, profile: str, period_s: float = 1.0) -> str:
    """Return the tables of a unit and of its bus."""
    return TCP_UNIT.format(name=name, port=port, profile=profile, period_s=period_s)
