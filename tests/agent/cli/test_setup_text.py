"""What setup writes of what it was told: a new file, and into one that was there."""

import tomllib
from pathlib import Path
from typing import Any

import pytest

from agent.cli.setup.draft import ChosenUnit, Draft
from agent.cli.setup.text import CannotMerge, merged, toml_of
from agent.config.file import load_config

LAN, OTHER = "192.0.2.1:502", "192.0.2.2:502"
THERE = """\
# room 3; who asks at night: the duty phone
[agent]
id = "room-3"

[[upstream]]
name = "copy"
url = "https://copy.example:8440"
role = "copy"

[[upstream]]
url = "https://collector.example:8440"
ca = "tls/ca.pem"  # theirs

[[bus]]
name = "lan"  # behind the UPS
transport = "tcp"
host = "192.0.2.1"
in_flight = 2

[[unit]]
name = "north"
bus = "lan"
unit_id = 1
profile = "pace-rtu"
period_s = 5
timeout_s = 1.5
commissioned = 2025-01-02

[[bus]]
name = "bus-1"
transport = "tcp"
host = "192.0.2.9"

[[unit]]
name = "gone"
bus = "bus-1"
profile = "pace-rtu"

[[unit]]
name = "second"
bus = "lan"
unit_id = 2
profile = "pace-rtu"
# the room can see this page
[web]
listen = "127.0.0.1:8481"
"""


def merge(folder: Path, draft: Draft, there: str = THERE) -> tuple[str, dict[str, Any]]:
    (folder / "agent.toml").write_text(there)
    text = merged(there, load_config(folder / "agent.toml"), draft)
    (folder / "agent.toml").write_text(text)
    load_config(folder / "agent.toml")
    return text, tomllib.loads(text)


def of_room(*units: ChosenUnit, **said: Any) -> Draft:
    endpoints = list(dict.fromkeys(unit.endpoint for unit in units))
    return Draft(endpoints, list(units), upstream="https://collector.example:8440", **said)


KEPT = (
    ChosenUnit(LAN, 1, "pace-rtu", label="north", kept=True),
    ChosenUnit(LAN, 2, "pace-rtu", label="second", kept=True),
)


def test_a_chemistry_is_written_where_somebody_said_one_and_kept_between_runs(tmp_path: Path) -> None:
    units = [
        ChosenUnit(LAN, 1, "jk-pb", label="rack-1", chemistry="LFP"),
        ChosenUnit(LAN, 2, "jk-pb", label="rack-2"),
    ]
    draft = Draft(endpoints=[LAN], units=units, tested=True, upstream="http://192.0.2.9:8440")
    written = tomllib.loads(toml_of(draft, tmp_path / "agent.toml"))["unit"]
    assert [unit.get("chemistry") for unit in written] == ["LFP", None]
    draft.save(tmp_path / "kept")
    assert Draft.resume(tmp_path / "kept") == draft


def test_any_letter_of_a_sites_name_is_written_so_that_it_is_read(tmp_path: Path) -> None:
    site = '전산실 3 "동" \U0001f50b'
    written = toml_of(of_room(*KEPT, site=site), tmp_path / "agent.toml")
    assert tomllib.loads(written)["agent"] == {"site": site}
    assert "전산실" in written


def test_what_was_there_beside_buses_and_units_stays_and_so_do_the_keys_of_units_that_stay(
    tmp_path: Path,
) -> None:
    text, after = merge(tmp_path, of_room(*KEPT))
    before = tomllib.loads(THERE)
    assert after["unit"] == [before["unit"][0], before["unit"][2]]
    assert after["bus"] == [before["bus"][0]], "the bus of the unit that has gone"
    assert [after[key] for key in ("agent", "upstream", "web")] == [
        before[key] for key in ("agent", "upstream", "web")
    ]
    for comment in ("# room 3; who asks", "# behind the UPS", "# theirs", "# the room can see this page"):
        assert comment in text


