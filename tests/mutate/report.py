"""What outcomes come to: how many mutants are killed, of how many, and how sure that is."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tests.mutate.children import HANGS, LIVES
from tests.mutate.equivalents import MOST
from tests.mutate.operators import Mutant
from tests.mutate.sample import STRATA, stratum_of, wilson

ENOUGH = 0.95  # of a sample is killed


@dataclass(frozen=True)
class Report:
    """Outcomes of the mutants of a sample and of the critical files, as far as they were tried.

    proven: those that the list calls equivalent, `listed` of all that are made.
    """

    sample: Sequence[Mutant]
    critical: Sequence[Mutant]
    outcomes: Mapping[Mutant, str]
    proven: Collection[Mutant]
    listed: float

    def figures(self, mutants: Iterable[Mutant]) -> dict[str, Any]:
        """Return how many were made, killed and are equivalent, the share, and its interval."""
        tried = [mutant for mutant in mutants if mutant in self.outcomes]
        killed = [m for m in tried if self.outcomes[m] != LIVES and m not in self.proven]
        equivalent = sum(mutant in self.proven for mutant in tried)
        of = len(tried) - equivalent
        return {
            "made": len(tried),
            "killed": len(killed),
            "equivalent": equivalent,
            "hang": sum(self.outcomes[mutant] == HANGS for mutant in killed),
            "share": round(len(killed) / of, 4) if of else None,
            "interval_95": [round(bound, 4) for bound in wilson(len(killed), of)],
        }

    @property
    def survivors(self) -> list[Mutant]:
        """Those that live and are not proven equivalent, in order."""
        alive = [m for m, outcome in self.outcomes.items() if outcome == LIVES and m not in self.proven]
        return sorted(alive, key=lambda m: (m.file, m.line, m.column, m.after))

    @property
    def disproved(self) -> list[Mutant]:
        """Those that are called equivalent, and were killed."""
        return [m for m, outcome in self.outcomes.items() if outcome != LIVES and m in self.proven]

    @property
    def good(self) -> bool:
        """Is all that was tried as it must be."""
        share = self.figures(self.sample)["share"]
        critical = set(self.critical) & set(self.survivors)
        return (
            (share is None or share >= ENOUGH) and not critical and not self.disproved and self.listed <= MOST
        )

    def plain(self) -> dict[str, Any]:
        """Return all of it for JSON. The share of the critical files is null where not all were tried."""
        sample, critical = self.figures(self.sample), self.figures(self.critical)
        whole = critical["made"] == len(self.critical)
        return {
            "mutants_killed_share": sample["share"],
            "mutants_killed_critical_share": critical["share"] if whole else None,
            "equivalents_listed_share": round(self.listed, 4),
            "sample": sample,
            "strata": {name: self.figures(mutants) for name, mutants in self._strata().items()},
            "critical": critical,
            "survivors": list(map(str, self.survivors)),
            "called_equivalent_but_killed": list(map(str, self.disproved)),
        }

    def text(self) -> str:
        """Return it for people."""
        lines = [str(mutant) for mutant in self.survivors]
        lines += [f"called equivalent, but killed: {mutant}" for mutant in self.disproved]
        lines += [_line(name, self.figures(mutants)) for name, mutants in self._strata().items()]
        lines += [_line("all of these", self.figures(self.sample))]
        if self.critical:
            lines += [_line("critical files", self.figures(self.critical))]
        return "\n".join([*lines, f"called equivalent: {self.listed:.1%} of all mutants"])

    def _strata(self) -> dict[str, list[Mutant]]:
        by = {name: [m for m in self.sample if stratum_of(m.file) == name] for name in STRATA}
        return {name: mutants for name, mutants in by.items() if mutants}


def _line(what: str, figures: Mapping[str, Any]) -> str:
    low, high = figures["interval_95"]
    return (
        f"{what}: {figures['killed']} killed ({figures['hang']} of them hang) of {figures['made']} made, "
        f"{figures['equivalent']} equivalent: share {figures['share']}, 95 % interval {low:.3f} to {high:.3f}"
    )
