"""Times as people type them: one parser for every command."""

import time
from collections.abc import Iterator
from datetime import datetime, timedelta

import click
import pytest
from click.testing import CliRunner

from agent.cli import main as agent
from agent.cli.common.lazy import LazyGroup
from collector.cli import main as collector
from collector.moment import Moment, said, utc_ns


@pytest.fixture(autouse=True)
def _in_seoul(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "Asia/Seoul")  # nine hours ahead, all year
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(
    ("typed", "utc"),
    [
        ("2026-12-01 14:00", "2026-12-01T05:00+00:00"),
        ("2026-12-01T14:00:30.5", "2026-12-01T05:00:30.5+00:00"),
        ("2026-12-01", "2026-11-30T15:00+00:00"),
        ("2026-12-01T14:00Z", "2026-12-01T14:00+00:00"),
        ("2026-12-01 14:00+02:00", "2026-12-01T12:00+00:00"),
        ("now", "2026-12-02T00:30+00:00"),
        (" -2h ", "2026-12-01T22:30+00:00"),
        ("-90s", "2026-12-02T00:28:30+00:00"),
        ("-30min", "2026-12-02T00:00+00:00"),
        ("-1w", "2026-11-25T00:30+00:00"),
        ("-1d12h", "2026-11-30T12:30+00:00"),
        ("today", "2026-12-01T15:00+00:00"),
        ("yesterday", "2026-11-30T15:00+00:00"),
        ("yesterday 14:00", "2026-12-01T05:00+00:00"),
    ],
)
def test_a_time_is_local_unless_it_says_otherwise(typed: str, utc: str) -> None:
    now = datetime.fromisoformat("2026-12-02T09:30+09:00")
    assert utc_ns(typed, now) == round(datetime.fromisoformat(utc).timestamp() * 1e3) * 10**6


@pytest.mark.parametrize(
    "typed",
    ["", "yesterdy", "-2", "2h", "-2y", "-h", "14:00", "2026-13-01", "yesterday 25:00", "1969-12-31Z",
     "9999-12-31", "0001-01-01", "-999999w", "2263-01-01", "nan", "-٣h" * 9],
)  # fmt: skip
def test_what_is_no_time_is_refused_in_one_line(typed: str) -> None:
    with pytest.raises(ValueError, match=r"is no time: write it as|is not between 1970 and 2262") as caught:
        utc_ns(typed)
    assert "\n" not in str(caught.value)


def test_a_recording_has_times_of_its_own() -> None:
    now = datetime.fromisoformat("2026-12-02T09:30+09:00")
    assert said("2021-05-05 09:00", now) == datetime(2021, 5, 5, 9)
    assert said("-2h", now) == now - timedelta(hours=2)


def commands(
    group: click.Group, words: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from commands(command, (*words, name))
        else:
            yield (*words, name), command


def test_every_command_that_takes_a_time_takes_it_so() -> None:
    found = {}
    for group in (agent, collector):
        for words, command in commands(group):
            for option in command.params:
                if "--from" in option.opts:
                    found[group.name, *words] = option
    assert set(found) == {
        ("cellwarden", "query", "history"),
        ("cellwarden", "export"),
        ("cellwarden", "report", "intervals"),
        ("main", "retain"),
        ("cellwarden", "replay"),
        ("main", "export"),
        ("main", "figures"),
    }
    for words, option in found.items():
        assert isinstance(option, click.Option)
        assert "yesterday, -2h or now" in (option.help or ""), words
        # what replay is given may be seconds of a recording: it is read where that is known
        assert isinstance(option.type, Moment) or words[-1] == "replay"
    assert isinstance(agent, LazyGroup)


def test_a_wrong_time_is_told_with_the_right_forms() -> None:
    result = CliRunner().invoke(agent, ["export", "--from", "yesterdy"])
    assert result.exit_code == 2
    assert "'yesterdy' is no time: write it as 2026-12-01 14:00 (local time)" in result.stderr
