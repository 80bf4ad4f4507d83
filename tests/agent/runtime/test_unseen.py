"""Every unit that cannot be seen is an alarm, at the collector too: whatever it would tell, since ever."""

import asyncio
import json
import signal
import sqlite3
import time
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from agent.bench.wire_to_relay import free_port
from agent.clock import Clock
from agent.detect.alarms.book import AlarmBook
from agent.detect.unseen import Unseen
from agent.runtime.frame_sink import SITE
from agent.runtime.parts import Parts
from drivers.profile.load import parse_profile
from drivers.registers import Area
from hil.modbus.table import RegisterTable
from hil.modbus.tcp import TcpEndpoint
from hil.run import configuration
from hil.run.processes import Child, Children, Status, wait_for_status
from tests.agent.loaded import loaded
from tests.collector.processes import Collector

SCALE = 8.0
HEAD = 'schema = 1\nmodel = "{model}"\n'
POINT = '[[point]]\nname = "{name}"\naddress = {address}\n'
SERIAL = POINT.format(name="serial", address=90) + 'type = "ascii"\nregisters = 2\n'
CELLS = (
    POINT.format(name="cell_voltage", address=0) + 'count = 4\nplace = "cell"\nscale = 0.001\nunit = "V"\n'
)
WORDS = POINT.format(name="alarms", address=20) + 'unnamed = "critical"\n'
PACK = POINT.format(name="pack_voltage", address=30) + 'scale = 0.1\nunit = "V"\n'
COUNTED = (
    POINT.format(name="cells_there", address=40)
    + CELLS.replace("count = 4", 'count = "cells_there"\nmax_count = 4')
    + WORDS
)
TWIN = SERIAL + 'expect = "TWIN"\n' + CELLS
MISSING = CELLS.replace('unit = "V"', 'unit = "V"\nmissing = 0xFFFF')
#: Unit -> its profile's points, and the registers that it has; None: nothing is there.
UNITS: dict[str, tuple[str, dict[int, list[int]] | None]] = {
    "seen": (CELLS, {0: [3300] * 4}),
    "words": (WORDS, {20: [0]}),  # falls silent
    "cells": (CELLS, {0: [3300] * 4}),  # falls silent, too
    "never": (CELLS, None),
    "never-words": (WORDS, None),
    "nothing": (SERIAL + CELLS, {90: [0x4142, 0x4344]}),  # who it is, and not one value
    "another": (TWIN, {0: [3300] * 4, 90: [0x4142, 0x4344]}),
    "pack": (PACK, {30: [5120]}),
    "zero": (COUNTED, {20: [0], 40: [0]}),
    "absent": (MISSING, {0: [0xFFFF] * 4}),
}
UNSEEN = {"words", "cells", "never", "never-words", "nothing", "closed"}
TOGETHER = {"words", "cells"}
PARTIAL = {"pack", "zero", "absent"}


class Box:
    """An agent on simulated time and its collector."""

    def __init__(self, folder: Path, children: Children, collector: Collector) -> None:
        self.folder, self.children, self.collector = folder, children, collector
        self.began_s = time.clock_gettime(time.CLOCK_BOOTTIME)
        (folder / "clock.json").write_text(json.dumps({"since_s": self.began_s, "utc_offset_s": 0.0}))

    def start(self) -> Child:
        arguments = ["--time-scale", f"{SCALE:g}", "--bench-clock", str(self.folder / "clock.json")]
        config = str(self.folder / "agent.toml")
        return self.children.start("agent", "agent.cli", "run", "--config", config, *arguments)

    async def until(self, wanted: Callable[[Status], object]) -> Status:
        (agent,) = self.children.running("agent")
        return await asyncio.to_thread(wait_for_status, agent, wanted)

    async def told(self, wanted: Callable[[list[tuple[str, str, str, float]]], bool]) -> None:
        """Wait until this has come to the collector."""
        deadline_s = time.monotonic() + 60
        while not wanted(self.events()):
            assert time.monotonic() < deadline_s, self.events()
            await asyncio.sleep(0.1)

    def events(self) -> list[tuple[str, str, str, float]]:
        """Unit, detector, state and time of the alarms that came to the collector."""
        with closing(sqlite3.connect(f"file:{self.collector.database}?mode=ro", uri=True)) as db:
            rows = db.execute(
                "SELECT unit, record FROM event WHERE kind = 'alarm' ORDER BY sequence, position"
            )
            said = [(unit, json.loads(record)) for unit, record in rows]
        return [(unit, e["detector"], e["state"], e["boottime_ns"] / 1e9) for unit, e in said]


