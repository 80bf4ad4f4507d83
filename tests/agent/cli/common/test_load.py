"""agent.toml and its profiles together."""

from pathlib import Path

import pytest

from agent.cli.common.errors import Misuse
from agent.cli.common.load import load
from hil.run import configuration


def with_second(folder: Path, profile: str) -> Path:
    """A file of two units, the second with this profile."""
    path = folder / "agent.toml"
    path.write_text(
        configuration.agent(folder)
        + configuration.rtu_bus("rs485", Path("/dev/ttyUSB0"))
        + configuration.unit("a", "rs485", "soltaro-rack-b")
        + configuration.unit("b", "rs485", profile, unit_id=7)
    )
    return path


def test_a_unit_without_a_unit_id_is_where_its_profile_says(tmp_path: Path) -> None:
    config, profiles = load(with_second(tmp_path, "soltaro-rack-b"))
    assert [unit.unit_id for unit in config.unit] == [0, 7]
    assert set(profiles) == {"soltaro-rack-b"}


def test_a_profile_with_mistakes_stops_the_agent_with_all_of_them(tmp_path: Path) -> None:
    path = with_second(tmp_path, "./mine.toml")
    (tmp_path / "mine.toml").write_text(
        'schema = 1\nmodel = "mine"\n[[point]]\nname = "soc"\nadress = 5\nunit = "percent"\n'
    )
    with pytest.raises(Misuse) as caught:
        load(path)
    for words in ('"address" is missing', 'did you mean "address"?', 'say "%"'):
        assert words in str(caught.value)
