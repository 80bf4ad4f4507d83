"""setup --answers: no dialogue; what is so already is left alone; mistakes are told with their line."""

import asyncio
import json
import re
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from agent.cli import main
from agent.config.file import load_config
from agent.control.server import ControlServer
from hil.modbus.rtu import RtuBus
from hil.modbus.tcp import TcpEndpoint
from hil.run import configuration
from tests.agent.cli.test_scan import BAUD, pace

EXAMPLE = Path(__file__).parents[3] / "docs/examples/answers.toml"
COLLECTOR = "http://127.0.0.1:9"  # discard: nothing listens there


class Loop:
    """A loop in a thread of its own: commands make one each."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever)

    def __enter__(self) -> "Loop":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()
        self.loop.close()

    def run(self, what: "asyncio._CoroutineLike[None]") -> None:
        asyncio.run_coroutine_threadsafe(what, self.loop).result(10)


@pytest.fixture
def loop() -> Iterator[Loop]:
    with Loop() as loop:
        yield loop


@pytest.fixture
def lan(loop: Loop) -> Iterator[TcpEndpoint]:
    served = TcpEndpoint("127.0.0.1", 0, {1: pace()})
    loop.run(served.start())
    yield served
    loop.run(served.stop())


@pytest.fixture
def bus(tmp_path: Path) -> Iterator[RtuBus]:
    served = RtuBus(tmp_path / "bus", BAUD, {1: pace(), 2: pace()})
    served.start()
    yield served
    served.stop()


def setup(folder: Path, answers: str, *options: str) -> Result:
    (folder / "answers.toml").write_text(answers)
    files = ("--config", str(folder / "agent.toml"), "--answers", str(folder / "answers.toml"))
    return CliRunner().invoke(main, ["setup", *files, *options])


def answers_of(*buses: str, more: str = "") -> str:
    return "\n".join([f'[upstream]\nurl = "{COLLECTOR}"', *buses, more])


def one_bus(endpoint: object, *units: str) -> str:
    return "\n".join([f'[[bus]]\nendpoint = "{endpoint}"', *(f"[[bus.unit]]\n{unit}" for unit in units)])


@pytest.mark.long(20)
def test_the_example_finds_what_it_does_not_say_and_a_second_time_asks_and_changes_nothing(
    tmp_path: Path, bus: RtuBus, lan: TcpEndpoint
) -> None:
    here = {
        "https://collector.example:8440": COLLECTOR,
        "/dev/ttyUSB0": str(bus.link),
        "9600-8N1": f"{BAUD}-8N1",
        "192.0.2.10:502": f"127.0.0.1:{lan.port}",
    }
    text = EXAMPLE.read_text()
    for of_example, of_test in here.items():
        assert of_example in text
        text = text.replace(of_example, of_test)
    first = setup(tmp_path, text, "--json")
    assert first.exit_code == 0, first.output
    told = json.loads(first.stdout)
    assert told["units"] == ["rack-1", "rack-2", "rack-3"]
    assert (told["changed"], told["written"], told["exit"]) == (True, True, 0)
    assert "https://battery-room-3.example:8480/" in told["page"]["urls"]
    config = load_config(tmp_path / "agent.toml")
    assert (config.agent.id, config.agent.site) == ("room-3", "Building 2, battery room 3")
    assert [(u.name, u.unit_id, u.profile, u.chemistry) for u in config.unit] == [
        ("rack-1", 1, "pace-rtu", None),
        ("rack-2", 2, "pace-rtu", "LFP"),
        ("rack-3", 1, "pace-rtu", None),
    ]
    assert config.web.token_file is not None
    assert config.web.token_file.read_text().strip() not in first.output
    assert "A. Technician" in (tmp_path / "commissioning.html").read_text()

    kept = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    asked = bus.requests, lan.requests
    second = setup(tmp_path, text, "--json")
    assert second.exit_code == 0, second.output
    new = {"certificate": False, "token": False, "configuration": False}
    assert json.loads(second.stdout) == {
        **told, "changed": False, "written": False, "page": {**told["page"], "new": new},
    }  # fmt: skip
    assert "nothing changed" in setup(tmp_path, text).stdout
    assert (bus.requests, lan.requests) == asked
    assert kept == {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}


def test_what_is_changed_in_it_changes_without_a_question_to_units_that_stay(tmp_path: Path) -> None:
    config = tmp_path / "agent.toml"
    nobody = configuration.tcp_unit("rack-1", 9, "pace-rtu") + configuration.tcp_unit(
        "rack-2", 11, "pace-rtu"
    )
    config.write_text("# by hand\n" + configuration.agent(tmp_path, COLLECTOR) + nobody)
    before = config.read_text()
    units = one_bus("127.0.0.1:9", 'unit_id = 1\nname = "north"')
    more = "[agent]\nsite = 'Room 3'\n[page]\nenable = false"
    done = setup(tmp_path, answers_of(units, more=more))
    assert done.exit_code == 0, done.output
    assert re.search(r'^-name = "rack-1"\n\+name = "north"', done.stdout, re.M)
    assert config.read_text().startswith("# by hand\n")
    assert config.with_name("agent.toml.1").read_text() == before
    after = load_config(config)
    assert (after.agent.id, after.agent.site) == ("bench", "Room 3")
    assert [unit.name for unit in after.unit] == ["north"], "what the file does not name is gone"
    assert [bus.name for bus in after.bus] == ["lan-rack-1"]


def test_a_page_in_the_network_comes_and_goes_and_the_file_before_is_kept_once(tmp_path: Path) -> None:
    config = tmp_path / "agent.toml"
    config.write_text(configuration.agent(tmp_path, COLLECTOR) + configuration.tcp_unit("r", 9, "pace-rtu"))
    before, bus = config.read_text(), one_bus("127.0.0.1:9")
    page = '[agent]\nsite = "A"\n[page]\nlisten = "192.0.2.10:8480"'
    said = setup(tmp_path, answers_of(bus, more=page))
    assert said.exit_code == 0, said.output
    assert re.search("(?:[0-9A-F]{2}:){31}[0-9A-F]{2}", said.stdout)
    assert config.with_name("agent.toml.1").read_text() == before
    assert load_config(config).web.listen == "192.0.2.10:8480"
    assert json.loads(setup(tmp_path, answers_of(bus), "--json").stdout)["changed"] is False, "left as it is"
    closed = json.loads(setup(tmp_path, answers_of(bus, more="[page]\nenable = false"), "--json").stdout)
    assert (closed["changed"], closed["written"], closed["page"]) == (True, False, None)
    assert load_config(config).web.listen == "127.0.0.1:8480"


def test_a_unit_that_does_not_answer_or_is_another_ends_it_and_nothing_is_written(
    tmp_path: Path, lan: TcpEndpoint
) -> None:
    where = f"127.0.0.1:{lan.port}"
    for units, code, status in (
        (["unit_id = 7"], "CW-203 No unit among ids 7", 3),
        (["unit_id = 1", "unit_id = 7"], "CW-201 No answer from id 7", 3),
        (['unit_id = 1\nprofile = "sunspec-lithium-ion"'], f"CW-211 {where} id 1", 1),
    ):
        ended = setup(tmp_path, answers_of(one_bus(where, *units)), "--json")
        assert ended.exit_code == status, ended.output
        assert json.loads(ended.stdout)["error"]["code"] == code[:6]
        assert code in ended.stderr
        assert not (tmp_path / "agent.toml").exists()
    silent = setup(tmp_path, answers_of(one_bus("127.0.0.1:9", "unit_id = 1")))
    assert silent.exit_code == 3
    assert "CW-103" in silent.stderr


def test_a_port_that_the_running_agent_polls_is_left_to_it(tmp_path: Path, loop: Loop) -> None:
    config = tmp_path / "agent.toml"
    config.write_text(configuration.agent(tmp_path, COLLECTOR) + configuration.tcp_unit("r", 9, "pace-rtu"))
    before = config.read_bytes()

    async def status(_: object) -> dict[str, object]:
        return {"buses": [{"name": "lan-r", "port": "127.0.0.1:9"}]}

    server = ControlServer(tmp_path / "control.sock", {"GET /v1/status": status})
    loop.run(server.start())
    new = one_bus("127.0.0.1:9", "unit_id = 1", "unit_id = 2")
    held = setup(tmp_path, answers_of(new), "--json")
    known = setup(tmp_path, answers_of(new + '\nprofile = "pace-rtu"'), "--json")
    loop.run(server.stop())
    for ended in (held, known):
        assert (ended.exit_code, json.loads(ended.stdout)["error"]["code"]) == (4, "CW-110"), ended.output
        assert json.loads(ended.stdout)["error"]["run"] == "sudo systemctl stop cellwarden"
    assert config.read_bytes() == before


UNIT = "[[bus.unit]]\nunit_id = 1\n"
WRONG = [
    ("upstream", "", "line 1: upstream: is missing"),
    ("", "[upstream]\n", "line 1: [upstream] url: is missing"),
    ('url = "http://collector.example:8440"', "", "line 1: upstream: url: plain http to collector.example"),
    ("", 'colour = "red"', "line 1: colour: unknown key; known are by, agent, upstream, bus, page"),
    ("", '[[bus]]\nendpiont = "x"', "line 6: [[bus]] endpiont: unknown key; did you mean 'endpoint'?"),
    ("", '[[bus]]\nline = "9600-8N1"', "line 5: [[bus]] endpoint: is missing"),
    ("", '[[bus]]\nendpoint = "192.0.2.1:x"', "line 6: [[bus]] endpoint: 'x' is no port"),
    ("", '[[bus]]\nendpoint = "192.0.2.0/24"', "line 6: [[bus]] endpoint: '192.0.2.0/24' is a network"),
    ("bus", "bus = []", "line 1: bus: at least one [[bus]] is needed"),
    ("", '[[bus]]\nendpoint = "/dev/x"\nline = "9600-7E1"', "line 7: [[bus]] line: '9600-7E1' is no line"),
    ("", '[[bus]]\nendpoint = "192.0.2.1"\nline = "9600"', "line 5: [[bus]]: line: it cannot be set"),
    ("", '[[bus]]\nendpoint = "127.0.0.1:502"', "line 6: [[bus]] endpoint: 127.0.0.1:502 stands there twice"),
    ("", UNIT + UNIT, "line 8: [[bus.unit]] unit_id: 1 stands there twice on this bus"),
    ("", UNIT + 'profile = "pace"', "line 7: [[bus.unit]] profile: "),
    ("", UNIT + 'chemistry = "lfp"', "did you mean 'LFP'?"),
    ("", UNIT + 'name = "rack 1"', "line 7: [[bus.unit]] name: 'rack 1' cannot be a name"),
    ("", UNIT + 'id = 1', "line 7: [[bus.unit]] id: unknown key; known are unit_id, name, profile,"),
    ("", '[page]\nlisten = "127.0.0.1:8480"', "line 6: [page] listen: 127.0.0.1:8480 is this machine alone"),
    ("", "[page\n", "is not TOML"),
]  # fmt: skip


@pytest.mark.parametrize("case", WRONG, ids=lambda case: case[2][:30])
def test_a_mistake_is_told_with_its_key_and_its_line_and_nothing_changes(
    case: tuple[str, str, str], tmp_path: Path
) -> None:
    taken_out, added, told = case
    top = added.startswith("colour")
    lines = ["[upstream]", f'url = "{COLLECTOR}"', "[[bus]]", 'endpoint = "127.0.0.1:502"']
    if taken_out.startswith("url"):
        lines[1] = taken_out
    elif taken_out == "bus":
        lines, top = lines[:2], True
    elif taken_out:
        lines = lines[2:]
    elif added == "[upstream]\n":
        lines = ["[upstream]", *lines[2:]]
        added = ""
    wrong = setup(tmp_path, "\n".join([added, *lines] if top else [*lines, added]), "--json")
    assert wrong.exit_code == 2, wrong.output
    assert told in wrong.stderr
    error = json.loads(wrong.stdout)["error"]
    assert error["code"] == "CW-307"
    assert not (tmp_path / "agent.toml").exists()


def test_what_belongs_into_the_file_is_refused_beside_it_and_so_is_a_file_that_is_not_there(
    tmp_path: Path,
) -> None:
    both = setup(tmp_path, answers_of(one_bus("127.0.0.1:9")), "--yes", "--label", "rack-1")
    assert both.exit_code == 2
    assert "--label, --yes: write that into" in both.stderr
    gone = CliRunner().invoke(main, ["setup", "--answers", str(tmp_path / "gone.toml")])
    assert gone.exit_code == 2
    assert f"CW-307 {tmp_path}/gone.toml: cannot be read: No such file or directory" in gone.stderr


def test_an_agent_file_that_cannot_be_used_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "agent.toml").write_text("[web]\nlisten = 7\n")
    refused = setup(tmp_path, answers_of(one_bus("127.0.0.1:9")))
    assert refused.exit_code == 2
    assert "CW-301 agent.toml: [web] listen" in refused.stderr
    assert (tmp_path / "agent.toml").read_text() == "[web]\nlisten = 7\n"
