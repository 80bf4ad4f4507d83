"""The terminal in Korean: by the locale, in columns, with nothing left in English; labels of any letters."""

import asyncio
import json
import re
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from rich.cells import cell_len

from agent.alarms.response import response
from agent.cli import main
from agent.cli.common.letters import language, shown, wrapped
from agent.cli.doctor import report
from agent.cli.doctor.results import CheckState, Result
from agent.cli.live.frame import ScreenState, frame
from agent.cli.live.plain import lines
from agent.control.server import Call, ControlServer
from agent.view.brief import brief
from agent.view.language import speaking
from tests.agent.view.sites import alarm, rack, record, status, unit
from tests.agent.view.sites import shown as seen
from tests.agent.view.test_language import RECORD

ENGLISH = re.compile(r"[A-Za-z]{2,},? [a-z]{2,}")
#: What is so in Korean too: names of commands, and a trouble of an invented unit.
BOTH = re.compile(r"no sound answer|check power, wiring, unit id|cellwarden [a-z]+")
LABELS = [
    "전산실 축전지 1호",
    "전" * 64,
    "‮غرفة البطارية‬ 2",
    "Z̴̡̛a̷̧͝l̶̨g̵o̴ é̂̃",
    "🔋🔥 ラック 3",
]


def site(*names: str, state: str = "NEW") -> dict[str, Any]:
    """A site of such units; the last one is not seen, the first is in alarm."""
    units = [unit(name) for name in names[:-1]] + [unit(names[-1], "BLIND", 1080.0)]
    do = response(names[0], "thermal-rate")
    alarms = [alarm(unit=names[0], detector="thermal-rate", state=state, do=do, **RECORD)]
    return status(units, alarms, [record(one, "NEW", one["age_s"]) for one in alarms])


def view_of(said: Mapping[str, Any]) -> dict[str, Any]:
    return brief(seen(said, {one["name"]: rack() for one in said["units"]}))


@pytest.mark.parametrize(
    ("environ", "spoken"),
    [
        ({"LANG": "ko_KR.UTF-8"}, "ko"),
        ({"LANG": "ko_KR.UTF-8", "LC_MESSAGES": "en_GB.UTF-8"}, "en"),
        ({"LANG": "en_US.UTF-8", "LC_ALL": "ko_KR.utf8"}, "ko"),
        ({"LANG": "ko_KR.EUC-KR"}, "en"),  # its letters are not ours
        ({"LANG": "xx_XX.UTF-8"}, "en"),
        ({"LANG": "ko_KR.UTF-8", "LC_ALL": "C"}, "en"),
        ({}, "en"),
    ],
)
def test_the_locale_says_the_language(environ: dict[str, str], spoken: str) -> None:
    assert language(environ) == spoken


@pytest.mark.parametrize("page", ["main", "alarms", "units", "cells", "links", "help"])
@pytest.mark.parametrize("size", [(80, 24), (40, 12), (132, 50)])
def test_every_page_of_the_live_view_is_korean_and_fits(page: str, size: tuple[int, int]) -> None:
    width, height = size
    with speaking("ko"):
        drawn = frame(view_of(site("rack-1", "rack-2")), ScreenState(page=page, utf8=True), width, height)
    assert len(drawn) == height
    assert max(cell_len(line.plain) for line in drawn) <= width
    assert [line.plain for line in drawn if ENGLISH.search(BOTH.sub("", line.plain))] == []
    assert any(re.search("[가-힣]", line.plain) for line in drawn)


@pytest.mark.parametrize("width", [40, 80])
@pytest.mark.parametrize("name", LABELS)
@pytest.mark.parametrize("utf8", [True, False])
def test_labels_of_any_letters_fit_and_nothing_of_them_moves_the_rest(
    name: str, width: int, utf8: bool
) -> None:
    view = view_of(site(name, "rack-2"))
    for page in ("main", "alarms", "units", "cells", "links"):
        drawn = frame(view, ScreenState(page=page, utf8=utf8), width, 24)
        assert max(cell_len(line.plain) for line in drawn) <= width
        assert all(utf8 or line.plain.isascii() for line in drawn)
        assert not any("‮" in line.plain for line in drawn)
    assert any(shown(name, True)[:5] in line for line in lines(None, view, utf8=True))


def test_lines_of_wide_letters_are_as_wide_as_they_may() -> None:
    assert wrapped("부하와 충전을 차단하십시오", 12) == ["부하와", "충전을", "차단하십시오"]
    assert wrapped("전" * 10, 7) == ["전전전", "전전전", "전전전", "전"]
    assert wrapped("a b", 10) == ["a b"]
    assert wrapped("", 10) == []


@pytest.fixture
async def socket(tmp_path: Path) -> Any:
    said = site("전산실 1", "rack-2")

    async def get(_call: Call) -> dict[str, Any]:
        return {**said, "relay": {"energised": True, "reasons": []}, "test": None}

    server = ControlServer(tmp_path / "control.sock", {"GET /v1/status": get, "GET /v1/alarms": get})
    await server.start()
    yield tmp_path / "control.sock"
    await server.stop()


@pytest.mark.parametrize("command", [["status"], ["alarm", "list"]])
async def test_commands_speak_korean_where_the_locale_does_and_json_does_not(
    socket: Path, command: list[str]
) -> None:
    arguments = [*command, "--socket", str(socket)]
    run = CliRunner(env={"LC_ALL": "ko_KR.UTF-8", "COLUMNS": "200"}).invoke
    said = (await asyncio.to_thread(run, main, arguments)).output
    assert "전산실 1 스트링 2 셀 17: 충전과 부하를 확인하십시오" in " ".join(said.split())
    assert [line for line in said.splitlines() if ENGLISH.search(BOTH.sub("", line))] == []
    found = json.loads((await asyncio.to_thread(run, main, [*arguments, "--json"])).output)
    assert found["alarms"][0]["state"] == "NEW"


def test_the_doctor_says_how_things_stand_in_korean_and_what_is_likely() -> None:
    found = Result(CheckState.PROBLEM, "rack-1", "cellwarden scan", "CW-201", ("A/B swapped",), "bus")
    with speaking("ko"):
        said = report([found, Result(CheckState.GOOD, "", check="disk")], 4.1, datetime(2026, 3, 1, 14, 9, 2))
    assert said.splitlines()[:4] == [
        "문제 1, 참고 0, 정상 1, 미점검 0.  종료 코드 1.  14:09:02, 4.1초 걸림",
        "문제     bus        rack-1",
        "                    추정: (1) A/B 선 바뀜",
        "                    조치: cellwarden scan   [CW-201]",
    ]