@pytest.fixture
async def endpoints() -> AsyncIterator[dict[str, TcpEndpoint]]:
    """Serve each unit that there is."""
    served = {}
    for name, (_, registers) in UNITS.items():
        table = RegisterTable()
        for address, words in (registers or {}).items():
            table.define(Area.HOLDING, address, words)
        served[name] = TcpEndpoint("127.0.0.1", 0, {1: table} if registers else {})
        await served[name].start()
    yield served
    for endpoint in served.values():
        await endpoint.stop()


@pytest.mark.long(15)
async def test_whatever_it_would_tell_a_unit_that_is_not_seen_is_an_alarm_at_the_collector(
    endpoints: dict[str, TcpEndpoint], tmp_path: Path
) -> None:
    with Children(tmp_path) as children, Collector(tmp_path / "collector.db") as collector:
        text = configuration.agent(tmp_path, collector.url)
        for name, (points, _) in UNITS.items():
            (tmp_path / f"{name}.toml").write_text(HEAD.format(model=name) + points)
            text += configuration.tcp_unit(
                name, endpoints[name].port, f"{name}.toml", period_s=2.0, chemistry="LFP"
            )
        text += configuration.tcp_unit("closed", free_port(), "seen.toml", period_s=2.0)
        (tmp_path / "agent.toml").write_text(text)
        box = Box(tmp_path, children, collector)
        agent = box.start()

        await box.until(
            lambda s: all(u["knowledge"] == "LIVE" for u in s["units"] if u["name"] in ("words", "cells"))
        )
        words = endpoints["words"].units.pop(1)  # type: ignore[attr-defined]
        endpoints["cells"].units.pop(1)  # type: ignore[attr-defined]
        own = UNSEEN - TOGETHER
        await box.told(lambda events: {unit for unit, *_ in events} >= own | {"another", ""})
        first_s = max(at_s for *_, at_s in box.events())
        # and the channels of "cells" say nothing besides, for which they would have had 15 s
        said = await box.until(lambda s: s["boottime_s"] > first_s + 20.0)
        known = {u["name"]: u["knowledge"] for u in said["units"]}
        assert {name for name, word in known.items() if word in ("BLIND", "NEVER")} == UNSEEN | {"another"}
        assert {name for name, word in known.items() if word == "PARTIAL"} == PARTIAL
        assert {u["name"] for u in said["units"] if u["knowledge"] == "PARTIAL" and not u["watched"]} == {
            "pack", "absent",
        }  # fmt: skip
        assert any("unit zero: PARTIAL; it says 0 of cells_there" in r for r in said["health"]["degraded"])
        assert said["headline"]["condition"] == "ATTENTION"
        assert (
            "Seen in part: pack, absent (nothing that can be judged is read from it)."
            in said["headline"]["text"]
        )
        for alarm in (a for a in said["alarms"] if a["detector"] == "blind"):
            assert (alarm["severity"], alarm["state"], alarm["location"]) == ("warning", "NEW", "")
            assert "its battery may be in any state" in alarm["text"].replace("Its", "its")
        events = [(unit, detector, state) for unit, detector, state, _ in box.events()]
        wanted = {(unit, "blind", "NEW") for unit in own} | {("another", "identity", "NEW")}
        assert wanted | {("", "silent-together", "NEW")} == set(events)
        assert len(events) == len(wanted) + 1, "one alarm each, and one of those that fell silent together"
        (both,) = (a for a in said["alarms"] if a["detector"] == "silent-together")
        assert both["text"].startswith("2 units fell silent together (cells, words)")

        agent.process.kill()
        agent.process.wait()
        age_s = {a["unit"]: a["since_s"] for a in said["alarms"] if "since_s" in a}
        box.start()
        said = await box.until(lambda s: "never" in {a["unit"] for a in s["alarms"]})
        assert {a["unit"] for a in said["alarms"] if a["detector"] == "blind"} == own
        assert {a["unit"]: a["since_s"] for a in said["alarms"] if a["unit"] in age_s} == pytest.approx(age_s)
        endpoints["words"].units[1] = words  # type: ignore[index]
        await box.told(lambda events: ("cells", "blind", "NEW") in {e[:3] for e in events})
        states = [(unit, state) for unit, what, state, _ in box.events() if what == "silent-together"]
        assert states == [("", "NEW"), ("words", "NORMAL"), ("", "CLEARED-NEW")], (
            "it stood over the restart, was not raised again, and who is still silent has an alarm of its own"
        )


