"""A view of what one looks at: one unit whole, of the others neither figures nor cells."""

from collections.abc import Mapping
from typing import Any

View = Mapping[str, Any]


def brief(view: View, wanted: str | None = None) -> dict[str, Any]:
    """Return a view in which one unit alone has its `figures` and `cells`; `open` is its name.

    wanted: the name of that unit; None, or a name that there is not: the worst one, the first tile.
    """
    tiles = [tile["name"] for tile in view["tiles"]]
    shown = wanted if wanted in tiles else next(iter(tiles), "")
    units = [
        unit if unit["name"] == shown else {**unit, "figures": [], "cells": []} for unit in view["units"]
    ]
    return {**view, "open": shown, "units": units}
