"""Two live agents with one id are said at once; one that began anew, or caught up, is none."""

import sqlite3
from pathlib import Path

from agent.wire import Request, decode_refusal
from tests.collector.processes import EPOCH, Collector, collecting, seal

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
