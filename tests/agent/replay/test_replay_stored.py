"""What an agent kept, and what a collector got of it, through the same detectors again."""

import json
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from agent.cli import main
from agent.clock import Stamp
from agent.frame import Frame
from agent.quality import Quality
from agent.replay.schema_layout import SchemaLayout
from agent.store.account import BufferSettings
from agent.store.ledger import Event
from agent.store.store import Store
from agent.store.upstream import MAIN
from agent.wire import Limits, Request, encode_schema
from collector.admission import admit
from collector.intake import Intake
from collector.sqlite.sink import SqliteSink
from drivers.connect import connect
from drivers.profile.load import parse_profile
from hil.run import configuration
from hil.run.tables import table
from tests.agent.store.buffers import BOOT, open_batch, own_alarm
from tests.drivers.units import Unit, block, converse

CELLS, SENSORS = 4, 4
N = CELLS + SENSORS + 1
DESCRIPTION: dict[str, Any] = {
    "place": [f"string1/cell{i + 1}" for i in range(CELLS)]
    + [f"string1/sensor{i + 1}" for i in range(SENSORS)]
    + [""],
    "name": ["cell_voltage"] * CELLS + ["cell_temperature"] * SENSORS + ["alarms"],
    "quantity": ["cell_voltage"] * CELLS + ["cell_temperature"] * SENSORS + [""],
    "unit": ["V"] * CELLS + ["degC"] * SENSORS + [""],
    "reading": [0] * N,
    "raw_offset": [0] * N,
    "scale": [0.001] * CELLS + [0.1] * SENSORS + [1.0],
    "offset": [0.0] * N,
    "bits": {str(N - 1): {"3": ["contactor welded", "critical", 1]}},
}  # fmt: skip
NOON_S = 1_790_000_000 // 86_400 * 86_400 + 43_200  # 2026-09-21T12:00:00
OTHER_BOOT = bytes(range(16, 32))
HOT = CELLS + 2


def quiet(n: int, seed: int = 1) -> np.ndarray:
    """Raw frames at 1 Hz whose every value trembles by some register steps."""
    rng = np.random.default_rng(seed)
    cells = 3300 + rng.integers(-2, 3, (n, CELLS))
    sensors = 250 + rng.integers(-1, 2, (n, SENSORS))
    return np.hstack([cells, sensors, np.zeros((n, 1))]).astype(np.int64)


def heating(n: int, k_per_min: float = 3.0) -> np.ndarray:
    frames = quiet(n, seed=2)
    frames[:, HOT] += (np.arange(n) * k_per_min / 6.0).astype(np.int64)
    return frames


class Agent:
    """Writes its frames with the agent's own store, ten to a batch."""

    def __init__(self, folder: Path, description: dict[str, Any] = DESCRIPTION) -> None:
        self.path = folder / "buffer.db"
        self.digest, self.body = encode_schema(description)

    def record(
        self,
        raw: np.ndarray,
        boot_s: int,
        utc_s: int,
        unit: str = "rack1/bmu1",
        boot: bytes = BOOT,
        synchronised: bool = True,
        bad: Iterable[tuple[slice, int, Quality]] = (),
        events: Iterable[Event] = (),
    ) -> None:
        quality = np.zeros(raw.shape, np.uint8)
        for rows, value, code in bad:
            quality[rows, value] = code
        stamps = [Stamp((boot_s + i) * 10**9, (utc_s + i) * 10**9, synchronised) for i in range(len(raw))]
        frames = [
            Frame(unit, unit.split("/")[0], self.digest, *what)
            for what in zip(stamps, raw, quality, strict=True)
        ]
        store = Store(self.path, "agent-1", boot, [MAIN], own_alarm, BufferSettings())
        store.add_schema(self.digest, self.body)
        store.seal([open_batch(*frames[k : k + 10]) for k in range(0, len(frames), 10)], list(events))
        store.close()

    def deliver(self, archive: Path, agent: str = "agent-1") -> Path:
        """Hand all of it to a collector's sink."""
        store = Store(self.path, agent, BOOT, [MAIN], own_alarm, BufferSettings())
        epoch, pending = store.pending("main", 10**6, 10**9)
        store.close()
        intake = Intake(SqliteSink(archive), lambda: NOON_S * 10**9)
        request = Request(agent, epoch, [(b.sequence, b.blob) for b in pending], [self.body])
        intake.store(admit(request, Limits()))
        intake.close()
        return archive


