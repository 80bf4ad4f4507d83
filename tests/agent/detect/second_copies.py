"""What the twin test of a detector writes down a second time: no other test need name the detector.

A `detectors/test_KEY_twin.py` may hold copies by hand. ROWS: its lines of the alarm table, as those of
`EXPECTED` in test_table.py. ORDER: its number in the order of judging. KEPT: its arrays that a restart keeps,
as those of `kept.KEPT`; {} is none.
"""

from importlib import import_module
from pathlib import Path
from typing import Any

from agent.detect.declaration import Detector
from agent.detect.detectors import DETECTORS


def twin_of(detector: Detector) -> Path:
    """Return where the twin test of a detector lies, or would lie."""
    return Path(__file__).parent / "detectors" / f"test_{detector.key}_twin.py"


def copies(name: str) -> dict[str, Any]:
    """Return what twin tests hold under a name, by detector."""
    tests = {
        detector.name: import_module(f"tests.agent.detect.detectors.{twin_of(detector).stem}")
        for detector in DETECTORS
        if twin_of(detector).exists()
    }
    return {detector: getattr(test, name) for detector, test in tests.items() if hasattr(test, name)}
