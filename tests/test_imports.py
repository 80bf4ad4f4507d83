"""The direction of dependency in docs/architecture.md, read from the imports themselves."""

import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.graph import OURS, ROOT, circles, imported, modules, of_files, of_rooms

#: Files of words that judging and showing share. They import nothing that is not the standard library's.
SHARED_WORDS = ("duration", "fields", "knowledge", "places", "table")
# Package -> what of ours it may import (a prefix covers what is below it). The first match counts.
RULES = [
    ("agent.quality", ()),
    ("agent.message", ()),
    ("agent.wire", ("agent.quality", "agent.message", "agent.wire")),
    ("agent.detect", ("agent.quality", "agent.message", "agent.detect")),
    (
        "agent.view",
        ("agent.quality", "agent.message", "agent.view", *(f"agent.detect.{name}" for name in SHARED_WORDS)),
    ),
    ("agent.runtime", OURS),
    ("agent.replay", OURS),
    ("agent.bench", OURS),
    ("agent.cli", OURS),
    ("agent", ("agent", "drivers")),
    ("drivers", ("agent.quality", "agent.message", "agent.wire", "drivers")),
    ("hil.cli", ("hil", "drivers", "agent.wire", "agent.quality", "agent.detect", "collector.pipe")),
    ("hil", ("hil", "drivers", "agent.wire", "agent.quality", "agent.detect", "agent.control.client")),
    ("collector.conform", ("agent.quality", "agent.message", "agent.wire", "collector.conform")),
    (
        "collector",
        (
            *("collector", "agent.wire", "agent.quality", "agent.clock", "agent.view"),
            *("agent.detect.places", "drivers.durable"),
        ),
    ),
]
# Package -> who else may import it; nobody else does.
ONLY_FOR = {
    "agent.runtime": ("agent.bench", "agent.cli"),
    "agent.replay": ("agent.bench", "agent.cli"),
    "agent.bench": ("agent.cli",),
    "agent.cli": (),
}
STDLIB_AND: dict[str, set[str]] = {
    "agent.detect": {"numpy", "numba"},
    "agent.wire": {"numpy", "msgpack", "zstandard"},
    "agent.view.page": {"jinja2", "markupsafe"},
    "agent.view": {"jinja2", "markupsafe"},
    "collector.conform": {"aiohttp", "numpy"},
}
#: What is not even loaded with what people are shown: libraries, and whatever reads, keeps or serves.
NOT_SHOWN = {
    "numpy",
    "numba",
    "pydantic",
    "msgpack",
    "aiohttp",
    "asyncio",
    "socket",
    "ssl",
    "sqlite3",
    "http",
}
ONLY_IN = {"pymodbus": ("agent.modbus", "hil")}
#: The words that every room uses; nothing else lies loose at the top of the agent.
WORDS = {"quality", "clock", "frame", "intervals", "message"}


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


def test_what_people_are_shown_loads_no_library_and_no_server() -> None:
    rooms = [name for name in modules() if below(name, "agent.view")]
    code = f"import sys, {', '.join(rooms)}; print(*{{name.split('.')[0] for name in sys.modules}})"
    loaded = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert len(rooms) > 10
    assert set(loaded.stdout.split()) & NOT_SHOWN == set()


def test_no_files_import_each_other_in_a_circle() -> None:
    assert circles(of_files()) == []


def test_no_rooms_import_each_other_in_a_circle() -> None:
    assert circles(of_rooms(of_files())) == []


def test_nothing_lies_loose_at_the_top_of_the_agent() -> None:
    assert {path.stem for path in (ROOT / "agent").glob("*.py")} - {"__init__"} == WORDS


def test_no_two_test_files_have_one_name() -> None:
    """Pytest knows a test file by its name alone."""
    names = Counter(path.name for path in (ROOT / "tests").rglob("test_*.py"))
    assert [name for name, times in names.items() if times > 1] == []
