"""The live view as a person has it: the real command on a real pty, read back through a terminal emulator."""

import asyncio
import fcntl
import json
import os
import pty
import signal
import struct
import subprocess
import sys
import termios
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pyte
import pytest
from rich.cells import cell_len

from agent.cli.common.letters import speaks_utf8
from agent.cli.live.frame import ScreenState, frame
from agent.cli.live.keys import Ask, keys_in, press, told
from agent.cli.live.plain import lines
from agent.control.server import Call, ControlServer
from agent.view.brief import brief
from agent.view.language import speaking
from tests.agent.view.sites import alarm, at, rack, record, shown, status, unit
from tests.agent.web.states import heats

PATIENCE_S = 30.0


class Site:
    """A control socket whose state the test sets; alarms can be answered."""

    def __init__(self, folder: Path) -> None:
        self.socket = folder / "control.sock"
        self.units, self.alarms, self.points = [unit()], [alarm()], {"rack-1": rack()}
        self.asked: list[tuple[str, dict[str, Any]]] = []
        routes = {"GET /v1/view": self._view}
        routes |= {f"POST /v1/alarms/{what}": self._answer(what) for what in ("acknowledge", "shelve")}
        self.server = ControlServer(self.socket, routes)

    async def _view(self, call: Call) -> dict[str, Any]:
        log = [record(a, "NEW", a["age_s"]) for a in self.alarms]
        with speaking(call.query["language"]):
            whole = shown(status(self.units, self.alarms, log), self.points)
        return {**brief(whole, call.query.get("unit")), "refresh_s": 0.2}

    def _answer(self, what: str) -> Callable[[Call], Any]:
        async def answer(call: Call) -> dict[str, Any]:
            self.asked.append((what, dict(call.body)))
            for one in self.alarms:
                if one["id"] == call.body["alarm"]:
                    one["state"] = {"acknowledge": "ACK", "shelve": "SHELVED"}[what]
            return {}

        return answer


