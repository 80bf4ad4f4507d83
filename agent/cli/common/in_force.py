"""Every limit that an agent of a configuration would judge by, before any unit has been asked."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from agent.config.tables import Config, UnitTable
from agent.detect.channels import Floats
from agent.detect.limit_words import WIDER, Widened, unknown, widened
from agent.detect.limits import (
    CHEMISTRY,
    HIGH,
    LIMITED,
    LOADS,
    LOW,
    PROFILE,
    SITE,
    TIERS,
    WHOSE,
    UnitLimits,
    nowhere,
)
from agent.detect.places import judged_as
from agent.detect.settings import Settings
from agent.detect.table import TIERS as SEVERITIES
from agent.message import Message, joined
from drivers.connect import assume
from drivers.profile.load import Profile
from drivers.quantities import QUANTITIES

SIDES = {LOW: "below {limit}", HIGH: "over {limit}"}
WAYS = {"charge": "over {limit} charge", "discharge": "over {limit} discharge"}
_LOADS = [(quantity, LIMITED[quantity], way) for quantity in LOADS for way in WAYS]


@dataclass(frozen=True, slots=True)
class Limit:
    """One limit: for what, between what, what happens beyond it, and whose word it is."""

    what: str
    bounds: str
    beyond: str
    source: str


@dataclass(frozen=True, slots=True)
class Judged:
    """What is known of a unit before it is asked: the quantities it tells of, and its profile's limits. own:
    quantity and tier of the site's limits that name it.
    """

    unit: UnitTable
    quantities: tuple[str, ...]
    profile: Floats
    settings: Settings
    own: frozenset[tuple[str, int]] = frozenset()

    @property
    def limits(self) -> UnitLimits:
        """Those that hold."""
        return self.settings.unit_limits(self.quantities, self.profile)


def judged(config: Config, profiles: Mapping[str, Profile]) -> Iterator[Judged]:
    """Give what is known of each unit. Of one that describes itself, every quantity that can have limits."""
    for unit in config.unit:
        profile = profiles[unit.profile]
        settings = config.detection.settings(unit.chemistry, unit.cells_per_block, unit.name)
        own = frozenset(
            (limit.quantity, TIERS.index(limit.tier))
            for limit in config.detection.limit
            if unit.name in limit.units
        )
        if not profile.sunspec:
            layout = assume(profile)
            yield Judged(unit, judged_as(layout.places, layout.quantities), layout.limits, settings, own)
            continue
        quantities, limits = tuple(LIMITED), nowhere(len(LIMITED))
        for i, quantity in enumerate(quantities):
            if quantity in profile.limits:
                limits[i] = [getattr(profile.limits[quantity], tier) for tier in TIERS]
        yield Judged(unit, quantities, limits, settings, own)


def limits_of(one: Judged, model: str) -> Iterator[Limit]:
    """Give the limits of a unit of a profile of this model, each once."""
    limits, seen = one.limits, set()
    whose = {source: Message(text) for source, text in enumerate(WHOSE)}
    whose[PROFILE] = Message("profile {model}", model=model)
    whose[CHEMISTRY] = Message("chemistry {name}", name=one.settings.chemistry or "")
    answered = {
        w.key: Message("; reviewed by {who}: {why}", who=w.reviewed_by, why=w.why) for w in one_widened(one)
    }
    site = Message(", for {unit}", unit=one.unit.path)
    for i, quantity in enumerate(one.quantities):
        if quantity in LOADS:
            continue
        for tier, side in zip(*np.nonzero(np.isfinite(limits.values[i])), strict=True):
            source = int(limits.sources[i, tier, side])
            named = site if source == SITE and (quantity, tier) in one.own else ""
            said = answered.get((quantity, side), "") if source == SITE and tier == len(TIERS) - 1 else ""
            limit = f"{limits.values[i, tier, side]:g} {_unit(quantity)}".rstrip()
            bounds = Message(SIDES[int(side)], limit=limit)
            by = joined("", filter(None, [whose[source], named, said]))
            found = Limit(quantity, bounds, _beyond(quantity, tier), by)
            if found not in seen:
                seen.add(found)
                yield found
    for tier, k in zip(*np.nonzero(np.isfinite(limits.load)), strict=True):
        quantity, unit, way = _LOADS[k]
        bounds = Message(WAYS[way], limit=f"{limits.load[tier, k]:g} {unit}")
        source = int(limits.load_sources[tier, k])
        by = whose[source]
        if source == SITE and (quantity, tier) in one.own:
            by = joined("", [by, site])
        yield Limit(quantity, bounds, _alarm(tier), by)


def _unit(quantity: str) -> str:
    return QUANTITIES[quantity].unit if quantity in QUANTITIES else ""


def _beyond(quantity: str, tier: int) -> Message:
    """Return what happens beyond a limit: nothing looks at the highest of cells that are told one by one."""
    judged = quantity in LIMITED and (quantity != "soc" or tier == 0)
    return _alarm(tier) if judged else Message("not judged ({tier})", tier=Message(TIERS[tier]))


def _alarm(tier: int) -> Message:
    return Message(
        "alarm: {severity} ({tier})", severity=Message(SEVERITIES[tier + 1]), tier=Message(TIERS[tier])
    )


def one_widened(one: Judged) -> Iterator[Widened]:
    """Give the safety limits of the site that are wider than others for a unit."""
    return widened(one.quantities, one.settings, one.profile)


def unreviewed(config: Config, profiles: Mapping[str, Profile]) -> list[Message]:
    """Return a line for each safety limit that the site makes wider, and for which nobody answers."""
    of_rows = {(of.quantity, of.high) for row in config.detection.override for of in row.of_site()}
    return [
        Message(
            "[[detection.{table}]] {limit} ({where}): write one that is not wider, or who reviewed it and"
            " why:"
            ' reviewed_by = "NAME", why = "REASON"',
            table=table,
            limit=_wide(wide),
            where=one.unit.path,
        )
        for one in judged(config, profiles)
        for wide in one_widened(one)
        if not (wide.reviewed_by and wide.why)
        for table in ("override" if (wide.quantity, wide.limit) in of_rows else "limit",)
    ]


def _wide(wide: Widened) -> Message:
    fields = wide.fields
    return Message(WIDER, **fields | {key: Message(str(fields[key])) for key in ("side", "whose")})


def without_limits(config: Config, profiles: Mapping[str, Profile]) -> list[str]:
    """Return a line for each unit whose voltages have no limit."""
    return [
        Message("{unit}: {why}", unit=one.unit.path, why=Message(why))
        for one in judged(config, profiles)
        if not profiles[one.unit.profile].sunspec or not one.settings.chemistry
        if (why := unknown(one.quantities, one.limits, one.settings.chemistry))
    ]
