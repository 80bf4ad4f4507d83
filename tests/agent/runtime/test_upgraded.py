"""What ran under the version before goes on: its files start over its buffer, and so does what this version
is the first to refuse, as far as it can be read safely, with an alarm for each.
"""

import asyncio
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from agent.bench.units import WELL
from agent.cli.common.errors import Misuse
from agent.cli.common.load import load, load_as_before
from agent.control import client
from agent.runtime import Agent
from agent.store.store import Store
from agent.store.upstream import MAIN
from agent.store.vintage import older
from agent.transport.left_out import LeftOut
from drivers.connect import assume
from hil.run import configuration
from hil.run.processes import Children, Status, wait_for_status
from tests.agent.runtime.logs import wait_for_log
from tests.agent.store.buffers import BOOT, own_alarm
from tests.until import STOPPED_S

BEFORE = Path(__file__).parents[2] / "vectors/0.1.0"
EXAMPLES = [BEFORE / "agent.toml", *sorted((BEFORE / "examples").glob("*.toml"))]

TINY = """
schema = 1
model = "tiny"
[[point]]
name = "cell_voltage"
address = 0
count = 4
scale = 0.001
unit = "V"
"""
HEAD = configuration.agent(Path(), agent={"id": "before"}, web={"listen": ""})
OTHER = configuration.tcp_bus("other", 1) + configuration.unit("u", "other", "tiny.toml")


def sound(port: int = 2) -> str:
    return configuration.tcp_bus("lan", port) + configuration.unit("sound", "lan", "tiny.toml", period_s=0.2)


@pytest.fixture
def box(tmp_path: Path) -> Path:
    """A folder with a buffer of the version before, and a profile."""
    shutil.copy(BEFORE / "buffer.db", tmp_path)
    (tmp_path / "tiny.toml").write_text(TINY)
    return tmp_path


def alarms(status: Status) -> dict[str, str]:
    """Texts of the alarms of configuration, by location."""
    return {a["location"]: a["text"] for a in status["alarms"] if a["detector"] == "configuration"}


def seen_running(path: Path, wanted: Callable[[Status], object] = bool) -> Status:
    """Start what `cellwarden run` starts, and return the first status that is as wanted."""
    loaded = load_as_before(path)
    assert older(loaded.config.store.path)
    agent = Agent(loaded.config, loaded.profiles, taken=loaded.taken)

    async def life() -> Status:
        running = asyncio.create_task(agent.run())
        async with asyncio.timeout(20):
            while True:
                assert not running.done(), running
                try:
                    status = await asyncio.to_thread(client.get, loaded.config.control.socket, "/v1/status")
                    if wanted(status):
                        break
                except client.NotRunning:
                    pass
                await asyncio.sleep(0.02)
        os.kill(os.getpid(), signal.SIGTERM)
        await running
        return status

    return asyncio.run(life())


@pytest.mark.filterwarnings("ignore:Falling back")  # of gpiozero: no pins here
@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_every_file_of_the_version_before_starts_over_its_buffer(box: Path, example: Path) -> None:
    text = re.sub(r'"[^"]*control\.sock"', '"control.sock"', example.read_text())
    text = re.sub(r'"[^"]*buffer\.db"', '"buffer.db"', text)
    tables = "".join(
        f"[{table}]\n{line}\n"
        for table, line in (("store", 'path = "buffer.db"'), ("control", 'socket = "control.sock"'))
        if f"[{table}]" not in text
    )
    text = text.replace("[store]\nbatch_s", '[store]\npath = "buffer.db"\nbatch_s')
    (box / "agent.toml").write_text(tables + text)
    load(box / "agent.toml")  # it is no mistake to this version either
    status = seen_running(box / "agent.toml")
    assert alarms(status) == {}
    assert len(status["units"]) == text.count("[[unit]]")