@pytest.mark.long(25)
async def test_an_agent_that_was_stopped_accuses_no_unit_that_answers(tmp_path: Path) -> None:
    table = RegisterTable()
    table.define(Area.HOLDING, 0, [3300] * 4)
    endpoint = TcpEndpoint("127.0.0.1", 0, {1: table, 2: table})
    await endpoint.start()
    with Children(tmp_path) as children, Collector(tmp_path / "collector.db") as collector:
        (tmp_path / "seen.toml").write_text(HEAD.format(model="seen") + CELLS)
        text = configuration.agent(tmp_path, collector.url) + configuration.tcp_bus("lan", endpoint.port)
        for unit_id in (1, 2):
            text += configuration.unit(
                f"rack-{unit_id}", "lan", "seen.toml", unit_id=unit_id, chemistry="LFP"
            )
        (tmp_path / "agent.toml").write_text(text)
        box = Box(tmp_path, children, collector)
        agent = box.start()
        live = await box.until(lambda s: all(u["knowledge"] == "LIVE" for u in s["units"]))
        agent.process.send_signal(signal.SIGSTOP)
        await asyncio.sleep(100.0 / SCALE)
        agent.process.send_signal(signal.SIGCONT)
        await box.until(lambda s: s["boottime_s"] > live["boottime_s"] + 130.0)
        assert [e for e in box.events() if e[1] in ("blind", "silent-together")] == []
        endpoint.units.pop(2)  # type: ignore[attr-defined]
        await box.told(lambda events: ("rack-2", "blind", "NEW") in {e[:3] for e in events})
    await endpoint.stop()


def unopened(folder: Path) -> str:
    """A unit on a line that is not there."""
    return configuration.rtu_bus("line", folder / "ttyNone") + configuration.unit("rack-1", "line", "seen")


@pytest.mark.parametrize("added", [False, True], ids=["from the start", "added by a reload"])
async def test_a_unit_whose_port_cannot_be_opened_is_an_alarm_that_says_so(
    added: bool, tmp_path: Path
) -> None:
    profile = parse_profile(HEAD.format(model="seen") + CELLS)
    config = loaded(tmp_path, unopened(tmp_path))
    before = config.model_copy(update={"bus": (), "unit": ()}) if added else config
    parts = Parts(before, {"seen": profile}, Later())
    if added:
        parts.watching.look_around(parts.buses.values())
        parts.clock.late_s += 1000.0  # type: ignore[attr-defined]
        parts.config = config
        parts.site_alarms.expect(parts.racks())
        parts.watching.expect(config)
        parts.buses = {"line": parts.new_bus(config.bus[0])}
    polling = asyncio.create_task(parts.buses["line"].run())
    try:
        for _ in range(200):
            parts.watching.look_around(parts.buses.values())
            if found := parts.site_alarms.active("rack-1"):
                break
            parts.clock.late_s += 1.0  # type: ignore[attr-defined]
            await asyncio.sleep(0.01)
    finally:
        polling.cancel()
        await asyncio.gather(polling, return_exceptions=True)
        await parts.background.done()
    (alarm,) = found
    assert "ttyNone" in alarm.text
    assert 60.0 < alarm.value <= 75.0
    assert not parts.site_alarms.active(SITE)
    await parts.writer(parts.store.close)
    parts.writer.close()


