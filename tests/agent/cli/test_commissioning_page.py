"""The page to sign: what the buffer of an agent shows, what is a finding, and what was not tried."""

import json
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver import Chrome

from agent.cli.common.in_force import Limit
from agent.cli.limits import in_words
from agent.cli.report.commissioning.page import page
from agent.cli.report.commissioning.record import Record, UnitReading, UnitRecord
from agent.cli.report.commissioning.shown import Shown, on_disk
from agent.cli.report.commissioning.untried import untried
from agent.detect.detectors import DETECTORS as ALL
from agent.message import Message
from agent.outputs.coverage import NO_RELAY, uncovered
from agent.outputs.relay import GpioRelay
from agent.quality import Quality
from agent.view.language import speaking
from tests.agent.replay.test_replay_stored import DESCRIPTION, NOON_S, Agent, quiet

UNIT = "rack1/bmu1"
DETECTORS = {one.name: one for one in ALL}
BEFORE_S = 7200  # two hours before: no longer what it shows


@pytest.fixture
def hour(tmp_path: Path) -> Shown:
    """Ten minutes of a unit on disk: cell 2 sank by 9 mV, sensor 3 answered half the time, sensor 4 never;
    and readings of two hours before, when cell 1 stood 500 mV higher.
    """
    agent = Agent(tmp_path)
    high = quiet(100)
    high[:, 0] += 500
    agent.record(high, 100, NOON_S - BEFORE_S)
    now = quiet(600, seed=2)
    now[:, 1] -= 9
    lost = [(slice(0, 300), 6, Quality.NO_REPLY), (slice(0, 600), 7, Quality.MISSING)]
    agent.record(now, 100 + BEFORE_S, NOON_S, bad=lost)
    return on_disk(agent.path)[UNIT]


def read(*quantities: str) -> list[dict[str, Any]]:
    return [{"place": "", "quantity": each, "quality": "good", "value": 53.7} for each in quantities]


def unit(label: str = UNIT, values: Sequence[dict[str, Any]] = (), **known: Any) -> UnitRecord:
    reading = UnitReading(values, {"serial": label}, **{"knowledge": "LIVE", **known})
    return UnitRecord.of(label, "bus-1, id 1", "pace-rtu", 1.0, reading)


def record(*units: UnitRecord, **more: Any) -> Record:
    said = {
        "agent": "box-1",
        "site": "<Room> 3",
        "version": "1",
        "who": "A. Technician",
        "when": "2026-12-02",
    }
    said |= {"clock": "", "proof": "proven", "collector": "reached", "limits": "NOT REVIEWED"}
    return Record(**{**said, **more}, units=list(units))


def text_of(html: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html.partition("<body>")[2]))


def test_what_every_cell_showed_in_the_last_hour_is_read_from_the_buffer(hour: Shown) -> None:
    assert (hour.readings, hour.begin[11:16] < hour.end[11:16]) == (600, True)
    one, two, three, half, never = (hour.values[i] for i in (0, 1, 2, 6, 7))
    assert (one.quantity, one.place, one.unit) == ("cell_voltage", "string1/cell1", "V")
    assert one.median == pytest.approx(3.300, abs=0.0011)  # and not as it was two hours before
    assert one.highest is not None
    assert one.highest < 3.4
    assert (two.median, two.read) == (pytest.approx(3.291, abs=0.0011), 1.0)
    assert three.lowest is not None
    assert three.lowest >= 3.298
    assert (half.read, never.read, never.median, never.lowest) == (0.5, 0.0, None, None)
    assert len(hour.values) == len(DESCRIPTION["place"]) - 1  # bits are no figure


def test_without_a_buffer_it_is_one_reading_and_says_so(tmp_path: Path) -> None:
    assert on_disk(tmp_path / "none.db") == {}
    known = unit(values=[*read("voltage", "soh"), {**read("current")[0], "quality": "no_reply"}])
    text = text_of(page(record(known)))
    assert "One reading, " in text
    assert "voltage, whole unit 53.700 V" in text
    assert "current, whole unit not read" in text
    assert "Nothing was read." in text_of(page(record(replace(known, shown=None))))


def test_people_read_the_label_of_a_unit_and_degrees_celsius() -> None:
    limit = Limit("cell_temperature", "over 60 degC", "alarm: critical (safety)", "profile pace-rtu")
    html = page(record(replace(unit(), title="배터리실 <1> (rack-1)"), in_force=[limit]))
    assert "<h2>배터리실 &lt;1&gt; (rack-1)</h2>" in html
    assert "over 60 °C" in html
    assert "degC" not in html


