"""cellwarden check: the ten-second proof as a technician sees it."""

import json
import os
import re
import socket
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from agent.cli import main
from agent.store.errors import StoreError
from agent.store.store import Store
from agent.store.upstream import MAIN
from hil.run import configuration
from hil.run.tables import table
from tests.agent.store.buffers import BOOT, own_alarm


def tables(baud: int = 9600, period_s: float = 1.0, timeout_s: float = 0.3) -> str:
    """Two units on a line; where buffer and socket are is not said."""
    return (
        table("[upstream]", {"url": configuration.NOWHERE})
        + configuration.rtu_bus("rs485", Path("/dev/ttyUSB0"), baud=baud)
        + configuration.unit("rack-1", "rs485", "pace-rtu", period_s=period_s)
        + configuration.unit("rack-2", "rs485", "pace-rtu", unit_id=2, period_s=period_s, timeout_s=timeout_s)
    )


def check(folder: Path, *options: str, **said: Any) -> Result:
    path = folder / "agent.toml"
    path.write_text(tables(**said))
    return CliRunner().invoke(main, ["check", "--config", str(path), *options])


def test_a_line_that_keeps_the_deadline_is_good_and_says_how_old_values_can_become(tmp_path: Path) -> None:
    result = check(tmp_path)
    assert result.exit_code == 0
    assert "bus rs485  /dev/ttyUSB0  9600 8N1  busy 40%" in result.output
    row = next(line for line in result.output.splitlines() if line.startswith("rack-1"))
    assert row.split()[-5:] == ["1.4", "s", "2.6", "s", "(rack-2)"]


def bad_line(result: Result, unit: str) -> list[str]:
    """Return the words of a unit's row of what a bad line leaves."""
    _, _, rows = result.output.partition("on a bad line")
    return next(line.split() for line in rows.splitlines() if line.startswith(f"{unit} "))


def test_what_a_bad_line_leaves_of_the_deadline_is_said(tmp_path: Path) -> None:
    result = check(tmp_path)
    name, lost, s, damaged, _, dead, _, first, _ = bad_line(result, "rack-1")
    assert (name, s) == ("rack-1", "s")
    assert 4 < float(damaged) < float(lost) < 10
    assert 2 < float(dead) < 4
    assert 0.6 < float(first) < 3
    assert "cannot" not in result.output


def test_a_line_that_cannot_is_said_so_with_its_units_and_is_not_refused(tmp_path: Path) -> None:
    result = check(tmp_path, timeout_s=1.7)
    assert result.exit_code == 0, result.output
    assert bad_line(result, "rack-2")[1] == "cannot"
    said = " ".join(result.output.split())
    assert "cannot: [[bus]] rs485: with 40 % of the replies lost (in 99 of 100 cases), safety points" in said
    assert "older than 10 s of rack-2; what helps:" in said
    slow = check(tmp_path, "--allow-late", timeout_s=5.0)
    assert "cannot: [[bus]] rs485: with all its other units dead, safety points" in " ".join(
        slow.output.split()
    )


def test_how_much_of_a_collectors_loss_the_history_heals_is_said(tmp_path: Path) -> None:
    (line,) = [line for line in check(tmp_path).output.splitlines() if line.startswith("history: ")]
    assert re.fullmatch(r"history: \d+ MB heal a collector that lost about \d+\.\d days", line)


def test_what_the_relay_would_not_show_is_said(tmp_path: Path) -> None:
    assert "not covered: no [relay] is configured: an alarm is heard only upstream" in check(tmp_path).output


def test_a_dead_neighbour_with_a_long_time_out_is_refused_and_named(tmp_path: Path) -> None:
    result = check(tmp_path, timeout_s=5.0)
    assert result.exit_code == 2
    assert "[[unit]] rack-1: its safety points can become 21.4 s old with rack-2 dead" in result.output
    assert "lower the timeout_s of rack-2" in result.output
    allowed = check(tmp_path, "--allow-late", timeout_s=5.0)
    assert allowed.exit_code == 0
    assert "(allowed by --allow-late)" in allowed.output


