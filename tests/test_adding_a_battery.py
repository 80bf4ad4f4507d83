"""docs/adding-a-battery.md: what it tells people to write is what the tools take."""

import re
import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner
from jsonschema import Draft202012Validator

from agent.cli import main
from drivers.profile.load import json_schema, load_profile, parse_profile
from drivers.quantities import QUANTITIES, UNITS

PAGE = (Path(__file__).parents[1] / "docs" / "adding-a-battery.md").read_text()
BLOCKS = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
SNIPPETS = re.findall(r"`([a-z_]+ = [^`]*)`", "".join(re.findall(r"^\|.*$", PAGE, re.MULTILINE)))
EDITOR = Draft202012Validator(json_schema())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the profile that `cellwarden profile new` begins."""
    CliRunner().invoke(main, ["profile", "new", "acme-bms", "--output", str(tmp_path / "acme-bms.toml")])
    return tmp_path


@pytest.mark.parametrize("block", BLOCKS)
def test_an_example_is_a_profile(block: str, folder: Path) -> None:
    head = "" if "schema =" in block else 'schema = 1\nmodel = "acme"\n'
    assert parse_profile(head + block, [folder]).point


def fits(**keys: object) -> bool:
    """Whether an editor with the JSON Schema has nothing against a profile with these keys."""
    content = {"schema": 1, "model": "acme", "point": [{"name": "x", "address": 10}], **keys}
    return not list(EDITOR.iter_errors(content))


@pytest.mark.parametrize("snippet", SNIPPETS)
def test_what_a_table_says_to_write_is_a_key_of_a_point_or_of_the_file(snippet: str) -> None:
    said = tomllib.loads(snippet)
    assert fits(**said) or fits(point=[{"name": "x", "address": 10} | said])


def test_the_words_of_the_page_are_those_of_the_tools() -> None:
    told = {head: set(re.findall(r"`([^`]+)`", line)) for head, line in re.findall(
        r"^(Quantities|Units): (.+?)\.$", PAGE, re.MULTILINE | re.DOTALL
    )}  # fmt: skip
    assert told == {"Quantities": set(QUANTITIES), "Units": set(UNITS) - {""}}


def test_what_new_begins_is_good(folder: Path) -> None:
    assert load_profile(folder / "acme-bms.toml").model == "acme-bms"
