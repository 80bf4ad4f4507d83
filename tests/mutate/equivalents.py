"""The mutants that no test can kill, for they change no behaviour: each with its proof."""

import tomllib
from collections.abc import Iterable
from pathlib import Path

from tests.mutate.operators import Mutant

LIST = Path(__file__).parent / "equivalents.toml"
MOST = 0.05  # of all mutants may be called equivalent

Key = tuple[str, str, str, str, int]


def proofs(text: str) -> dict[Key, bool]:
    """Read a list: key of each mutant (see `Mutant.key`), and whether a second reader has checked its proof.

    KeyError where a row is not whole.
    """
    found: dict[Key, bool] = {}
    for row in tomllib.loads(text).get("equivalent", []):
        key = (row["file"], row["function"], row["before"], row["after"], row.get("nth", 1))
        if key in found or not row["proof"]:
            raise ValueError(f"a mutant is listed once, with its proof: {key}")
        found[key] = row["checked"]
    return found


def equivalent(made: Iterable[Mutant], text: str) -> set[Mutant]:
    """Return those mutants that a list calls equivalent, and a second reader too.

    LookupError where it names one that is not made.
    """
    by_key = {mutant.key: mutant for mutant in made}
    listed = proofs(text)
    if unknown := listed.keys() - by_key.keys():
        raise LookupError(f"{LIST.name} names what is no mutant (any more): {sorted(unknown)}")
    return {by_key[key] for key, checked in listed.items() if checked}
