"""What a bad line leaves of the deadline, as `cellwarden check` says it: see `agent.modbus.bad_line`."""

from collections.abc import Sequence

from agent.cli.common.tables import plain_table, terminal
from agent.message import Message
from agent.modbus.backlog import USUALLY_S
from agent.modbus.bad_line import LOST, behind_waiting, lossy_s, others_dead
from agent.modbus.proof import GIVE_UP_S, BusLoad
from agent.view.language import tell, tr

FIRST_WITHIN_S = 15.0
WAITING = Message("behind a gateway that itself waits {time:g} s for each dead unit", time=USUALLY_S)


def on_a_bad_line(loads: Sequence[BusLoad], deadline_s: float) -> None:
    """Print what a bad line leaves of the deadline, a row for each unit."""
    if not loads:
        return
    serial = any(not unit.has_transaction_ids for unit in loads)
    half = (tr("half of it damaged"),) if serial else ()
    beside = (tr("all others dead"), tr("first values then after"))
    table = plain_table(tr("on a bad line"), tr("40 % lost"), *half, *beside)
    for unit in loads:
        dead = others_dead(unit, loads)
        beside = (_or_cannot(dead.age_s, deadline_s), f"{dead.first_s:.1f} s")
        table.add_row(
            unit.name,
            _or_cannot(lossy_s(unit, loads), deadline_s),
            *(_or_cannot(lossy_s(unit, loads, LOST / 2), deadline_s) for _ in half),
            *(beside if len(loads) > 1 else (tr("alone"), "")),
        )
    terminal().print(table)
    waiting = [found for unit in loads if (found := behind_waiting(unit, loads))]
    if waiting:
        age_s, first_s = max(found.age_s for found in waiting), max(found.first_s for found in waiting)
        terminal().print(
            tell(
                "{gateway}, all others dead: {age}, first values after {first:.0f} s, at once of units that"
                " were in sight when the agent ended last",
                gateway=WAITING,
                age=_or_cannot(age_s, deadline_s),
                first=first_s,
            )
        )


def cannot_lines(bus: str, loads: Sequence[BusLoad], deadline_s: float) -> list[Message]:
    """Say which units a bus cannot carry in time with four in ten replies lost, and beside dead ones."""
    cures = (
        (
            Message("with 40 % of the replies lost (in 99 of 100 cases)"),
            [unit.name for unit in loads if lossy_s(unit, loads) > deadline_s],
            Message("fewer or longer reads, a shorter timeout_s, or fewer units on it"),
        ),
        (
            Message("with all its other units dead"),
            [unit.name for unit in loads if others_dead(unit, loads).age_s > deadline_s],
            Message("a shorter timeout_s, or fewer units on it"),
        ),
        (
            Message("with all its other units dead, {gateway}", gateway=WAITING),
            [u.name for u in loads if (dead := behind_waiting(u, loads)) and dead.age_s > deadline_s],
            Message("a shorter time-out in the gateway, or fewer units behind it"),
        ),
    )
    first_s = max((dead.first_s for unit in loads if (dead := behind_waiting(unit, loads))), default=0.0)
    first = Message(
        "cannot: [[bus]] {bus}: {gateway}, {n} are waited for one after the other: the first values of one"
        " that lives beside them come after up to {time:.0f} s, not {limit:g}; what helps: a shorter"
        " time-out in the gateway",
        bus=bus,
        gateway=WAITING,
        n=len(loads) - 1,
        time=first_s,
        limit=FIRST_WITHIN_S,
    )
    late = [first] if first_s > FIRST_WITHIN_S else []
    return late + [
        Message(
            "cannot: [[bus]] {bus}: {when}, safety points become older than {limit:g} s of {units}; what"
            " helps: {cure}",
            bus=bus,
            when=when,
            limit=deadline_s,
            units=", ".join(names),
            cure=cure,
        )
        for when, names, cure in cures
        if names
    ]


def _or_cannot(seconds: float, deadline_s: float) -> str:
    if seconds <= deadline_s:
        return f"{seconds:.1f} s"
    return tell("cannot ({time:.0f} s)", time=seconds) if seconds < GIVE_UP_S else tr("cannot")