#: What this version is the first to refuse: tables, the location of the alarm, what became of it.
NEWLY = {
    "a number that is endless": ("[store]\nmax_mb = inf\n", "store.max_mb", "left out"),
    "a number as a text": ('[store]\nbatch_frames = "60"\n', "store.batch_frames", "read as 60"),
    "a truth value": ("[store]\nbatch_s = true\n", "store.batch_s", "read as 1.0"),
    "a deadline without end": ("[agent]\nsafety_deadline_s = 1e300\n", "agent.safety_deadline_s", "left out"),
    "a label that is no line": ('[agent]\nsite = "a\\nb"\n', "agent.site", "used all the same"),
    "a page nowhere": (
        '[web]\nlisten = "a b:80"\ncert = "c"\nkey = "k"\ntoken_file = "t"\n',
        "web.listen",
        "read as ''",
    ),
    "metrics nowhere": ('[metrics]\nlisten = "a b:80"\n', "metrics.listen", "left out"),
    "a port that is none": (
        '[upstream]\nurl = "http://127.0.0.1:abc"\n',
        "upstream.url",
        "used all the same",
    ),
    "a password": ('[upstream]\nurl = "http://u:p@127.0.0.1:9"\n', "upstream.url", "used all the same"),
    "no host": (OTHER.replace('"127.0.0.1"', '"a b"'), "bus.other.host", "used all the same"),
    "an endless name": (OTHER.replace("127.0.0.1", "x" * 70), "bus.other.host", "used all the same"),
    "a host with a NUL": (OTHER.replace("127.0.0.1", "a\\u0000b"), "bus.other.host", "used all the same"),
    "a device that is a URL": (
        OTHER.replace('"tcp"\nhost = "127.0.0.1"\nport = 1', '"rtu"\ndevice = "socket://h:1"'),
        "bus.other.device",
        "used all the same",
    ),
    "a relay nowhere": (
        '[relay]\noutput = "modbus-coil"\nhost = "a b"\ncoil = 0\n',
        "relay.host",
        "used all the same",
    ),
    "a limit that is none": (
        '[[detection.override]]\ndetector = "over-temperature"\nseverity = "critical"\nlimit = nan\n',
        "detection.override.number.1.limit",
        "left out",
    ),
}


def with_tables(text: str) -> str:
    """The usual file with what `text` says in place of, or beside, the same tables."""
    head = HEAD
    for table in re.findall(r"^\[(\w+)\]", text, re.MULTILINE):
        said = re.search(rf"\[{table}\]\n((?:\w.*\n)+)", text)
        keys = set(re.findall(r"^(\w+) =", said[1], re.MULTILINE)) if said else set()
        kept = re.search(rf"\[{table}\]\n((?:\w.*\n)+)", head)
        lines = [line for line in (kept[1].splitlines() if kept else []) if line.split(" ")[0] not in keys]
        new = f"[{table}]\n" + (said[1] if said else "") + "".join(f"{line}\n" for line in lines)
        head = head.replace(kept[0], new) if kept else head + new
        text = text.replace(said[0], "") if said else text
    return head + text


@pytest.mark.parametrize("what", NEWLY)
def test_what_is_newly_refused_runs_on_with_an_alarm_and_is_refused_elsewhere(box: Path, what: str) -> None:
    tables, location, became = NEWLY[what]
    path = box / "agent.toml"
    path.write_text(with_tables(tables) + sound())
    with pytest.raises(Misuse, match=r"^agent\.toml: "):
        load(path)
    status = seen_running(path, lambda status: all(bus["trouble"] for bus in status["buses"]))
    said = alarms(status)
    assert list(said) == [f"agent.toml:{location}"]
    assert str(path) in said[f"agent.toml:{location}"]
    assert (
        said[f"agent.toml:{location}"].endswith(f"until that is mended it is {became}")
        or became == "left out"
    )
    assert {unit["name"] for unit in status["units"]} >= {"sound"}


PROFILES = {
    "an endless time-out": (
        "[tcp]\ntimeout_ms = inf\n",
        "profile",
        "without numbers that are none",
        "warning",
    ),
    "a limit without end": (
        "[limits.cell_voltage]\nsafety = [0, 1e300]\n",
        "profile",
        "without numbers",
        "warning",
    ),
    "a point that cannot be told": (
        '[[point]]\nname = "odd"\naddress = 9\noffset = nan\n',
        "odd",
        "odd is not watched",
        "critical",
    ),
    "seven data bits": ("[serial]\ndata_bits = 7\n", "profile", "as the version before read it", "warning"),
}


