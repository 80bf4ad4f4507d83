"""The house as its imports draw it: files, rooms, arrows between rooms, circles. `scripts/graph` prints it.

A room is a package of the agent (`agent.detect` with all that is below it), else one of the four top
packages. An import counts wherever it stands, under TYPE_CHECKING and inside functions too.
"""

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path

ROOT = Path(__file__).parents[1]
OURS = ("agent", "collector", "drivers", "hil")
Graph = Mapping[str, set[str]]


def modules() -> dict[str, Path]:
    """Return every module of ours and its file."""
    paths = [path for package in OURS for path in sorted((ROOT / package).rglob("*.py"))]
    return {".".join(p.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): p for p in paths}


def imported(path: Path) -> set[str]:
    """Return what a file imports: modules, and of packages of ours each name too."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            module = node.module or ""
            found.add(module)
            if module.split(".")[0] in OURS:
                found |= {f"{module}.{alias.name}" for alias in node.names}
    return found


def of_files() -> Graph:
    """Return which of our files each of them imports."""
    known = modules()
    graph = {}
    for name, path in known.items():
        ours = {other for other in imported(path) if other in known}
        graph[name] = {other for other in ours if not _only_a_way(other, ours)} - {name}
    return graph


def _only_a_way(package: str, ours: set[str]) -> bool:
    """Whether a package is named only as the way to something in it."""
    return any(other.startswith(f"{package}.") for other in ours)


def room_of(module: str) -> str:
    """Return the room that a module is in."""
    parts = module.split(".")
    return ".".join(parts[:2]) if parts[0] == "agent" else parts[0]


def of_rooms(files: Graph) -> Graph:
    """Return which rooms each room imports."""
    rooms: dict[str, set[str]] = {room_of(name): set() for name in files}
    for name, others in files.items():
        rooms[room_of(name)] |= {room_of(other) for other in others} - {room_of(name)}
    return rooms


def circles(graph: Graph) -> list[list[str]]:
    """Return who imports each other, directly or by way of others (Kosaraju 1978)."""
    order: list[str] = []
    seen: set[str] = set()
    for start in graph:
        order += _reached(graph, start, seen)
    back: dict[str, set[str]] = {name: set() for name in graph}
    for name, others in graph.items():
        for other in others:
            back[other].add(name)
    seen = set()
    found = [sorted(_reached(back, start, seen)) for start in reversed(order) if start not in seen]
    return [circle for circle in found if len(circle) > 1]


def _reached(graph: Graph, start: str, seen: set[str]) -> Iterator[str]:
    """Give all that is reached from here and was not seen before, deepest first."""
    if start in seen:
        return
    seen.add(start)
    for other in sorted(graph[start]):
        yield from _reached(graph, other, seen)
    yield start


def main() -> None:
    """Print the figures, and every circle."""
    files = of_files()
    rooms = of_rooms(files)
    print(f"{len(files)} files, {len(rooms)} rooms, {sum(map(len, rooms.values()))} arrows between rooms")
    for what, graph in (("files", files), ("rooms", rooms)):
        found = circles(graph)
        print(f"circles of {what}: {len(found)}")
        for circle in found:
            print(f"  {', '.join(circle)}")


if __name__ == "__main__":
    main()
