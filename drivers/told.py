"""How a unit answered one read, as the line of a capture that a person reads and the bench plays back.

    # 1 holding 0 to 39: 40 values after 45 ms
    # 1 holding 77: exception 2 after 21 ms
    # 1 holding 200 to 209: no answer

To those who want registers alone it is a comment.
"""

import re
from typing import NamedTuple

from drivers.registers import Area

CLOSED = "the connection was closed"
NO_ANSWER = "no answer"
DAMAGED = "answered, but nothing sound"

_LINE = re.compile(
    rf"# (\d+) ({'|'.join(Area)}) (\d+)(?: to (\d+))?: (?:(\d+) values"
    rf"|(exception \d+|{CLOSED}|{NO_ANSWER}|{DAMAGED}))(?: after (\d+) ms)?"
)


class Told(NamedTuple):
    """What came of a read of the registers `first` to `last`, as they go over the wire.

    n: registers in the answer, 0 where there is a `fault`, in words. after_s: until the answer began; None
    where nothing came.
    """

    unit_id: int
    area: Area
    first: int
    last: int
    n: int
    fault: str
    after_s: float | None

    @property
    def what(self) -> str:
        """The unit and its registers."""
        return f"{self.unit_id} {self.area} {self.first}" + (
            f" to {self.last}" if self.last > self.first else ""
        )

    def line(self) -> str:
        """The line of a capture."""
        after = "" if self.after_s is None else f" after {1e3 * self.after_s:.0f} ms"
        return f"# {self.what}: {self.fault or f'{self.n} values'}{after}"


def told(line: str) -> Told | None:
    """Read such a line; None: it is another one."""
    found = _LINE.fullmatch(line.strip())
    if found is None:
        return None
    unit_id, area, first, last, count, fault, after_ms = found.groups()
    return Told(
        int(unit_id), Area(area), int(first), int(last or first), int(count or 0), fault or "",
        None if after_ms is None else int(after_ms) / 1e3,
    )  # fmt: skip