@pytest.fixture
def agent(tmp_path: Path) -> Agent:
    return Agent(tmp_path)


def replay(*arguments: object) -> dict[str, Any]:
    result = CliRunner().invoke(main, ["replay", *map(str, arguments), "--json"])
    assert result.exit_code == 0, result.output
    found: dict[str, Any] = json.loads(result.stdout.splitlines()[-1])
    return found


def refused(*arguments: object) -> str:
    result = CliRunner().invoke(main, ["replay", *map(str, arguments)])
    assert result.exit_code == 2, result.output
    assert "Traceback" not in result.output
    return result.stderr


def heard(found: dict[str, Any]) -> set[tuple[str, str, str]]:
    return {(a["group"], a["detector"], a["location"]) for a in found["alarms"]}


def test_a_buffer_and_the_archive_it_was_delivered_to_tell_the_same_unit_by_unit(
    agent: Agent, tmp_path: Path
) -> None:
    agent.record(np.vstack([quiet(1800), heating(600)]), 100, NOON_S)
    agent.record(quiet(2400, seed=3), 100, NOON_S, unit="rack2/bmu1")
    found = replay(agent.path)
    assert {(group, place) for group, _, place in heard(found)} == {("rack1/bmu1", "string1/sensor3")}
    assert "2026-09-21T12:30:00" < found["alarms"][0]["t"] < "2026-09-21T12:32:00"
    assert (found["frames"], found["groups"]) == (4800, 2)
    assert found["sensor_seconds"] == pytest.approx(2 * 8 * 2400, rel=0.01)
    archive = agent.deliver(tmp_path / "collector.db")
    assert replay(archive)["alarms"] == found["alarms"]
    alone = replay(archive, "--unit", "rack2/bmu1")
    assert (alone["alarms"], alone["frames"]) == ([], 2400)


def test_from_and_to_are_utc_and_the_buffer_may_be_in_use(agent: Agent) -> None:
    agent.record(np.vstack([quiet(1800), heating(600)]), 100, NOON_S)
    store = Store(agent.path, "agent-1", BOOT, [MAIN], own_alarm, BufferSettings())
    try:
        assert replay(agent.path, "--to", "2026-09-21T12:29:59")["alarms"] == []
        span = replay(agent.path, "--from", "2026-09-21T12:00:05", "--to", "2026-09-21T14:01:04+02:00")
        assert span["frames"] == 60
    finally:
        store.close()


def test_a_reboot_is_a_gap_where_both_clocks_are_believed_and_nothing_is_learned_anew(agent: Agent) -> None:
    agent.record(quiet(4000), 100, NOON_S)
    agent.record(np.vstack([quiet(300, seed=4), heating(300)]), 7, NOON_S + 4100, boot=OTHER_BOOT)
    found = replay(agent.path)
    assert found["groups"] == 1
    (gap,) = found["notes"]
    assert gap.startswith(
        "1 gap of more than 10 periods, the longest 2 min, up to 2026-09-21T13:08:20 in rack1/bmu1"
    )
    assert {place for *_, place in heard(found)} == {"string1/sensor3"}
    first = found["alarms"][0]
    assert 0 < first["t_s"] - (NOON_S + 4400) < 120
    assert datetime.fromisoformat(first["t"] + "+00:00").timestamp() == pytest.approx(first["t_s"], abs=0.01)


