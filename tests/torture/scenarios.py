"""Every failure that was thought of, how often the tests try it, and how often scripts/torture does."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from hil.run.postgres import binaries
from tests.torture.fleet import fleet, hostile
from tests.torture.fleet_harms import archive_kills, archive_restores
from tests.torture.kills import kills
from tests.torture.media import damage, full_disk, restores
from tests.torture.places import places
from tests.torture.powercut import failing_syncs, power_cuts
from tests.torture.recording import library
from tests.torture.result import Result
from tests.torture.whole import whole_agent


class Scenario(NamedTuple):
    """`run(rounds, seed, folder)`; `missing` says what this machine lacks for it, "" if nothing."""

    name: str
    text: str
    run: Callable[[int, int, Path], Result]
    short: int
    long: int
    missing: Callable[[], str] = lambda: ""
    fleet: bool = False  # of `scripts/torture --fleet`: several collectors on one PostgreSQL database


def _no_vfs() -> str:
    return "" if library() else "SQLite is built into this Python: no VFS can be put in front of it"


def _no_root() -> str:
    return "" if os.geteuid() == 0 else "only root can mount a disk of its own"


def _no_postgres() -> str:
    return "" if binaries() else "no PostgreSQL server here: apt-get install postgresql"


SCENARIOS = (
    Scenario("kills", "kill -9 of the agent's half and of its two collectors", kills, 6, 1000),
    Scenario("power", "power cut, unsynced sectors lost and torn", power_cuts, 60, 1000, _no_vfs),
    Scenario("syncs", "power cut on a disk whose fsync fails", failing_syncs, 60, 1000, _no_vfs),
    Scenario("full", "disk filled by another process", full_disk, 2, 60, _no_root),
    Scenario("damage", "bits flipped and files cut short", damage, 12, 300),
    Scenario("restores", "old image of the card restored", restores, 8, 200),
    Scenario("whole", "kill -9 of the whole agent and of its collectors", whole_agent, 1, 100),
    Scenario("places", "three collectors that lose what they had", places, 3, 200),
    Scenario("fleet", "agents draining at once", fleet, 20, 200),
    Scenario("hostile", "hostile requests", hostile, 120, 300),
    Scenario(
        "archive-kills",
        "kill -9 of two collectors and of their one PostgreSQL, in any order",
        archive_kills,
        4,
        300,
        _no_postgres,
        True,
    ),
    Scenario(
        "archive-restores",
        "the database of two collectors put back to an older backup",
        archive_restores,
        1,
        20,
        _no_postgres,
        True,
    ),
)
