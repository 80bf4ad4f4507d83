"""docs/devices.md: each habit that the bench knows is on it; reports and tests that it names can be found."""

import ast
import re

import pytest

from hil.modbus.faults import FaultKind
from hil.scenario.events import KINDS
from tests.graph import ROOT

PAGE = (ROOT / "docs" / "devices.md").read_text("utf-8")
HEAD = "| habit | the bench's word | what cellwarden does | known from | test |"
REPORT = re.compile(r"\[[\w.-]+#(\d+)\]\(https://github\.com/[\w.-]+/[\w.-]+/issues/(\d+)\)")


def rows() -> list[list[str]]:
    """The cells of each row of the tables of habits."""
    tables = [part.split("\n\n")[0] for part in PAGE.split(HEAD)[1:]]
    lines = [line for table in tables for line in table.splitlines()[2:]]
    return [[cell.strip() for cell in line.strip("| ").split(" | ")] for line in lines]


HABITS = {row[0]: row for row in rows()}


def test_each_habit_stands_once_with_all_its_cells() -> None:
    assert len(HABITS) == len(rows())
    assert {len(row) for row in rows()} == {5}


def test_each_fault_of_the_bench_is_on_the_page_and_each_word_is_one_of_the_bench() -> None:
    words = {word for row in HABITS.values() for word in re.findall(r"`(\w+)`", row[1])}
    assert {str(kind) for kind in FaultKind} - words == set()
    assert words - {str(kind) for kind in FaultKind} - set(KINDS) - {"probability"} == set()


@pytest.mark.parametrize("habit", HABITS)
def test_the_test_of_a_habit_exists(habit: str) -> None:
    path, _, name = HABITS[habit][4].strip("`").partition("::")
    file = ROOT / path
    assert file.is_file(), path
    functions = (
        [n for n in ast.parse(file.read_text()).body if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)]
        if name
        else []
    )
    assert not name or name in {f.name for f in functions}, name


@pytest.mark.parametrize("habit", HABITS)
def test_a_report_is_given_with_its_address_or_said_to_be_unknown(habit: str) -> None:
    said = HABITS[habit][3]
    if said != "no report known":
        for report in said.split(", "):
            found = REPORT.fullmatch(report)
            assert found, report
            assert found[1] == found[2]