def test_after_a_boot_of_unknown_time_detectors_are_begun_anew_and_that_is_said(agent: Agent) -> None:
    agent.record(quiet(1200), 100, NOON_S)
    agent.record(heating(600), 7, 7, boot=OTHER_BOOT, synchronised=False)
    found = replay(agent.path)
    assert found["groups"] == 2
    assert "rack1/bmu1: learned anew from 1970-01-01T00:00:07: nobody knows how long" in found["notes"][0]
    assert {place for *_, place in heard(found)} == {"string1/sensor3"}


def test_a_clock_that_is_set_later_puts_the_boots_first_frames_where_they_belong(
    agent: Agent, tmp_path: Path
) -> None:
    agent.record(quiet(1200), 100, NOON_S)
    offset = {
        "kind": "clock_offset",
        "boot_id": OTHER_BOOT,
        "boottime_ns": 0,
        "offset_ns": (NOON_S + 1300) * 10**9,
    }
    agent.record(
        quiet(600, seed=5), 7, 7, boot=OTHER_BOOT, synchronised=False, events=[Event("", offset)]
    )  # fmt: skip
    found = replay(agent.path, "--from", "2026-09-21T12:21:47", "--to", "2026-09-21T12:22:06")
    assert found["frames"] == 20
    assert replay(agent.path)["groups"] == replay(agent.deliver(tmp_path / "collector.db"))["groups"] == 1


def test_other_values_of_a_unit_are_judged_by_other_detectors(agent: Agent, tmp_path: Path) -> None:
    agent.record(quiet(600), 100, NOON_S)
    other = Agent(tmp_path, {**DESCRIPTION, "scale": [0.002] * CELLS + [0.1] * SENSORS + [1.0]})
    other.record(quiet(600), 700, NOON_S + 600)
    found = replay(agent.path)
    assert found["groups"] == 2
    assert found["alarms"] == []
    assert "described otherwise from here on" in found["notes"][0]


@pytest.mark.parametrize(
    ("code", "told"), [(Quality.OUT_OF_RANGE, "no-measurement"), (Quality.FROZEN, "blind")]
)
def test_what_was_bad_stays_bad_whatever_number_is_beside_it(agent: Agent, code: Quality, told: str) -> None:
    raw = np.vstack([quiet(600), heating(1200, 6.0)])
    agent.record(raw, 100, NOON_S, bad=[(slice(600, None), HOT, code)])
    assert {detector for _, detector, _ in heard(replay(agent.path))} == {told}


def test_a_frame_that_is_held_is_heard_again_and_what_was_found_frozen_stays_so(agent: Agent) -> None:
    raw = np.vstack([quiet(3600), np.repeat(quiet(1), 600, axis=0)])
    frozen = [(slice(3620, None), i, Quality.FROZEN) for i in range(N)]
    agent.record(raw, 100, NOON_S, bad=frozen)
    found = replay(agent.path)
    assert ("rack1/bmu1", "held-frame", "") in heard(found)
    assert found["blind_seconds"] == pytest.approx(8 * (600 - 20 - 60), rel=0.1)


def test_alarms_of_the_units_own_are_told_again(agent: Agent) -> None:
    raw = quiet(600)
    raw[300:, -1] = 8
    agent.record(raw, 100, NOON_S)
    (alarm,) = replay(agent.path)["alarms"]
    assert (alarm["detector"], alarm["severity"], alarm["t"]) == (
        "reported",
        "critical",
        "2026-09-21T12:05:00",
    )
    assert "contactor welded" in alarm["explanation"]


def test_an_alarm_that_a_frozen_register_says_is_not_believed(agent: Agent) -> None:
    raw = quiet(600)
    raw[300:, -1] = 8
    agent.record(raw, 100, NOON_S, bad=[(slice(300, None), N - 1, Quality.FROZEN)])
    assert replay(agent.path)["alarms"] == []