@pytest.mark.parametrize("what", PROFILES)
def test_a_profile_that_is_newly_refused_is_read_as_far_as_it_can_be(box: Path, what: str) -> None:
    tables, point, became, severity = PROFILES[what]
    path = box / "agent.toml"
    path.write_text(HEAD + sound())
    (box / "tiny.toml").write_text(TINY + tables)
    with pytest.raises(Misuse, match=r"\[\[unit\]\] sound profile: tiny: "):
        load(path)
    loaded = load_as_before(path)
    (taken,) = loaded.taken
    assert taken.key == f"tiny.toml:{point}"
    assert became in taken.text
    assert taken.critical == (severity == "critical")
    assert [p.name for p in loaded.profiles["tiny.toml"].point] == ["cell_voltage"]


def test_a_text_for_a_number_is_read_as_that_number(box: Path) -> None:
    """Also where something else may stand: a count is a number or a name, a limit of reads a table."""
    path = box / "agent.toml"
    path.write_text(HEAD + sound())
    said = TINY.replace("[[point]]", 'max_registers_per_read = "2"\n[[point]]').replace("= 4", '= "4"')
    (box / "tiny.toml").write_text(said)
    with pytest.raises(Misuse, match="count = '4' is a text, and a number is wanted: write 4"):
        load(path)
    loaded = load_as_before(path)
    assert {one.key: one.critical for one in loaded.taken} == {
        "tiny.toml:cell_voltage": False,
        "tiny.toml:profile": False,
    }
    layout = assume(loaded.profiles["tiny.toml"])
    assert (layout.n, len(layout.plan.reads)) == (4, 2)
    assert loaded.config.unit[0].bus == "lan"


def test_what_was_always_a_mistake_stays_one(box: Path) -> None:
    (box / "agent.toml").write_text(
        HEAD.replace("[store]\n", "[store]\nmax_mb = inf\nbatch_frames = 0\n") + OTHER
    )
    with pytest.raises(Misuse, match="batch_frames: 0 is too small"):
        load_as_before(box / "agent.toml")
    (box / "agent.toml").write_text(HEAD + OTHER)
    (box / "tiny.toml").write_text(TINY + "[tcp]\ntimeout_ms = inf\nport = 0\n")
    with pytest.raises(Misuse, match="port"):
        load_as_before(box / "agent.toml")


LOST = TINY.replace("[[point]]", "[topology]\ncells = 5\n[[point]]") + (
    '[[point]]\nname = "fifth"\naddress = 9\nquantity = "cell_voltage"\n'
    'place = "cell5"\nunit = "mV"\noffset = nan\n'
)


@pytest.fixture
def units(box: Path) -> Iterator[tuple[Children, int]]:
    with Children(box) as children:
        serving = children.start("units", "agent.bench.units", f"0:{WELL}")
        yield children, int(serving.first_line().strip("[]"))


def knowledge(status: Status) -> dict[str, str]:
    return {unit["name"]: unit["knowledge"] for unit in status["units"]}


