"""The questions: what each answers, for people and for programs, and that the table is all there is."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from agent.wire import decode_batch
from collector.cli import main
from collector.facts.heard import Heard
from collector.moment import last_ns
from collector.query import OPTIONS
from collector.questions.lines import WIDTH, columns_of, lines
from collector.questions.question import FILTERS, KINDS, Column, Question
from collector.questions.table import QUESTIONS
from collector.sink import Change
from collector.sqlite.sink import SqliteSink
from tests.collector.processes import EPOCH, seal


@pytest.fixture
def database(tmp_path: Path) -> Path:
    path = tmp_path / "collector.db"
    sink = SqliteSink(path)
    _, blob = seal(1)
    batches, heard = [(decode_batch(blob), blob)], {"site-1": Heard(10**18)}
    sink.write(Change(("site-1", EPOCH), 10**18, batches=batches, heard=heard))
    sink.close()
    return path


def query(*args: str, database: Path) -> Result:
    return CliRunner().invoke(main, ["query", *args, "--sink", f"sqlite:{database}"])


def test_every_question_can_be_asked_in_every_way_that_it_may_be_narrowed(
    database: Path,
) -> None:
    given = {"site": "'서울 \"1\"'", "unit": "rack1", "place": "string1/cell5", "from_ns": "7d"}
    for question in QUESTIONS.values():
        for more in ([], list(question.conditions), *([name] for name in question.conditions)):
            names = {*question.needs, *more}
            options = [part for name in names for part in (OPTIONS_OF[name], given[name])]
            result = query(question.name, "--json", *options, database=database)
            assert result.exit_code in (0, 1), (question.name, names, result.output)
            for row in json.loads(result.output):
                assert list(row) == [column.name for column in question.columns]


OPTIONS_OF = {"site": "--site", "unit": "--unit", "place": "--place", "from_ns": "--last"}


def test_the_table_keeps_to_what_commands_and_the_api_know() -> None:
    assert set(OPTIONS) == set(FILTERS) == set(OPTIONS_OF)
    for question in QUESTIONS.values():
        assert {column.kind for column in question.columns} <= set(KINDS)
        assert {*question.conditions, *question.otherwise} <= set(FILTERS)
        assert not question.words.endswith(".")
        assert any(column.head for column in question.columns)


def test_an_agent_that_was_not_heard_is_a_finding(database: Path) -> None:
    result = query("silent", database=database)
    assert result.exit_code == 1
    assert "site-1  -     2001-09-09" in result.output
    nobody = query("silent", "--site", "site-2", database=database)
    assert (nobody.exit_code, nobody.output) == (0, "no agent is silent\n")


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["silen"], "Did you mean 'silent'"),
        (["point", "--unit", "a"], "give --unit and --place"),
        (["silent", "--last", "7x"], "No such option"),
    ],
)
def test_what_cannot_be_asked_is_told(args: list[str], said: str, database: Path) -> None:
    result = query(*args, database=database)
    assert result.exit_code == 2
    assert said in result.output


def test_a_length_of_time_ends_now() -> None:
    now = datetime(2026, 12, 8, tzinfo=UTC)
    assert last_ns("7d", now) == int(datetime(2026, 12, 1, tzinfo=UTC).timestamp()) * 10**9
    for wrong in ("", "7", "7x", "-7d", "yesterday"):
        with pytest.raises(ValueError, match="no length of time"):
            last_ns(wrong, now)


WIDE = Question(
    name="wide",
    words="",
    sql="",
    columns=(
        Column("site", "text", "", "site"),
        Column("text", "text", "", "says"),
        Column("n", "count", "", "n"),
        Column("secret", "text", ""),
    ),
    none="nothing",
)


def row(**more: Any) -> dict[str, Any]:
    return {"site": "서울 무정전 전원실", "text": "a " * 60 + "end", "n": 7, "secret": "hidden", **more}


def test_a_table_fits_80_columns_and_leaves_nothing_out() -> None:
    now = datetime(2026, 12, 8, tzinfo=UTC)
    found = list(lines(WIDE, [row(), row(site="b", text="\x1b[31m", n=None)], now))
    assert max(map(columns_of, found)) <= WIDTH
    said = " ".join(found)
    assert said.count("a ") >= 60
    assert "end" in said
    assert "hidden" not in said
    assert "\x1b" not in said
    assert found[-1].split() == ["b", "\\x1b[31m", "-"]
    assert list(lines(WIDE, [], now)) == ["nothing"]
    long_word = list(lines(WIDE, [row(text="한" * 100)], now))
    assert max(map(columns_of, long_word)) <= WIDTH
    assert sum(line.count("한") for line in long_word) == 100
