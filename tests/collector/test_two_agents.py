"""Two live agents with one id are said at once; one that began anew, or caught up, is none."""

import sqlite3
from pathlib import Path

import numpy as np

from agent.clock import Stamp
from agent.frame import Frame
from agent.store.ledger import Event
from agent.store.store import Store
from agent.store.upstream import MAIN
from agent.wire import Request, decode_batch, decode_refusal
from tests.agent.store.buffers import ALARM, open_batch, own_alarm
from tests.collector.processes import BOOT, EPOCH, SCHEMA, SCHEMA_BODY, Collector, collecting, seal
from tests.collector.test_refusals import forged

YOUNG, OTHER_BOOT = b"y" * 16, b"c" * 16


def incidents(collector: Collector) -> list[str]:
    text = collector.http("GET", "/metrics")[1].decode()
    return [line for line in text.splitlines() if line.startswith("cellwarden_collector_incidents_total")]


def log_of(collector: Collector) -> list[str]:
    collector.process.terminate()
    _, log = collector.process.communicate(timeout=10)
    return [line for line in log.splitlines() if line.startswith("ERROR")]


def test_two_epochs_in_turns_are_told_at_once_and_not_with_each_request(tmp_path: Path) -> None:
    with collecting(tmp_path) as collector:
        collector.send(seal(1))
        collector.send(seal(1, epoch=YOUNG), epoch=YOUNG)
        assert incidents(collector) == []
        for sequence in (2, 3, 4):
            collector.send(seal(sequence))
            collector.send(seal(sequence, epoch=YOUNG), epoch=YOUNG)
        assert incidents(collector) == [
            'cellwarden_collector_incidents_total{agent="site-1",kind="rollback"} 3.0'
        ]
        (said,) = log_of(collector)
        assert said.startswith(
            f"ERROR site-1: rollback: epoch {EPOCH.hex()} goes on after epoch {YOUNG.hex()}"
        )
        assert "two agents share one id" in said


def test_two_boots_in_turns_in_one_epoch_are_told(tmp_path: Path) -> None:
    with collecting(tmp_path) as collector:
        collector.send(seal(1), seal(2))
        collector.send(seal(3, boot=OTHER_BOOT))
        assert incidents(collector) == []
        collector.send(seal(4))
        assert 'kind="clone"} 1.0' in incidents(collector)[0]
        assert "two machines with one database" in log_of(collector)[0]


def test_two_boots_are_told_also_where_the_collector_began_anew_or_no_clock_is_set(tmp_path: Path) -> None:
    for clock in (1, 0):
        epoch = bytes([clock]) * 16

        def seal_at(
            sequence: int, boot: bytes, clock: int = clock, epoch: bytes = epoch
        ) -> tuple[int, bytes]:
            return forged(seal(sequence, boot=boot, epoch=epoch), f14=bytes([clock]) * 10)

        with collecting(tmp_path) as collector:
            collector.send(seal_at(1, BOOT), seal_at(2, OTHER_BOOT), epoch=epoch)
        with collecting(tmp_path) as collector:
            before = incidents(collector)
            collector.send(seal_at(3, BOOT), epoch=epoch)
            assert incidents(collector) != before


def test_what_an_ended_epoch_had_not_delivered_makes_no_two_machines_of_one(tmp_path: Path) -> None:
    """A box that was rebooted without its collector, and whose buffer's files were then exchanged."""
    before, now = Stamp(5 * 10**9, 1_800_000_000 * 10**9, True), Stamp(5 * 10**9, 1_800_000_900 * 10**9, True)
    for boot, stamp in ((OTHER_BOOT, before), (BOOT, now)):
        store = Store(tmp_path / "buffer.db", "site-1", boot, [MAIN], own_alarm)
        store.add_schema(SCHEMA, SCHEMA_BODY)
        for _ in range(3):
            raw, quality = np.full(30, 3300, np.int64), np.zeros(30, np.uint8)
            frame = Frame("rack1/bmu1", "rack1", SCHEMA, stamp, raw, quality)
            store.seal([open_batch(frame)], [Event("rack1/bmu1", ALARM)])
        if boot == OTHER_BOOT:
            store.close()
    for suffix in ("", "-wal", "-shm"):
        (tmp_path / f"buffer.db{suffix}").unlink()
    assert store.look()
    epoch, waiting = store.pending("main", 10**6, 10**9)
    boots = [decode_batch(batch.blob).boot_id for batch in sorted(waiting, key=lambda b: b.sequence)]
    assert boots != sorted(boots, reverse=True), "by priority, and not one boot after the other"
    with collecting(tmp_path) as collector:
        for batch in waiting:
            collector.send((batch.sequence, batch.blob), epoch=epoch)
        assert incidents(collector) == []
    store.close()


def test_one_key_with_other_bytes_is_told(tmp_path: Path) -> None:
    with collecting(tmp_path) as collector:
        collector.send(seal(1))
        status, body, _ = collector.post(Request("site-1", EPOCH, [seal(1, seed=1)]))
        assert (status, "this agent's buffer is a copy" in decode_refusal(body)) == (409, True)
        assert 'kind="conflict"} 1.0' in incidents(collector)[0]
        assert "came again with other bytes" in log_of(collector)[0]


def test_an_agent_that_began_anew_is_one_agent(tmp_path: Path) -> None:
    with collecting(tmp_path) as collector:
        collector.send(seal(1), seal(5))
        gap = {"kind": "gap", "ranges": [], "epoch": EPOCH, "reason": "damaged buffer"}
        collector.send(seal(1, epoch=YOUNG, frames=0, events=(gap,)), epoch=YOUNG)
        collector.send(seal(1), seal(5))  # what was under way comes twice
        for sequence, boot in ((9, OTHER_BOOT), (2, b"b" * 16), (4, b"b" * 16), (8, OTHER_BOOT)):
            collector.send(seal(sequence, epoch=YOUNG, boot=boot), epoch=YOUNG)  # history is healed late
        third = b"z" * 16
        collector.send(seal(1, epoch=third), epoch=third)
        assert incidents(collector) == []
        assert log_of(collector) == []


def test_a_clock_that_went_back_makes_no_two_agents_of_one(tmp_path: Path) -> None:
    with collecting(tmp_path) as collector:
        collector.send(seal(1))
        db = sqlite3.connect(tmp_path / "collector.db")
        db.execute("UPDATE stream SET first_utc_ns = first_utc_ns + 1000000000000")
        db.commit()
        db.close()
        for sequence in (1, 2):
            collector.send(seal(sequence, epoch=YOUNG), epoch=YOUNG)
        assert incidents(collector) == []


def test_what_agents_say_is_one_line_in_the_log(tmp_path: Path) -> None:
    with collecting(tmp_path) as collector:
        reason = "x\nERROR forged\x1b[31m"
        event = {"kind": "gap", "ranges": [[1, 1]], "reason": {"a": reason}}
        assert collector.send(seal(2, frames=0, events=(event,))).refused
        collector.post(Request("a\nERROR forged", EPOCH, []))
        collector.process.terminate()
        _, log = collector.process.communicate(timeout=10)
    assert "forged" in log
    assert not [line for line in log.splitlines() if line.startswith("ERROR") or not line.isprintable()]
