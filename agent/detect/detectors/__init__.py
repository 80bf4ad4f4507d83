"""The detectors of a unit, a file each: whatever lies here and declares a `DETECTOR` is one."""

from importlib import import_module
from itertools import pairwise
from pkgutil import iter_modules

from agent.detect.declaration import Detector


def _declared() -> tuple[Detector, ...]:
    modules = [import_module(f"{__name__}.{found.name}") for found in iter_modules(__path__)]
    declared = sorted((module.DETECTOR for module in modules), key=lambda detector: detector.order)
    for before, detector in pairwise(declared):
        if before.order == detector.order:
            raise ValueError(f"{before.name} and {detector.name} are both of order {detector.order}")
    members = [member for detector in declared for member in detector.members()]
    if twice := {member for member in members if members.count(member) > 1}:
        raise ValueError(f"declared twice: {', '.join(sorted(twice))}")
    return tuple(declared)


#: In the order in which they judge.
DETECTORS = _declared()
