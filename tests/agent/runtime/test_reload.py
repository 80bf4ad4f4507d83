"""SIGHUP to a real agent: what changed begins anew, the rest goes on, and a bad file changes nothing."""

import os
import signal
import socket
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from agent.bench.units import WELL
from agent.config.file import load_config
from agent.config.reload import ConfigChange, ReloadRefused, change_of
from agent.config.tables import Config
from agent.view.state import WORDS
from drivers.profile.load import Profile, parse_profile
from hil.run import configuration
from hil.run.processes import Child, Children, Status, wait_for_status
from tests.agent.runtime.logs import wait_for_log
from tests.until import STOPPED_S

PROFILE = """
schema = 1
model = "tiny"
per_instance = 2000
[[point]]
name = "cell_voltage"
address = 0
count = 4
scale = 0.001
unit = "V"
"""


def agent_toml(folder: Path, metrics_port: int, ports: dict[int, int], period_s: dict[int, float]) -> str:
    """An agent with metrics, and units by number, each on a bus of its own."""
    metrics = {"listen": f"127.0.0.1:{metrics_port}"}
    text = configuration.agent(folder, agent={"id": "agent-1"}, metrics=metrics)
    for k, port in ports.items():
        text += configuration.tcp_bus(f"lan-{k}", port)
        text += configuration.unit(
            f"rack-{k}", f"lan-{k}", f"{folder}/tiny.toml", period_s=period_s.get(k, 0.2), chemistry="LFP"
        )
    return text