def test_what_is_said_is_changed_and_new_units_and_buses_come_behind(tmp_path: Path) -> None:
    renamed = ChosenUnit(LAN, 1, "pace-rtu", label="north-1", kept=True, more={"cells_per_block": 6})
    other = ChosenUnit(LAN, 2, "jk-pb", label="second", chemistry="LFP")
    new = ChosenUnit(OTHER, 7, "pace-rtu", label="third", timeout_s=0.4)
    draft = of_room(renamed, other, new, agent="room-4", site="Room 4", period_s=2.0)
    draft.upstream_more = {"ca": "tls/other.pem"}
    _, after = merge(tmp_path, draft)
    assert after["agent"] == {"id": "room-4", "site": "Room 4"}
    assert [one.get("ca") for one in after["upstream"]] == [None, "tls/other.pem"]
    assert [bus["name"] for bus in after["bus"]] == ["lan", "bus-2"], "bus-1 was another's"
    north, second, third = after["unit"]
    assert north == {**tomllib.loads(THERE)["unit"][0], "name": "north-1", "cells_per_block": 6}
    assert second == {
        "name": "second", "bus": "lan", "unit_id": 2, "profile": "jk-pb", "chemistry": "LFP", "period_s": 2.0,
    }  # fmt: skip
    assert third == {
        "name": "third", "bus": "bus-2", "unit_id": 7, "profile": "pace-rtu", "period_s": 2, "timeout_s": 0.4,
    }  # fmt: skip


def test_a_second_time_says_the_same(tmp_path: Path) -> None:
    once, _ = merge(tmp_path, of_room(*KEPT, ChosenUnit(OTHER, 7, "pace-rtu", label="third")))
    (tmp_path / "agent.toml").write_text(once)
    again = [*KEPT, ChosenUnit(OTHER, 7, "pace-rtu", label="third", kept=True)]
    assert merged(once, load_config(tmp_path / "agent.toml"), of_room(*again)) == once


def test_further_instances_behind_a_gateway_stay_as_long_as_their_bus(tmp_path: Path) -> None:
    second = THERE.replace(
        'unit_id = 2\nprofile = "pace-rtu"', 'unit_id = 1\ninstance = 2\nprofile = "pace-rtu"'
    )
    _, after = merge(tmp_path, of_room(KEPT[0]), second)
    assert [unit["name"] for unit in after["unit"]] == ["north", "second"]
    _, after = merge(tmp_path, of_room(ChosenUnit(OTHER, 1, "pace-rtu", label="x")), second)
    assert [unit["name"] for unit in after["unit"]] == ["x"]


def test_another_line_setting_is_set_on_the_bus_that_is_there(tmp_path: Path) -> None:
    device = str(tmp_path / "ttyX")
    there = (
        '[upstream]\nurl = "http://127.0.0.1:1"\n[[bus]]\nname = "b"\ntransport = "rtu"\n'
        f'device = "{device}"\nbaud = 9600\npause_ms = 5\n'
        '[[unit]]\nname = "u"\nbus = "b"\nprofile = "pace-rtu"\n'
    )
    _, after = merge(tmp_path, of_room(ChosenUnit(device, 1, "pace-rtu", "19200-8E1", label="u")), there)
    (bus,) = after["bus"]
    assert bus == {
        "name": "b", "transport": "rtu", "device": device, "baud": 19200, "pause_ms": 5, "parity": "E",
        "stop_bits": 1,
    }  # fmt: skip


def test_tables_in_one_list_cannot_be_changed_in_place_and_that_is_said(tmp_path: Path) -> None:
    inline = (
        'unit = [{ name = "u", bus = "b", profile = "pace-rtu" }]\n[upstream]\nurl = "http://127.0.0.1:1"\n'
        '[[bus]]\nname = "b"\ntransport = "tcp"\nhost = "192.0.2.1"\n'
    )
    with pytest.raises(CannotMerge, match=r"write a \[\[unit\]\] for each"):
        merge(tmp_path, of_room(*KEPT), inline)
