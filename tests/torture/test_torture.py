"""The short form of every failure test; scripts/torture runs them long."""

from pathlib import Path

import pytest

from tests.torture.scenarios import SCENARIOS, Scenario


@pytest.mark.parametrize("scenario", SCENARIOS, ids=[s.name for s in SCENARIOS])
def test_nothing_is_lost_nothing_arrives_twice_and_the_audit_balances_after(
    scenario: Scenario, tmp_path: Path
) -> None:
    if missing := scenario.missing():
        pytest.skip(missing)
    result = scenario.run(scenario.short, 1, tmp_path)
    assert result.wrong == []
    assert result.counts
