"""Buffers, frames and alarms of the store's tests."""

from collections.abc import Callable
from typing import Any

import numpy as np

from agent.alarms.record import about_itself, record_of
from agent.clock import Stamp
from agent.detect.explanations.said import Said, Sentence, said
from agent.frame import Frame
from agent.store.ledger import Event
from agent.store.open_batch import OpenBatch
from agent.store.store import Store

SCHEMA = bytes(16)
BOOT = bytes(range(16))
ALARM: dict[str, Any] = {
    "kind": "alarm",
    "boottime_ns": 1,
    "utc_ns": 2,
    "location": "string1/module1/cell5",
    "detector": "thermal_slope",
    "severity": "critical",
    "state": "NEW",
    "text": "it heats",
}

Opener = Callable[..., Store]


def words(text: str) -> Said:
    return said(Sentence("words", "{text}"), text=text)


def own_alarm(detector: str, said: Said, severity: str = "critical") -> list[Event]:
    stamp = Stamp(1, 2, True)
    return [Event("", record_of("", about_itself(detector, said, stamp, severity), stamp))]


def frame(unit: str = "rack-1", n: int = 3, at_s: int = 0, schema: bytes = SCHEMA) -> Frame:
    stamp = Stamp(at_s * 10**9, at_s * 10**9 + 5, synchronised=True)
    raw = np.arange(n, dtype=np.int64) + at_s
    return Frame(unit, unit.split("/")[0], schema, stamp, raw, np.zeros(n, np.uint8))


def noise(frames: int, n: int, at_s: int = 0) -> list[Frame]:
    """Frames that do not compress."""
    rng = np.random.default_rng(at_s)
    made = [frame(n=n, at_s=at_s + i) for i in range(frames)]
    for one in made:
        one.raw[:] = rng.integers(-(2**62), 2**62, n)
    return made


def open_batch(*frames: Frame) -> OpenBatch:
    batch = OpenBatch(frames[0])
    batch.frames[1:] = frames[1:]
    return batch


def pending(store: Store) -> list[int]:
    return [b.sequence for b in store.pending("main", 10**6, 10**9)[1]]


def balance(store: Store) -> tuple[int, int, int, int]:
    """The account, held against the rows themselves."""
    account = store.account("main")
    assert account.sealed == account.acknowledged + account.pending + account.dropped + account.withheld
    assert account.pending == len(pending(store))
    return account.sealed, account.acknowledged, account.pending, account.dropped


def kill(store: Store) -> None:
    """End a store as a power cut would: nothing more is written."""
    store._db.close()
    store._opened.lock.release()
