"""The alarm table: all rows that are declared, of detectors and of facts, and what else follows from them."""

from agent.detect.declaration import Detector
from agent.detect.detectors import DETECTORS
from agent.detect.facts import FACTS, Fact
from agent.detect.table import TIERS, Row

#: What judges measurements, by name, in the order in which it does; it listens to a site's settings.
JUDGING = tuple(detector.name for detector in DETECTORS)
_DECLARED: tuple[Detector | Fact, ...] = (*DETECTORS, *FACTS)
ROWS = tuple(row for declared in _DECLARED for row in declared.rows)
SIGHT = tuple(detector.name for detector in DETECTORS if detector.of_sight)

_DETECTOR = {member: detector for detector in DETECTORS for member in detector.members()}
_JUDGED = {judged.member or of.name: judged for of in DETECTORS for judged in of.judged}
#: What to do about an alarm, by detector.
RESPONSES = {declared.name: declared.response for declared in _DECLARED}


def family_of(member: str) -> str:
    """Return the family of a detector: its own name where it has no relatives."""
    detector = _DETECTOR.get(member)
    return (detector.family or detector.name) if detector else member


def are_of_one_channel(one: tuple[str, int], other: tuple[str, int]) -> bool:
    """Say whether two members of an alarm, each a detector's and a number in its bank, are of one channel."""
    banks = [_JUDGED[member].channels for member, _ in (one, other) if member in _JUDGED]
    return one[1] == other[1] and len(banks) == 2 and banks[0] == banks[1]


def are_opposite(one: str, other: str) -> bool:
    """Say whether one member tells what is too high, the other what is too low."""
    return all(member in _JUDGED for member in (one, other)) and _JUDGED[one].side * _JUDGED[other].side < 0


def detector_of(member: str) -> str:
    """Return the detector that the channels of this name in an alarm belong to."""
    return _DETECTOR[member].name if member in _DETECTOR else member


def rows_of(detector: str, rows: tuple[Row, ...] = ROWS) -> tuple[Row | None, ...]:
    """Return a detector's rows by tier number: (None, advice, warning, critical), None for none."""
    found = {row.severity: row for row in rows if row.detector == detector}
    return tuple(found.get(tier) for tier in TIERS)


def response_to(detector: str) -> str:
    """Return what to do about an alarm of a detector, "" where none is declared. An alarm without a response
    would be no alarm but a log event.
    """
    return RESPONSES.get(detector, "")
