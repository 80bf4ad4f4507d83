"""docs/archive.md holds: its columns are those of both databases, and its examples run."""

import re
import sqlite3
from pathlib import Path

import pytest

from collector.sqlite.sink import SqliteSink
from tests.collector.places import Place
from tests.collector.processes import seal

PAGE = (Path(__file__).parents[2] / "docs/archive.md").read_text()
SECTIONS = dict(re.findall(r"^## (\w+)\n(.*?)(?=^## |\Z)", PAGE, re.DOTALL | re.MULTILINE))
EXAMPLES = re.findall(r"```sql\n(.*?)```", PAGE, re.DOTALL)


def columns(section: str) -> list[str]:
    rows = [line.partition(" | ")[0] for line in section.splitlines() if line.startswith("| `")]
    return [name for row in rows for name in re.findall(r"`(\w+)`", row)]


def test_the_page_names_tables_and_examples() -> None:
    assert {"agent", "alarm", "batch", "account"} <= set(SECTIONS)
    assert len(EXAMPLES) >= 10


def test_the_columns_and_the_examples_are_of_both_databases(place: Place) -> None:
    place.give(seal(1), schemas=True)
    archive = place.read()
    try:
        for table, section in SECTIONS.items():
            list(archive.select(f"SELECT {', '.join(columns(section))} FROM {table}", {}))
        for example in EXAMPLES:
            list(archive.select(example, {}))
    finally:
        archive.close()


@pytest.mark.parametrize("table", SECTIONS)
def test_no_column_of_a_table_is_left_out(table: str, tmp_path: Path) -> None:
    SqliteSink(tmp_path / "collector.db").close()
    with sqlite3.connect(tmp_path / "collector.db") as db:
        held = [column[0] for column in db.execute(f"SELECT * FROM {table}").description]
    assert set(columns(SECTIONS[table])) == set(held)
