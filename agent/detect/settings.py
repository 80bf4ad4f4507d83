"""The settings of a unit's detectors: other limits, detectors in the shadow, the chemistry of the battery."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import blake2b

import numpy as np

from agent.detect.channels import Floats
from agent.detect.first_days import sooner
from agent.detect.limits import LOADS, OPERATING, Rows, SiteLimit, UnitLimits, nowhere, resolve
from agent.detect.rows import JUDGING, ROWS
from agent.detect.table import TIERS, Row
from agent.message import Message, joined

HEAT, LOAD = "over-temperature", "overload"  # whose rows are of temperatures, and of loads
OVERRIDABLE = ("limit", "on_delay_s", "off_delay_s", "dead_band", "latch")
#: Detectors whose limits stand in no row: each value has its own.
BY_VALUE = ("voltage-limit", "under-temperature", "soc-limit")


@dataclass(frozen=True, slots=True)
class Settings:
    """Settings of one unit's detectors. Raises ValueError where they make no sense.

    overrides: (detector, severity) -> some of OVERRIDABLE. shadow: detectors that judge and record but do not
    announce. max_charge_a, max_discharge_a, max_charge_w, max_discharge_w: what a circuit may carry; infinite
    where the site does not say. early: the battery is in its first days, see `first_days`.
    cells_per_block: cells in series in each `module_voltage`. limits: what else the site says.
    """

    overrides: Mapping[tuple[str, str], Mapping[str, float]] = field(default_factory=dict)
    shadow: frozenset[str] = frozenset()
    chemistry: str = ""
    max_charge_a: float = math.inf
    max_discharge_a: float = math.inf
    max_charge_w: float = math.inf
    max_discharge_w: float = math.inf
    early: bool = False
    cells_per_block: int | None = None
    limits: tuple[SiteLimit, ...] = ()

    def __post_init__(self) -> None:
        known = {(row.detector, row.severity) for row in ROWS}
        for key, changes in self.overrides.items():
            if key not in known:
                raise ValueError(
                    Message(
                        "no detector {name} with severity {severity}; detectors: {there_are}",
                        name=repr(key[0]),
                        severity=repr(key[1]),
                        there_are=", ".join(JUDGING),
                    )
                )
            row = " ".join(key)
            for name in changes:
                if name not in OVERRIDABLE:
                    none = Message(
                        "{given} is none of {expected}", given=repr(name), expected=", ".join(OVERRIDABLE)
                    )
                    raise ValueError(joined(": ", [row, none]))
                if key[0] in BY_VALUE and name in ("limit", "dead_band"):
                    raise ValueError(
                        Message(
                            "{row}: a {name} of a row holds for no value; see [[detection.limit]]",
                            row=row,
                            name=name,
                        )
                    )
        unknown = self.shadow - set(JUDGING)
        if unknown:
            raise ValueError(
                Message(
                    "shadow: no detector {names}; there are {there_are}",
                    names=", ".join(sorted(unknown)),
                    there_are=", ".join(JUDGING),
                )
            )

    def load_limits(self) -> tuple[float, float, float, float]:
        """Return the most charge and discharge of the site's operating tier, A, then W."""
        return self.max_charge_a, self.max_discharge_a, self.max_charge_w, self.max_discharge_w

    def unit_limits(self, quantities: Sequence[str], profile: Floats | None = None) -> UnitLimits:
        """Return the limits of the values of a frame; profile (n, 3, 2): what the profile gives."""
        profile = nowhere(len(quantities)) if profile is None else profile
        most = self.load_limits()
        of_load = [
            SiteLimit(quantity, OPERATING, -most[2 * k + 1], most[2 * k]) for k, quantity in enumerate(LOADS)
        ]
        return resolve(
            quantities,
            profile,
            self._rows_of(HEAT),
            self._rows_of(LOAD),
            self.chemistry,
            self.cells_per_block,
            (*of_load, *self.limits),
        )

    def _rows_of(self, detector: str) -> Rows:
        rows = Rows(np.full(3, np.inf), np.zeros(3), np.zeros(3, bool))
        for row in self.rows():
            if row.detector == detector:
                tier = TIERS.index(row.severity) - 1
                rows.limit[tier], rows.dead_band[tier] = row.limit, row.dead_band
                rows.site[tier] = "limit" in self.overrides.get((detector, row.severity), {})
        return rows

    def rows(self) -> tuple[Row, ...]:
        """Return the alarm table with this site's changes."""
        changes = self.overrides
        rows = tuple(
            replace(row, **changes[key]) if (key := (row.detector, row.severity)) in changes else row  # type: ignore[arg-type]
            for row in ROWS
        )
        return sooner(rows) if self.early else rows

    def digest(self, limits: UnitLimits | None = None) -> str:
        """Return a short hash of everything that decides when an alarm is raised; limits: those that hold."""
        said = (
            self.rows(), sorted(self.shadow), self.chemistry, self.cells_per_block, self.limits,
            *self.load_limits(), *(() if limits is None else (array.tobytes() for array in limits)),
        )  # fmt: skip
        return blake2b(repr(said).encode(), digest_size=6).hexdigest()
