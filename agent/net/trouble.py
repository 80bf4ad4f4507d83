"""Why there is no connection, as the system says it. Pure."""

import os
import re

#: asyncio puts these before an address in place of what the system says, for each that it tried.
FAILED = re.compile(r"\[Errno (\d+)\] Connect call failed")


def in_words(error: OSError | None) -> str:
    """Return what the system says of a connection that failed, each reason once; "": nothing."""
    reasons = dict.fromkeys(os.strerror(int(number)) for number in FAILED.findall(str(error)))
    return ", ".join(reasons) or getattr(error, "strerror", None) or ""
