"""What setup writes of what it was told."""

import tomllib
from pathlib import Path

from agent.cli.setup.draft import ChosenUnit, Draft, toml_of


def test_a_chemistry_is_written_where_somebody_said_one_and_kept_between_runs(tmp_path: Path) -> None:
    units = [
        ChosenUnit("192.0.2.1:502", 1, "jk-pb", label="rack-1", chemistry="LFP"),
        ChosenUnit("192.0.2.1:502", 2, "jk-pb", label="rack-2"),
    ]
    draft = Draft(endpoints=["192.0.2.1:502"], units=units, tested=True, upstream="http://192.0.2.9:8440")
    written = tomllib.loads(toml_of(draft, tmp_path / "agent.toml"))["unit"]
    assert [unit.get("chemistry") for unit in written] == ["LFP", None]
    draft.save(tmp_path / "kept")
    assert Draft.resume(tmp_path / "kept") == draft