async def test_an_agent_that_starts_again_and_again_says_that_a_unit_is_blind(tmp_path: Path) -> None:
    profile = parse_profile(HEAD.format(model="seen") + CELLS)
    config = loaded(tmp_path, unopened(tmp_path))
    late_s, found = 0.0, list[tuple[int, int]]()
    for start in range(6):  # each of them ends after 20 s, and the next one comes an hour later
        clock = Later()
        clock.late_s = late_s
        parts = Parts(config, {"seen": profile}, clock)
        for second in range(20):
            parts.watching.look_around(parts.buses.values())
            if not found and parts.site_alarms.active("rack-1"):
                found.append((start, second))
            clock.late_s += 1.0
            if second == 10:
                await parts.recorder.seal()
        late_s = clock.late_s + 3600.0
        await parts.background.done()
        await parts.writer(parts.store.close)
        parts.writer.close()
    ((start, second),) = found
    assert start in (3, 4, 5)
    assert second >= 10, "it has time to answer"
    (alarm,) = parts.site_alarms.active("rack-1")
    assert 60.0 < alarm.value < 62.0


class Later(Clock):
    """A clock that a test puts forward."""

    late_s = 0.0

    def boottime_s(self) -> float:
        return super().boottime_s() + self.late_s

    def stamp(self) -> Any:
        stamp = super().stamp()
        return type(stamp)(
            stamp.boottime_ns + int(1e9 * self.late_s), stamp.utc_ns, stamp.synchronised, stamp.simulated
        )


def judged(
    unseen: Unseen, at_s: list[float], heard_s: Callable[[float], float | None], named: bool = False
) -> list[tuple[float, str]]:
    return [
        (t_s, event.state)
        for t_s in at_s
        for event in unseen.judge(t_s, heard_s(t_s), 60.0, "does not answer", named=named)
    ]


SECONDS = [float(s) for s in range(200)]


def test_it_is_raised_when_blind_and_over_when_the_unit_was_seen_for_ten_seconds() -> None:
    unseen = Unseen(AlarmBook())
    assert judged(unseen, SECONDS, lambda t_s: 20.0 if t_s < 100.0 else t_s) == [
        (81.0, "NEW"), (110.0, "CLEARED-NEW"),
    ]  # fmt: skip
    (alarm,) = unseen.book.active()
    assert alarm.since_s == 20.0


def test_one_answer_now_and_then_does_not_end_it() -> None:
    unseen = Unseen(AlarmBook())
    assert judged(unseen, SECONDS, lambda t_s: None if t_s < 65.0 else 65.0) == [(61.0, "NEW")]


def test_it_stands_over_a_restart_until_the_unit_is_seen_and_a_named_unit_has_no_second_one() -> None:
    book = AlarmBook()
    assert judged(Unseen(book), SECONDS, lambda _: None) == [(61.0, "NEW")]
    kept = AlarmBook()
    kept.from_plain(book.to_plain())
    assert judged(Unseen(kept), [200.0 + s for s in SECONDS], lambda _: None) == []
    assert judged(Unseen(AlarmBook()), SECONDS, lambda _: None, named=True) == []
