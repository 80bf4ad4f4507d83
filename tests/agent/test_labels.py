"""What people call a unit, in any letters: from the configuration to log, page, files, wire and collector."""

import csv
import io
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from agent.alarms.record import record_of
from agent.alarms.site import SiteAlarms
from agent.clock import Clock
from agent.config.file import ConfigError, load_config
from agent.detect.alarms.states import AlarmEvent, AlarmState
from agent.outputs.journal import Log
from agent.view.find import find
from agent.view.language import speaking
from agent.view.voice import first_line
from agent.web.tables import cells_csv
from agent.wire import decode_batch, encode_batch
from collector.cli import main
from tests.agent.view.sites import alarm, rack, shown, status, unit
from tests.collector.processes import seal
from tests.collector.test_standing import BEGIN_S, UNIT, Held, batch

KOREAN = "전산실 3층 A열 1호"
LABELS = [KOREAN, "전" * 64, "غرفة البطارية 2", "Z̴a̷l̶g̵o̴ é̂̃", "🔋🔥 ラック 3", '=HYPERLINK("x"), "y"']
NOW = datetime(2027, 1, 15, 8, 10, tzinfo=UTC)


def event() -> AlarmEvent:
    return AlarmEvent(
        "cell-collapse", "critical", AlarmState.NEW, "string1/cell5", "cell_voltage", 0.3, 0.1, "V",
        name="cell-collapse:string1/cell5", t_s=1.0, text="string1/cell5 fell",
    )  # fmt: skip


def config(label: str) -> str:
    return f"""
[agent]
id = "site-1"
site = "서울 본사 지하 2층"
[upstream]
url = "http://127.0.0.1:8470"
[[bus]]
name = "line"
transport = "rtu"
device = "/dev/ttyUSB0"
[[unit]]
name = "rack-1"
label = '''{label}'''
bus = "line"
profile = "pace-rtu"
"""


@pytest.mark.parametrize("label", LABELS)
def test_a_label_takes_letters_of_any_language(tmp_path: Path, label: str) -> None:
    (tmp_path / "agent.toml").write_text(config(label), "utf-8")
    (found,) = load_config(tmp_path / "agent.toml").unit
    assert (found.name, found.label) == ("rack-1", label)


@pytest.mark.parametrize(
    ("label", "why"),
    [
        ("\u202eRTL", "not printable"),
        ("a\u200fb", "not printable"),
        ("전" * 65, "64"),
        ("a\nb", "not printable"),
    ],
)
def test_what_moves_other_letters_or_breaks_lines_is_refused_by_name(
    tmp_path: Path, label: str, why: str
) -> None:
    (tmp_path / "agent.toml").write_text(config(label), "utf-8")
    with pytest.raises(ConfigError, match=f"label.*{why}"):
        load_config(tmp_path / "agent.toml")


@pytest.mark.parametrize("label", LABELS)
def test_a_record_carries_it_and_log_and_wire_do(label: str, caplog: pytest.LogCaptureFixture) -> None:
    site = SiteAlarms({"rack-1": "", "": ""}, {"journal": Log()}, lambda *_: None, Clock())
    site.call({"rack-1": label})
    site.found("rack-1", Clock().stamp(), [event()])
    assert f"{label} (rack-1) string 1 cell 5" in caplog.text
    (record,) = (one.record for one in site.log)
    assert record["label"] == label
    sealed = decode_batch(seal(1)[1])
    (back,) = decode_batch(encode_batch(replace(sealed, events=(record,)))).events
    assert back["label"] == label
    assert "label" not in record_of("rack-1", event(), Clock().stamp())


@pytest.mark.parametrize("label", LABELS)
def test_a_collector_tells_it_in_its_own_commands(tmp_path: Path, label: str) -> None:
    held = Held(tmp_path)
    record = {**record_of(UNIT, event(), Clock().stamp(), label), "utc_ns": BEGIN_S * 10**9}
    held.take(20.0, batch(1, 3.0, record))
    (told,) = held.alarms(30.0)
    assert told["place"] == f"{label} ({UNIT}) string 1 cell 5"
    said = CliRunner().invoke(main, ["alarms", "--sink", f"sqlite:{held.path}"])
    assert said.exit_code in (0, 1), said.output
    assert label in said.output


def view(label: str, **more: Any) -> Mapping[str, Any]:
    units = [unit(label=label, **more), unit("rack-2")]
    alarms = [alarm(label=label)]
    return shown(status(units, alarms), {"rack-1": rack(), "rack-2": rack()})


@pytest.mark.parametrize("label", LABELS)
def test_page_and_files_have_it_beside_the_id(label: str) -> None:
    found = view(label)
    assert found["tiles"][0]["title"] == f"{label} (rack-1)"
    assert found["alarms"]["active"][0]["place"].startswith(f"{label} (rack-1) string 2")
    rows = list(csv.DictReader(io.StringIO(cells_csv(found["units"][0]))))
    assert rows[0]["unit"] == "rack-1"
    assert rows[0]["label"].removeprefix("'") == label
    assert not rows[0]["label"].startswith("=")


def test_it_is_found_by_it_in_either_language() -> None:
    titles = [f"{KOREAN} (rack-1)", "rack-2"]
    assert find("A열 1호", ["rack-1", "rack-2"], "rack-2", titles) == ("rack-1", None)
    with speaking("ko"):
        assert find("rack-1 셀 5", ["rack-1", "rack-2"], "rack-2", titles) == ("rack-1", 5)
        assert find("셀 5", ["rack-1", "rack-2"], "rack-2", titles) == ("rack-2", 5)


def test_a_unit_that_is_not_seen_is_named_so_in_the_headline() -> None:
    assert (
        f"Not seen: {KOREAN} (rack-1); any state is possible"
        in view(KOREAN, knowledge="BLIND", age_s=900.0)["headline"]["text"]
    )
    assert first_line({"unit": "rack-1", "label": KOREAN}, NOW).startswith(f"{KOREAN} (rack-1): ")
