"""The direction of dependency in docs/architecture.md, read from the imports themselves."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
OURS = ("agent", "collector", "drivers", "hil")

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
    ("drivers", ("agent.quality", "drivers")),
    ("hil", ("hil", "drivers", "agent.wire", "agent.quality", "agent.detect")),
    ("collector", ("collector", "agent.wire", "agent.quality")),
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


def below(name: str, prefix: str) -> bool:
    return name == prefix or name.startswith(prefix + ".")


def imports(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            found.add(node.module or "")
            found |= {f"{node.module}.{alias.name}" for alias in node.names if node.module in OURS}
    return found


def modules() -> list[tuple[str, Path]]:
    paths = [path for package in OURS for path in sorted((ROOT / package).rglob("*.py"))]
    return [(".".join(p.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"), p) for p in paths]


@pytest.mark.parametrize(
    ("name", "path"), modules(), ids=lambda value: value if isinstance(value, str) else ""
)
def test_module_imports_only_what_the_design_allows(name: str, path: Path) -> None:
    import sys

    allowed = next(allowed for prefix, allowed in RULES if below(name, prefix))
    for imported in imports(path):
        top = imported.split(".")[0]
        if top in OURS and imported not in OURS:
            assert any(below(imported, prefix) for prefix in allowed), f"{name} imports {imported}"
            for package, importers in ONLY_FOR.items():
                if below(imported, package):
                    assert any(below(name, prefix) for prefix in (package, *importers)), f"{name}: {imported}"
        for prefix, libraries in STDLIB_AND.items():
            if below(name, prefix) and top not in OURS:
                assert top in libraries | sys.stdlib_module_names, f"{name} imports {imported}"
        if top in ONLY_IN:
            assert any(below(name, prefix) for prefix in ONLY_IN[top]), f"{name} imports {imported}"
