"""The numba kernels, compiled before the first poll and kept on disk for the next start.

A cache must never keep the agent from starting. One that the last start died of, as after a power cut half
way through a file, is thrown away; one that cannot be used is replaced by one in memory.
"""

import atexit
import logging
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import NoReturn

log = logging.getLogger(__name__)

CACHE = "NUMBA_CACHE_DIR"
IN_MEMORY = "CELLWARDEN_KERNELS_IN_MEMORY"  # set for the second try, and only for that
MARK = "loading"  # in the cache, for as long as kernels are loaded from it


def prepare() -> float:
    """Compile or load every kernel; return the seconds that it took.

    If the cache fails, this process begins again without it and does not return.
    """
    began_s = time.perf_counter()
    if IN_MEMORY in os.environ:
        atexit.register(shutil.rmtree, os.environ[CACHE], ignore_errors=True)
    cache = Path(os.environ[CACHE]) if os.environ.get(CACHE) else None
    try:
        if cache:
            _mark(cache)
        _load()
        if cache:
            (cache / MARK).unlink()
    except Exception as error:
        # numba has no error of its own for a cache that cannot be read: whatever pickle and the disk raise
        if IN_MEMORY in os.environ:
            raise
        again_in_memory(error)
    return time.perf_counter() - began_s


def _mark(cache: Path) -> None:
    mark = cache / MARK
    if mark.exists():
        log.warning("%s: the last start died while it loaded the kernels; they are compiled anew", cache)
        shutil.rmtree(cache)
    cache.mkdir(parents=True, exist_ok=True)
    mark.touch()


def _load() -> None:
    import numpy as np

    from agent.detect.watch import warm_up
    from drivers.connect import assume
    from drivers.profile.load import load_profile

    layout = assume(load_profile("pace-rtu"))
    raw, quality = np.zeros(layout.n, np.int64), np.zeros(layout.n, np.uint8)
    layout.decode(layout.image(), raw, quality)
    layout.to_si(raw, quality, np.empty(layout.n))
    warm_up()


def again_in_memory(error: Exception) -> NoReturn:
    """Replace this process by one that keeps its kernels in memory; numba chooses a cache only once."""
    folders = (os.environ.get("RUNTIME_DIRECTORY", ""), "/dev/shm", tempfile.gettempdir())
    log.warning(
        "%s: compiled kernels cannot be kept there (%s: %s); they are compiled now, in memory, and again"
        " at every start. Give the agent's user a folder it can write: %s=...",
        os.environ.get(CACHE, "the installation"),
        type(error).__name__,
        error,
        CACHE,
    )
    memory = next(folder for folder in folders if os.access(folder, os.W_OK))
    folder = tempfile.mkdtemp(prefix="kernels-", dir=memory)
    environment = {**os.environ, CACHE: folder, IN_MEMORY: "1"}
    os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], environment)
