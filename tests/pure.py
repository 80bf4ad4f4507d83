"""Prints the test files that wait for nothing: no process, socket, event loop, thread or browser, in them
or in the helpers of ours that they import. `scripts/test --quick` runs these.
"""

from pathlib import Path

from tests.graph import ROOT, imported

WAITS = {"aiohttp", "asyncio", "click", "pty", "selenium", "socket", "subprocess", "threading"}


def pure() -> list[Path]:
    """Return the files, in order."""
    files = {path.stem: path for path in sorted((ROOT / "tests").rglob("*.py"))}
    return [
        path for name, path in files.items() if name.startswith("test_") and not _waits(name, files, set())
    ]


def _waits(name: str, files: dict[str, Path], seen: set[str]) -> bool:
    seen.add(name)
    for other in imported(files[name]):
        last = other.rpartition(".")[2]
        ours = other.startswith("tests.") or "." not in other
        if other.split(".")[0] in WAITS or (
            ours and last in files and last not in seen and _waits(last, files, seen)
        ):
            return True
    return False


if __name__ == "__main__":
    print(*(path.relative_to(ROOT) for path in pure()), sep="\n")
