"""From the cable to the written file in Korean, on a real terminal: nothing is left in English."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from rich.cells import cell_len

from agent.cli import main
from agent.cli.common.codes import Trouble
from agent.message import Message
from agent.view.language import speaking
from hil.modbus.rtu import RtuBus
from tests.agent.cli.test_scan import BAUD, pace
from tests.terminal import Terminal

ENGLISH = re.compile(r"[A-Za-z]{2,},? [a-z]{2,}")
#: In Korean too: what is typed (commands, options, places), the file itself, and what the system says.
BOTH = re.compile(
    r"(sudo )?cellwarden [a-z-]+.*|^[-+@#].*|\[\[unit\]\]|\S*/\S* id \d+|no such host"
    r"|no:502 such:502 host:502|Connection refused"
    r"|[a-z_]+ ABAB\w+|Name or service not known|getent hosts \S+|(chemistry|unit_id|period_s) = .*"
)


@pytest.fixture
def bus(tmp_path: Path) -> Iterator[RtuBus]:
    served = RtuBus(tmp_path / "bus", BAUD, {1: pace()})
    served.start()
    yield served
    served.stop()


def left_in_english(text: str) -> list[str]:
    return [line for line in text.splitlines() if ENGLISH.search(BOTH.sub("", line))]


def test_setup_is_korean_from_its_first_question_to_the_address_of_the_page(
    tmp_path: Path, bus: RtuBus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LC_ALL", "ko_KR.UTF-8")
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    at = Terminal(tmp_path)
    answers = [
        ("공백으로 구분", "no such host"),
        ("다시 시도; <: 한 단계 뒤로", "<"),
        ("공백으로 구분", f"./{bus.link.name}"),
        ("사용하시겠습니까? [Y/n]", "예"),
        ("y(예) 또는 n(아니요)", "y"),
        ("패널에 적힌 이름 [rack-1]", "둘째 랙"),
        ("붙임표", "rack-1"),
        ("패널", "-"),
        ("명판", "-"),
        ("현장 이름", "전산실 1"),
        ("수집 서버의 URL", "http://192.0.2.1:8440"),
        ("https://를 쓰십시오", "http://127.0.0.1:9"),
        ("저장하시겠습니까? [y/N]", "y"),
        ("페이지를 여시겠습니까?", ""),
        ("다른 터미널에서 시작한 뒤", "-"),
    ]
    shown = at.run(f"setup --config agent.toml --line {BAUD}-8N1 --id 1", answers)
    steps = [line for line in shown.splitlines() if re.match("[134]/6 ", line) and "값" in line]
    assert len({cell_len(line[: line.index(str(bus.link.parent))]) for line in steps}) == 1, steps
    assert re.search(r"값 \d+개 중 \d+개를 \d+\.\d초에 읽음", shown)
    assert "페이지:  http://127.0.0.1:8480/, 이 기기에서만 열림" in shown
    assert (tmp_path / "agent.toml").read_text().count("[[unit]]") == 1
    assert 'site = "전산실 1"' in (tmp_path / "agent.toml").read_text()
    assert left_in_english(shown) == []


@pytest.mark.parametrize(("locale", "said"), [("ko_KR.UTF-8", "실행: "), ("xx_XX.UTF-8", "Run: ")])
def test_what_goes_wrong_is_told_in_the_language_of_the_locale_and_to_programs_in_english(
    tmp_path: Path, locale: str, said: str
) -> None:
    run = CliRunner(env={"LC_ALL": locale}).invoke
    arguments = ["setup", "--config", str(tmp_path / "agent.toml"), "--endpoint", "/dev/none", "--yes"]
    found = run(main, arguments)
    assert said in found.stderr
    assert run(main, [*arguments, "--json"]).stdout.count("there is no such device") == 1


def test_an_error_is_told_in_the_language_in_which_it_happened() -> None:
    with speaking("ko"):
        error = Trouble("CW-101", Message("{device}: you may not open it.", device="/dev/x"))
    assert error.format_message().splitlines()[0] == "CW-101 /dev/x: 열 권한이 없습니다."
    assert error.as_json()["what"] == "/dev/x: you may not open it."
