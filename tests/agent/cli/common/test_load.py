"""agent.toml and its profiles together."""

from pathlib import Path

import pytest

from agent.cli.common.errors import Misuse
from agent.cli.common.load import load

AGENT = """
[upstream]
url = "http://127.0.0.1:8080"
[[bus]]
name = "rs485"
transport = "rtu"
device = "/dev/ttyUSB0"
[[unit]]
name = "a"
bus = "rs485"
profile = "soltaro-rack-b"
[[unit]]
name = "b"
bus = "rs485"
unit_id = 7
profile = "{second}"
"""


def test_a_unit_without_a_unit_id_is_where_its_profile_says(tmp_path: Path) -> None:
    path = tmp_path / "agent.toml"
    path.write_text(AGENT.format(second="soltaro-rack-b"))
    config, profiles = load(path)
    assert [unit.unit_id for unit in config.unit] == [0, 7]
    assert set(profiles) == {"soltaro-rack-b"}


def test_a_profile_with_mistakes_stops_the_agent_with_all_of_them(tmp_path: Path) -> None:
    path = tmp_path / "agent.toml"
    path.write_text(AGENT.format(second="./mine.toml"))
    (tmp_path / "mine.toml").write_text(
        'schema = 1\nmodel = "mine"\n[[point]]\nname = "soc"\nadress = 5\nunit = "percent"\n'
    )
    with pytest.raises(Misuse) as caught:
        load(path)
    for words in ('"address" is missing', 'did you mean "address"?', 'say "%"'):
        assert words in str(caught.value)
