"""What a check found, and the rule that a failed cause hides what follows from it. Pure."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, TypeVar

from agent.message import Message


class CheckState(StrEnum):
    """How a check ended; the worst first."""

    PROBLEM = "problem"
    NOTE = "note"
    UNKNOWN = "unknown"
    GOOD = "good"


@dataclass(frozen=True, slots=True)
class Result:
    """One finding of one check: what was seen, with its values, and one command to run.

    `check` is filled in by whoever runs the check. `code`: of agent.cli.common.codes, where it is a problem.
    `of`: which unit or bus it was seen at; several results with one `cause` are one finding, of all of them.
    """

    state: CheckState
    seen: str
    run: str = ""
    code: str = ""
    likely: tuple[str, ...] = ()
    check: str = ""
    of: tuple[str, ...] = ()
    cause: str = ""

    def as_json(self) -> dict[str, Any]:
        """Return it for programs."""
        kept = {"check": self.check, "state": str(self.state), "seen": self.seen, "run": self.run}
        return {**kept, "code": self.code, "likely": list(self.likely), "of": list(self.of)}

    def at(self, of: str, cause: str) -> "Result":
        """Return it as seen at one unit or bus, for a reason that others may share."""
        return replace(self, of=(of,), cause=cause)


NAMED = 8  # names in one line


Site = TypeVar("Site")


@dataclass(frozen=True, slots=True)
class Check:
    """One check, by its name: what it looks at, and which checks it makes sense only after."""

    name: str
    look: Callable[[Any], Iterable[Result]]
    needs: tuple[str, ...] = field(default=())


def good(seen: str = "") -> Result:
    """Nothing to do."""
    return Result(CheckState.GOOD, seen)


def problem(code: str, seen: str, run: str = "", *likely: str) -> Result:
    """Something is wrong, and somebody must act."""
    return Result(CheckState.PROBLEM, seen, run, code, likely)


def note(seen: str, run: str = "", code: str = "") -> Result:
    """Something is worth knowing; it never changes the exit status."""
    return Result(CheckState.NOTE, seen, run, code)


def unknown(seen: str, run: str = "") -> Result:
    """It could not be told: that is no failure, and no health either."""
    return Result(CheckState.UNKNOWN, seen, run)


def examine(checks: Sequence[Check], site: object) -> list[Result]:
    """Run checks in their order. One whose cause has failed is not run: it is unknown, and says why.

    A check that breaks is unknown too: the doctor never dies of what it looks at.
    """
    results: list[Result] = []
    failed: set[str] = set()
    for check in checks:
        cause = next((need for need in check.needs if need in failed), None)
        if cause:
            found = [unknown(Message("needs {what}, not checked", what=cause))]
            failed.add(check.name)
        else:
            try:
                found = list(check.look(site)) or [good()]
            except Exception as error:
                broken = Message(
                    "the check itself failed: {kind}: {why}", kind=type(error).__name__, why=str(error)
                )
                found = [unknown(broken)]
            if any(result.state is CheckState.PROBLEM for result in found):
                failed.add(check.name)
        results += [replace(result, check=check.name) for result in by_cause(found)]
    return results


def by_cause(found: Iterable[Result]) -> list[Result]:
    """Return results, those of one cause as one: what was seen at the first, and where else."""
    groups: dict[object, list[Result]] = {}
    for number, result in enumerate(found):
        key = (result.state, result.code, result.cause) if result.cause else number
        groups.setdefault(key, []).append(result)
    return [group[0] if len(group) == 1 else _as_one(group) for group in groups.values()]


def _as_one(group: Sequence[Result]) -> Result:
    of = tuple(name for result in group for name in result.of)
    if len(of) < 2:  # what was seen names no place
        return group[0]
    others, more = of[1 : 1 + NAMED], len(of) - 1 - NAMED
    also = ", ".join(others)
    seen = Message(
        "{what}; the same of {others} ({n} in all)",
        what=group[0].seen,
        others=Message("{names} and {more} more", names=also, more=more) if more > 0 else also,
        n=len(of),
    )
    return replace(group[0], seen=seen, of=of)
