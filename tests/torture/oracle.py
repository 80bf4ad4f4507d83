"""What was reported as sealed, from outside of the store, and how what arrived differs from it."""

import json
from collections import Counter
from collections.abc import Hashable, Iterable, Iterator, Mapping, Set
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from collector.archive import Archive
from collector.audit import audit
from collector.audit_all import ACCOUNTS
from collector.questions.ask import ask
from collector.sinks import parse
from tests.agent.store.buffers import ALARM


@dataclass
class Oracle:
    """One agent. With `frames_may_drop` frames need not arrive: the audit says where they went."""

    agent: str
    frames_may_drop: bool = False
    frames: set[tuple[str, int]] = field(default_factory=set)
    alarms: set[int] = field(default_factory=set)
    epochs: dict[str, int] = field(default_factory=dict)  # and how far each had come before it was harmed

    def sealed(self, frames: Iterable[tuple[str, int]], alarms: Iterable[int]) -> None:
        """A commit returned."""
        self.frames.update(frames)
        self.alarms.update(alarms)


@contextmanager
def reading(sink: str) -> Iterator[Archive]:
    """A database, as --sink takes it; what in it cannot be read is an error."""
    chosen = parse(sink)
    archive = chosen.kind.read(chosen.place, _unreadable)
    try:
        yield archive
    finally:
        archive.close()


def _unreadable(line: str) -> None:
    raise AssertionError(line)


def judge(sink: str, oracles: Iterable[Oracle]) -> tuple[list[str], Counter[str]]:
    """Hold what arrived in a database against what was reported.

    Return what is wrong, and how often the agents' buffers spoke of themselves.
    """
    oracles = list(oracles)
    with reading(sink) as archive:
        ours = {oracle.agent for oracle in oracles}  # what strangers left behind is theirs
        accounts = [account for account in audit(archive) if account.agent in ours]
        wrong = [line for account in accounts if not account.balanced for line in account.lines()]
        wrong += [
            f"{row['agent']} epoch {row['epoch']}: the view says {row}"
            for row in ask(archive, ACCOUNTS, {}, 0)
            if row["agent"] in ours and not row["balanced"]
        ]
        ends = {epoch: last for oracle in oracles for epoch, last in oracle.epochs.items()}
        said = Counter(
            "accounts_to_the_last_batch" if a.sealed >= ends[a.epoch] else "accounts_to_the_last_one_seen"
            for a in accounts
            if a.epoch in ends
        )
        for oracle in oracles:
            frames: Counter[tuple[str, int]] = Counter()
            for _, batch in archive.batches(oracle.agent, None, None, None):
                frames.update((batch.unit, at) for at in batch.boottime_ns.tolist())
            records = _alarms(archive, oracle.agent)
            said.update(record["detector"] for record in records if record["detector"].startswith("buffer_"))
            sealed = [record for record in records if record["detector"] == ALARM["detector"]]
            salvaged = {r["boottime_ns"] for r in sealed if "salvaged_epoch" in r}
            alarms = Counter(r["boottime_ns"] for r in sealed if "salvaged_epoch" not in r)
            told = _differences("frames", set() if oracle.frames_may_drop else oracle.frames, frames)
            told += _differences("alarms", oracle.alarms - salvaged, alarms)
            wrong += [f"{oracle.agent}: {text}" for text in told]
    return wrong, said


def _alarms(archive: Archive, agent: str) -> list[dict[str, Any]]:
    return [json.loads(record) for _, _, record in archive.alarms(agent)]


def _differences(what: str, reported: Set[Hashable], arrived: Mapping[Hashable, int]) -> list[str]:
    wrong = []
    if lost := reported - arrived.keys():
        wrong.append(f"{len(lost)} {what} were sealed and did not arrive, such as {next(iter(lost))}")
    if twice := [key for key, times in arrived.items() if times > 1]:
        wrong.append(f"{len(twice)} {what} arrived twice, such as {twice[0]}")
    return wrong
