"""A cache of kernels that is unusable, damaged or deadly costs a start some seconds, and never more."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

# every shipped profile from its first conversation to a judged frame, after a start of the agent
POLLING = """
import numpy as np
from agent.box import kernel_cache
kernel_cache._load()
from agent.detect.judge_unit import judge_unit
from agent.detect.settings import Settings
from agent.detect.kernels.stillness import find_stuck, follow
from agent.detect.unit import UnitJudges
from drivers import connect, decode
from drivers.profile.load import load_profile, shipped_profiles
from drivers.registers import Reply
loaded = judge_unit, find_stuck, follow, decode.decode, decode.to_si
compiled = [len(kernel.signatures) for kernel in loaded]
def ones(read):
    return Reply(np.ones(read.count, np.uint16))
for profile in map(load_profile, shipped_profiles()):
    conversation = connect.connect(profile)
    try:
        read = next(conversation)
        while True:
            read = conversation.send(ones(read))
    except StopIteration as end:
        layout = end.value
    except connect.ConnectError:
        if profile.sunspec:
            continue
        layout = connect.assume(profile)
    image, raw, quality = layout.image(), np.zeros(layout.n, np.int64), np.zeros(layout.n, np.uint8)
    for index, read in enumerate(layout.plan.reads):
        image.store(index, ones(read))
    layout.decode(image, raw, quality)
    layout.changed_guards(image)
    si = np.empty(layout.n)
    layout.to_si(raw, quality, si)
    for chemistry in ("", "VRLA"):
        judges = UnitJudges(layout, 1.0, Settings(chemistry=chemistry))
        judges.judge(1.0, raw, quality, lambda marked: si)
print(*(len(kernel.signatures) - before for kernel, before in zip(loaded, compiled)))
"""

# a small stand-in for the real kernels, which take ten seconds to compile
PROGRAM = """
import logging, sys
sys.path.insert(0, {folder!r})
from agent.box import kernel_cache
logging.basicConfig(format="%(message)s")
def load():
    import small
    print(small.kernel(41), sum(small.kernel.stats.cache_hits.values()))
kernel_cache._load = load
kernel_cache.prepare()
print(kernel_cache.IN_MEMORY in kernel_cache.os.environ)
print(kernel_cache.os.environ[kernel_cache.CACHE])
"""
SMALL = "from numba import njit\n@njit(cache=True)\ndef kernel(x):\n    return x + 1\n"


class Starts:
    def __init__(self, folder: Path) -> None:
        self.cache = folder / "cache"
        (folder / "small.py").write_text(SMALL)
        self.program = folder / "program.py"
        self.program.write_text(PROGRAM.format(folder=str(folder)))

    def __call__(self) -> tuple[list[str], str]:
        done = subprocess.run(
            [sys.executable, str(self.program)],
            env={**os.environ, "NUMBA_CACHE_DIR": str(self.cache), "PYTHONPATH": str(Path.cwd())},
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.split(), done.stderr


@pytest.fixture
def start(tmp_path: Path) -> Starts:
    return Starts(tmp_path)


def test_the_second_start_finds_what_the_first_compiled(start: Starts) -> None:
    start()
    (result, hits, in_memory, _), said = start()
    assert (result, hits, in_memory, said) == ("42", "1", "False", "")


def test_a_cache_that_cannot_be_written_is_replaced_by_one_in_memory(start: Starts) -> None:
    start.cache.write_text("a file where a folder should be")
    (result, *_, in_memory, folder), said = start()
    assert (result, in_memory) == ("42", "True")
    assert f"{start.cache}: compiled kernels cannot be kept there" in said
    assert Path(folder).name.startswith("kernels-")
    assert not Path(folder).exists()


def test_a_file_cut_short_by_a_power_failure_costs_one_compilation(start: Starts) -> None:
    start()
    (index,) = start.cache.rglob("*.nbi")
    index.write_bytes(index.read_bytes()[:10])
    (result, *_, in_memory, _), _ = start()
    assert (result, in_memory) == ("42", "True")
    (result, *_, in_memory, _), said = start()  # what was damaged was thrown away
    assert (result, in_memory) == ("42", "False")
    assert "the last start died while it loaded the kernels; they are compiled anew" in said


def test_a_cache_that_the_last_start_died_of_is_thrown_away(start: Starts) -> None:
    start()
    (index,) = start.cache.rglob("*.nbi")
    index.write_bytes(b"")
    (start.cache / "loading").touch()
    (result, *_, in_memory, _), said = start()
    assert (result, in_memory) == ("42", "False")
    assert "compiled anew" in said


def test_no_unit_of_any_kind_makes_an_agent_compile_once_it_polls() -> None:
    done = subprocess.run([sys.executable, "-c", POLLING], capture_output=True, text=True, timeout=300)
    assert (done.stdout, done.stderr) == ("0 0 0 0 0\n", "")