def test_a_unit_that_cannot_be_read_is_shown_as_never_seen_until_the_file_is_mended(
    box: Path, units: tuple[Children, int]
) -> None:
    """The whole way: the others are watched, a reload is refused, and over with the mistake is its alarm."""
    children, port = units
    path = box / "agent.toml"
    (box / "lost.toml").write_text(LOST)
    lost = configuration.unit("lost", "lan", "lost.toml", unit_id=2, period_s=0.2)
    path.write_text(HEAD + sound(port) + lost)
    agent = children.start("agent", "agent.cli", "run", "--config", str(path))

    status = wait_for_status(agent, lambda status: knowledge(status).get("sound") in ("LIVE", "PARTIAL"))
    assert knowledge(status)["lost"] == "NEVER"
    assert set(alarms(status)) == {"lost.toml:fifth", "lost.toml:cell_voltage"}
    assert {a["severity"] for a in status["alarms"] if a["detector"] == "configuration"} == {"critical"}
    assert "lost" in "".join(alarms(status).values())
    assert any("lost.toml cannot be read safely" in bus["trouble"] for bus in status["buses"])

    os.kill(agent.process.pid, signal.SIGHUP)
    wait_for_log(agent, "the new configuration is not used, the old one goes on")
    assert set(alarms(wait_for_status(agent))) == {"lost.toml:fifth", "lost.toml:cell_voltage"}

    (box / "lost.toml").write_text(TINY)
    os.kill(agent.process.pid, signal.SIGHUP)
    status = wait_for_status(agent, lambda status: knowledge(status)["lost"] in ("LIVE", "PARTIAL"))
    said = [alarm for alarm in status["alarms"] if alarm["detector"] == "configuration"]
    assert {alarm["state"] for alarm in said} == {"CLEARED-NEW"}
    assert agent.stop() < STOPPED_S


def run(path: Path) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "agent.cli", "run", "--config", str(path)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_a_new_installation_is_refused_at_once(tmp_path: Path) -> None:
    (tmp_path / "tiny.toml").write_text(TINY)
    (tmp_path / "agent.toml").write_text(HEAD.replace("[store]\n", "[store]\nmax_mb = inf\n") + OTHER)
    result = run(tmp_path / "agent.toml")
    assert result.returncode == 2
    assert result.stderr.splitlines()[-1].startswith("CW-301 agent.toml: [store] max_mb: inf cannot be")
    assert not (tmp_path / "buffer.db").exists()


def test_it_shows_who_began_a_buffer(tmp_path: Path, box: Path) -> None:
    assert older(box / "buffer.db")
    assert not older(tmp_path / "absent.db")
    Store(tmp_path / "new.db", "agent-1", BOOT, [MAIN], own_alarm).close()
    assert not older(tmp_path / "new.db")
    Store(
        box / "buffer.db", "before", BOOT, [MAIN], own_alarm
    ).close()  # opened by this version, begun before
    assert older(box / "buffer.db")


def test_what_began_in_place_of_a_damaged_buffer_goes_on_as_that_did(tmp_path: Path) -> None:
    path = tmp_path / "buffer.db"
    path.write_bytes(b"no database" * 1000)
    assert older(path)
    Store(path, "agent-1", BOOT, [MAIN], own_alarm).close()
    assert older(path)


@pytest.mark.parametrize("name", ["ca", "cert"])
def test_a_reload_with_files_of_upstream_that_are_none_changes_nothing(
    box: Path, units: tuple[Children, int], name: str
) -> None:
    children, port = units
    path = box / "agent.toml"
    path.write_text(HEAD + sound(port))
    agent = children.start("agent", "agent.cli", "run", "--config", str(path))
    wait_for_status(agent, lambda status: knowledge(status).get("sound") in ("LIVE", "PARTIAL"))
    os.mkfifo(box / "pipe.pem")
    files = 'ca = "pipe.pem"\n' if name == "ca" else 'cert = "pipe.pem"\nkey = "pipe.pem"\n'
    path.write_text(HEAD.replace('"http://127.0.0.1:9"\n', f'"https://127.0.0.1:9"\n{files}') + sound(port))
    os.kill(agent.process.pid, signal.SIGHUP)
    wait_for_log(agent, "is a FIFO, and a file is wanted")
    assert "the old one goes on" in agent.log.read_text()
    assert wait_for_status(agent)["upstreams"][0]["url"] == "http://127.0.0.1:9"


def test_a_loaded_file_leaves_out_what_it_says(box: Path) -> None:
    (box / "lost.toml").write_text(LOST)
    (box / "agent.toml").write_text(HEAD + OTHER.replace("tiny.toml", "lost.toml"))
    config = load_as_before(box / "agent.toml").config
    (bus,) = config.bus
    assert isinstance(bus, LeftOut)
    assert [unit.bus for unit in config.unit] == [bus.name]