@pytest.mark.parametrize(
    ("baud", "period_s", "said"),
    [(9600, 9.9, "10 s is the limit; lower period_s"), (1200, 1.0, "raise period_s to 1.8 times what it is")],
)
def test_a_line_without_time_is_refused_with_what_to_change(
    tmp_path: Path, baud: int, period_s: float, said: str
) -> None:
    result = check(tmp_path, baud=baud, period_s=period_s)
    assert result.exit_code == 2
    assert said in result.output


def test_a_misspelt_profile_is_told_with_the_other_mistakes_not_after_them(tmp_path: Path) -> None:
    path = tmp_path / "agent.toml"
    wrong = tables().replace('profile = "pace-rtu"', 'profile = "pace-rut"').replace("period_s", "perod_s", 1)
    path.write_text(wrong)
    lines = CliRunner().invoke(main, ["check", "--config", str(path)]).output.splitlines()
    assert len(lines) == 2
    assert "perod_s: unknown key; did you mean 'period_s'?" in lines[0]
    assert "[[unit]] rack-1 profile: pace-rut: profile: there is no profile of this name" in lines[1]
    # where the mistake is in where profiles are, it is the only one
    path.write_text('[agent]\nprofile_dir = ["mine"]\n' + wrong.replace("perod_s", "period_s"))
    assert "profile_dir: unknown key" in CliRunner().invoke(main, ["check", "--config", str(path)]).output
    assert "pace-rut" not in CliRunner().invoke(main, ["check", "--config", str(path)]).output


@pytest.mark.parametrize(
    ("period_s", "said"),
    [
        (10.0, None),
        (11.0, "slow: rack-1, rack-2: polled every 11 s: a critical alarm of heat comes"),
        (60.0, "slow: rack-1, rack-2: polled every 60 s: a critical alarm of heat comes"),
        (61.0, "slow: rack-1, rack-2: polled every 61 s, and beyond 60 s a heat cannot be judged"),
    ],
)
def test_what_slow_polling_costs_is_said_where_the_deadline_was_raised(
    tmp_path: Path, period_s: float, said: str | None
) -> None:
    path = tmp_path / "agent.toml"
    path.write_text(tables(period_s=period_s) + table("[agent]", {"safety_deadline_s": 200.0}))
    result = CliRunner().invoke(main, ["check", "--config", str(path)])
    assert result.exit_code == 0
    lines = [line for line in result.output.splitlines() if line.startswith("slow: ")]
    assert [line[: len(said or "")] for line in lines] == ([said] if said else [])


def test_units_that_cannot_be_told_from_others_are_named(tmp_path: Path) -> None:
    assert "not noticed" not in check(tmp_path, period_s=4.0).output
    path = tmp_path / "agent.toml"
    path.write_text(path.read_text().replace('"pace-rtu"', '"soltaro-rack-b"', 1))
    said = CliRunner().invoke(main, ["check", "--config", str(path)]).output
    nameless = "its profile soltaro-rack-b has no serial number or model (rack-1)"
    assert f"not noticed: an exchanged unit, where {nameless}" in said


@pytest.mark.parametrize(
    ("store", "why"),
    [
        ("a-folder", "is a folder"),
        ("/", "is a folder"),
        ("locked.db", "locked.db-lock is a folder"),
        ("a-pipe", "is no file"),
        ("/dev/null", "is no file"),
        ("a-file/buffer.db", "Not a directory"),
        ("a-file/under/buffer.db", "Not a directory"),
        ("/proc/cellwarden/buffer.db", "No such file or directory"),
        ("x" * 300, "File name too long"),
    ],
)
def test_a_path_where_no_buffer_can_be_is_refused_as_run_refuses_it(
    tmp_path: Path, store: str, why: str
) -> None:
    (tmp_path / "a-folder").mkdir()
    (tmp_path / "locked.db-lock").mkdir()
    (tmp_path / "a-file").touch()
    os.mkfifo(tmp_path / "a-pipe")
    before = sorted(tmp_path.iterdir())
    with pytest.raises(StoreError):
        Store(tmp_path / store, "agent-1", BOOT, [MAIN], own_alarm)
    assert sorted(tmp_path.iterdir()) == before

    path = tmp_path / "agent.toml"
    path.write_text(table("[store]", {"path": store}) + tables())
    result = CliRunner().invoke(main, ["check", "--config", str(path)])
    assert result.exit_code == 2
    (line,) = [line for line in result.output.splitlines() if "[store] path" in line]
    assert line.startswith("CW-301 agent.toml: [store] path: ")
    assert why in line


