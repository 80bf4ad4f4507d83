"""Collectors that lose what they had, of an agent with three of them.

One after the other is restored from an older copy, emptied, bit-flipped, truncated, or replaced by a new one
under another address, at a random moment, while the agent seals and sends. The hour after which a batch may
be healed once more is a clock that is passed in. A database that is not sound any more is put aside, as a
person would do.
"""

import asyncio
import contextlib
import json
import random
import shutil
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

from agent.store.account import Account, BufferSettings
from agent.store.store import Store
from agent.store.upstream import Upstream
from agent.wire.batch import decode_batch
from agent.wire.errors import WireError
from agent.wire.ranges import Ranges
from collector.account import event_rows
from collector.archive import ArchiveError
from collector.audit import StreamAccount, audit
from collector.sqlite.archive import SqliteArchive
from tests.agent.store.buffers import ALARM, BOOT, own_alarm
from tests.collector.processes import Collector
from tests.torture.agents import MANY, SCHEMAS, VALUES
from tests.torture.oracle import Oracle, judge
from tests.torture.result import Result
from tests.torture.sender import Sender, seal_and_send

AGENT = "agent-1"
HARMS = 10  # of one agent's life
SETTLED_S, ROUNDS = 60.0, 10
SHORT = BufferSettings(history_bytes=0)  # and 256 KiB: some of what is lost is here no more


class Site:
    """A collector, its files, and an image of them from before."""

    def __init__(self, folder: Path, name: str) -> None:
        folder.mkdir()
        self.name, self.folder, self.image = name, folder, folder / "image"
        self.collector = Collector(self.database)
        self.keep()

    @property
    def database(self) -> Path:
        """Where its batches are."""
        return self.folder / "collector.db"

    def files(self) -> list[Path]:
        """The database and what lies beside it."""
        return sorted(self.folder.glob("collector.db*"))

    def keep(self) -> None:
        """Copy the files as they are, of a collector that was killed."""
        self.collector.kill()
        shutil.rmtree(self.image, ignore_errors=True)
        self.image.mkdir()
        for path in self.files():
            shutil.copy(path, self.image)
        self.begin()

    def begin(self, anew: bool = False) -> None:
        """Start it again, where it was or at a new address."""
        listen = {} if anew else {"listen": self.collector.url.rpartition("/")[2]}
        self.collector = Collector(self.database, **listen)

    def empty(self) -> None:
        """Have no files."""
        for path in self.files():
            path.unlink()


def _restored(site: Site, rng: random.Random) -> None:
    site.empty()
    for path in site.image.iterdir():
        shutil.copy(path, site.folder)


def _emptied(site: Site, rng: random.Random) -> None:
    site.empty()


def _flipped(site: Site, rng: random.Random) -> None:
    path = rng.choice([path for path in site.files() if path.stat().st_size])
    body = bytearray(path.read_bytes())
    for _ in range(rng.choice((1, 3, 30))):
        body[rng.randrange(len(body))] ^= 1 << rng.randrange(8)
    path.write_bytes(body)


def _truncated(site: Site, rng: random.Random) -> None:
    path = rng.choice([path for path in site.files() if path.stat().st_size])
    path.write_bytes(path.read_bytes()[: rng.randrange(path.stat().st_size)])


Harm = Callable[[Site, random.Random], None]
KINDS: dict[str, Harm] = {
    "restored": _restored,
    "emptied": _emptied,
    "bit_flipped": _flipped,
    "truncated": _truncated,
    "replaced": _emptied,
}


def harm(site: Site, kind: str, rng: random.Random, counts: Counter[str]) -> None:
    """Kill a collector, harm its files, and start it again, or an empty one where they are not sound."""
    site.collector.kill()
    if rng.random() < 0.5:  # else the database lies in the WAL
        with contextlib.closing(sqlite3.connect(site.database)) as db:
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    KINDS[kind](site, rng)
    counts[kind] += 1
    if kind in ("bit_flipped", "truncated") and not _sound(site.database):
        counts["put_aside"] += 1
        site.empty()
    site.begin(anew=kind == "replaced")


