"""What collectors take in: one core by itself, and processes that are sent what a fleet sends.

Senders replay made requests over plain HTTP from this process, so that they, the collectors and PostgreSQL
share the cores of the machine. What PostgreSQL is asked for is compared with its bare self in the same run.
Then archives of months, and what questions about them take.
"""

from agent.bench.collector import intake, on_postgres, on_sqlite
from agent.bench.figures import Figure


def measure() -> list[Figure]:
    """Every figure of `cellwarden bench collector`; takes some ten minutes and 5 GB of disk."""
    of_one_core = [Figure(*figure) for figure in intake.measure()]
    return [*of_one_core, *on_sqlite.measure(), *on_sqlite.asked(), *on_postgres.measure()]