class Screen:
    """`cellwarden live` on a pty of its own."""

    def __init__(self, site: Site, columns: int = 80, rows: int = 24, **environment: str) -> None:
        self.screen = pyte.Screen(columns, rows)
        self.raw = b""
        self._stream = pyte.ByteStream(self.screen)
        self._changed = asyncio.Event()
        self._fd, terminal = pty.openpty()
        self.resize(columns, rows)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "agent.cli", "live", "--socket", str(site.socket)],
            stdin=terminal,
            stdout=terminal,
            stderr=terminal,
            start_new_session=True,
            env={**os.environ, "TERM": "xterm", "LC_ALL": "C", **environment},
        )
        os.close(terminal)
        asyncio.get_running_loop().add_reader(self._fd, self._read)

    def _read(self) -> None:
        try:
            data = os.read(self._fd, 65536)
        except OSError:  # the other end is closed
            data = b""
        if not data:
            asyncio.get_running_loop().remove_reader(self._fd)
        self.raw += data
        self._stream.feed(data)
        self._changed.set()

    def resize(self, columns: int, rows: int) -> None:
        fcntl.ioctl(self._fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self.screen.resize(rows, columns)

    def type(self, keys: str) -> None:
        os.write(self._fd, keys.encode())

    @property
    def text(self) -> str:
        return "\n".join(self.screen.display)

    async def until(self, *texts: str) -> str:
        """Wait until the screen shows all of these."""

        async def seen() -> None:
            while not all(text in self.text for text in texts):
                self._changed.clear()
                await self._changed.wait()

        try:
            await asyncio.wait_for(seen(), PATIENCE_S)
        except TimeoutError:
            raise AssertionError(f"not on the screen: {texts}\n{self.text}") from None
        return self.text

    async def end(self) -> int:
        code = await asyncio.to_thread(self.process.wait, PATIENCE_S)
        asyncio.get_running_loop().remove_reader(self._fd)
        os.close(self._fd)
        return code


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    site = Site(tmp_path)
    await site.server.start()
    yield site
    await site.server.stop()


async def test_it_shows_answers_finds_holds_and_leaves_the_terminal_as_it_was(site: Site) -> None:
    live = Screen(site)
    first = await live.until("ATTENTION   1 medium alarm, 1 new", "S2  61-120", "......2...", "q quit")
    assert "LIVE  data" in first
    assert first.isascii()
    live.type("ak")
    await live.until("acknowledge: done, and recorded as yours", "ACK")
    assert site.asked == [("acknowledge", {"alarm": alarm()["id"], "seen": alarm()["seen"]})]
    live.type("s")
    await live.until("SHELVED")
    assert site.asked[1][1]["minutes"] == 60
    live.type("\x1b/77\r")
    await live.until("string 2 cell 17: 3.241 V")
    live.type("/rack-9\r")
    await live.until("no unit is called 'rack-9'; o lists them all")
    live.type(" ")
    await live.until("HELD BY YOU 00:0")
    site.alarms.append(alarm("string4/cell51", "critical", detector="thermal-slope"))
    await live.until("ALARM   1 high", "1 new")  # a new alarm ends the hold
    assert "HELD" not in live.text
    live.type("q")
    assert await live.end() == 0
    assert live.raw.endswith(b"\x1b[?25h")  # the cursor is back, the other screen gone
    assert b"\x1b[?1049l" in live.raw


async def test_blind_is_loud_and_a_lost_agent_is_another_thing(site: Site) -> None:
    live = Screen(site)
    await live.until("LIVE  data")
    site.units = [unit(knowledge="BLIND", age_s=1100.0)]
    site.points = {"rack-1": rack(age_s=1100.0)}
    blind = await live.until(
        "BLIND since 13:44:11 (18 min)", "LAST KNOWN: attention, 1 medium alarm", " last known"
    )
    assert "Pack -- V   -- A   SoC -- %" in blind
    assert "S1    1-60 ?????????? ??????????" in blind
    assert "NEXT   cellwarden doctor   The battery may be in any state." in blind
    assert "NORMAL" not in blind
    await site.server.stop()
    await live.until("THIS VIEW LOST THE AGENT", "Values below are old.")
    live.type("\x03")  # Ctrl-C
    assert await live.end() == 0


async def test_a_window_is_drawn_anew_when_its_size_changes_and_no_size_is_refused(site: Site) -> None:
    live = Screen(site, 80, 24)
    await live.until("LOG ")
    live.resize(40, 10)
    small = await live.until("ATTENTION - LIVE  1 medium alarm")
    await live.until(" 2 NEW ")
    live.resize(20, 3)
    await live.until("ATTENTION - LIVE")
    assert small.splitlines()[0].startswith("cellwarden live")
    live.type("q")
    assert await live.end() == 0


@pytest.mark.parametrize(("no_color", "coloured"), [("1", False), ("", True)])
async def test_colour_is_optional_and_the_words_are_there_without(
    site: Site, no_color: str, coloured: bool
) -> None:
    site.alarms = [alarm(severity="critical")]
    live = Screen(site, NO_COLOR=no_color)
    await live.until("ALARM   1 high alarm")
    live.type("q")
    await live.end()
    codes = [
        int(code)
        for part in live.raw.split(b"\x1b[")[1:]
        for code in part.split(b"m")[0].split(b";")
        if code.isdigit()
    ]
    assert any(30 <= code <= 37 or 90 <= code <= 97 for code in codes) is coloured
    assert 7 in codes  # reverse: priority 1


async def test_p_goes_on_in_plain_lines_one_for_each_change(site: Site) -> None:
    live = Screen(site, 200, 24)
    await live.until("q quit")
    live.type("p")
    await live.until("14:02:31 ATTENTION - LIVE.", "rack-1 LIVE: 240 cells: 239 in band")
    at(site.points["rack-1"], "string1/cell9")["last"] = 3.3
    await live.until("14:02:31 rack-1: 240 cells: 238 in band, 1 high")
    live.process.send_signal(
        signal.SIGTERM
    )  # where the suite itself runs in the background, SIGINT is ignored
    assert await live.end() == -signal.SIGTERM


async def test_in_korean_on_40_columns_in_a_locale_that_is_not_installed(site: Site) -> None:
    name = "전산실 축전지 1호"
    site.units, site.points, site.alarms = [unit(name)], {name: rack()}, [alarm(unit=name)]
    screen = Screen(site, 40, 24, LC_ALL="ko_KR.UTF-8")
    await screen.until("주의 - 실시간", f"{name} 스트링 2 셀 17:", "q 종료")
    screen.type("q")
    assert await screen.end() == 0


def test_without_an_agent_it_says_where_it_looked(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "agent.cli", "live", "--plain", "--socket", str(tmp_path / "absent")]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 3
    assert "no agent answers at" in result.stderr


def test_a_pipe_gets_what_was_raised_answered_and_over(site_view: Callable[..., dict[str, Any]]) -> None:
    quiet, raised, answered = site_view(), site_view(alarm()), site_view(alarm(state="ACK"))
    assert list(lines(quiet, quiet)) == []
    assert [line.split(": ")[0] for line in lines(quiet, raised)] == [
        "14:02:31 ATTENTION - LIVE. rack-1 string 2 cell 17",
        "14:02:31 rack-1",
        "14:02:31 alarm NEW priority 2 rack-1 string 2 cell 17",
    ]
    assert any("alarm ACK" in line for line in lines(raised, answered))
    assert any("alarm over rack-1 string 2 cell 17" in line for line in lines(answered, quiet))


def test_a_large_site_tells_in_lines_what_changed_without_a_sentence_of_each(
    site_view: Callable[..., dict[str, Any]],
) -> None:
    def untold(view: dict[str, Any]) -> dict[str, Any]:
        return {**view, "units": [{**one, "sentence": ""} for one in view["units"]]}

    quiet, raised = untold(site_view()), untold(site_view(alarm()))
    assert list(lines(None, quiet))[1:] == ["14:02:31 rack-1 LIVE"]
    assert list(lines(site_view(), quiet)) == []
    assert [line.split(" priority")[0] for line in lines(quiet, raised)][1:] == ["14:02:31 alarm NEW"]


@pytest.fixture
def site_view() -> Callable[..., dict[str, Any]]:
    def build(*alarms: dict[str, Any]) -> dict[str, Any]:
        return brief(shown(status([unit()], list(alarms)), {"rack-1": rack()}))

    return build


@pytest.mark.parametrize("page", ["main", "alarms", "units", "cells", "links", "help"])
@pytest.mark.parametrize("size", [(80, 24), (132, 50), (40, 12), (20, 5), (1, 1)])
def test_every_page_fits_every_window(
    site_view: Callable[..., dict[str, Any]], page: str, size: tuple[int, int]
) -> None:
    view = site_view(*(alarm(f"string1/cell{c}") for c in range(1, 9)))
    width, height = size
    drawn = frame(view, ScreenState(page=page), width, height)
    assert len(drawn) == height
    assert max(len(line.plain) for line in drawn) <= width
    assert all(line.plain.isascii() for line in drawn)


def several(*alarms: dict[str, Any], wanted: str | None = None) -> dict[str, Any]:
    """A site of eight racks, one of which is not seen."""
    units = [unit(f"rack-{n}") for n in range(1, 8)] + [unit("rack-8", knowledge="BLIND", age_s=1080.0)]
    log = [record(a, "NEW", a["age_s"]) for a in alarms]
    return brief(shown(status(units, list(alarms), log), {u["name"]: rack() for u in units}), wanted)


def drawn(view: dict[str, Any], state: ScreenState | None = None, width: int = 80, height: int = 24) -> str:
    return "\n".join(line.plain for line in frame(view, state or ScreenState(), width, height))


def test_the_unit_in_alarm_is_the_one_that_is_open_and_its_alarm_is_read_whole() -> None:
    text = "It is far below its siblings, and says so at length"
    doing = "Look for heat from outside; measure by hand"
    screen = drawn(several(alarm("string2/cell17", "critical", unit="rack-5", text=text)))
    assert " ".join(screen.split()).count(f"rack-5 string 2 cell 17: {doing}. {text}.") == 1
    assert " rack-5 (1 of 8)  LIVE  data 2 s old" in screen
    assert "\n ALARM   1 high alarm, 1 new   BLIND: rack-8" in screen
    assert "\n 1 rack-5        25.4   1  ? rack-8       18 min ago   rack-1" in screen
    assert "S2  61-120 .......... ......1..." in screen
    assert all(key in screen.splitlines()[-1] for key in ("Tab", "/ find", "q quit"))


def test_tab_goes_from_worst_to_best_and_back_and_what_is_found_is_opened() -> None:
    hot = alarm(unit="rack-5", severity="critical")
    view, state = several(hot), ScreenState()
    for keys, opened in (("\t", "rack-8"), ("\x1b[Z", "rack-5"), ("/RACK-3\r", "rack-3"), ("/7\r", "rack-3")):
        for key in keys_in(keys):
            press(key, state, view)
        assert state.unit == opened
        view = several(hot, wanted=state.unit)
    assert state.found == 7
    assert "string 1 cell 7: 3.220 V" in drawn(view, state)
    assert "BLIND since" in drawn(several(wanted="rack-8"))


@pytest.mark.parametrize("height", [8, 10, 24])
def test_a_terminal_of_40_columns_says_what_to_do_and_how_long_is_left_before_anything_else(
    height: int,
) -> None:
    hot = heats("rack-5", 8.0, 48.9, location="string1/sensor1")
    text = " ".join(drawn(several(hot), width=40, height=height).split())
    told = "rack-5 string 1 sensor 1: TAKE LOAD AND CHARGE OFF. Do not open it. 80 C about 14:13"
    assert told[: 60 if height == 8 else 200] in text


def test_on_40_columns_no_figure_is_cut_in_two() -> None:
    screen = drawn(several(wanted="rack-1"), width=40).splitlines()
    assert " Pack 768.4 V   -12.6 A   SoC 81 %" in screen
    assert " Worst: string 1 cell 2 +1 mV" in screen
    assert screen[-1] == " q quit  ? help  Tab unit  / find"


@pytest.mark.parametrize(
    ("utf8", "told"), [(True, "배터리실 1 (rack-1) (1 of 2)"), (False, "rack-1 (1 of 2)")]
)
def test_a_unit_whose_label_a_terminal_cannot_show_has_its_name(utf8: bool, told: str) -> None:
    units = [unit("rack-1", label="배터리실 1"), unit("rack-2", label="배터리실 2")]
    view = brief(shown(status(units), {"rack-1": rack(), "rack-2": rack()}))
    assert f"\n {told}  LIVE" in drawn(view, ScreenState(utf8=utf8))


def test_of_many_units_that_are_not_seen_the_first_line_says_how_many() -> None:
    names = [f"rack-{n}" for n in range(10)]
    listed = ", ".join(names)
    of = alarm(
        "",
        unit="",
        detector="silent-together",
        texts={"names": listed, "host": "gw-3", "cause": "#cause-bus"},
    )
    view = brief(shown(status([unit(name, "NEVER", None) for name in names], [of]), {}))
    screen = drawn(view)
    assert "NEVER: rack-0, rack-1, rack-2 and 7 more" in screen
    assert "\n LIKELY silent with rack-1, rack-2, rack-3 and 6 more: what they share" in screen


def test_of_units_that_nobody_looks_at_neither_cells_nor_figures_are_fetched() -> None:
    units = [unit(f"rack-{n}") for n in range(64)]
    view = brief(shown(status(units), {u["name"]: rack() for u in units}))
    assert len(json.dumps(view)) < 200_000
    assert [u["name"] for u in view["units"] if u["cells"]] == ["rack-0"]
    assert [tile["hottest_degc"] for tile in view["tiles"]] == [25.4] * 64


def test_a_terminal_with_utf8_shows_every_letter_and_keeps_its_columns() -> None:
    view = {**several(wanted="rack-1"), "site": "서울 배터리실 \u202e🔋"}
    told, plain = (drawn(view, ScreenState(utf8=utf8)).splitlines() for utf8 in (True, False))
    assert told[0].startswith("cellwarden live   서울 배터리실 🔋 ")
    assert plain[0].startswith("cellwarden live   ?? ???? ")
    assert "22.4 to 25.4 °C" in "\n".join(told)
    assert "22.4 to 25.4 C" in "\n".join(plain)
    assert cell_len(told[0]) == 80


@pytest.mark.parametrize(
    "title", ["전" * 64, "W" * 64, "\u202eغرفة\u202c" * 12, "Z̴̡̛a̷̧͝" * 32, "🔋👩\u200d🚒" * 20]
)
@pytest.mark.parametrize("width", [40, 80])
def test_a_long_title_leaves_room_for_how_its_unit_is_seen(title: str, width: int) -> None:
    for knowledge, seen in (("LIVE", "LIVE  data"), ("BLIND", "BLIND since")):
        units = [unit(name, knowledge, 100.0) for name in ("rack-1", "rack-2")]
        view = brief(shown(status(units), {"rack-1": rack(), "rack-2": rack()}))
        view["units"][0]["title"] = title
        for utf8 in (True, False):
            rows = frame(view, ScreenState(utf8=utf8), width, 24)
            assert max(row.cell_len for row in rows) <= width
            assert any(seen in row.plain for row in rows[3:])


@pytest.mark.parametrize(
    ("environ", "utf8"),
    [
        ({"LANG": "ko_KR.UTF-8"}, True),
        ({"LANG": "xx_XX.utf8"}, True),  # a locale that is not there
        ({"LANG": "ko_KR.UTF-8", "LC_ALL": "C"}, False),
        ({"LANG": "ko_KR.EUC-KR"}, False),
        ({}, False),
    ],
)
def test_the_locale_says_what_a_terminal_shows(environ: dict[str, str], utf8: bool) -> None:
    assert speaks_utf8(environ) is utf8


def test_a_smaller_window_drops_the_log_then_the_links_then_the_map(
    site_view: Callable[..., dict[str, Any]],
) -> None:
    parts = {"log": " LOG", "links": "answering", "map": "CELLS", "alarms": "\n 2 NEW"}
    kept = []
    for height in range(30, 8, -1):
        text = "\n".join(line.plain for line in frame(site_view(alarm()), ScreenState(), 80, height))
        here = [name for name, mark in parts.items() if mark in text]
        if not kept or kept[-1] != here:
            kept.append(here)
    assert kept[0] == ["log", "links", "map", "alarms"]
    assert ["links", "map", "alarms"] in kept
    assert ["map", "alarms"] in kept
    assert "alarms" in kept[-1]


def test_arrow_keys_arrive_as_sequences() -> None:
    assert keys_in("a\x1b[A\x1b[B\x1b\r") == ["a", "up", "down", "escape", "enter"]


def test_a_number_is_typed_with_corrections(site_view: Callable[..., dict[str, Any]]) -> None:
    state = ScreenState()
    for key in keys_in("/78\x7f7\r"):
        press(key, state, site_view())
    assert (state.found, state.find) == (77, None)


@pytest.mark.parametrize(("key", "cells"), [("C", "12"), ("U", "123"), ("A", "1234")])
def test_a_cause_a_unit_or_all_are_acknowledged_as_they_stood_on_the_screen(key: str, cells: str) -> None:
    of = [alarm(f"cell{n}", unit="rack-2" if n == 4 else "rack-1") for n in (1, 2, 3, 4)]
    of.append(alarm("cell5", state="ACK"))
    for n in (0, 1, 4):
        of[n]["cause"] = "a cable"
    units, state = [unit(), unit("rack-2")], ScreenState(page="alarms")
    frame(brief(shown(status(units, of), {})), state, 80, 40)
    worse = [{**one, "seen": "critical.1:2"} for one in of]
    came = {**alarm("cell9"), "cause": "a cable"}  # while the key was on its way
    later = brief(shown(status(units, [came, *worse]), {}))
    state.chosen = next(i for i, row in enumerate(later["alarms"]["active"]) if row["location"] == "cell1")
    asked = press(key, state, later)
    assert isinstance(asked, Ask)
    assert asked.resource == "/v1/alarms/acknowledge"
    assert {one["id"][-1] for one in asked.body["alarms"]} == set(cells)
    assert {one["seen"] for one in asked.body["alarms"]} == {"warning.1:1"}


def test_what_grew_worse_meanwhile_is_told_and_where_nothing_waits_nothing_is_asked() -> None:
    asked = Ask("/v1/alarms/acknowledge", {"alarms": []})
    answer = {"acknowledged": [{"id": "a", "why": ""}, {"id": "b", "why": "it grew worse"}]}
    assert told(asked, answer) == "1 acknowledged, recorded as yours. NOT acknowledged: b: it grew worse"
    view, state = brief(shown(status([unit()], [alarm(state="ACK")]), {})), ScreenState(page="alarms")
    frame(view, state, 80, 24)
    assert press("A", state, view) is None
    assert state.said == "none of them waits to be acknowledged"
