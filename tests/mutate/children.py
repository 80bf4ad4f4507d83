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
from collections import deque
from collections.abc import Iterable, Iterator
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
    """Runs the tests of `targets` (file, its tests) on the source under `root`, a few at a time.

    A mutant hangs that takes more than `least_s` and three times as long, in CPU time, as tests without one.
    """

    def __init__(self, root: Path, targets: dict[str, Tests], least_s: float = 5.0) -> None:
        self._root, self._targets, self._least_s = root, targets, least_s
        self._took_s: dict[Tests, float] = {}  # CPU time, without a mutant

    def outcomes(self, mutants: Iterable[Mutant], until_s: float = math.inf) -> Iterator[tuple[Mutant, str]]:
        """Give mutants and their outcomes, as they come, until a time of the monotonic clock.

        Tests first run without a mutant. Refused where they fail.
        """
        waiting, running = deque(mutants), dict[int, _Child]()
        held: dict[Tests, list[Mutant]] = {}  # until their tests have run without a mutant
        try:
            while (waiting or running) and time.monotonic() < until_s:
                while waiting and len(running) < (os.cpu_count() or 1):
                    mutant = waiting.popleft()
                    tests = self._targets[mutant.file]
                    if not tests:
                        yield mutant, LIVES
                    elif tests in self._took_s:
                        self._start(mutant, tests, self._least_s + 3.0 * self._took_s[tests], running)
                    elif tests in held:
                        held[tests].append(mutant)
                    else:
                        held[tests] = [mutant]
                        self._start(None, tests, _LONGEST_S, running)
                time.sleep(0.005)
                for child, code, took_s in _ended(running):
                    if child.mutant:
                        hangs = code in (-signal.SIGXCPU, -signal.SIGKILL)
                        yield child.mutant, HANGS if hangs else KILLED if code else LIVES
                        continue
                    if code:
                        command = f"NUMBA_DISABLE_JIT=1 .venv/bin/python -m pytest {' '.join(child.tests)}"
                        raise Refused(f"fails without a mutant (code {code}), so it can kill none: {command}")
                    self._took_s[child.tests] = took_s
                    waiting.extendleft(reversed(held.pop(child.tests)))
        finally:
            for pid in running:
                _end_group(pid)
                os.waitpid(pid, 0)

    def _start(
        self, mutant: Mutant | None, tests: Tests, longest_s: float, running: dict[int, _Child]
    ) -> None:
        gc.freeze()  # what is loaded is no garbage: a child need not look through it
        if not (pid := os.fork()):
            self._be_child(mutant, tests, longest_s)
        os.setpgid(pid, pid)  # what the tests start ends with them
        running[pid] = _Child(mutant, tests, time.monotonic() + _PATIENCE * longest_s)

    def _be_child(self, mutant: Mutant | None, tests: Tests, longest_s: float) -> None:
        """Run tests and exit with pytest's code, or with _BROKEN."""
        code = _BROKEN
        try:
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


def _ended(running: dict[int, _Child]) -> Iterator[tuple[_Child, int, float]]:
    """Take out children that have ended; give exit code (or signal, negative) and CPU time, s, of each."""
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


def _end_group(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)
