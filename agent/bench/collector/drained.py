"""Fifty agents that send to collectors, which are processes: what is taken of them, and what that costs."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from agent.bench.collector.made import Agent
from agent.bench.collector.senders import Answers, send_all, send_paced
from hil.run.processes import Child, Children, cpu_s

SENDERS, REQUESTS = 50, 60
ALARMS, ALARM_EVERY_S = 600, 0.1


@dataclass(frozen=True)
class Drained:
    """What one run brought. took_s: of all requests; used_s: CPU, by whose it is."""

    took_s: float
    answers: Answers
    alarmed: Answers
    used_s: Mapping[str, float]

    def told(self, batches: int) -> str:
        """One line for people."""
        slow_s = float(np.quantile(self.answers.took_s, 0.99))
        used = ", ".join(f"{who} {1000 * used_s / batches:.2f}" for who, used_s in self.used_s.items())
        others = ", ".join(f"{count} x {status}" for status, count in self.answers.others.items())
        return f"p99 of a request {slow_s:.2f} s; CPU ms per batch: {used}" + (
            f"; told to come again: {others}" if others else ""
        )


def serve(children: Children, name: str, sink: str) -> tuple[str, Child]:
    """Start a collector; return its URL, and the process."""
    child = children.start(name, "collector.cli", "serve", "--sink", sink, "--listen", "127.0.0.1:0")
    return child.first_line().rpartition(" ")[2], child


def drain(
    agents: Sequence[Agent],
    urls: Sequence[str],
    pids: Mapping[str, Sequence[int]],
    alarms: Agent | None = None,
) -> Drained:
    """Send all of some agents. pids: whose CPU counts, by owner. alarms: an agent beside them."""
    answers, alarmed, before_s, own_s = Answers(), Answers(), _used_s(pids), time.process_time()

    async def send() -> float:
        beside = asyncio.create_task(send_paced(alarms, urls[0], ALARM_EVERY_S, alarmed)) if alarms else None
        took_s = await send_all(agents, urls, answers)
        if beside:
            beside.cancel()
            await asyncio.wait([beside])
        return took_s

    took_s = asyncio.run(send())
    used_s = {who: used - before_s[who] for who, used in _used_s(pids).items()}
    return Drained(took_s, answers, alarmed, {**used_s, "senders": time.process_time() - own_s})


def _used_s(pids: Mapping[str, Sequence[int]]) -> dict[str, float]:
    return {who: sum(map(cpu_s, some)) for who, some in pids.items()}
