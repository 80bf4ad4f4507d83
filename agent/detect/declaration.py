"""How a detector is declared: all that is known of it, in one file, a module of `agent.detect.detectors`.

From its declaration follow the alarm table, how its arrays are made, opened and kept, the call of its kernel,
who explains its alarms, and what people are told to do.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from operator import attrgetter
from typing import Any, NamedTuple

from agent.detect.channels import Channels, Floats
from agent.detect.explanations.case import Case, Explanation
from agent.detect.explanations.said import Said, Sentence
from agent.detect.kernels.arrays import Group
from agent.detect.kernels.banks import Banks
from agent.detect.limits import Limited, UnitLimits
from agent.detect.table import TIERS, Row

#: The banks of `Channels`.
BANKS = ("temps", "volts", "groups", "circuits")


class Column(NamedTuple):
    """A column of (n, k) float64, or (n,) float64 as a whole; a number per channel."""

    array: Floats
    column: int = 0


class At(NamedTuple):
    """Where a number per channel is: an array of `Banks` by its path ("heat.verdict"), and a column of it."""

    path: str
    column: int = 0

    def of(self, banks: Banks) -> Column:
        """Return it in the arrays of one unit."""
        return Column(attrgetter(self.path)(banks), self.column)


class Judged(NamedTuple):
    """Channels that a detector judges.

    channels: one of the banks of `Channels`. score: is compared with the limits of the alarm table, in frames
    in which `source`, what the score is computed from, is not NaN: an old score is no evidence. member: what
    its channels are called in the book, the detector's name if "". limits: what the scores are compared with
    in place of the limits of the alarm table, where each channel has its own. worst: by its size, of a family
    always in one unit, the worst of those that raise one alarm is found and named; None: the first is. side:
    1 too high, -1 too low, 0 neither; what is too high and what is too low have not one cause.
    """

    channels: str
    score: At
    source: At
    member: str = ""
    limits: Callable[[Channels, UnitLimits], Limited] | None = None
    worst: At | None = None
    side: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Detector:
    """A detector. Raises ValueError for a declaration that contradicts itself.

    name: in agent.toml and in alarms. order: detectors are judged by rising order, and of two of one family
    that raise in one frame the first leads. rows: of the alarm table. judged: its channels. explain: makes
    its sentence, of those that it `says`, with phrases of its own. sees, cannot_see: as in docs/detection.md.
    response: what to do about its alarms.
    family: alarms of one family in one place within minutes have one cause, and the worst speaks for all; ""
    has no relatives. of_sight: it judges whether a value is seen, not what it says of the battery.
    chemistry: of the batteries that it judges, "" all.
    arrays: its own, `Banks.detectors` has them under its `key`; their sizes are those of `Sizes`. new: makes
    them of the unit's channels and limits, where they do not all begin as declared. kernel: brings them up to
    a frame. Its parameters say by their names what it takes: t_s, dt_s, hot_degc, a bank, or arrays of a
    detector. forget: lets go of values, for time went back, and keeps what was learned. stood: brings arrays
    to where an alarm of a channel stands that stood before a restart, however old they are. retold: what an
    alarm that stands says of this moment, None: nothing new.
    """

    name: str
    order: int
    rows: tuple[Row, ...]
    judged: tuple[Judged, ...]
    explain: Explanation
    sees: str
    cannot_see: str
    response: str
    says: tuple[Sentence, ...] = ()
    family: str = ""
    of_sight: bool = False
    chemistry: str = ""
    arrays: Group | None = None
    new: Callable[[Channels, UnitLimits], Any] | None = None
    kernel: Any = None
    forget: Callable[[Any], None] | None = None
    stood: Callable[[Banks, int], None] | None = None
    retold: Callable[[Case], Said | None] | None = None

    def __post_init__(self) -> None:
        severities = [row.severity for row in self.rows]
        if not severities or len(set(severities)) < len(severities):
            raise ValueError(f"{self.name}: needs one row for each of its severities, not {severities}")
        if unknown := sorted(set(severities) - set(TIERS[1:])):
            raise ValueError(
                f"{self.name}: no severity is called {', '.join(unknown)}; there are {', '.join(TIERS[1:])}"
            )
        if strange := sorted({judged.channels for judged in self.judged} - set(BANKS)):
            raise ValueError(
                f"{self.name}: no channels are called {', '.join(strange)}; there are {', '.join(BANKS)}"
            )
        if others := {row.detector for row in self.rows} - {self.name}:
            raise ValueError(f"{self.name}: has rows of {', '.join(sorted(others))}")
        if (self.new or self.forget) and not self.arrays:
            raise ValueError(f"{self.name}: has no arrays to make or to forget")
        if self.arrays and not self.kernel:
            raise ValueError(f"{self.name}: has arrays, and no kernel that fills them")
        if self.arrays and not self.arrays.sizes:
            raise ValueError(
                f"{self.name}: its arrays are of one shape in every unit; give one an axis that is a size "
                f'of the unit, as ("cells", 2)'
            )

    @property
    def key(self) -> str:
        """What its arrays are called in `Banks.detectors`."""
        return self.name.replace("-", "_")

    def members(self) -> tuple[str, ...]:
        """Return what its channels are called in the book."""
        return tuple(judged.member or self.name for judged in self.judged)

    def made(self, channels: Channels, limits: UnitLimits) -> Any:
        """Return its arrays as they are before the first frame. Raises ValueError for none of its shape."""
        assert self.arrays
        if self.new:
            return self.new(channels, limits)
        sizes = channels.sizes._asdict()
        return self.arrays.new(**{name: sizes[name] for name in self.arrays.sizes})


def in_order(detectors: Sequence[Detector]) -> tuple[Detector, ...]:
    """Return detectors in the order in which they judge. ValueError: two are alike."""
    found = sorted(detectors, key=lambda detector: detector.order)
    for before, detector in pairwise(found):
        if before.order == detector.order:
            raise ValueError(f"{before.name} and {detector.name} are both of order {detector.order}")
    members = Counter(member for detector in found for member in detector.members())
    if twice := [member for member, times in members.items() if times > 1]:
        raise ValueError(f"declared twice: {', '.join(twice)}")
    return tuple(found)
