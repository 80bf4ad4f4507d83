"""Buses on which nothing would tell whose a reply is: they are refused. Pure."""

from collections.abc import Iterator, Mapping
from itertools import combinations

from agent.config.tables import Config
from agent.message import Message
from drivers.profile.load import Profile

WHOSE = Message("nothing tells whose a reply is, and a late one would be another's values")


def untold(config: Config, profiles: Mapping[str, Profile]) -> Iterator[Message]:
    """Yield what is wrong where a reply has no transaction id, and its unit id may be that of two units."""
    for bus in config.bus:
        accepted = bus.accepted
        if bus.accept is None or bus.has_transaction_ids:
            continue
        units = [unit for unit in config.unit if unit.bus == bus.name]
        for one, other in combinations(units, 2):
            if shared := set(accepted.ids(one.unit_id)) & set(accepted.ids(other.unit_id)):
                yield Message(
                    "[[bus]] {bus} accept: {unit} and {other} may both answer under unit id {id}: {why}: put"
                    " one of them on another [[bus]]",
                    bus=bus.name,
                    unit=one.name,
                    other=other.name,
                    id=min(shared),
                    why=WHOSE,
                )
        for unit in units if accepted.unit_id is not None else ():
            if asks_several_ids(profiles[unit.profile]):
                yield Message(
                    "[[unit]] {unit} profile: {profile} polls several unit ids, which may all answer under"
                    " {id}: {why}: take unit_id out of accept of [[bus]] {bus}",
                    unit=unit.name,
                    profile=unit.profile,
                    id=accepted.unit_id,
                    why=WHOSE,
                    bus=bus.name,
                )


def asks_several_ids(profile: Profile) -> bool:
    """Whether the values of one such battery lie behind several unit ids."""
    return any(group.unit_stride for group in profile.group) or any(
        point.unit_offset or any(point.unit_stride) for point in profile.point
    )
