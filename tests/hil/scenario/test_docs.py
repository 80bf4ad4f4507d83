"""What docs/scenarios.md says must be what there is."""

import dataclasses
import re
import tomllib
from pathlib import Path

from hil.scenario.events import KINDS
from hil.scenario.expect import EXPECTATIONS
from hil.scenario.scenario import load_scenario

PAGE = (Path(__file__).parents[3] / "docs" / "scenarios.md").read_text("utf-8")


def test_every_kind_of_event_and_its_keys_are_told():
    table = [row for row in PAGE.splitlines() if row.startswith("| `")]
    rows = {kind: row for row in table for kind in re.findall(r"`(\w+)`", row.split("|")[1])}
    for kind, (happens, _) in KINDS.items():
        assert kind in rows, kind
        keys = {f.name for f in dataclasses.fields(happens)} - {"quantity"}
        assert keys <= set(re.findall(r"\w+", rows[kind])), (kind, keys)
    for kind in EXPECTATIONS:
        assert kind in rows


def test_the_scenario_on_the_page_is_one(tmp_path):
    text = re.findall(r"```toml\n(.*?)```", PAGE, re.S)[0]
    path = tmp_path / "mine.toml"
    path.write_text(text)
    assert load_scenario(path).lasts_s == tomllib.loads(text)["lasts_s"]
