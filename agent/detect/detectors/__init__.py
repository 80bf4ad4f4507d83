"""The detectors of a unit, a file each: whatever lies here and declares a `DETECTOR` is one."""

from importlib import import_module
from pkgutil import iter_modules

from agent.detect.declaration import Detector, in_order


def _declared() -> list[Detector]:
    return [import_module(f"{__name__}.{found.name}").DETECTOR for found in iter_modules(__path__)]


#: In the order in which they judge.
DETECTORS = in_order(_declared())