@pytest.mark.parametrize("width", [390, 1280])
def test_it_does_not_scroll_sideways_on_a_phone(
    tmp_path: Path, see: Callable[..., Chrome], width: int
) -> None:
    limits = [
        Limit(
            "battery_temperature",
            "over 60 degC",
            "alarm: warning (recommended)",
            "profile sunspec-lithium-ion",
        ),
        Limit(
            "standing-imbalance", "10 % for 45 s", "alarm: critical (safety)", "of lithium cells in general"
        ),
    ]
    (tmp_path / "page.html").write_text(page(record(replace(unit(), title="W" * 64), in_force=limits)))
    chrome = see((tmp_path / "page.html").as_uri(), width, 800)
    assert chrome.execute_script("return document.documentElement.scrollWidth") <= width


def test_the_page_to_sign_has_site_address_values_limits_and_places_for_two_names(hour: Shown) -> None:
    limit = Limit("cell_voltage", "over 3.65 V", "alarm: critical (safety)", "profile pace-rtu")
    html = page(record(unit(hour=hour), address="1 <Main> Street", in_force=[limit]))
    text = text_of(html)
    assert "site &lt;Room&gt; 3 address 1 &lt;Main&gt; Street agent box-1" in text
    assert "string 1: cell voltage, V 4 of 4 read; 3.291 (cell 2) to 3.30" in text
    assert re.search(r"cell voltage, V .*?1 3\.30\d 2 3\.291 3 3\.30\d 4 3\.30\d", text)
    assert "string 1: cell temperature, °C 3 of 4 read" in text
    assert re.search(r"3 25\.0 4 not read Had a value in only: sensor 3 50 %\.", text)
    assert "Limits in force: NOT REVIEWED" in text
    assert "cell_voltage over 3.65 V alarm: critical (safety) profile pace-rtu" in text
    assert 'content:"box-1, 2026-12-02"' in html
    assert '"page " counter(page) " of " counter(pages)' in html
    assert re.search(r"commissioned by A\. Technician +accepted by *$", text.strip())
    blank = text_of(page(record(unit(hour=hour), site="")))
    assert re.search(r"site _{20,} address _{20,} agent", blank)  # to be filled in by hand
    assert not re.search(r"<script|<img|https?:|url\(", html)


def test_findings_are_complete_and_of_many_units_one_line() -> None:
    cells = read("cell_voltage")
    blind = [unit(f"r{i}", cells) for i in range(7)]
    others = [unit("hot", read("current")), unit("load", read("module_temperature_max"))]
    lost = unit("lost", knowledge="BLIND")
    assert record(*blind, *others, lost, wrong=["the limits are NOT REVIEWED"]).findings() == [
        "the limits are NOT REVIEWED",
        "r0, r1, r2, r3, r4 and 2 more: no temperature and no current is read: cellwarden is blind to it",
        "hot: no temperature is read: cellwarden is blind to it",
        "load: no current is read: cellwarden is blind to it",
        "lost: BLIND: it may be in any state",
        "no test alarm was raised",
    ]
    assert unit(values=read("current", "cell_temperature")).findings() == []


def test_what_was_not_tried_is_said_and_what_was_is_not() -> None:
    panel = {"shown_v": 53.7, "said_v": 53.7, "when": "now"}
    learns = "4 of 8 channels are still being learned"
    bare = record(unit("a", learning=learns), unit("b", learning=learns), uncovered=["a hung kernel"])
    said = untried(bare)
    assert "The way of an alarm, to the collector and into the room: no test alarm was raised." in said
    assert "Not covered: a hung kernel." in said
    assert "Against the panel of the unit: a, b." in said
    assert "Serial numbers against the plate: a, b." in said
    assert "How often it is really read: no running agent was reached (a, b)." in said
    assert f"a, b: {learns}" in said
    assert any("no cable was pulled" in line for line in said)
    intervals = {"count": 20, "misses": 0, "deadline_s": 10, "for_s": 20, "p50_s": 1, "p99_s": 1, "max_s": 1}
    done = replace(unit("a", intervals=intervals), panel=panel, plate="the same")
    test = {"outputs": "seen by A. Technician"}
    assert untried(replace(bare, units=[done], uncovered=[], test=test)) == said[-5:]
    test["outputs"] = "nobody was asked whether they acted"
    assert "Whether horn, lamp or relay acts: nobody was asked." in untried(replace(bare, test=test))


