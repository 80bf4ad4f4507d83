"""What a bad line leaves of the deadline, as `cellwarden check` says it: see `agent.modbus.bad_line`."""

from collections.abc import Sequence

from agent.cli.common.tables import plain_table, terminal
from agent.modbus.backlog import USUALLY_S
from agent.modbus.bad_line import LOST, behind_waiting, lossy_s, others_dead
from agent.modbus.proof import GIVE_UP_S, BusLoad

FIRST_WITHIN_S = 15.0
WAITING = f"behind a gateway that itself waits {USUALLY_S:g} s for each dead unit"


def on_a_bad_line(loads: Sequence[BusLoad], deadline_s: float) -> None:
    """Print what a bad line leaves of the deadline, a row for each unit."""
    if not loads:
        return
    serial = any(not unit.has_transaction_ids for unit in loads)
    half = ("half of it damaged",) if serial else ()
    table = plain_table("on a bad line", "40 % lost", *half, "all others dead", "first values then after")
    for unit in loads:
        dead = others_dead(unit, loads)
        beside = (_or_cannot(dead.age_s, deadline_s), f"{dead.first_s:.1f} s")
        table.add_row(
            unit.name,
            _or_cannot(lossy_s(unit, loads), deadline_s),
            *(_or_cannot(lossy_s(unit, loads, LOST / 2), deadline_s) for _ in half),
            *(beside if len(loads) > 1 else ("alone", "")),
        )
    terminal().print(table)
    waiting = [found for unit in loads if (found := behind_waiting(unit, loads))]
    if waiting:
        age_s, first_s = max(found.age_s for found in waiting), max(found.first_s for found in waiting)
        terminal().print(
            f"{WAITING}, all others dead: {_or_cannot(age_s, deadline_s)}, first values after"
            f" {first_s:.0f} s, at once of units that were in sight when the agent ended last"
        )


def cannot_lines(bus: str, loads: Sequence[BusLoad], deadline_s: float) -> list[str]:
    """Say which units a bus cannot carry in time with four in ten replies lost, and beside dead ones."""
    cures = {
        "with 40 % of the replies lost (in 99 of 100 cases)": (
            [unit.name for unit in loads if lossy_s(unit, loads) > deadline_s],
            "fewer or longer reads, a shorter timeout_s, or fewer units on it",
        ),
        "with all its other units dead": (
            [unit.name for unit in loads if others_dead(unit, loads).age_s > deadline_s],
            "a shorter timeout_s, or fewer units on it",
        ),
        f"with all its other units dead, {WAITING}": (
            [u.name for u in loads if (dead := behind_waiting(u, loads)) and dead.age_s > deadline_s],
            "a shorter time-out in the gateway, or fewer units behind it",
        ),
    }
    first_s = max((dead.first_s for unit in loads if (dead := behind_waiting(unit, loads))), default=0.0)
    first = (
        f"cannot: [[bus]] {bus}: {WAITING}, {len(loads) - 1} are waited for one after the other: the"
        f" first values of one that lives beside them come after up to {first_s:.0f} s,"
        f" not {FIRST_WITHIN_S:g}; what helps: a shorter time-out in the gateway"
    )
    late = [first] if first_s > FIRST_WITHIN_S else []
    return late + [
        f"cannot: [[bus]] {bus}: {when}, safety points become older than {deadline_s:g} s of"
        f" {', '.join(names)}; what helps: {cure}"
        for when, (names, cure) in cures.items()
        if names
    ]


def _or_cannot(seconds: float, deadline_s: float) -> str:
    if seconds <= deadline_s:
        return f"{seconds:.1f} s"
    return f"cannot ({seconds:.0f} s)" if seconds < GIVE_UP_S else "cannot"