@pytest.mark.parametrize(("commissioned", "after_s"), [("2026-09-01", 15), ("2026-06-22", 30)])
def test_a_unit_is_judged_as_in_its_first_days_while_they_lasted(
    agent: Agent, tmp_path: Path, commissioned: str, after_s: int
) -> None:
    raw = quiet(120)
    raw[:, CELLS : CELLS + SENSORS] += 345 + 30 * (np.arange(120) >= 20)[:, None]  # 59.5, then 62.5 degC
    agent.record(raw, 100, NOON_S)
    text = configuration.agent(tmp_path, agent={"id": "agent-1"}) + configuration.tcp_bus("lan", 502)
    text += (
        configuration.unit("bmu1", "lan", "soltaro-rack-b", rack="rack1") + f"commissioned = {commissioned}\n"
    )
    (tmp_path / "agent.toml").write_text(text)
    found = replay(agent.path, "--config", tmp_path / "agent.toml")["alarms"]
    (hot,) = (alarm for alarm in found if alarm["detector"] == "over-temperature")
    assert hot["t_s"] - NOON_S == pytest.approx(20 + after_s, abs=1.0)


def test_a_site_is_judged_as_its_configuration_says(agent: Agent, tmp_path: Path) -> None:
    agent.record(np.vstack([quiet(1800), heating(600)]), 100, NOON_S)
    shipped = replay(agent.path)["alarms"][0]
    override = {"detector": "thermal-rate", "severity": "critical", "limit": 50.0}
    (tmp_path / "agent.toml").write_text(
        configuration.agent(tmp_path, agent={"id": "agent-1"})
        + configuration.tcp_bus("lan", 502)
        + configuration.unit("bmu1", "lan", "soltaro-rack-b", rack="rack1")
        + table("[[detection.override]]", override)
    )
    other = replay(agent.path, "--config", tmp_path / "agent.toml")["alarms"][0]
    assert shipped["config"] != other["config"]


def test_a_unit_of_two_machines_is_judged_until_they_speak_in_turns_and_the_others_wholly(
    agent: Agent,
) -> None:
    agent.record(quiet(20), 100, NOON_S)
    agent.record(quiet(20), 5, NOON_S + 30, boot=OTHER_BOOT)
    agent.record(quiet(20), 150, NOON_S + 60)
    agent.record(quiet(50), 100, NOON_S, unit="rack2/bmu1")
    result = CliRunner().invoke(main, ["replay", str(agent.path), "--json"])
    assert result.exit_code == 1
    said = "rack1/bmu1: judged only before 2026-09-21T12:01:00, when two machines recorded under this name"
    assert said in result.stderr
    found = json.loads(result.stdout)
    assert found["frames"] == 40 + 50
    assert said in found["notes"][0]


