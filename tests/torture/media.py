"""What disks do to a buffer: bits that flip, files cut short, an old image restored, room taken by others."""

import os
import random
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from agent.store.account import BufferSettings
from agent.store.errors import StoreError
from agent.store.store import Store
from tests.collector.processes import Collector
from tests.torture.agents import MANY, drain, opened, seal
from tests.torture.oracle import Oracle, judge
from tests.torture.result import Result

FILES = ("buffer.db", "buffer.db-wal")


def damage(rounds: int, seed: int, folder: Path) -> Result:
    """Flip bits in the database or its WAL, or cut them short, while the agent is down; alarms were sent."""
    return _rounds(rounds, seed, folder, _damage_one)


def restores(rounds: int, seed: int, folder: Path) -> Result:
    """Take an image of the card at some time, go on, deliver or not, and put the old image back."""
    return _rounds(rounds, seed, folder, _restore_one)


def _rounds(
    rounds: int, seed: int, folder: Path, one: Callable[[random.Random, Path, Oracle, str], list[str]]
) -> Result:
    rng, result, oracles = random.Random(seed), Result(), []
    with Collector(folder / "collector.db") as collector:
        for number in range(rounds):
            oracles.append(Oracle(f"agent-{number}"))
            home = folder / "agent"
            home.mkdir()
            try:
                result.note(number, one(rng, home, oracles[-1], collector.url))
            except Exception as error:  # an agent that would not start
                result.note(number, [f"{type(error).__name__}: {error}"])
            result.counts["rounds"] += 1
            shutil.rmtree(home)
        wrong, said = judge(collector.sink, oracles)
    result.wrong += wrong
    result.counts.update(said)
    result.counts["alarms"] = sum(len(oracle.alarms) for oracle in oracles)
    return result


def _damage_one(rng: random.Random, home: Path, oracle: Oracle, url: str) -> list[str]:
    oracle.frames_may_drop = True
    agent, clock = oracle.agent, iter(range(2, 10**6, 2))
    with opened(home, agent) as store:
        for _ in range(rng.randint(1, 60)):
            seal(store, next(clock), rng, oracle, alarm=rng.random() < 0.2)
        wrong = drain(store, agent, url)
        for _ in range(rng.randint(0, 60)):
            seal(store, next(clock), rng, oracle, alarm=False)
        oracle.epochs[store.epoch.hex()] = store.last_sequence
    _harm(home / rng.choice([name for name in FILES if (home / name).exists()]), rng)
    with opened(home, agent) as store:
        for _ in range(5):
            seal(store, next(clock), rng, oracle, alarm=True)
        spoiled = drain(store, agent, url)  # a batch whose bits flipped is refused, and that is told ...
        store.seal([])  # ... to people at once, and to the collector with the next commit
        spoiled += drain(store, agent, url)
    return wrong + [text for text in spoiled if "refused" not in text]


def _harm(file: Path, rng: random.Random) -> None:
    size = file.stat().st_size
    if rng.random() < 0.3:
        os.truncate(file, rng.randrange(size) if size else 0)
        return
    with file.open("r+b") as handle:
        for _ in range(rng.choice((1, 1, 8, 200))):
            place = rng.randrange(max(1, size))
            handle.seek(place)
            byte = (handle.read(1) or b"\0")[0]
            handle.seek(place)
            handle.write(bytes([byte ^ 1 << rng.randrange(8)]))


def _restore_one(rng: random.Random, home: Path, oracle: Oracle, url: str) -> list[str]:
    agent, clock = oracle.agent, iter(range(2, 10**6, 2))
    image, card = home / "image", home / "card"
    card.mkdir()
    wrong: list[str] = []
    with opened(card, agent) as store:
        for _ in range(rng.randint(1, 30)):
            seal(store, next(clock), rng, oracle, alarm=rng.random() < 0.2)
        if rng.random() < 0.5:
            wrong += drain(store, agent, url)
    shutil.copytree(card, image)
    with opened(card, agent) as store:
        for _ in range(rng.randint(1, 30)):
            seal(store, next(clock), rng, oracle, alarm=rng.random() < 0.2)
        wrong += drain(store, agent, url)
    shutil.rmtree(card)
    image.rename(card)
    with opened(card, agent) as store:
        for _ in range(rng.randint(0, 30)):  # under sequences that the collector has seen already
            seal(store, next(clock), rng, oracle, alarm=rng.random() < 0.2)
        wrong += drain(store, agent, url)
        for _ in range(3):
            seal(store, next(clock), rng, oracle, alarm=True)
        wrong += drain(store, agent, url)
    return wrong


def full_disk(rounds: int, seed: int, folder: Path) -> Result:
    """A disk of 24 MiB that another process fills to the last byte and frees again, over and over."""
    rng, result, oracle = random.Random(seed), Result(), Oracle("agent-1", frames_may_drop=True)
    clock = iter(range(2, 10**8, 2))
    settings = BufferSettings(max_bytes=6_000_000, history_bytes=1_000_000)
    with Collector(folder / "collector.db") as collector, _small_disk(folder / "disk") as disk:
        with opened(disk, "agent-1", settings) as store:
            for number in range(rounds):
                result.note(number, _fill_and_free(store, disk, rng, oracle, clock))
                if rng.random() < 0.3:
                    result.note(number, drain(store, "agent-1", collector.url))
            result.note(rounds, drain(store, "agent-1", collector.url))
            account = store.account("main")
            result.counts.update(rounds=rounds, sealed=account.sealed, dropped=account.dropped)
        wrong, _ = judge(collector.sink, [oracle])
        result.note(rounds, wrong)
        result.counts["alarms"] = len(oracle.alarms)
    return result


def _fill_and_free(
    store: Store, disk: Path, rng: random.Random, oracle: Oracle, clock: Iterator[int]
) -> list[str]:
    filler, wrong = disk / "others", list[str]()
    for phase in ("free", "filling", "full"):
        if phase == "filling":  # to the last byte: dd ends with ENOSPC
            command = ["dd", "if=/dev/zero", f"of={filler}", "bs=4096", "status=none"]
            subprocess.run(command, stderr=subprocess.DEVNULL, check=False)
        for _ in range(rng.randint(10, 60)):
            try:
                seal(store, next(clock), rng, oracle, alarm=rng.random() < 0.1, n=MANY)
            except StoreError as error:
                wrong.append(f"{phase}: {error}")
    filler.unlink()
    return wrong


@contextmanager
def _small_disk(folder: Path) -> Iterator[Path]:
    """A file system of its own, ext4 where a loop device can be had; only root can make one."""
    folder.mkdir()
    image = tempfile.NamedTemporaryFile(prefix="cellwarden-disk-")  # noqa: SIM115 - closed below
    os.truncate(image.name, 24 * 1024 * 1024)
    try:
        subprocess.run(["mkfs.ext4", "-q", "-m", "0", image.name], check=True, capture_output=True)
        subprocess.run(["mount", "-o", "loop", image.name, str(folder)], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "disk", str(folder)], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)
        image.close()