@pytest.mark.parametrize("bytes_", [107, 108])
def test_a_path_where_no_socket_can_be_is_refused(tmp_path: Path, bytes_: int) -> None:
    path = tmp_path / "agent.toml"
    name = "s" * (bytes_ - len(os.fsencode(tmp_path)) - 1)
    path.write_text(table("[control]", {"socket": name}) + tables())
    result = CliRunner().invoke(main, ["check", "--config", str(path)])
    with socket.socket(socket.AF_UNIX) as there:
        if bytes_ == 107:
            there.bind(str(tmp_path / name))
            assert result.exit_code == 0, result.output
            return
        with pytest.raises(OSError, match="too long"):
            there.bind(str(tmp_path / name))
    assert result.exit_code == 2
    assert "agent.toml: [control] socket: 108 bytes with its folder, and 107 is the most" in result.output


def test_where_run_makes_the_folder_of_the_buffer_check_leaves_nothing(tmp_path: Path) -> None:
    path = tmp_path / "agent.toml"
    path.write_text(table("[store]", {"path": "not/yet/buffer.db"}) + tables())
    result = CliRunner().invoke(main, ["check", "--config", str(path)])
    assert result.exit_code == 0, result.output
    assert list(tmp_path.iterdir()) == [path]


def test_who_may_not_write_where_the_agent_does_is_told_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("agent.store.place.tempfile.TemporaryFile", refused)
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    result = check(tmp_path)
    assert result.exit_code == 0
    assert (
        "warning: [store] path: /var/lib/cellwarden/buffer.db: no buffer can be written there"
        in result.output
    )
    monkeypatch.setattr("os.geteuid", lambda: 0)
    assert check(tmp_path).exit_code == 2


def accepting(folder: Path, accept: str, ids: tuple[int, ...], bus: str = "tcp", **unit: Any) -> Result:
    place = 'host = "192.0.2.1"' if bus == "tcp" else 'device = "/dev/ttyUSB0"'
    text = table("[upstream]", {"url": configuration.NOWHERE})
    text += f'[[bus]]\nname = "odd"\ntransport = "{bus}"\n{place}\naccept = {accept}\n'
    text += "".join(configuration.unit(f"u{k}", "odd", "pace-rtu", unit_id=k, **unit) for k in ids)
    path = folder / "agent.toml"
    path.write_text(text)
    return CliRunner().invoke(main, ["check", "--config", str(path), "--allow-late"])


def test_what_a_bus_accepts_is_said(tmp_path: Path) -> None:
    said = accepting(tmp_path, '{ transaction = "any", unit_id = 0 }', (3,))
    assert said.exit_code == 0, said.output
    assert "accepts any transaction id, one request at a time; unit id 0 for any that is asked" in said.output
    assert accepting(tmp_path, "{ unit_id = 0 }", (3,), "rtu").exit_code == 0
    assert accepting(tmp_path, '{ transaction = "any" }', (3, 4)).exit_code == 0, "their ids tell them apart"
    assert accepting(tmp_path, "{ unit_id = 0 }", (3, 4)).exit_code == 0, "transaction ids tell them apart"