def test_a_report_is_read_back_and_so_is_one_of_an_older_version(tmp_path: Path, hour: Shown) -> None:
    file = tmp_path / "commissioning.json"
    limit = Limit("soc", "below 10 %", "alarm: warning (operating)", "site")
    kept = record(unit(hour=hour), address="1 Main Street", in_force=[limit])
    kept.save(file)
    back = Record.last(file)
    assert back is not None
    assert (asdict(back), back.in_force) == (asdict(kept), [limit])
    told = json.loads(file.read_text())
    for key in ("address", "wrong", "uncovered", "in_force"):
        del told[key]
    for key in ("blind", "learning", "shown"):
        del told["units"][0][key]
    file.write_text(json.dumps(told))
    older = Record.last(file)
    assert older is not None
    assert older.units[0].shown is None
    anew = record(unit(hour=hour))
    anew.remember(back)
    assert anew.address == "1 Main Street"


ENGLISH = re.compile(r"[A-Za-z]{2,},? [a-z]{2,}")
#: In Korean too: commands, names of files and settings, and a standard.
BOTH = re.compile(
    r"cellwarden [a-z-]+( [a-z-]+| :test:)?|\S+[./]\S+|&lt;Room&gt;|A\. Technician|GB 38031-2025 C"
    r"|person-1|dtparam=strict_gpiod|Raspberry Pi"
)


def figures(text: str) -> Counter[str]:
    return Counter(re.findall(r"\d+(?:\.\d+)?", unescape(text)))


def full(hour: Shown) -> Record:
    """A report with something of everything that it can say."""
    test = {"raised_utc_ns": 10**18, "who": "person-1", "by": "A. Technician"}
    test |= {"acknowledged": {"utc_ns": 10**18 + 10**9, "after_s": 1.0, "who": "person-1"}}
    test |= {"collectors": {"main": {"utc_ns": 10**18, "after_s": 0.04}, "second": None}}
    test |= {"trouble": {"main": "", "second": Message("not within {time:g} s: {why}", time=15, why="EOF")}}
    test["outputs"] = Message("nobody was asked whether they acted")
    intervals = {"count": 20, "misses": 2, "deadline_s": 10, "for_s": 20, "p50_s": 1, "p99_s": 1, "max_s": 11}
    panel = {"shown_v": 50.0, "said_v": 50.2, "when": "2026-12-02 10:00"}
    compared = {"panel": panel, "plate": "7-B", "before": {"serial": "9"}}
    one = replace(unit("r1", hour=hour, intervals=intervals), **compared)
    two = replace(unit("r2", read("voltage", "cell_voltage"), took_s=1.5), identity={"serial": "r1"})
    blind = [unit("r3", knowledge="BLIND"), replace(unit("r4"), shown=None)]
    ends = Message("over {limit}", limit="3.65 V"), Message(in_words(DETECTORS["blind"]))
    limits = [Limit("cell_voltage", end, Message("not believed"), Message("site")) for end in ends]
    relay = GpioRelay(output="gpio", pin=17)
    wrong = [Message("the limits are NOT REVIEWED: cellwarden limits --review"), Message(NO_RELAY)]
    said = {"wrong": wrong, "uncovered": uncovered(relay), "in_force": limits, "test": test}
    said |= {"proof": "", "collector": "", "limits": Message("NOT REVIEWED")}
    return record(one, two, *blind, **said)


@pytest.mark.parametrize("tested", [True, False])
def test_the_page_to_sign_is_korean_where_that_is_spoken_with_the_same_figures(
    hour: Shown, tested: bool
) -> None:
    with speaking("ko"):
        known = full(hour) if tested else replace(full(hour), test=None)
        html = page(known)
    english = text_of(page(known))
    korean, texts = text_of(html), re.findall(r">([^<>]*\w[^<>]*)<", html.partition("<body>")[2])
    assert '<html lang="ko">' in html
    assert [text for text in texts if ENGLISH.search(BOTH.sub("", text))] == []
    assert figures(english) - figures(korean) == Counter()
    assert json.loads(json.dumps(asdict(known)))["limits"] == "NOT REVIEWED"  # a record is English