def _sound(database: Path) -> bool:
    """Whether a person who looks at it finds nothing wrong but what is missing."""
    try:
        with contextlib.closing(sqlite3.connect(database)) as db:
            if db.execute("PRAGMA integrity_check").fetchone() != ("ok",):
                return False
            if not _events_as_sent(db):
                return False
        return not any(account.damaged or account.unreadable for account in _audited(database))
    except (sqlite3.Error, ArchiveError, ValueError, OSError, WireError):
        return False


def _events_as_sent(db: sqlite3.Connection) -> bool:
    """Whether the records of events, which have no checksum, say what the batches say, which have one."""
    told = "SELECT position, kind, record FROM event WHERE (agent, epoch, sequence) = (?, ?, ?) ORDER BY 1"
    for *key, blob in db.execute("SELECT agent, epoch, sequence, blob FROM batch").fetchall():
        sent = [(row.position, row.kind, row.record) for row in event_rows([(decode_batch(blob), blob)])]
        if db.execute(told, key).fetchall() != sent:
            return False
    return True


def _audited(database: Path) -> list[StreamAccount]:
    archive = SqliteArchive(database)
    try:
        return audit(archive)
    finally:
        archive.close()


def places(harms: int, seed: int, folder: Path) -> Result:
    """Harm collectors so many times, in lives of ten; each second life has little history."""
    result = Result()
    for life in range((harms + HARMS - 1) // HARMS):
        home = folder / str(life)
        home.mkdir()
        rng, count = random.Random(seed * 1000 + life), min(HARMS, harms - life * HARMS)
        result.note(life, asyncio.run(_life(home, rng, count, life % 2 == 1, result.counts)))
        shutil.rmtree(home)
    return result


async def _life(folder: Path, rng: random.Random, harms: int, short: bool, counts: Counter[str]) -> list[str]:
    oracle, clock = Oracle(AGENT), iter(range(2, 10**8, 2))
    upstreams = [Upstream("first"), Upstream("second"), Upstream("third", False, rng.random() < 0.5)]
    sites = [Site(folder / name, name) for name, *_ in upstreams]
    settings = SHORT if short else BufferSettings()
    store = Store(folder / "buffer.db", AGENT, BOOT, upstreams, own_alarm, settings)
    for digest, body in SCHEMAS.values():
        store.add_schema(digest, body)
    sender = Sender(store, AGENT, MANY if short else VALUES)
    try:
        for site in sites:
            await sender.begin(site.name, site.collector.url)
        for _ in range(harms):
            await _seal_some(sender, clock, rng, oracle)
            if rng.random() < 0.3:
                await _while_sealing(sender, clock, rng, oracle, rng.choice(sites).keep)
            site, kind = rng.choice(sites), rng.choice(list(KINDS))
            await _while_sealing(
                sender,
                clock,
                rng,
                oracle,
                lambda s=site, k=kind: harm(s, k, rng_of(rng), counts),  # type: ignore[misc]
            )
            if kind == "replaced" or rng.random() < 0.5:
                await sender.begin(site.name, site.collector.url)
            sender.hours += rng.random() < 0.3
        wrong = await _settle(sender, sites, clock, rng, oracle)
        counts["frames"] += len(oracle.frames)
        counts["alarms"] += len(oracle.alarms)
        for upstream, site in zip(upstreams, sites, strict=True):
            wrong += [f"{site.name}: {text}" for text in _judge(site, upstream, oracle, short)]
        accounts, _ = await sender.accounts()
        counts["gone_and_named"] += sum(account.dropped for account in accounts.values())
        counts["withheld"] += sum(account.withheld for account in accounts.values())
    finally:
        await sender.close()
        store.close()
        for site in sites:
            site.collector.kill()
    return wrong


def rng_of(rng: random.Random) -> random.Random:
    """A generator for another thread."""
    return random.Random(rng.random())


async def _seal_some(sender: Sender, clock: Iterator[int], rng: random.Random, oracle: Oracle) -> None:
    for _ in range(rng.randint(1, 20)):
        await seal_and_send(sender, clock, rng, oracle)
        await asyncio.sleep(rng.uniform(0, 0.02))


async def _while_sealing(
    sender: Sender, clock: Iterator[int], rng: random.Random, oracle: Oracle, what: Callable[[], None]
) -> None:
    doing = asyncio.create_task(asyncio.to_thread(what))
    while not doing.done():
        await seal_and_send(sender, clock, rng, oracle)
        await asyncio.sleep(0.05)
    await doing


async def _settle(
    sender: Sender, sites: list[Site], clock: Iterator[int], rng: random.Random, oracle: Oracle
) -> list[str]:
    """Let hours pass until each collector has what can be had; return what does not come to rest."""
    differences, accounts = ["never without a pending batch"], dict[str, Account]()
    for _ in range(ROUNDS):
        sender.hours += 1
        for site in sites:
            await sender.begin(site.name, site.collector.url)
        # with an alarm: what an upstream is not to have is told it with what is for it, or after 20 s of rest
        await seal_and_send(sender, clock, rng, oracle, alarm=True)
        try:
            async with asyncio.timeout(SETTLED_S):
                quiet = 0
                while quiet < 2:
                    await sender.writer(sender.store.seal, ())
                    sender.wake(alarm=True)
                    await asyncio.sleep(0.1)
                    accounts, here = await sender.accounts()
                    quiet = 0 if any(a.pending for a in accounts.values()) else quiet + 1
        except TimeoutError:
            continue
        differences = [text for site in sites for text in _both_ends(site, accounts[site.name], here)]
        if not differences:
            return []
    return [f"not at rest after {ROUNDS} hours: {accounts}", *differences]


def _both_ends(site: Site, own: Account, here: Ranges) -> list[str]:
    """How the agent's account and the collector's audit differ; `here`: what is on the box.

    What was given up is told to all, once. A collector that loses the same batches after that does not name
    them, so they stay acknowledged in its account; one that gets them back in an image of its own holds what
    its account calls dropped. Only the sum is exact then, and no batch of it may be on the box still.
    """
    there = _audited(site.database)
    if len(there) != 1:
        return [f"{site.name}: {len(there)} streams"]
    (audit,) = there
    ends = {
        "sealed": (own.sealed, audit.sealed),
        "acknowledged and dropped": (own.acknowledged + own.dropped, audit.stored + audit.dropped),
        "withheld": (own.withheld, audit.withheld),
        "missing": (0, audit.missing_count),
        "called dropped, and on the box": (0, _called_dropped(site.database).both(here).count),
    }
    return [f"{site.name}: {name}: {a} here, {b} there" for name, (a, b) in ends.items() if a != b]


def _called_dropped(database: Path) -> Ranges:
    """The sequences that a collector has not, for it was told that they never come."""
    archive = SqliteArchive(database)
    try:
        (stream,) = archive.streams()
        return Ranges(archive.dropped(stream)).minus(Ranges(archive.stored(stream)))
    finally:
        archive.close()


def _judge(site: Site, upstream: Upstream, oracle: Oracle, short: bool) -> list[str]:
    """Hold a collector against what was sealed. Where history was short, nothing may be there twice."""
    expected = Oracle(AGENT, frames_may_drop=short or not upstream.frames, frames=oracle.frames)
    expected.alarms = set() if short else oracle.alarms
    wrong, _ = judge(site.collector.sink, [expected])
    archive = SqliteArchive(site.database)
    try:
        said = archive.db.execute("SELECT record FROM event WHERE kind = 'alarm' ORDER BY epoch, sequence")
        alarms = [json.loads(record) for (record,) in said]  # the buffer's own wait for a person
        states = [alarm["state"] for alarm in alarms if alarm["detector"] == ALARM["detector"]]
    finally:
        archive.close()
    if states and states[-1] != "OVER":
        wrong.append("an alarm that is over stands")
    return wrong