@pytest.mark.parametrize(
    ("accept", "bus"), [('{ transaction = "any", unit_id = 0 }', "tcp"), ("{ unit_id = 0 }", "rtu")]
)
def test_units_that_nothing_would_tell_apart_are_refused(tmp_path: Path, accept: str, bus: str) -> None:
    refused = accepting(tmp_path, accept, (3, 4), bus)
    assert refused.exit_code == 2
    assert (
        "[[bus]] odd accept: u3 and u4 may both answer under unit id 0: nothing tells whose" in refused.output
    )
    own = accepting(tmp_path, accept.replace("= 0", "= 3"), (3, 4), bus)
    assert "u3 and u4 may both answer under unit id 3" in own.output


def test_a_battery_of_several_unit_ids_is_refused_where_they_may_all_answer_under_one(tmp_path: Path) -> None:
    (tmp_path / "stack.toml").write_text(
        'schema = 1\nmodel = "stack"\n[topology]\nmodules = 2\n[[point]]\nname = "module_voltage"\n'
        'address = 1\ncount = 2\nunit_stride = 1\nunit = "V"\nvalid = [10, 100]\n'
    )
    path = tmp_path / "agent.toml"
    accepting(tmp_path, "{ unit_id = 0 }", (3,), "rtu")
    path.write_text(path.read_text().replace("pace-rtu", "stack.toml"))
    refused = CliRunner().invoke(main, ["check", "--config", str(path)])
    assert refused.exit_code == 2
    assert "[[unit]] u3 profile: stack.toml polls several unit ids" in refused.output


#: What is not said in words: what people type, keys and names of files.
WORDS = re.compile(r"[A-Za-z]{2,},? [a-z]{2,}")
TYPED = re.compile(r"cellwarden \w+|docs/[\w.]+, Slow polling|\[[\w. \]]+|\w+_\w+|\"[A-Z]+\"|[\w-]+: ")


TWICE = 2 * table("[[detection.override]]", {"detector": "overload", "severity": "warning", "limit": 90.0})
WIDE = table("[[detection.limit]]", {"quantity": "cell_voltage", "tier": "safety", "high": 4.5})
SHADOW = table("[detection]", {"shadow": ["no-measurement"]})


WRONG = (
    table("[agent]", {"id": "a b"})
    + table("[web]", {"listen": "::1", "colour": "red"})
    + table("[[unit]]", {"name": "rack-9", "bus": "c", "profile": "pylontech-powercube-m2"})
)


def in_korean(path: Path, *options: str) -> Result:
    korean = {"LC_ALL": "ko_KR.UTF-8", "COLUMNS": "160"}
    return CliRunner(env=korean).invoke(main, ["check", "--config", str(path), *options])


@pytest.mark.parametrize(
    ("said", "heads"),
    [
        (tables(), ["버퍼: ", "통신 두절: ", "이력: ", "대비되지 않음: "]),
        (tables(timeout_s=5.0), ["agent.toml: [[unit]] rack-1: "]),
        (tables(baud=600), ["agent.toml: [[bus]] rs485: "]),
        (tables(period_s=30.0) + table("[agent]", {"safety_deadline_s": 70.0}), ["느림: rack-1, rack-2: "]),
        (tables() + TWICE + WIDE, ["[[detection.limit]] cell_voltage: 안전 최고 한계 4.5 V"]),
        (tables() + TWICE + SHADOW, ["효과 없음: ", "알리지 않음: "]),
        (
            tables() + WRONG,
            ["알 수 없는 키", "[agent] id: 'a b'", "[web] listen: '::1'", "[[unit]] rack-9 bus: 'c'"],
        ),
    ],
)
def test_check_speaks_the_language_of_the_locale_and_its_json_english(
    tmp_path: Path, said: str, heads: list[str]
) -> None:
    path = tmp_path / "agent.toml"
    path.write_text(said)
    lines = in_korean(path).output.splitlines()
    assert [line for line in lines if WORDS.search(TYPED.sub("", line))] == []
    assert [head for head in heads if not any(head in line for line in lines)] == []
    told = json.loads(in_korean(path, "--json").stdout)
    assert json.dumps(told, ensure_ascii=False).isascii()