def test_the_report_draws_what_is_read_from_the_buffer_anew(agent: Agent, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    agent.record(np.vstack([quiet(1800), heating(600)]), 100, NOON_S)
    replay(agent.path, "--report", tmp_path / "report")
    assert (tmp_path / "report" / "alarm-001.png").stat().st_size > 5000


@pytest.mark.parametrize(
    ("what", "options", "words"),
    [
        ("buffer", ["--map", "map.toml"], "says itself what its values are: leave out --map"),
        ("buffer", ["--unit", "rack9/bmu1"], "no frames of unit 'rack9/bmu1'; it has: rack1/bmu1"),
        ("buffer", ["--from", "yesterdy"], "'yesterdy' is no time: write it as"),
        ("buffer", ["--from", "2031-01-01"], "no frames with a time between --from and --to"),
        ("buffer", ["--config", "no.toml"], "no.toml"),
        ("export", [], "neither an agent's buffer ([store] path) nor a collector's database"),
        ("text", [], "say which column is what with --map"),
        ("torn", [], "cannot be read"),
    ],
)
def test_what_cannot_be_replayed_is_refused_with_what_to_do(
    agent: Agent, tmp_path: Path, what: str, options: list[str], words: str
) -> None:
    agent.record(quiet(20), 100, NOON_S)
    path = agent.path
    if what == "export":
        path = tmp_path / "export.db"
        CliRunner().invoke(
            main, ["export", "--buffer", str(agent.path), "--format", "sqlite", "--output", str(path)]
        )
    elif what != "buffer":
        path = tmp_path / what
        path.write_bytes(b"t,T\n1,2\n" if what == "text" else agent.path.read_bytes()[:700])
    assert words in refused(path, *options)


def test_a_damaged_batch_is_named_and_the_others_are_judged(agent: Agent) -> None:
    import sqlite3

    agent.record(quiet(40), 100, NOON_S)
    with sqlite3.connect(agent.path) as db:
        db.execute("UPDATE batch SET blob = zeroblob(90) WHERE sequence = 2")
    result = CliRunner().invoke(main, ["replay", str(agent.path), "--json"])
    assert result.exit_code == 1
    assert "batch 2 is damaged" in result.stderr
    found = json.loads(result.stdout)
    assert found["frames"] == 30
    assert "batch 2 is damaged" in found["notes"][0]


def test_a_schema_that_never_came_leaves_its_unit_out_and_says_so(agent: Agent, tmp_path: Path) -> None:
    agent.record(quiet(600), 100, NOON_S)
    agent.body = encode_schema({"place": []})[1]
    found = replay(agent.deliver(tmp_path / "collector.db"))
    assert found["alarms"] == []
    assert found["notes"] == [
        "rack1/bmu1: not judged from 2026-09-21T12:00:00: what says how to read it never came"
    ]


@pytest.mark.parametrize(
    ("key", "meaning", "said"),
    [
        ("bits", ["welded", "urgent", 1], "'urgent' is no severity"),
        ("bits", ["welded", -1, 1], "-1 is no severity"),
        ("bits", ["welded", "critical", float("inf")], "infinity"),
        ("numbers", ["welded", ["critical"], 1], "is no severity"),
    ],
)
def test_meanings_that_are_none_leave_their_unit_out_and_no_other(
    agent: Agent, tmp_path: Path, key: str, meaning: list[object], said: str
) -> None:
    raw = quiet(20)
    raw[:, -1] = 8
    strange = Agent(tmp_path, {**DESCRIPTION, key: {str(N - 1): {"3": meaning, "8": meaning}}})
    strange.record(raw, 100, NOON_S)
    agent.record(quiet(30), 100, NOON_S, unit="rack2/bmu1")
    found = replay(agent.path)
    assert found["frames"] == 30
    note = found["notes"][0]
    assert note.startswith("rack1/bmu1: not judged from 2026-09-21T12:00:00: its schema is damaged")
    assert said in note


def test_a_schema_tells_the_detectors_what_the_layout_told_them() -> None:
    profile = parse_profile(
        """
        schema = 1
        model = "box"
        [[point]]
        name = "heartbeat"
        address = 1
        changes_within_s = 30
        [[point]]
        name = "current"
        address = 2
        type = "i16"
        scale = 0.1
        unit = "A"
        limits = { operating = [-50, 25] }
        [[point]]
        name = "alarms"
        address = 3
        severity = "warning"
        alarms = { 2 = "hot" }
        [[point]]
        name = "soc"
        address = 4
        type = "f32"
        """
    )
    layout = converse(connect(profile), Unit(block(1, [1, 2, 4, 0, 0], 10)))
    told = SchemaLayout(layout.describe())
    raw, quality = np.array([1, 2, 0b100, 0], np.int64), np.zeros(4, np.uint8)
    assert (told.places, told.quantities) == (list(layout.places), list(layout.quantities))
    np.testing.assert_array_equal(told.resolution, layout.resolution)
    np.testing.assert_array_equal(told.limits, layout.limits)
    np.testing.assert_array_equal(told.changes_within_s, layout.changes_within_s)
    assert told.sayings == layout.sayings
    assert (
        list(told.alarms(raw, quality))
        == layout.alarms(raw, quality)
        == [(2, "alarms.bit2", "warning", "hot")]
    )
