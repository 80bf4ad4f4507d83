"""The points of a schema, as people name them. Pure.

Schemas differ in identities and limits; what their values are called is alike for all units of a model. So
points are kept once for each such layout.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, NamedTuple

from agent.wire import WireError, decode_schema
from agent.wire.schema import unusable

COLUMNS = ("name", "place", "quantity", "unit")


class Point(NamedTuple):
    """A value of a frame. `position`: in the frame, from 0. value_unit: of its SI value."""

    position: int
    name: str
    place: str
    quantity: str
    value_unit: str


@dataclass(frozen=True, slots=True)
class Layout:
    """The points of a schema. `digest`: the same for all schemas with the same points."""

    digest: bytes
    profile: str
    points: tuple[Point, ...]


def layout_of(body: bytes) -> Layout | None:
    """The points of a schema's body; None where it cannot be used."""
    try:
        description: Mapping[str, Any] = decode_schema(body)[1]
    except WireError:
        return None
    if unusable(dict(description)):
        return None
    columns = [description[key] for key in COLUMNS]
    points = tuple(Point(i, *values) for i, values in enumerate(zip(*columns, strict=True)))
    digest = blake2b(repr(points).encode(errors="backslashreplace"), digest_size=16).digest()
    profile = description.get("profile")
    return Layout(digest, profile if isinstance(profile, str) else "", points)
