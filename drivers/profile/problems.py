"""What is wrong with a profile, said so that a technician can mend it."""

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from agent.message import Message
from drivers.profile.schema import Profile
from drivers.text import escaped


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake: where, what, and what to change. `point` is "" for the profile as a whole.

    `since`: the version that was the first to refuse it; "" where every version did. A watch that ran before
    goes on (`ProfileError.profile`).
    """

    model: str
    point: str
    what: str
    change: str
    warning: bool = False
    since: str = ""

    def __str__(self) -> str:
        return escaped(f"{self.model}: {self.point or 'profile'}: {self.what}; {self.change}")


class ProfileError(ValueError):
    """A profile cannot be used; `problems` holds every reason at once.

    `profile`: the profile all the same, read as the version before read it, where each of the problems is
    newly refused (`Problem.since`) and it can be read safely; else None.
    """

    def __init__(self, problems: Sequence[Problem], profile: Profile | None = None) -> None:
        self.problems, self.profile = tuple(problems), profile
        super().__init__("\n".join(map(str, self.problems)))


class PointError(ValueError):
    """One point cannot be what it says; the caller knows which."""

    def __init__(self, what: str, change: str) -> None:
        self.what, self.change = what, change
        super().__init__(what)


def did_you_mean(word: str, known: Sequence[str], otherwise: str) -> str:
    """A hint for a mistyped word."""
    same = [k for k in known if k.lower() == word.lower()]
    near = same or get_close_matches(word, known, n=1, cutoff=0.6)
    return Message('did you mean "{word}"?', word=near[0]) if near else otherwise
