"""A collector's database is put back to an older copy: both ends agree in the end, or say so."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agent.control import client
from hil.run.processes import Child, Children, wait_for_status
from tests.test_main_job import Chain, delivered


class Restored(Chain):
    """The chain, and copies of its collector's database."""

    def stopped(self) -> None:
        self.collector.stop()

    def again(self) -> None:
        self.collector, _ = self.start_collector(self.url.removeprefix("http://"))

    def copy(self) -> None:
        self.stopped()
        shutil.copy(self.folder / "collector.db", self.folder / "older.db")
        self.again()

    def restore(self) -> None:
        self.stopped()
        for suffix in ("", "-wal", "-shm"):
            (self.folder / f"collector.db{suffix}").unlink(missing_ok=True)
        shutil.copy(self.folder / "older.db", self.folder / "collector.db")
        self.again()

    def highest(self) -> int:
        ((highest,),) = self.collected("SELECT max(sequence) FROM batch")
        return int(highest)

    def missing(self) -> int:
        ((count, highest),) = self.collected("SELECT count(*), max(sequence) FROM batch")
        return int(highest - count)

    def healed(self, last: int) -> bool:
        """Whether all is here, up to a batch that came before the loss and beyond."""
        return self.highest() > last and not self.missing()

    def audit(self) -> tuple[int, str]:
        done = subprocess.run(
            [sys.executable, "-m", "collector.cli", "audit", "--sink", f"sqlite:{self.folder}/collector.db"],
            capture_output=True,
            text=True,
        )
        return done.returncode, done.stdout


@pytest.fixture
def chain(tmp_path: Path) -> Iterator[Restored]:
    with Children(tmp_path) as children:
        yield Restored(tmp_path, children)


def agrees(status: dict[str, Any]) -> bool:
    account = status["account"]
    return bool(account["sealed"] == account["acknowledged"] + account["pending"] + account["dropped"])


def raise_test(chain: Chain, agent: Child) -> None:
    client.post(chain.folder / "control.sock", "/v1/alarms/test", {"seconds": 0.1})
    wait_for_status(
        agent, lambda _: bool(chain.collected("SELECT 1 FROM event WHERE record LIKE '%is a test%'"))
    )


def test_a_collector_restored_from_an_older_copy_gets_everything_again_alarms_first(chain: Restored) -> None:
    agent = chain.start_agent()
    wait_for_status(agent, delivered(5))
    chain.copy()
    last = wait_for_status(agent, delivered(chain.highest() + 10))["account"]["sealed"]
    raise_test(chain, agent)
    wait_for_status(agent, delivered(last + 10))
    chain.restore()
    lost_from = chain.highest() + 1
    wait_for_status(agent, lambda _: chain.healed(last))
    status = wait_for_status(agent, lambda s: agrees(s) and s["account"]["acknowledged"] >= last)
    assert "uplink_forgets" not in json.dumps(status["alarms"])
    agent.stop()
    chain.stopped()
    assert chain.audit()[0] == 0
    ((sealed, acknowledged, dropped),) = chain.buffer(
        "SELECT last_sequence, acknowledged, dropped FROM account, upstream"
    )
    ((stored,),) = chain.collected("SELECT count(*) FROM batch")
    assert (acknowledged, dropped, stored) == (sealed, 0, sealed)
    arrived = [sequence for (sequence,) in chain.collected("SELECT sequence FROM batch ORDER BY rowid")]
    alarms = chain.collected(
        "SELECT sequence FROM event WHERE kind = 'alarm' AND record LIKE '%is a test%'"
        " AND json_extract(record, '$.state') = 'NEW'"
    )
    ((alarm,),) = alarms
    behind = [s for s in arrived[arrived.index(alarm) :] if lost_from <= s < alarm]
    assert len(behind) > 5  # what was sealed before the alarm came after it


def test_a_second_loss_within_the_hour_is_told_and_waits(chain: Restored) -> None:
    agent = chain.start_agent()
    wait_for_status(agent, delivered(3))
    chain.copy()
    last = wait_for_status(agent, delivered(chain.highest() + 10))["account"]["sealed"]
    chain.restore()
    wait_for_status(agent, lambda status: chain.healed(last) and not status["account"]["healing"])
    chain.restore()
    status = wait_for_status(agent, lambda status: "uplink_forgets" in json.dumps(status["alarms"]))
    assert agrees(status)
    # what came only once so far is healed, the rest waits, and fresh batches come
    fresh = status["account"]["sealed"]
    wait_for_status(agent, delivered(fresh + 5))
    assert chain.highest() > fresh
    assert chain.missing()
    agent.stop()
    chain.stopped()
    code, said = chain.audit()
    assert (code, "missing" in said) == (1, True)
