"""What a bad line leaves of the deadline: four replies in ten lost, or all other units dead. Pure; estimates.

Theory. `proof` bounds what can happen on a line that carries everything. Where replies get lost there is no
bound; what is computed is how often safety points come in 99 of 100 cases, by the rules of `Patience`, with
the time-out that is learned from a unit that answers as fast as the line says:
- on a connection that numbers its replies, a read is tried again at once, up to TRIES_LOSSY times in a cycle;
  where that is in vain the cycle begins anew. r losses cost r time-outs, and r in 99 of 100 cases is a
  quantile of the negative binomial distribution.
- on a serial line, after a lost reply the cycle begins anew, and not before the late one cannot come any more
  (`timing.overdue_s`): that alone is 5 x 2 time-outs in 99 of 100 cases (docs/adr/0041). Where half of them
  are damaged instead, these are asked again at once.
What others need meanwhile comes on top.

Units that are dead since the start are probed one by one (STRANGER_S each, with the full time-out every
fourth time), twice before the last one's conversation is due, and from then on with a fifth of the line.
A gateway that itself waits for each dead unit serves them one after the other: who is asked last, and lives,
is heard when it has waited for all before (`backlog`). No order helps who does not know which one lives.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, comb, inf, log

from agent.modbus.backlog import ROOM, USUALLY_S
from agent.modbus.patience import STRANGER_S, TRIES_LOSSY
from agent.modbus.proof import BusLoad
from agent.modbus.schedule import SILENT_SHARE, WAITS_APART
from agent.modbus.timing import FLOOR_S, MARGIN, overdue_s

LOST = 0.4
CASES = 0.99
MOST_LOST = 2000  # more in one cycle are not counted


@dataclass(frozen=True, slots=True)
class Dead:
    """How old safety points become where every other unit is dead, and when there are the first ones, s."""

    age_s: float
    first_s: float


def lossy_s(load: BusLoad, loads: Sequence[BusLoad], damaged: float = 0.0) -> float:
    """Return how often a unit's safety points come in 99 of 100 cases with LOST of the replies lost, s.

    damaged: how many of these come, on a serial line, and are not sound. inf: hardly ever.
    """
    others_s = sum(_mean_s(one) for one in loads if one is not load)
    if load.has_transaction_ids:  # a unit that is tried again at once takes turns with the others
        cycle_s = _numbered_s(load)
        return load.period_s + cycle_s + others_s * max(1.0, cycle_s / load.period_s)
    return load.period_s + others_s + _serial_s(load, others_s, damaged)


def others_dead(load: BusLoad, loads: Sequence[BusLoad]) -> Dead:
    """Return what is left of a line on which `load` alone answers."""
    dead = [one for one in loads if one is not load]
    if not dead:
        return Dead(load.period_s + load.safety_s, load.longest_s + load.safety_s)
    probe_s = max(one.probe_s for one in dead)
    # one probe is on its way when the cycle is due, one has waited too long; the next comes by its share
    more = ceil(load.safety_s * SILENT_SHARE / (1 - SILENT_SHARE) / probe_s)
    response_s = load.safety_s + load.state_s + load.mark_s + (1 + more) * probe_s
    round_s = sum(one.probe_s - one.timeout_s + min(STRANGER_S, one.timeout_s) for one in dead)
    return Dead(response_s + max(load.period_s, response_s), 2 * round_s + probe_s + load.safety_s)


def behind_waiting(load: BusLoad, loads: Sequence[BusLoad]) -> Dead | None:
    """Return the same where a gateway waits USUALLY_S for each of the dead; None: there is none."""
    dead = len(loads) - 1
    if not dead or not load.has_transaction_ids:
        return None
    wait_s = ROOM * USUALLY_S
    more = int(load.safety_s / (WAITS_APART * wait_s))
    response_s = load.safety_s + load.state_s + load.mark_s + (1 + more) * wait_s
    first_s = (dead + 1) * USUALLY_S + STRANGER_S + load.longest_s + load.safety_s
    return Dead(response_s + max(load.period_s, response_s), first_s)


def _wait_s(load: BusLoad) -> float:
    """The time-out that a unit's answers teach."""
    return min(load.timeout_s, max(FLOOR_S, MARGIN * load.longest_s))


def _mean_s(load: BusLoad) -> float:
    """What a cycle needs of the line, where it is whole."""
    return load.safety_s / (1 - LOST) + load.reads * LOST / (1 - LOST) * _wait_s(load)


def _numbered_s(load: BusLoad) -> float:
    """How long a unit needs for a whole cycle in 99 of 100 cases, where replies are numbered."""
    wait_s, whole = _wait_s(load), (1 - LOST**TRIES_LOSSY) ** load.reads
    in_vain_s = _mean_s(load) / 2 + (TRIES_LOSSY + 1) * wait_s
    return load.safety_s + _losses(load.reads) * wait_s + _begun_anew(whole) * in_vain_s


def _serial_s(load: BusLoad, others_s: float, damaged: float) -> float:
    """The same where they are not; others_s: what a turn of all others takes, which fits into a pause."""
    silent = LOST - damaged
    whole = (1 - silent / (1 - damaged)) ** load.reads
    pause_s = max(overdue_s(load.timeout_s), 2 * _wait_s(load), others_s)
    return load.safety_s / (1 - damaged) + _begun_anew(whole) * (load.safety_s / 2 + pause_s)


def _begun_anew(whole: float) -> float:
    """How often a cycle begins anew, in 99 of 100 cases, that is whole with this probability."""
    if whole >= CASES:
        return 0.0
    return log(1 - CASES) / log(1 - whole) if whole > 1e-12 else inf


def _losses(reads: int) -> int:
    """How many replies are lost before so many have come, in 99 of 100 cases."""
    within = 0.0
    for lost in range(MOST_LOST):
        within += comb(lost + reads - 1, lost) * (1 - LOST) ** reads * LOST**lost
        if within >= CASES:
            return lost
    return MOST_LOST
