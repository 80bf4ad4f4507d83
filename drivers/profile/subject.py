"""What is looked at when a profile is checked, and what is found."""

from collections.abc import Collection
from dataclasses import dataclass

from drivers.profile.expansion import Expansion
from drivers.profile.schema import Point, Profile
from drivers.values import Value

#: The point ("" for the profile as a whole), what is wrong with it, and what to change.
Finding = tuple[str, str, str]


@dataclass(frozen=True)
class Subject:
    """A profile and what it expands to."""

    profile: Profile
    points: dict[str, Point]
    expansion: Expansion
    values: list[Value]  # identity points too
    broken: Collection[str]
