"""The direction of dependency in docs/architecture.md, read from the imports themselves."""

import sys
from pathlib import Path

import pytest

from tests.graph import OURS, ROOT, circles, imported, modules, of_files

# Package -> what of ours it may import (a prefix covers what is below it). The first match counts.
RULES = [
    ("agent.quality", ()),
    ("agent.wire", ("agent.quality", "agent.wire")),
    ("agent.detect", ("agent.quality", "agent.detect")),
    ("agent.runtime", OURS),
    ("agent.replay", OURS),
    ("agent.bench", OURS),
    ("agent.cli", OURS),
    ("agent", ("agent", "drivers")),
    ("drivers", ("agent.quality", "agent.wire", "drivers")),
    ("hil", ("hil", "drivers", "agent.wire", "agent.quality", "agent.detect")),
    ("collector", ("collector", "agent.wire", "agent.quality", "agent.clock")),
]
# Package -> who else may import it; nobody else does.
ONLY_FOR = {
    "agent.runtime": ("agent.bench", "agent.cli"),
    "agent.replay": ("agent.bench", "agent.cli"),
    "agent.bench": ("agent.cli",),
    "agent.cli": ("agent.bench",),
}
STDLIB_AND = {"agent.detect": {"numpy", "numba"}, "agent.wire": {"numpy", "msgpack", "zstandard"}}
ONLY_IN = {"pymodbus": ("agent.modbus", "hil")}
#: The words that every room uses; nothing else lies loose at the top of the agent.
WORDS = {"quality", "clock", "frame", "intervals"}


def below(name: str, prefix: str) -> bool:
    return name == prefix or name.startswith(prefix + ".")


@pytest.mark.parametrize(("name", "path"), modules().items(), ids=lambda v: v if isinstance(v, str) else "")
def test_module_imports_only_what_the_design_allows(name: str, path: Path) -> None:
    allowed = next(allowed for prefix, allowed in RULES if below(name, prefix))
    for other in imported(path):
        top = other.split(".")[0]
        if top in OURS and other not in OURS:
            assert any(below(other, prefix) for prefix in allowed), f"{name} imports {other}"
            for package, importers in ONLY_FOR.items():
                if below(other, package):
                    assert any(below(name, prefix) for prefix in (package, *importers)), f"{name}: {other}"
        for prefix, libraries in STDLIB_AND.items():
            if below(name, prefix) and top not in OURS:
                assert top in libraries | sys.stdlib_module_names, f"{name} imports {other}"
        if top in ONLY_IN:
            assert any(below(name, prefix) for prefix in ONLY_IN[top]), f"{name} imports {other}"


def test_no_files_import_each_other_in_a_circle() -> None:
    assert circles(of_files()) == []


def test_nothing_lies_loose_at_the_top_of_the_agent() -> None:
    assert {path.stem for path in (ROOT / "agent").glob("*.py")} - {"__init__"} == WORDS
