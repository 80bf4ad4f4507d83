"""The detectors of a unit, a file each: whatever lies here and declares a `DETECTOR` is one."""

from importlib import import_module
from pkgutil import iter_modules

from agent.detect.declaration import Detector, in_order


def _declared() -> list[Detector]:
    modules = [import_module(f"{__name__}.{found.name}") for found in iter_modules(__path__)]
    if none := [module.__name__ for module in modules if not hasattr(module, "DETECTOR")]:
        raise ValueError(
            f"{', '.join(none)}: declares no DETECTOR; what is no detector lies in agent/detect/kernels"
        )
    return [module.DETECTOR for module in modules]


#: In the order in which they judge.
DETECTORS = in_order(_declared())
