"""The files and the waits of whoever starts real processes: what is written is read, what ends is told."""

import tomllib
from pathlib import Path
from types import SimpleNamespace

import pytest

from agent.config.file import load_config
from agent.detect.limits import SAFETY, SiteLimit
from hil.run import configuration, rooms
from hil.run.agent_config import agent_toml
from hil.run.processes import Children, ProcessError, wait_for_status
from hil.run.tables import table
from hil.scenario.room import load_room
from hil.scenario.scenario import find_scenario, load_scenario


def test_an_agent_reads_what_was_written_and_what_was_said_besides(tmp_path: Path) -> None:
    path = tmp_path / "agent.toml"
    path.write_text(
        configuration.agent(tmp_path, store={"batch_s": 3}, relay=configuration.coil(1502, 4))
        + configuration.rtu_bus("line", tmp_path / "tty", parity="E")
        + configuration.unit("rack-1", "line", "pace-rtu", unit_id=7)
        + configuration.tcp_unit("rack-2", 1503, "sunspec-lithium-ion", period_s=0.5)
    )
    config = load_config(path)
    assert (config.agent.id, config.upstream[0].url) == ("bench", configuration.NOWHERE)
    assert (config.store.path, config.store.batch_s) == (tmp_path / "buffer.db", 3)
    assert [(bus.name, bus.transport) for bus in config.bus] == [("line", "rtu"), ("lan-rack-2", "tcp")]
    assert [(unit.bus, unit.unit_id, unit.period_s) for unit in config.unit] == [
        ("line", 7, 1.0), ("lan-rack-2", 1, 0.5),
    ]  # fmt: skip


def test_what_a_scenario_s_site_lets_be_is_a_limit_of_the_agent(tmp_path: Path) -> None:
    safety = load_scenario(find_scenario("limit_50_degc")).safety
    bench = SimpleNamespace(units=(), time_scale=1.0)  # of no wires
    path = tmp_path / "agent.toml"
    path.write_text(
        agent_toml(bench, tmp_path, configuration.NOWHERE, 1.0, safety)  # type: ignore[arg-type]
        + configuration.tcp_unit("rack-1", 1503, "sunspec-lithium-ion")
    )
    assert load_config(path).detection.settings().limits == (
        SiteLimit("cell_temperature", SAFETY, high=50.0),
    )


def test_a_bench_reads_the_room_that_was_written(tmp_path: Path) -> None:
    path = tmp_path / "room.toml"
    path.write_text(
        rooms.bus("line", link="tty", baud=19200)
        + rooms.rtu_unit("rack-1", "line", "pace-rtu", {"rack": {"cells": 16}}, unit_id=3)
        + rooms.tcp_unit("rack-2", "sunspec-lithium-ion", {"rack": {"cells": 14, "seed": 2}})
        + rooms.event(5, "mute", "rack-2")
    )
    room = load_room(path)
    assert [(unit.name, unit.transport, unit.unit_id) for unit in room.unit] == [
        ("rack-1", "rtu", 3), ("rack-2", "tcp", 1),
    ]  # fmt: skip
    assert room.bus[0].link == tmp_path / "tty"
    assert [event.kind for event in room.event] == ["mute"]


def test_any_value_comes_back() -> None:
    keys = {"text": 'a "b" \\ c\n', "path": Path("/x"), "yes": True, "no": 1.5, "inner": {"of": {"it": 2}}}
    assert tomllib.loads(table("[[unit]]", keys)) == {"unit": [{**keys, "path": "/x"}]}


def test_an_agent_that_ends_is_waited_for_no_longer_and_its_log_is_told(tmp_path: Path) -> None:
    with Children(tmp_path) as children:
        agent = children.start("agent", "agent.cli", "run", "--config", str(tmp_path / "absent.toml"))
        with pytest.raises(ProcessError, match=r"(?s)agent: ended by itself.*absent\.toml: cannot be read"):
            wait_for_status(agent, within_s=3600)
