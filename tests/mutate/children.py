"""Run tests against mutants, each in a forked child of a process that has loaded what takes long to load.

The source of the child has one mutant, put there when its module is imported; nothing is written to disk. It
runs in plain Python: to compile a mutant takes longer than to test it. The process that forks must have
imported nothing of the source, and numba not before this module.
"""

import os

os.environ["NUMBA_DISABLE_JIT"] = "1"
os.environ["OPENBLAS_NUM_THREADS"] = "1"  # a process that forks has no other threads

import ast
import contextlib
import gc
import importlib.util
import math
import resource
import signal
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, SourceFileLoader
from pathlib import Path
from types import CodeType
from typing import NamedTuple

import hypothesis.extra.numpy  # noqa: F401, loaded for the children, as all others that are not used here
import msgpack  # type: ignore[import-untyped]  # noqa: F401
import numba  # noqa: F401
import pytest
import pytest_asyncio  # noqa: F401
import pytest_timeout  # type: ignore[import-untyped]  # noqa: F401
import zstandard  # noqa: F401
from hypothesis import Phase, settings

from tests.mutate.operators import Mutant, mutated

#: Stops at the first example that fails, and leaves it as it is.
settings.register_profile(
    "mutants",
    deadline=None,
    derandomize=True,
    database=None,
    report_multiple_bugs=False,
    phases=(Phase.explicit, Phase.generate),
)
_OPTIONS = ["-x", "-q", "--tb=no", "--assert=plain", "--hypothesis-profile=mutants", "-o", "timeout=0"]
#: None of the tests wants a fixture of tests/conftest.py, for those are of servers and browsers.
_OPTIONS += ["--noconftest", "-p", "no:cacheprovider", "-p", "no:xdist", "-p", "no:unraisableexception"]
_MEMORY = 8 << 30  # bytes: a mutant that allocates without end fails
_LONGEST_S = 300.0  # of the tests of one file, without a mutant
_BROKEN = 70  # exit code of a child in which the tool itself failed; pytest has none above 5
_PATIENCE = 10.0  # of time, for CPU time: other programs want some, and a test may wait

KILLED, LIVES, HANGS = "killed", "lives", "hangs"
Tests = tuple[str, ...]


class Refused(Exception):
    """The tests say nothing of mutants: they fail without one."""


class _Child(NamedTuple):
    mutant: Mutant | None
    tests: Tests
    until_s: float


class Children:
    """Runs the tests of `targets` (file, its tests) on the source under `root`, a few at a time."""

    def __init__(self, root: Path, targets: dict[str, Tests]) -> None:
        self._root, self._targets = root, targets
        self._took_s: dict[Tests, float] = {}  # CPU time, without a mutant

    def check(self, files: Iterable[str]) -> None:
        """Run the tests of files on the source as it is. Refused where one fails."""
        rows = {self._targets[file] for file in files} - self._took_s.keys() - {()}
        for child, code, took_s in self._run([(None, tests, _LONGEST_S) for tests in sorted(rows)]):
            if code:
                command = f"NUMBA_DISABLE_JIT=1 .venv/bin/python -m pytest {' '.join(child.tests)}"
                raise Refused(f"fails without a mutant (code {code}), so it can kill none: {command}")
            self._took_s[child.tests] = took_s

    def outcomes(self, mutants: Sequence[Mutant], until_s: float = math.inf) -> Iterator[tuple[Mutant, str]]:
        """Give mutants and their outcomes, as they come; begin none after a time of the monotonic clock."""
        work = []
        for mutant in mutants:
            if tests := self._targets[mutant.file]:
                work.append((mutant, tests, 5.0 + 3.0 * self._took_s[tests]))
            else:
                yield mutant, LIVES
        for child, code, _ in self._run(work, until_s):
            assert child.mutant is not None
            hangs = code in (-signal.SIGXCPU, -signal.SIGKILL)
            yield child.mutant, HANGS if hangs else KILLED if code else LIVES

    def _run(
        self, work: Iterable[tuple[Mutant | None, Tests, float]], until_s: float = math.inf
    ) -> Iterator[tuple[_Child, int, float]]:
        """Give each child, its exit code (or signal, negative) and its CPU time, s, as they end."""
        gc.freeze()  # what is loaded is no garbage: a child need not look through it
        waiting, running = iter(work), dict[int, _Child]()
        try:
            while True:
                while len(running) < (os.cpu_count() or 1) and time.monotonic() < until_s:
                    if (item := next(waiting, None)) is None:
                        break
                    mutant, tests, longest_s = item
                    if not (pid := os.fork()):
                        self._be_child(mutant, tests, longest_s)
                    running[pid] = _Child(mutant, tests, time.monotonic() + _PATIENCE * longest_s)
                if not running:
                    return
                time.sleep(0.005)
                for pid, child in list(running.items()):
                    if time.monotonic() > child.until_s:
                        os.kill(pid, signal.SIGKILL)
                    ended, status, used = os.wait4(pid, os.WNOHANG)
                    if ended:
                        _end_group(pid)
                        del running[pid]
                        code = os.waitstatus_to_exitcode(status)
                        if code == _BROKEN:
                            raise RuntimeError(f"no tests could be run against {child.mutant}")
                        yield child, code, used.ru_utime + used.ru_stime
        finally:
            for pid in running:
                _end_group(pid)
                os.waitpid(pid, 0)

    def _be_child(self, mutant: Mutant | None, tests: Tests, longest_s: float) -> None:
        """Run tests and exit with pytest's code, or with _BROKEN."""
        code = _BROKEN
        try:
            os.setpgid(0, 0)  # what the tests start ends with them
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
            resource.setrlimit(resource.RLIMIT_CPU, (math.ceil(longest_s), math.ceil(longest_s) + 5))
            nowhere = os.open(os.devnull, os.O_RDWR)
            for stream in (0, 1, 2):
                os.dup2(nowhere, stream)
            os.chdir(self._root)
            sys.path.insert(0, str(self._root))
            if mutant:
                sys.meta_path.insert(0, _Finder(self._root, mutant))
            code = int(pytest.main([*_OPTIONS, *tests]))
        finally:
            os._exit(code)


class _Finder(MetaPathFinder):
    """Finds the module that the mutant is in, and no other."""

    def __init__(self, root: Path, mutant: Mutant) -> None:
        path = root / mutant.file
        self._name = mutant.file.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        self._loader = _Loader(self._name, str(path))
        self._loader.tree = mutated(mutant, path.read_text(encoding="utf-8"))

    def find_spec(self, name: str, path: object = None, target: object = None) -> ModuleSpec | None:
        if name != self._name:
            return None
        return importlib.util.spec_from_file_location(name, self._loader.path, loader=self._loader)


class _Loader(SourceFileLoader):
    tree: ast.Module

    def get_code(self, fullname: str) -> CodeType:
        code: CodeType = compile(self.tree, self.path, "exec", dont_inherit=True)
        return code


def _end_group(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)
