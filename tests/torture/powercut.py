"""Power cuts on the production code path: a recorded life of the buffer, cut anywhere, opened again.

Every commit that had returned must be there, whole; of the one under way, all or nothing. With `faults` the
disk also fails to sync now and then, and what failed is sealed again by the same process, as the agent
does.
"""

import random
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path

from agent.store.account import BufferSettings
from agent.store.errors import StoreError
from agent.store.ledger import Event
from agent.store.open_batch import OpenBatch
from agent.store.store import Store
from agent.store.upstream import MAIN
from agent.wire.batch import decode_batch
from tests.agent.store.buffers import ALARM, BOOT, kill, noise, open_batch, own_alarm
from tests.torture.disk import Disk, put
from tests.torture.recording import IOERR_FSYNC, OK, Op, Tape, recording
from tests.torture.result import Result

MEMORY = Path("/dev/shm")
SETTINGS = BufferSettings(max_bytes=1_000_000, history_bytes=200_000)
CUTS_PER_LIFE = 50
SEALS = 150  # in one life: the WAL is copied back a few times, the cap is reached
TABLES = ("ledger", "batch", "gap", "refused", "alarm", "snapshot", "schema", "clock_offset")


@dataclass
class Mark:
    """The buffer after a commit: how far the tape had run, and what must be found."""

    at: int
    digest: bytes
    pending: dict[int, bytes]
    last_sequence: int


@dataclass
class Life:
    """One life of a buffer, recorded."""

    before: dict[str, bytes]
    ops: list[Op] = field(default_factory=list)
    marks: list[Mark] = field(default_factory=list)
    failed: int = 0


def power_cuts(cuts: int, seed: int, folder: Path) -> Result:
    """Cut `cuts` times; each life begins with what the last cut of the one before it left."""
    return _cut(cuts, seed, folder, faults=False)


def failing_syncs(cuts: int, seed: int, folder: Path) -> Result:
    """The same on a disk that answers one sync of twenty with EIO."""
    return _cut(cuts, seed, folder, faults=True)


def _cut(cuts: int, seed: int, folder: Path, faults: bool) -> Result:
    rng, result, image = random.Random(seed), Result(), dict[str, bytes]()
    clock = iter(range(10**9))
    while result.counts["cuts"] < cuts:
        life = _live(image, rng, clock, faults)
        result.counts.update(lives=1, commits=len(life.marks), failed_syncs=life.failed)
        left = cuts - result.counts["cuts"]
        at = set(rng.sample(range(len(life.ops)), min(CUTS_PER_LIFE, left)))
        disk = Disk(life.before)
        for number, op in enumerate(life.ops):
            if number in at:
                image = disk.cut(rng)
                result.counts["cuts"] += 1
                if wrong := _judge(image, life, number, faults):
                    result.note(result.counts["cuts"], [f"op {number}: {wrong}"])
            disk.run(op)
    return result


@contextmanager
def _opened(files: dict[str, bytes]) -> Iterator[tuple[Store, Path]]:
    folder = Path(tempfile.mkdtemp(dir=MEMORY if MEMORY.is_dir() else None))
    try:
        put(files, folder / "disk")
        store = Store(folder / "disk" / "buffer.db", "agent-1", BOOT, [MAIN], own_alarm, SETTINGS)
        try:
            yield store, folder / "disk"
        finally:
            kill(store)
    finally:
        shutil.rmtree(folder)


def _live(image: dict[str, bytes], rng: random.Random, clock: Iterator[int], faults: bool) -> Life:
    life, tape = Life(image), Tape()

    def fault(op: Op) -> int:
        if faults and op.kind == "sync" and rng.random() < 0.05:
            life.failed += 1
            return IOERR_FSYNC
        return OK

    with recording(tape), _opened(image) as (store, _):
        tape.fault = fault
        kept: list[OpenBatch] = []
        events: list[Event] = []
        for _ in range(SEALS):
            kept += [open_batch(*noise(2, 100, at_s=10 * next(clock))) for _ in range(rng.randint(1, 3))]
            if rng.random() < 0.2:
                events.append(Event("rack-1", {**ALARM, "boottime_ns": next(clock) * 10**10}))
            try:
                store.seal(kept, events, {"rack-1": rng.randbytes(200)} if rng.random() < 0.1 else {})
            except StoreError:
                continue
            kept, events = [], []
            pending = {b.sequence: b.blob for b in store.pending("main", 10**6, 10**9)[1]}
            life.marks.append(Mark(len(tape.ops), digest(store), pending, store.last_sequence))
            _acknowledge(store, list(pending), rng)
    life.ops = tape.ops
    return life


def _acknowledge(store: Store, pending: list[int], rng: random.Random) -> None:
    """As a collector does that is here and gone, takes what it likes, and now and then refuses one."""
    mood = rng.random()
    if mood < 0.4:
        held = (
            pending[: rng.randint(0, len(pending))] if mood < 0.2 else rng.sample(pending, len(pending) // 8)
        )
        refused = {s: "not sound" for s in pending if s not in held and rng.random() < 0.01}
        store.apply_acknowledgement("main", store.epoch, held, refused)


def digest(store: Store) -> bytes:
    """Everything that the buffer holds, in 16 bytes."""
    found = blake2b(digest_size=16)
    for table in TABLES:
        for row in store._db.execute(f"SELECT * FROM {table} ORDER BY 1"):
            found.update(repr(row).encode())
    return found.digest()


def _judge(image: dict[str, bytes], life: Life, at: int, faults: bool) -> str:
    """Open what the cut left; return what is wrong with it, "" if nothing."""
    done = [mark for mark in life.marks if mark.at <= at]
    try:
        with _opened(image) as (store, folder):
            if quarantined := list(folder.glob("*quarantine*")):
                return f"taken for damaged: {quarantined[0].name}"
            if not done:
                return ""
            if faults:
                return _judge_frames(store, done[-1])
            allowed = {mark.digest for mark in [done[-1], *life.marks[len(done) : len(done) + 1]]}
            last = f"{store.last_sequence}, {done[-1].last_sequence} was promised"
            return "" if digest(store) in allowed else f"neither the last commit nor the one after it: {last}"
    except Exception as error:
        return f"it does not open: {type(error).__name__}: {error}"


def _judge_frames(store: Store, promised: Mark) -> str:
    """What was promised is pending or was settled since; no frame is there twice."""
    found = {b.sequence: b.blob for b in store.pending("main", 10**6, 10**9)[1]}
    for sequence, blob in promised.pending.items():
        if found.get(sequence, blob) != blob or (
            sequence not in found and sequence not in store._deliveries["main"].cursor.settled
        ):
            return f"batch {sequence} of {promised.last_sequence} is lost or another"
    frames: set[int] = set()
    for blob in found.values():
        times = decode_batch(blob).boottime_ns.tolist()
        if frames.intersection(times):
            return f"frames at {times} are there twice"
        frames.update(times)
    return ""