class Site:
    """An agent, its configuration, and the units that it polls."""

    def __init__(self, folder: Path, children: Children) -> None:
        self.folder = folder
        (folder / "tiny.toml").write_text(PROFILE)
        serving = children.start("units", "agent.bench.units", *(f"0:{WELL}" for _ in range(3)))
        self.ports = [int(port) for port in serving.first_line().strip("[]").split(",")]
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.metrics_port = free.getsockname()[1]
        self.write(units=(0, 1))
        self.agent: Child = children.start(
            "agent", "agent.cli", "run", "--config", str(folder / "agent.toml")
        )

    def write(self, units: tuple[int, ...], period_s: float = 0.2, **changes: str) -> None:
        ports = {k: self.ports[k] for k in units}
        text = agent_toml(self.folder, self.metrics_port, ports, {1: period_s})
        for old, new in changes.items():
            text = text.replace(old, new)
        (self.folder / "agent.toml").write_text(text)

    def reload(self) -> None:
        os.kill(self.agent.process.pid, signal.SIGHUP)

    def wait(self, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """The units, by name, once they are as wanted."""

        def units(status: Status) -> dict[str, Any]:
            return {unit["name"]: unit for unit in status["units"]}

        return units(wait_for_status(self.agent, lambda status: wanted(units(status))))


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with Children(tmp_path) as children:
        yield Site(tmp_path, children)


def live(status: dict[str, Any], *names: str) -> bool:
    return set(status) == set(names) and all(u["knowledge"] == "LIVE" for u in status.values())


def test_a_changed_file_restarts_what_changed_and_a_bad_one_nothing(site: Site) -> None:
    before = site.wait(lambda s: live(s, "rack-0", "rack-1") and s["rack-0"]["frames"] > 10)
    site.write(units=(0, 1, 2), period_s=0.5)
    site.reload()
    after = site.wait(lambda s: live(s, "rack-0", "rack-1", "rack-2"))
    assert after["rack-0"]["frames"] >= before["rack-0"]["frames"], "the unchanged one went on"
    assert after["rack-1"]["frames"] < before["rack-1"]["frames"], "the changed one began anew"
    site.write(units=(0, 1, 2), period_s=0.5, host="hots")
    site.reload()
    wait_for_log(site.agent, "unknown key; did you mean 'host'?")
    site.write(units=(0, 1, 2), period_s=0.5, buffer="other")
    site.reload()
    wait_for_log(site.agent, "a change of [store] needs a restart: systemctl restart cellwarden")
    site.write(units=(0, 1, 2), period_s=0.5, **{'bus = "lan-1"': 'bus = "lan-1"\ninstance = 64'})
    site.reload()
    wait_for_log(site.agent, "[[unit]] rack-1 instance 64: holding 126000 runs past the last address 65535")
    frames = after["rack-2"]["frames"]
    site.wait(lambda s: live(s, "rack-0", "rack-1", "rack-2") and s["rack-2"]["frames"] > frames)
    site.write(units=(0,))
    site.reload()
    site.wait(lambda s: live(s, "rack-0"))
    assert site.agent.stop() < STOPPED_S
    assert site.agent.process.returncode == 0


def test_metrics_are_openmetrics_and_tell_how_polling_goes(site: Site) -> None:
    site.wait(lambda s: live(s, "rack-0", "rack-1") and s["rack-0"]["frames"] > 5)
    with urllib.request.urlopen(f"http://127.0.0.1:{site.metrics_port}/metrics", timeout=5) as response:
        assert response.headers["Content-Type"].startswith("application/openmetrics-text")
        families = {f.name: f for f in text_string_to_metric_families(response.read().decode())}
    values = {
        (
            s.name,
            s.labels.get("unit", s.labels.get("bus", s.labels.get("upstream"))),
            s.labels.get("result"),
        ): s.value
        for family in families.values()
        for s in family.samples
    }
    assert values["cellwarden_unit_reads_total", "rack-0", "sound"] > 5
    assert values["cellwarden_unit_reads_total", "rack-0", "no_reply"] == 0
    assert values["cellwarden_bus_up", "lan-0", None] == 1
    assert values["cellwarden_bus_busy_seconds_total", "lan-0", None] > 0
    assert 0 < values["cellwarden_unit_response_seconds", "rack-0", None] < 1
    assert values["cellwarden_unit_backoff_seconds", "rack-0", None] == 0
    name = "cellwarden_unit_knowledge"
    known = {(s.labels["unit"], s.labels[name]) for s in families[name].samples if s.value}
    assert known == {("rack-0", "LEARNING"), ("rack-1", "LEARNING")}, "the word of the page, not LIVE"
    assert {s.labels[name] for s in families[name].samples} == {*WORDS}
    assert values["cellwarden_only_here_seconds", None, None] > 0
    assert values["cellwarden_upstream_up", "main", None] == 0
    assert values["cellwarden_unit_deadline_misses_total", "rack-0", None] == 0
    assert values["cellwarden_unit_age_seconds", "rack-1", None] < 5


@pytest.fixture
def written(tmp_path: Path) -> Callable[..., tuple[Config, dict[str, Profile]]]:
    def write(units: tuple[int, ...] = (0, 1), profile: str = PROFILE, **changes: str) -> Any:
        text = agent_toml(tmp_path, 9464, {k: 1502 + k for k in units}, {})
        for old, new in changes.items():
            text = text.replace(old, new)
        path = tmp_path / "agent.toml"
        path.write_text(text)
        config = load_config(path)
        return config, {unit.profile: parse_profile(profile) for unit in config.unit}

    return write


def test_only_what_a_bus_depends_on_changes_it(written: Callable[..., Any]) -> None:
    old, profiles = written()
    assert not change_of(old, *written()[:1], profiles, written()[1])
    new, new_profiles = written(units=(1, 2))
    change = change_of(old, new, profiles, new_profiles)
    assert change == ConfigChange(frozenset(), frozenset({"lan-2"}), frozenset({"lan-0"}), frozenset())
    new, new_profiles = written(profile=PROFILE.replace("0.001", "0.01"))
    assert change_of(old, new, profiles, new_profiles).changed == {"lan-0", "lan-1"}
    new, new_profiles = written(**{'127.0.0.1:9"': '127.0.0.1:8"'})
    assert str(change_of(old, new, profiles, new_profiles)) == "another upstream: main"
    new, new_profiles = written(**{"agent-1": "agent-2"})
    with pytest.raises(ReloadRefused, match=r"\[agent\] needs a restart"):
        change_of(old, new, profiles, new_profiles)
