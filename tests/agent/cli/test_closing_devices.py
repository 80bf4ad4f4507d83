"""scan, probe and setup's trial at devices that close, are busy or lose answers, over real sockets."""

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from agent.cli import main
from agent.cli.setup.draft import ChosenUnit
from agent.cli.setup.trial import try_out
from tests.agent.cli.answering import Answer, over_tcp

PROFILE = """\
schema = 1
model = "acme"
topology = { cells = 8 }
max_registers_per_read = 4
[[point]]
name = "cell_voltage"
address = 100
count = 8
unit = "mV"
[[point]]
name = "pack_voltage"
address = 200
scale = 0.01
unit = "V"
"""


def held(request: bytes) -> bytes:
    """Answer 3300 and up of registers 100 to 107, the sum of register 200, nothing else is there."""
    first, count = int.from_bytes(request[8:10], "big"), int.from_bytes(request[10:12], "big")
    words = {**{100 + cell: 3300 + cell for cell in range(8)}, 200: 2643}
    asked = [words.get(first + i) for i in range(count)]
    body = request[6:7] + (
        b"\x83\2"
        if None in asked
        else bytes([3, 2 * count]) + b"".join(word.to_bytes(2, "big") for word in asked if word is not None)
    )
    return request[:4] + len(body).to_bytes(2, "big") + body


def in_turns(answered: int) -> Answer:
    """Answer some requests, and close the connection at the next one, over and over."""
    asked = 0

    def answer(request: bytes) -> bytes | None:
        nonlocal asked
        asked += 1
        return None if asked % (answered + 1) == 0 else held(request)

    return answer


def unless_third(instead: Callable[[bytes], bytes]) -> Answer:
    """Say something instead of each first and second of three answers."""
    asked = 0

    def answer(request: bytes) -> bytes:
        nonlocal asked
        asked += 1
        return held(request) if asked % 3 == 0 else instead(request)

    return answer


def busy(request: bytes) -> bytes:
    """Answer exception 6 (server device busy)."""
    return request[:4] + b"\0\3" + request[6:7] + b"\x83\6"


def never_that(address: int) -> Answer:
    """Close the connection at each read of a register."""
    return lambda request: None if int.from_bytes(request[8:10], "big") == address else held(request)


@pytest.fixture
def profile(tmp_path: Path) -> str:
    (file := tmp_path / "acme.toml").write_text(PROFILE)
    return str(file)


def run(*arguments: object) -> str:
    result = CliRunner().invoke(main, [*map(str, arguments), "--socket", "/nowhere"])
    return result.output


MANNERS: list[Callable[[], Answer]] = [lambda: in_turns(1), lambda: in_turns(2), lambda: in_turns(5)]


@pytest.mark.parametrize("manners", MANNERS, ids=["each second", "each third", "each sixth"])
def test_probe_reads_a_device_that_closes_at_a_question(manners: Callable[[], Answer], profile: str) -> None:
    with over_tcp(manners()) as where:
        said = run("probe", where, "--profile", profile)
    assert "3.307 V" in said
    assert "26.43 V" in said
    assert "CW-104" not in said


@pytest.mark.parametrize("instead", [busy, lambda _: b""], ids=["busy", "silent"])
def test_probe_asks_three_times(instead: Callable[[bytes], bytes], profile: str) -> None:
    with over_tcp(unless_third(instead)) as where:
        said = run("probe", where, "--profile", profile)
    assert "3.307 V" in said
    assert "26.43 V" in said


def test_probe_says_that_a_unit_is_busy_and_shows_no_table_of_nothing(profile: str) -> None:
    with over_tcp(busy) as where:
        result = CliRunner().invoke(main, ["probe", where, "--profile", profile, "--socket", "/nowhere"])
    assert result.exit_code != 0
    assert "CW-204" in result.output
    assert "refused" not in result.output


@pytest.mark.long(15)
def test_probe_shows_what_else_a_device_answers_that_closes_at_one_read(profile: str) -> None:
    with over_tcp(never_that(200)) as where:
        said = run("probe", where, "--profile", profile)
    assert "3.307 V" in said
    assert "26.43 V" not in said
    assert "CW-104" not in said


@pytest.mark.long(25)
def test_scan_finds_each_unit_of_a_gateway_that_closes_at_each_second_question(profile: str) -> None:
    with over_tcp(in_turns(1)) as where:
        said = run("scan", where, "--id", "1", "--id", "2", "--profile-dir", Path(profile).parent)
    assert "CW-104" not in said
    assert said.count("acme (") == 2


def test_setup_tries_a_device_that_closes_at_a_question(
    profile: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with over_tcp(in_turns(1)) as where:
        try_out(ChosenUnit(where, 1, profile), Path("/nowhere"), ())
    assert "9 of 9 values" in capsys.readouterr().out
