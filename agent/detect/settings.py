"""The settings of a unit's detectors: other limits, detectors in the shadow, the chemistry of the battery."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import blake2b

import numpy as np

from agent.detect.channels import Floats
from agent.detect.first_days import sooner
from agent.detect.limits import OPERATING, HeatRows, UnitLimits, load_of, nowhere, resolve
from agent.detect.rows import JUDGING, ROWS
from agent.detect.table import TIERS, Row

HEAT = "over-temperature"  # whose rows are limits of temperature
OVERRIDABLE = ("limit", "on_delay_s", "off_delay_s", "dead_band", "latch")
#: Detectors whose limits stand in no row: each value has its own.
BY_VALUE = ("voltage-limit",)


@dataclass(frozen=True, slots=True)
class Settings:
    """Settings of one unit's detectors. Raises ValueError where they make no sense.

    overrides: (detector, severity) -> some of OVERRIDABLE. shadow: detectors that judge and record but do not
    announce. max_charge_a, max_discharge_a, max_charge_w, max_discharge_w: what a circuit may carry; infinite
    where nobody says, see `or_of_profile`. early: the battery is in its first days, see `first_days`.
    cells_per_block: cells in series in each `module_voltage`.
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

    def __post_init__(self) -> None:
        known = {(row.detector, row.severity) for row in ROWS}
        for key, changes in self.overrides.items():
            if key not in known:
                raise ValueError(
                    f"no detector {key[0]!r} with severity {key[1]!r}; detectors: {', '.join(JUDGING)}"
                )
            for name in changes:
                if name not in OVERRIDABLE:
                    raise ValueError(f"{key[0]} {key[1]}: {name!r} is none of {', '.join(OVERRIDABLE)}")
                if key[0] in BY_VALUE and name in ("limit", "dead_band"):
                    raise ValueError(
                        f"{key[0]} {key[1]}: a {name} of a row holds for no value; see [[detection.limit]]"
                    )
        unknown = self.shadow - set(JUDGING)
        if unknown:
            raise ValueError(
                f"shadow: no detector {', '.join(sorted(unknown))}; there are {', '.join(JUDGING)}"
            )

    def or_of_profile(self, quantities: Sequence[str], limits: Floats) -> "Settings":
        """Return the settings with what the profile lets current and power be, where the site does not say.

        quantities (n,); limits (n, 3, 2) float64: per value and tier, innermost first, lowest and highest.
        The innermost tier counts: what is beyond it is not ordinary operation.
        """
        names = ("max_charge_a", "max_discharge_a", "max_charge_w", "max_discharge_w")
        profile = dict(zip(names, load_of(quantities, limits)[OPERATING].tolist(), strict=True))
        said = {name: getattr(self, name) for name in profile if math.isfinite(getattr(self, name))}
        return replace(self, **{**profile, **said})

    def load_limits(self) -> tuple[float, float, float, float]:
        """Return the most charge and discharge, A, then W."""
        return self.max_charge_a, self.max_discharge_a, self.max_charge_w, self.max_discharge_w

    def unit_limits(self, quantities: Sequence[str], profile: Floats | None = None) -> UnitLimits:
        """Return the limits of the values of a frame.

        profile (n, 3, 2): what the profile gives, None: nothing. What a circuit may carry
        in ordinary operation is what the settings say, see `or_of_profile`.
        """
        profile = nowhere(len(quantities)) if profile is None else profile
        load = load_of(quantities, profile)
        load[OPERATING] = self.load_limits()
        return resolve(quantities, profile, self._heat_rows(), load, self.chemistry, self.cells_per_block)

    def _heat_rows(self) -> HeatRows:
        heat = [row for row in self.rows() if row.detector == HEAT]
        rows = HeatRows(np.full(3, np.inf), np.zeros(3), np.zeros(3, bool))
        for row in heat:
            tier = TIERS.index(row.severity) - 1
            rows.degc[tier], rows.dead_band[tier] = row.limit, row.dead_band
            rows.site[tier] = "limit" in self.overrides.get((HEAT, row.severity), {})
        return rows

    def rows(self) -> tuple[Row, ...]:
        """Return the alarm table with this site's changes."""
        changes = self.overrides
        rows = tuple(
            replace(row, **changes[key]) if (key := (row.detector, row.severity)) in changes else row  # type: ignore[arg-type]
            for row in ROWS
        )
        return sooner(rows) if self.early else rows

    def digest(self) -> str:
        """Return a short hash of everything that decides when an alarm is raised."""
        said = (
            self.rows(), sorted(self.shadow), self.chemistry, self.cells_per_block, *self.load_limits(),
        )  # fmt: skip
        return blake2b(repr(said).encode(), digest_size=6).hexdigest()
