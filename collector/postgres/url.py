"""A database's URL, as people may see it."""

import re

_PASSWORD = re.compile(r"(//[^/?#@:]*):[^/?#]*@|((?:^|[?&])password=)[^&#]*")


def without_password(place: str) -> str:
    """A database's URL, or what should have been one, as it may be shown and logged."""
    return _PASSWORD.sub(lambda found: f"{found[1]}@" if found[1] else f"{found[2]}***", place)
